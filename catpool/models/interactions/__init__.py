"""Combinations of columns: the effects of their parts, and the prior means of their cells."""
