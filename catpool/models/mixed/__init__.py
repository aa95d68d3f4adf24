"""Mixed models: grouping factors, covariates and random slopes fitted together."""
