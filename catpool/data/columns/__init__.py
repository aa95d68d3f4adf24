"""Columns as categories and their integer codes."""
