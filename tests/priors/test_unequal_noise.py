"""The likelihood that is averaged over variances within categories: brute force, maxima, extremes, and coverage."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, norm, t
from sklearn.exceptions import ConvergenceWarning

from catpool import EmpiricalBayesEncoder
from catpool.moments.moments import Moments
from catpool.priors.mixtures import mixture_shares
from catpool.priors.prior import Prior
from catpool.priors.within import unequal_noise
from catpool.priors.within.moderated import fit_variances
from catpool.priors.within.unequal_noise import NoiseMixture, mix_noise

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "calibration.py"


def summed(groups):
    """The moments of some categories, given the rows of each."""
    rows = np.concatenate(groups)
    scatters = np.array([len(each) * np.var(each) if len(each) else 0.0 for each in groups])
    count, total = (np.array([function(each) for each in groups], dtype=float) for function in (len, np.sum))
    scatter = np.array(len(rows) * rows.var())
    return Moments(count, total, scatter, np.array(float(len(rows))), scatters=scatters)


def mixed(moments):
    within, freedom = (np.array(each) for each in fit_variances(moments))
    return mix_noise(moments, Prior(moments.mean, within, None, within, within_freedom=freedom))


def unequal(rng, categories=9, between=0.5):
    sizes = rng.integers(1, 6, categories)
    noise = np.exp(rng.uniform(-1.5, 1.5, categories))
    return [between * rng.normal() + own * rng.normal(size=size) for size, own in zip(sizes, noise, strict=True)]


def brute_density(mixture, k, mean, between):
    """Of the mean of category k, by integration over its value."""

    def integrand(value):
        inner = norm.pdf(mixture.means[k], value, np.sqrt(mixture.noise[:, k])) @ mixture.weights[:, k]
        return norm.pdf(value, mean, np.sqrt(between)) * inner

    ends = mean + 12 * np.sqrt(between) * np.array([-1, 1])
    return quad(integrand, *ends, points=[mixture.means[k]], epsabs=1e-13, limit=400)[0]


@pytest.mark.parametrize("between", [0.02, 0.3, 4.0])
def test_the_likelihood_is_that_of_brute_force(between):
    mixture = mixed(summed(unequal(np.random.default_rng(0))))
    (height,), _, (mean,) = mixture.profile(np.array([between]), reml=False)
    expected = sum(np.log(brute_density(mixture, k, mean, between)) for k in range(9))
    assert height == pytest.approx(expected, abs=1e-8)
    inner = (mixture.weights / (between + mixture.noise)).sum(axis=0)
    assert mean == pytest.approx(inner @ mixture.means / inner.sum(), rel=1e-12)
    restricted = mixture.profile(np.array([between]), reml=True)[0, 0]
    # a flat mean adds the integral of a normal density of this information
    assert restricted - height == pytest.approx(np.log(2 * np.pi / inner.sum()) / 2, abs=1e-10)


@pytest.mark.parametrize("reml", [True, False])
def test_slopes_are_those_of_differences_and_blocks_change_nothing(reml, monkeypatch):
    mixture = mixed(summed(unequal(np.random.default_rng(1))))
    between = np.array([0.01, 0.2, 3.0])
    found = mixture.profile(between, reml=reml)
    step = 1e-5 * between
    ends = [mixture.profile(between + sign * step, reml=reml)[0] for sign in (1, -1)]
    np.testing.assert_allclose(found[1], (ends[0] - ends[1]) / (2 * step), rtol=1e-6)
    monkeypatch.setattr(unequal_noise, "CELLS", 1)
    assert mixture.profile(between, reml=reml).tobytes() == found.tobytes()


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("between", [0.0, 0.3, 3.0, 1e4])
def test_the_maximum_is_that_of_a_fine_search(between, seed, reml):
    mixture = mixed(summed(unequal(np.random.default_rng(seed), 40, between)))

    def height(log_tau):
        return mixture.profile(np.exp([2 * log_tau]), reml=reml)[0, 0]

    grid = np.linspace(-8.0, 12.0, 400)
    best = grid[np.argmax([height(each) for each in grid])]
    answer = minimize_scalar(lambda x: -height(x), bounds=(best - 0.1, best + 0.1), method="bounded")
    tau, nothing = mixture.maximum(reml=reml), mixture.profile(np.zeros(1), reml=reml)[0, 0]
    if tau == 0:
        assert nothing >= -answer.fun - 1e-3
    else:
        assert height(np.log(tau)) >= max(-answer.fun, nothing) - 1e-6


def test_the_search_in_a_part_of_many_categories_ends_at_the_maximum_of_all(monkeypatch):
    mixture = mixed(summed(unequal(np.random.default_rng(2), 400)))
    whole = mixture.maximum(reml=True)
    monkeypatch.setattr(unequal_noise, "MANY", 3)
    assert mixture.maximum(reml=True) == pytest.approx(whole, rel=1e-9)


def test_probabilities_follow_from_the_scatter():
    groups = unequal(np.random.default_rng(3), 30)
    moments = summed([*groups, []])  # with a slot without rows
    mixture = mixed(moments)
    count = moments.count[:-1]
    variances = mixture.noise * count
    np.testing.assert_allclose(variances, np.broadcast_to(variances[:, :1], variances.shape))
    one = count == 1
    shares = mixture.weights[:, one][:, 0]  # one row says nothing
    some = ~one
    density = chi2.pdf(moments.scatters[:-1][some] / variances[:, some], count[some] - 1) / variances[:, some]
    expected = shares[:, None] * density
    np.testing.assert_allclose(mixture.weights[:, some], expected / expected.sum(axis=0), rtol=1e-8, atol=1e-12)
    gains = (density / (shares @ density)).mean(axis=1)
    np.testing.assert_allclose(gains, 1, atol=0.02)  # as those of all shares are at the maximum


def test_shares_of_like_scatters_are_those_of_each(monkeypatch):
    moments = summed(unequal(np.random.default_rng(4), 300))
    each = mixed(moments)
    monkeypatch.setattr(unequal_noise, "MANY", 10)
    together = mixed(moments)
    for between in (0.05, 0.5):
        one, other = (mixture.profile(np.array([between]))[0, 0] for mixture in (each, together))
        assert one == pytest.approx(other, abs=0.3)


def test_full_bayes_is_brute_force_over_the_variance_between():
    rng = np.random.default_rng(5)
    groups = unequal(rng, 12, 0.4)
    codes, y = np.repeat(np.arange(12), [len(each) for each in groups]), np.concatenate(groups)
    encoder = EmpiricalBayesEncoder(None, prior="full_bayes", within="moderated", output=["mean", "sd"])
    table = encoder.fit(codes[:, None], y).encoding_table(0).iloc[:-1]
    prior = encoder.tables_[0].encodings[0].prior
    assert np.isfinite(prior.within_freedom)
    mixture = mixed(summed(groups))
    noise = (table["within_sd"] ** 2 / table["count"]).to_numpy()
    unit = np.sqrt(len(y) / (1 / noise).sum())

    def weigh(tau):
        return np.exp(mixture.profile(np.array([tau**2]))[0, 0] - top) * t.pdf(tau / unit, 3)

    def posterior(tau):
        mean = y.mean() + mixture.profile(np.array([tau**2]))[2, 0]
        inner = 1 / (tau**2 + noise)
        own = tau**2 * inner
        mean_of_each = own * table["mean"].to_numpy() + (1 - own) * mean
        return mean_of_each, own * noise + (1 - own) ** 2 / inner.sum() + mean_of_each**2

    top = mixture.profile(np.array([0.3]))[0, 0]

    def average(function):
        return quad(lambda tau: weigh(tau) * function(tau), 0, 40, limit=300, points=[0.5, 3])[0]

    total = average(lambda tau: 1.0)
    first, second = (
        np.array([average(lambda tau, k=k, moment=moment: posterior(tau)[moment][k]) for k in range(12)]) / total
        for moment in (0, 1)
    )
    np.testing.assert_allclose(table["encoding"], first, atol=1e-5)
    np.testing.assert_allclose(table["sd"], np.sqrt(second - first**2), rtol=1e-4)


def test_equal_variances_are_those_of_one_variance():
    """Without a sign that variances differ, nothing is averaged over."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 6))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, keepdims=True)
    y = (0.5 * rng.normal(size=(60, 1)) + noise).ravel()
    codes = np.repeat(np.arange(60), 6)[:, None]
    outputs = [
        EmpiricalBayesEncoder(None, prior="reml", within=within, output=["mean", "sd"]).fit(codes, y).transform(codes)
        for within in ("moderated", "pooled")
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-3)  # as REML estimates the one variance with that between categories


