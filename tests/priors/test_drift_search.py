"""The search for the variances of effects that drift: the best of several maxima, and what is at the limits."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from catpool.priors.drifting.drift import fit_drift
from catpool.priors.drifting.drift_likelihood import DriftLikelihood
from catpool.priors.drifting.drift_search import search
from catpool.priors.drifting.local_level import Visits


def visits_of(category, time, y):
    """The visits of rows that weigh one."""
    order = np.lexsort((time, category))
    category, time, y = category[order], time[order], y[order]
    begins = (np.diff(category, prepend=-1) != 0) | (np.diff(time, prepend=time[0]) != 0)
    visit = np.cumsum(begins) - 1
    rows = np.bincount(visit).astype(float)
    means = np.bincount(visit, y) / rows
    scatters = np.bincount(visit, (y - means[visit]) ** 2)
    category, time = category[begins], time[begins]
    elapsed = np.where(np.diff(category, prepend=-1) != 0, 0.0, np.diff(time, prepend=0.0))
    return Visits(category, time, elapsed, rows, means[None], scatters[None], rows)


def made(seed):
    """A small table, whose categories may walk fast or hardly, with and without noise and shocks."""
    rng = np.random.default_rng(seed)
    categories, n = int(rng.choice([3, 8, 20])), int(rng.choice([70, 120]))
    category = np.append(np.arange(categories), rng.integers(0, categories, n - categories))
    time = rng.integers(0, rng.choice([12, 60]), n).astype(float)
    steps = rng.normal(size=(categories, 60)) * 10.0 ** rng.uniform(-2, 1)
    shocks = rng.normal(size=steps.shape) * rng.choice([0, 1])
    effects = rng.normal(size=(categories, 1)) + np.cumsum(steps, axis=1) + shocks
    return visits_of(category, time, effects[category, time.astype(int)] + rng.normal(size=n) * rng.choice([0.1, 1, 4]))


def least_of_many(likelihood, free):
    """Minus twice the log-likelihood at its best, by the simplex method from many points."""
    axes = [[-6.0, -2.0, 1.0, 4.0], [-12.0, -6.0, -3.0, 0.0, 3.0, 8.0], [-4.0, 0.0, 4.0]]
    points = np.array(list(itertools.product(*(axis for axis, own in zip(axes, free, strict=True) if own))))

    def value(own):
        ratios = np.zeros(3)
        ratios[free] = np.exp(np.clip(own, -18, 25))
        return likelihood.value(ratios)

    begins = points[np.argsort([value(each) for each in points])[:4]]
    options = {"xatol": 1e-5, "fatol": 1e-7, "maxiter": 2000}
    return min(minimize(value, each, method="Nelder-Mead", options=options).fun for each in begins)


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 60))])
def test_no_maximum_is_better(seed):
    visits = made(seed)
    for variance in (None, 0.04):
        likelihood = DriftLikelihood(visits.spaced, True, variance)
        for free in ([True, True, False], [True, True, True]):
            if free[2] and not visits.some_together:
                continue
            found = search(likelihood, np.array(free))
            assert found.value < least_of_many(likelihood, np.array(free)) + 1e-4


def walks(categories=4, n=40, seed=0):
    """Rows that walk at random, without noise."""
    rng = np.random.default_rng(seed)
    category, time = np.repeat(np.arange(categories), n), np.tile(np.arange(float(n)), categories)
    return category, time, np.cumsum(rng.normal(size=(categories, n)), axis=1).ravel()


def test_without_noise_variances_are_those_of_the_changes():
    category, time, y = walks()
    model = fit_drift(visits_of(category, time, y), False)
    noise = float(model.noise[0])
    assert noise < 1e-15
    changes = np.diff(y.reshape(4, -1), axis=1)
    assert model.rate * noise == pytest.approx((changes**2).mean(), rel=1e-9)
    starts = y.reshape(4, -1)[:, 0]
    assert model.mean[0] == pytest.approx(starts.mean(), rel=1e-9)
    assert model.start * noise == pytest.approx(starts.var(), rel=1e-9)


def test_without_noise_beside_shocks_rows_of_one_time_are_one():
    category, time, y = walks()
    shaken = y + 2 * np.random.default_rng(1).normal(size=len(y))
    one = fit_drift(visits_of(category, time, shaken), False)
    two = fit_drift(visits_of(*(np.repeat(each, 2) for each in (category, time, shaken))), False)
    assert float(two.noise[0]) < 1e-12
    variances = [getattr(two, name) * float(two.noise[0]) for name in ("start", "rate", "shock")]
    np.testing.assert_allclose(variances, np.array([one.start, one.rate, 1.0]) * one.noise, rtol=1e-4)


def test_categories_that_start_alike_have_no_variance_at_the_start():
    category, time, y = walks(categories=12)
    y = y - np.repeat(y.reshape(12, -1)[:, 0], 40) + np.random.default_rng(1).normal(size=len(y))
    model = fit_drift(visits_of(category, time, y), True)
    assert model.start == 0
    assert model.rate > 0


@pytest.mark.parametrize("drift", [1e-30, 1e-9, 1e9])
def test_a_drift_that_is_far_from_the_noise_leaves_the_noise_as_it_is(drift):
    category, time, y = walks()
    rng = np.random.default_rng(1)
    category, time, y = (np.repeat(each, 2) for each in (category, time, np.repeat(rng.normal(size=4), 40)))
    y = y + rng.normal(size=len(y))
    visits = visits_of(category, time, y)
    model = fit_drift(visits, True, drift**2)
    assert model.rate * float(model.noise[0]) == pytest.approx(drift**2, rel=1e-9)
    expected = visits.scatters.sum() / visits.rows.size if drift > 1 else y.reshape(4, -1).var(axis=1, ddof=1).mean()
    assert float(model.noise[0]) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_shares_that_agree_by_chance_are_not_without_noise(seed):
    rng = np.random.default_rng(seed)
    category, time = np.arange(90) % 3, np.arange(90.0)
    y = (rng.random(90) < 0.5).astype(float)
    y[:3] = 1.0  # all categories start alike, so that a model without noise can be infinitely likely
    likelihood = DriftLikelihood(visits_of(category, time, y).spaced, False, None)
    found = search(likelihood, np.array([True, True, False]))
    assert found.rises(likelihood) == 0
    assert np.exp(found.point[1]) < 10
