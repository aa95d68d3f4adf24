"""Combinations of columns."""
