"""Priors that depend on what is known of the categories."""
