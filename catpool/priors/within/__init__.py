"""How rows are spread within categories: variances, quantiles, skew and histograms, pooled."""
