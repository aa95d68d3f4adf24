"""Tools that compare encoders, check them for leaks and choose their parameters."""
