"""X, y, weights and keys as users pass them, read into arrays and checked."""
