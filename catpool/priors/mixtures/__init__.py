"""Priors that are mixtures, which outliers do not mislead."""
