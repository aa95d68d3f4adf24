"""Fold schemes, which decide the rows that each training row is encoded from, and encoding by them."""
