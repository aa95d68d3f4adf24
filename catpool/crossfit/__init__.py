"""Which rows a row may learn from."""
