"""Fitted tables, which map categories to features, and their files."""
