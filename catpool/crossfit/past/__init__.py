"""Rows that are encoded from strictly earlier rows."""
