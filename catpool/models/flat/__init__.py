"""Columns and interactions, each with a prior of its own."""
