"""Mixed models: several factors, covariates and slopes solved together."""
