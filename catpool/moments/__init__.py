"""Sums over rows that add and subtract."""
