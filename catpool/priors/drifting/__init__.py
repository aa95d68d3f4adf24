"""Effects of categories that drift in time: the local level model."""
