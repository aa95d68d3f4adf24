"""Counts, totals and scatter of the target by category, which can be added and subtracted."""
