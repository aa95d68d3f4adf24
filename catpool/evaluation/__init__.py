"""Encoders compared, checked and drawn from."""
