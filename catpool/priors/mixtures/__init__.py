"""Mixtures: priors that outliers do not mislead, and posteriors of values whose variance is uncertain."""
