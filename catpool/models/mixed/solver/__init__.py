"""The equations of a mixed model, and the search for its variances."""
