"""Simulated categories whose true means are known."""

import numpy as np


def simulated(rng, n_categories, ratio, family="normal"):
    """The true means of categories, and their rows: 1 + Poisson(4) for each category."""
    rows = 1 + rng.poisson(4, n_categories)
    codes = np.repeat(np.arange(n_categories), rows)
    if family == "normal":
        truth = np.sqrt(ratio) * rng.normal(size=n_categories)
        return truth, codes[:, None], truth[codes] + rng.normal(size=len(codes))
    if family == "binomial":
        truth = rng.beta(0.3 / ratio, 0.7 / ratio, n_categories)
        return truth, codes[:, None], (rng.random(len(codes)) < truth[codes]).astype(int)
    truth = rng.gamma(2 / ratio, ratio, n_categories)
    return truth, codes[:, None], rng.poisson(truth[codes])
