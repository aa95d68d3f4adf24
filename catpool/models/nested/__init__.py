"""Nested levels: categories within categories, each partially pooled toward its parent."""
