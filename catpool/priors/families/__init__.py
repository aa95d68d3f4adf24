"""Families of distributions: how rows vary within a category, and how a prior is learned."""
