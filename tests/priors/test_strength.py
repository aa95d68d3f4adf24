"""The strength of a prior with a known mean for each category, against distributions that scipy has."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import betabinom, nbinom

from catpool.priors.families.by_name import FAMILIES
from catpool.priors.likelihoods.dirichlet_multinomial import SharesAboutMeans
from catpool.priors.likelihoods.gamma_poisson import CountsAboutMeans


@pytest.mark.parametrize("strength", [0.5, 5.0, 50.0])
def test_shares(strength):
    rng = np.random.default_rng(0)
    means, counts = rng.uniform(0.1, 0.6, 400), rng.integers(1, 60, 400)
    totals = rng.binomial(counts, rng.beta(strength * means, strength * (1 - means)))

    def loss(log):
        m = np.exp(log)
        return -betabinom.logpmf(totals, counts, m * means, m * (1 - means)).sum()

    expected = np.exp(minimize_scalar(loss, bounds=(-5, 8), method="bounded", options={"xatol": 1e-8}).x)
    found, _ = FAMILIES["binomial"].strength_given_means(totals[None].astype(float), counts.astype(float), means[None])
    assert found == pytest.approx(expected, rel=1e-4)
    both = np.vstack([totals, counts - totals]).astype(float)
    assert FAMILIES["binomial"].strength_given_means(both, counts.astype(float), np.vstack([means, 1 - means]))[
        0
    ] == pytest.approx(found)


def test_counts():
    rng = np.random.default_rng(1)
    means, exposure, strength = rng.uniform(0.5, 3, 400), rng.uniform(1, 20, 400), 4.0
    totals = rng.poisson(exposure * rng.gamma(strength * means) / strength)

    def loss(log):
        m = np.exp(log)
        return -nbinom.logpmf(totals, m * means, m / (m + exposure)).sum()

    expected = np.exp(minimize_scalar(loss, bounds=(-5, 8), method="bounded", options={"xatol": 1e-8}).x)
    found, _ = FAMILIES["poisson"].strength_given_means(totals[None].astype(float), exposure, means[None])
    assert found == pytest.approx(expected, rel=1e-4)


def test_no_spread_beyond_chance_is_complete_pooling():
    counts = np.full(50, 10.0)
    assert FAMILIES["binomial"].strength_given_means(np.full((1, 50), 4.0), counts, np.full((1, 50), 0.4))[0] == np.inf
    assert FAMILIES["poisson"].strength_given_means(np.full((1, 50), 4.0), counts, np.full((1, 50), 0.4))[0] == np.inf
    assert FAMILIES["binomial"].strength_given_means(np.ones((1, 50)), np.ones(50), np.full((1, 50), 0.4))[0] == np.inf


@pytest.mark.parametrize("model", ["shares", "counts"])
@pytest.mark.parametrize("whole", [True, False])
def test_slopes_are_those_of_the_likelihood(model, whole):
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 80, 60).astype(float)
    totals = rng.binomial(counts.astype(int), 0.3).astype(float)
    if not whole:
        counts, totals = 1.5 * counts, 1.25 * totals
    means = rng.uniform(0.1, 0.6, 60)
    if model == "shares":
        likelihood = SharesAboutMeans(np.vstack([totals, counts - totals]), np.vstack([means, 1 - means]), counts)
    else:
        likelihood = CountsAboutMeans(totals, counts, means)
    for strength in (0.3, 4.0, 60.0):
        step = 1e-4 * strength
        around = [likelihood.log_likelihood(strength + shift * step) for shift in (-1, 0, 1)]
        first, second = likelihood.slopes(np.array([strength]))[:, 0]
        assert first == pytest.approx((around[2] - around[0]) / (2 * step), rel=1e-5, abs=1e-6)
        assert second == pytest.approx((around[2] - 2 * around[1] + around[0]) / step**2, rel=1e-2, abs=1e-3)
