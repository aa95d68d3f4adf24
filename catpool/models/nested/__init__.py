"""Nested levels: categories within categories, each partially pooled towards its parent."""
