"""Levels within levels."""