def test_a_category_without_scatter_says_nothing_of_its_variance():
    groups = [*unequal(np.random.default_rng(6), 20), np.full(9, 0.3)]
    mixture = mixed(summed(groups))
    one = [len(each) == 1 for each in groups].index(True)
    np.testing.assert_allclose(mixture.weights[:, -1], mixture.weights[:, one], rtol=1e-12)
    X, y = np.repeat(np.arange(21), [len(each) for each in groups])[:, None], np.concatenate(groups)
    encoder = EmpiricalBayesEncoder(None, within="moderated", output=["mean", "sd"]).fit(X, y)
    assert np.isfinite(encoder.transform(X)).all()


def test_a_search_for_shares_that_does_not_end_warns(monkeypatch):
    monkeypatch.setattr(mixture_shares, "STEPS", 1)
    with pytest.warns(ConvergenceWarning, match='extreme values, or pass within="pooled"'):
        mixed(summed(unequal(np.random.default_rng(7), 50)))


def test_a_mean_far_from_all_others_has_a_likelihood():
    noise, weights = np.array([[1e-3] * 3, [1.0] * 3]), np.array([[1.0, 0.5, 0.5], [0.0, 0.5, 0.5]])
    mixture = NoiseMixture(np.array([1e8, 0.0, 1.0]), noise, weights)
    for between in (0.0, 1e-6, 1.0, 1e18):
        assert np.isfinite(mixture.profile(np.array([between]))).all()
    assert mixture.maximum(reml=True) == pytest.approx(1e8 / np.sqrt(3), rel=0.01)


@pytest.mark.slow
def test_intervals_hold_nine_of_ten_true_values():
    """In each cell, with two rows a category; the more where the variance between is next to nothing."""
    table = runpy.run_path(str(BENCHMARK))["unequal_coverage"](12_000, np.random.default_rng(0))
    assert table.to_numpy().min() > 0.8
