"""The local level model: its filter, its likelihood and its maximum, by dense matrices and slow loops."""

import warnings

import numpy as np
import pytest
from helpers.dense_drift import Rows, Variances, covariance, log_likelihood, prior_mean
from sklearn.exceptions import ConvergenceWarning

from catpool.priors.drifting.drift import fit_drift
from catpool.priors.drifting.drift_likelihood import DriftLikelihood
from catpool.priors.drifting.local_level import Visits, filter_levels, steady_half_life


def visits_of(categories, visits, rate=0.1, classes=1, seed=0, shock=0.0):
    """Visits of several rows each, whose levels drift, with shocks that do not last."""
    rng = np.random.default_rng(seed)
    n = categories * visits
    category, time = np.repeat(np.arange(categories), visits), np.sort(rng.uniform(0, 50, (categories, visits))).ravel()
    first = np.diff(category, prepend=-1) != 0
    elapsed = np.where(first, 0.0, np.diff(time, prepend=0.0))
    rows = rng.integers(1, 4, n).astype(float)
    walk = np.cumsum((rng.normal(size=n) * np.sqrt(rate * elapsed)).reshape(categories, visits), axis=1).ravel()
    level = 5 + walk + np.repeat(rng.normal(size=categories), visits)
    means = level + rng.normal(size=(classes, n)) * np.sqrt(shock + 1 / rows)
    scatters = np.where(rows > 1, rng.chisquare(np.maximum(rows - 1, 1), (classes, n)), 0.0)
    return Visits(category, time, elapsed, rows, means, scatters, rows)


def as_rows(visits):
    """Rows that have these means and scatters: all at the mean, but the first two of a visit."""
    number = visits.rows.astype(int)
    y = np.repeat(visits.means[0], number)
    begins = np.cumsum(number) - number
    apart = np.sqrt(visits.scatters[0] / 2)
    for begin, own, much in zip(begins, number, apart, strict=True):
        if own > 1:
            y[begin : begin + 2] += [much, -much]
    return Rows(*(np.repeat(each, number) for each in (visits.category, visits.time)), y, np.ones(number.sum()))


