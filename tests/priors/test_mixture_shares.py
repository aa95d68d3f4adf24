"""The shares of a mixture, the marginal likelihoods that they are learned from, and fewer categories for many."""

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

from catpool import EmpiricalBayesEncoder
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.likelihoods.marginal import excess
from catpool.priors.mixtures import mixture_shares
from catpool.priors.mixtures.mixture_shares import likeliest_shares
from catpool.priors.prior import Prior


def test_no_mixture_is_likelier():
    rng = np.random.default_rng(0)
    z, number = rng.normal(size=60) * rng.choice([1, 5], 60), rng.integers(1, 4, 60).astype(float)
    logs = stats.norm.logpdf(z[:, None], np.linspace(-9, 9, 40), 1)
    shares = likeliest_shares(logs, number)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert np.count_nonzero(shares) < 12
    gradient = number @ (np.exp(logs) / (np.exp(logs) @ shares)[:, None]) / number.sum()
    assert number.sum() * (gradient.max() - 1) <= mixture_shares.ENOUGH + 1e-9
    np.testing.assert_allclose(gradient[shares > 1e-2], 1, atol=1e-3)


def test_em_comes_to_the_same_mixture():
    rng = np.random.default_rng(1)
    logs = stats.norm.logpdf(rng.standard_t(3, size=80)[:, None], 0, np.sqrt(1 + 2.0 ** np.arange(-4, 6)))
    likelihood, shares = np.exp(logs), np.full(10, 0.1)
    for _ in range(20_000):
        shares = shares * (likelihood / (likelihood @ shares)[:, None]).mean(axis=0)
    np.testing.assert_allclose(likelihood @ likeliest_shares(logs, np.ones(80)), likelihood @ shares, rtol=1e-3)


def test_a_search_that_is_cut_short_warns(monkeypatch):
    monkeypatch.setattr(mixture_shares, "STEPS", 1)
    logs = stats.norm.logpdf(np.arange(9.0)[:, None], np.arange(0, 9, 0.5), 0.3)
    with pytest.warns(ConvergenceWarning, match="shares of a mixture's components did not converge"):
        likeliest_shares(logs, np.ones(9))


def test_the_marginal_likelihoods_are_those_of_known_distributions():
    count, total = np.array([1.0, 3.0, 40.0, 0.0]), np.array([0.0, 2.0, 11.0, 0.0])
    moments, mean = Moments(count, total, np.array(20.0)), np.array([0.3, 0.5])
    strength = np.array([0.7, 90.0])
    prior = Prior(mean, strength, 1 / strength, np.ones(2))
    a, b = (mean * strength)[:, None], ((1 - mean) * strength)[:, None]
    expected = {
        "normal": stats.norm.logpdf(
            total[:3] / count[:3], mean[:, None], (1 / count[:3] + 1 / strength[:, None]) ** 0.5
        ),
        "binomial": stats.betabinom.logpmf(total[:3], count[:3], a, b),
        "poisson": stats.nbinom.logpmf(total[:3], a, strength[:, None] / (strength[:, None] + count[:3])),
    }
    for family, logs in expected.items():
        found = FAMILIES[family].log_marginal(moments, prior)
        np.testing.assert_allclose(np.diff(found[:, :3], axis=0), np.diff(logs, axis=0), rtol=1e-10)
        np.testing.assert_array_equal(found[:, 3], 0)


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_an_infinite_strength_is_the_limit_of_strong_priors(family):
    moments = Moments(np.array([5.0, 900.0]), np.array([2.0, 300.0]), np.array(100.0))
    strong, point = (
        FAMILIES[family].log_marginal(moments, Prior(np.array(0.3), np.array(each), np.array(0.1), np.array(0.2)))
        for each in (1e10, np.inf)
    )
    np.testing.assert_allclose(point, strong, rtol=1e-6)


def test_the_excess_keeps_its_digits_where_the_prior_is_strong():
    a = np.array([0.5, 3.0, 15.9, 16.1, 1e9])
    exact = [sum(np.log1p(step / each) for step in range(7)) for each in a]
    np.testing.assert_allclose(excess(a, np.full(5, 7.0)), exact, rtol=1e-9)


@pytest.mark.parametrize("prior", ["scale_mixture", "npmle"])
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_many_categories_as_few_teach_the_same(prior, kind, monkeypatch):
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(1500), 1 + rng.poisson(4, 1500))
    effect = rng.standard_t(3, size=1500)[codes]
    y = {
        "continuous": lambda: effect + rng.normal(size=len(codes)),
        "binary": lambda: (effect + rng.logistic(size=len(codes)) > 0).astype(int),
        "count": lambda: rng.poisson(np.exp(np.clip(effect / 3, -2, 2))),
    }[kind]()
    encoder = EmpiricalBayesEncoder(prior=prior, target_type=kind, output=["mean", "sd"])
    condensed = np.asarray(encoder.fit(codes[:, None], y).transform(codes[:, None]))
    monkeypatch.setattr("catpool.priors.mixtures.condensed.FEW", 10**6)
    exact = np.asarray(encoder.fit(codes[:, None], y).transform(codes[:, None]))
    loose = 0.02 if prior == "scale_mixture" else 0.05  # of the posterior sd; many an NPMLE is next to as likely
    assert np.sqrt(((condensed - exact) ** 2).mean(axis=0)).max() <= loose * exact[:, 1].mean()


@pytest.mark.parametrize(("family", "largest"), [("normal", 9.0), ("binomial", 1.0), ("poisson", 9.0)])
def test_means_come_back_from_the_scale_on_which_their_errors_are_alike(family, largest):
    means, within, own = np.linspace(0, largest, 7), np.array(2.0), FAMILIES[family]
    scaled = own.stabilized(means, within)
    np.testing.assert_allclose(own.from_stabilized(scaled, within), means, atol=1e-12)
    step = 1e-5 * largest
    slope = (own.stabilized(means[3:4] + step, within) - own.stabilized(means[3:4] - step, within)) / (2 * step)
    variance = {"normal": 2.0, "binomial": 0.25, "poisson": 4.5}[family]
    assert slope.item() ** 2 * variance == pytest.approx(1)
    beyond = own.from_stabilized(scaled[[0, -1]] + [-1, 1], within)
    assert family == "normal" or (own.bounds[0] <= beyond[0] and beyond[1] <= own.bounds[1])


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
@pytest.mark.parametrize("strength", [1e-320, 1e-300, 1e-12, 1e300])
@pytest.mark.parametrize("mean", [1e-320, 1e-12, 1 - 1e-16])
@pytest.mark.parametrize("within", [0.2, 0.0])
def test_marginal_likelihoods_of_priors_at_bounds_are_numbers(family, strength, mean, within):
    count, total = np.array([0.0, 1e-3, 1e3, 1e12]), np.array([0.0, 1e-3, 400.0, 1e12])
    moments = Moments(count, total, np.array(1.0))
    prior = Prior(np.array(mean), np.array(strength), np.array(0.1), np.array(within))
    logs = FAMILIES[family].log_marginal(moments, prior)
    assert not np.isnan(logs).any()
    assert np.isfinite(logs).all() or family == "binomial"  # a mean of 1 excludes the other class
