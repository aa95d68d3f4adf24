"""Roots, integrals and links: numerics that know nothing of categories."""
