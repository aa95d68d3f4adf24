"""Fitted look-ups, and what can be asked of them."""
