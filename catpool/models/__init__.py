"""Models of several levels or factors."""
