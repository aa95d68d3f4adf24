"""Priors of many tables that are fitted at once, against each table by itself, and roots against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.likelihoods.size_classes import group_by_size
from catpool.priors.numerics.roots import rising_roots
from catpool.priors.rules import PRIORS

TABLES, CATEGORIES = 5, 40
FIELDS = ("mean", "strength", "between", "within", "log_likelihood")


def draw_totals(family, count, rng):
    """The totals of five tables, of which the first has one category and the third no effects."""
    effect = rng.normal(size=count.shape) * np.array([1.0, 1.0, 0.0, 1.0, 1.0])[:, None]
    if family == "normal":
        return count * effect + np.sqrt(count) * rng.normal(size=count.shape)
    if family == "binomial":
        return rng.binomial(count, 1 / (1 + np.exp(-2 * effect))).astype(float)
    return rng.poisson(count * np.exp(effect / 2)).astype(float)


def moments_of(count, total, weight):
    count, total = weight * count, weight * total
    squares = (total**2 / np.maximum(count, 1e-9)).sum(axis=1) - total.sum(axis=1) ** 2 / count.sum(axis=1)
    return Moments(count, total, squares + 2.0 * count.sum(axis=1))


def draw_counts(rng):
    count = rng.integers(0, 9, (TABLES, CATEGORIES))
    count[0] = 7 * (np.arange(CATEGORIES) == 0)
    return count


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("weight", [1.0, 0.75])
@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_each_table_gets_its_own_prior(family, weight, reml):
    rng = np.random.default_rng(0)
    count = draw_counts(rng)
    moments = moments_of(count, draw_totals(family, count, rng), weight)
    (whole,) = FAMILIES[family].likelihood_prior([moments], reml=reml)
    assert np.isfinite(whole.strength).sum() >= 2
    for position, view in enumerate(moments.views()):
        (alone,) = FAMILIES[family].likelihood_prior([view], reml=reml)
        assert alone.note == whole.note[position]
        for field in FIELDS:
            np.testing.assert_allclose(
                getattr(whole, field)[position], getattr(alone, field), rtol=1e-11, err_msg=field
            )


@pytest.mark.parametrize("weight", [1.0, 0.75])
@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_no_bit_depends_on_the_targets_of_another_table(family, weight):
    rng = np.random.default_rng(1)
    count = draw_counts(rng)
    totals = draw_totals(family, count, rng)
    (before,) = FAMILIES[family].likelihood_prior([moments_of(count, totals, weight)], reml=True)
    for turn in range(40):
        kept = turn % TABLES
        others = draw_totals(family, count, rng)
        others[kept] = totals[kept]
        (after,) = FAMILIES[family].likelihood_prior([moments_of(count, others, weight)], reml=True)
        assert not np.array_equal(after.mean, before.mean)
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(after, field)[kept], getattr(before, field)[kept])


@pytest.mark.parametrize("spare", [1, 60])
@pytest.mark.parametrize("weight", [1.0, 0.75])
@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
@pytest.mark.parametrize("prior", ["reml", "ml", "moments"])
def test_categories_without_rows_do_not_matter(prior, family, weight, spare):
    rng = np.random.default_rng(2)
    count = draw_counts(rng)
    totals = draw_totals(family, count, rng)
    filled = (np.hstack([each, np.zeros((TABLES, spare))]) for each in (count, totals))
    (before,), (after,) = (
        PRIORS[prior]([moments], FAMILIES[family], scale=1.0)
        for moments in (moments_of(count, totals, weight), moments_of(*filled, weight))
    )
    for field in FIELDS[: 4 if prior == "moments" else 5]:
        np.testing.assert_allclose(getattr(after, field), getattr(before, field), rtol=1e-11, err_msg=field)


@given(st.lists(st.tuples(st.floats(1e-6, 1e6), st.floats(0.2, 5)), min_size=1, max_size=8), st.booleans())
def test_roots_are_those_of_scipy(drawn, from_zero):
    roots, powers = np.array(drawn).T

    def function(x):
        ratio = (x / roots) ** powers
        return (ratio - 1) / (ratio + 1), 2 * powers * ratio / x / (ratio + 1) ** 2

    low, high = np.zeros(len(roots)) if from_zero else roots / 7, roots * 50
    found = rising_roots(function, low, high, *(function(np.maximum(end, 1e-30))[0] for end in (low, high)))
    for position, (a, b) in enumerate(zip(np.maximum(low, 1e-30), high, strict=True)):
        expected = brentq(lambda x, i=position: function(np.full(len(roots), x))[0][i], a, b, xtol=1e-300, rtol=1e-14)
        np.testing.assert_allclose(found[position], expected, rtol=1e-9)
    alone = [
        rising_roots(
            lambda x, i=i: tuple(each[[i]] for each in function(np.full(len(roots), x[0]))),
            low[[i]],
            high[[i]],
            *(function(np.maximum(end, 1e-30))[0][[i]] for end in (low, high)),
        )[0]
        for i in range(len(roots))
    ]
    np.testing.assert_array_equal(found, alone)


def test_categories_are_grouped_by_size_without_a_trace():
    rng = np.random.default_rng(0)
    count = draw_counts(rng)
    moments = moments_of(count, draw_totals("normal", count, rng), 1.0)
    before = {name: None if value is None else np.copy(value) for name, value in vars(moments).items()}
    _, same = group_by_size(moments)
    assert {"between", "categories"} <= vars(same).keys()
    assert not {"between", "categories", "within"} & vars(moments).keys()
    for name, value in before.items():
        np.testing.assert_array_equal(vars(moments)[name], value)
    np.testing.assert_array_equal(same.categories, moments.categories)
    np.testing.assert_allclose(same.between, moments.between, rtol=1e-12)
