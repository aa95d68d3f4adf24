"""The prior of a category: families of distributions, and how priors are learned; its posterior, and predictions."""
