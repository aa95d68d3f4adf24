"""Where cells have no effects beside those of a part, the log-likelihood is that of rows about the cells' means."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln
from scipy.stats import binom, poisson

from catpool import EmpiricalBayesEncoder

SHOPS = 33


def rows(kind):
    """Shops, each in one city, so that cells are shops, whose shares vary much about shrunken means."""
    rng = np.random.default_rng(3)
    rng.integers(4, 40), rng.integers(SHOPS, SHOPS * 40)
    shop = rng.integers(0, SHOPS, 143)
    eta = rng.normal(size=SHOPS) * rng.choice([0.3, 1, 3]) + rng.choice([-3, 0, 1])
    share = (eta[shop] + rng.logistic(size=143) > 0).astype(int)
    return shop, share if kind == "binary" else rng.poisson(np.exp(np.minimum(eta[shop], 3)))


@pytest.mark.parametrize("kind", ["binary", "count"])
@pytest.mark.parametrize("prior", ["parts", "exact"])
def test_the_likelihood_is_that_of_complete_pooling(kind, prior):
    shop, y = rows(kind)
    X = pd.DataFrame({"shop": shop, "city": shop % (SHOPS // 3)})
    encoder = EmpiricalBayesEncoder([], interactions=[("shop", "city")], interaction_prior=prior, target_type=kind)
    summary = encoder.set_params(remainder="drop").fit(X, y).summary_.iloc[0]
    assert np.isinf(summary["prior_strength"])
    means = np.asarray(encoder.transform(X))[:, 0]
    expected = (binom(1, means) if kind == "binary" else poisson(means)).logpmf(y).sum()
    if kind == "count":  # up to a constant: the likelihood is that of a cell's total, without its factorial
        cells = pd.Series(y).groupby(shop)
        expected += gammaln(y + 1.0).sum() + (cells.sum() * np.log(cells.size())).sum()
    assert summary["log_likelihood"] == pytest.approx(expected, rel=1e-6)
