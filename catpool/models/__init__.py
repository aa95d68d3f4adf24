"""Structures: how columns become categories, and how the effects of these on the target are learned."""