@pytest.mark.parametrize("shock", [0.0, 0.4])
@pytest.mark.parametrize(("start", "rate"), [(0.7, 0.3), (1e-6, 1e-9), (1e6, 1e4), (2.0, 0.0)])
def test_innovations_are_those_of_the_dense_covariance(start, rate, shock):
    visits = visits_of(5, 8)
    found = filter_levels(visits, start, rate, shock)
    rows = Rows(visits.category, visits.time, visits.means[0], visits.weight)
    root = np.linalg.cholesky(covariance(rows, Variances(start, rate, 1.0, shock)))
    np.testing.assert_allclose(found.total, np.diag(root) ** 2, rtol=1e-9)
    solved = np.linalg.solve(root / np.diag(root), np.column_stack([rows.y, np.ones(len(rows.y))]))
    np.testing.assert_allclose(found.innovations[0], solved[:, 0], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.share, solved[:, 1], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("rate", [0.0, 1e-12, 1e-6, 1e-2])
def test_variances_keep_their_digits_in_long_series(rate):
    n = 100_000
    visits = Visits(
        np.zeros(n, int), np.arange(n), np.minimum(np.arange(n), 1.0), np.ones(n), np.zeros((1, n)), np.zeros((1, n)),
        np.ones(n),
    )  # fmt: skip
    ahead, by_loop = 3.0, []
    for _ in range(n):
        by_loop.append(ahead)
        ahead = ahead / (1 + ahead) + rate
    np.testing.assert_allclose(filter_levels(visits, 3.0, rate).ahead, by_loop, rtol=1e-9)


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("shock", [0.0, 0.4])
def test_the_likelihood_is_that_of_the_dense_normal_distribution(restricted, shock):
    visits, ratios = visits_of(5, 8), np.array([0.7, 0.3, shock])
    likelihood = DriftLikelihood(visits, restricted, None)
    profile = likelihood.profile(ratios)
    noise = likelihood.noise(profile, ratios)
    rows, variances = as_rows(visits), Variances(0.7 * noise[0], 0.3 * noise[0], noise[0], shock * noise[0])
    found = likelihood.log_likelihoods(profile, noise)
    np.testing.assert_allclose(found, log_likelihood(rows, variances, restricted), rtol=1e-10)
    np.testing.assert_allclose(likelihood.value(ratios), -2 * found.sum(), rtol=1e-14)
    found = [profile.mean[0], noise[0] / profile.information]
    np.testing.assert_allclose(found, prior_mean(rows, variances), rtol=1e-10)


@pytest.mark.parametrize("variance", [None, 0.2])
@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("classes", [1, 3])
def test_gradients_are_differences(variance, restricted, classes):
    likelihood = DriftLikelihood(visits_of(4, 9, classes=classes), restricted, variance)
    logs, steps = np.log([0.7, 0.3, 0.2]), 1e-5 * np.eye(3)
    by_steps = [(likelihood.value(np.exp(logs + s)) - likelihood.value(np.exp(logs - s))) / 2e-5 for s in steps]
    value, gradient = likelihood.value_and_gradient(np.exp(logs))
    np.testing.assert_allclose(gradient, by_steps, rtol=1e-6)
    assert value == likelihood.value(np.exp(logs))


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("variance", [None, 0.05])
@pytest.mark.parametrize("shock", [0.0, 2.0])
def test_the_fit_is_the_maximum_of_the_dense_likelihood(restricted, variance, shock):
    visits = visits_of(6, 20, shock=shock)
    model = fit_drift(visits, restricted, variance)
    assert (model.shock > 0) == (shock > 0)
    noise, rows = float(model.noise[0]), as_rows(visits)
    best = np.log([model.start * noise, model.rate * noise, noise, max(model.shock * noise, 1e-300)])
    assert variance is None or np.exp(best[1]) == pytest.approx(variance, rel=1e-12)

    def dense(logs):
        return log_likelihood(rows, Variances(*np.exp(logs)), restricted)

    top = dense(best)
    np.testing.assert_allclose(model.log_likelihood, top, rtol=1e-10)
    for step in 1e-3 * np.eye(4)[[0, 2 - (variance is None), 2, 2 + (shock > 0)]]:
        slope = (dense(best + step) - dense(best - step)) / 2e-3
        curve = (dense(best + step) + dense(best - step) - 2 * top) / 1e-6
        assert curve < 0
        assert abs(slope / curve) < 1e-4


def test_many_visits_begin_with_the_first(monkeypatch):
    visits = visits_of(30, 40)
    whole = fit_drift(visits, True)
    monkeypatch.setattr("catpool.priors.drifting.drift_search.SAMPLE", 200)
    begun = fit_drift(visits, True)
    np.testing.assert_allclose([begun.start, begun.rate], [whole.start, whole.rate], rtol=1e-6)


@pytest.mark.parametrize("variance", [None, 0.2])
def test_a_search_that_ends_early_warns(monkeypatch, variance):
    visits = visits_of(10, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_drift(visits, True, variance)
    monkeypatch.setattr("catpool.priors.drifting.drift_search.PRECISE", {"maxiter": 0})
    monkeypatch.setattr("catpool.priors.drifting.drift_search.RESTARTS", 1)
    with pytest.warns(ConvergenceWarning, match="effects that drift did not converge"):
        fit_drift(visits, True, variance)


def test_what_stays_or_is_not_identified_does_not_drift():
    assert fit_drift(visits_of(30, 20, rate=0.0, seed=2), True) is None
    whole = visits_of(30, 20)
    assert fit_drift(whole, True) is not None
    assert fit_drift(whole.subset(whole.category == 0), True) is None
    assert fit_drift(whole.subset(whole.first), True) is None
    assert fit_drift(whole.subset(whole.first), True, 0.3) is None
    constant = Visits(
        whole.category, whole.time, whole.elapsed, whole.weight, 0 * whole.means, 0 * whole.scatters, whole.rows
    )
    assert fit_drift(constant, True) is None


def test_the_half_life_is_that_of_the_steady_state():
    n, rate = 400, 0.02
    visits = Visits(
        np.zeros(n, int), 3.0 * np.arange(n), np.where(np.arange(n) > 0, 3.0, 0.0), np.full(n, 2.0), np.zeros((1, n)),
        np.zeros((1, n)), np.full(n, 2.0),
    )  # fmt: skip
    for shock in (0.0, 0.7):
        left = filter_levels(visits, 1.0, rate, shock).left[-1]
        assert left ** (steady_half_life(visits, rate, shock) / 3.0) == pytest.approx(0.5, rel=1e-12)
