"""Sums of logarithms of rising factorials, against scipy's gamma functions for each category."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, polygamma, psi

from catpool.priors.families.by_name import FAMILIES
from catpool.priors.likelihoods.rising_log import FEW_STEPS, STEPS, RisingLog, RisingLogAbout

VALUES = {
    "whole": st.integers(0, 60).map(float),
    "large": st.sampled_from([0.0, 1.0, STEPS - 1.0, float(STEPS), STEPS + 1.0, 9.0 * STEPS]),
    "fractional": st.floats(0.0, 50.0).map(lambda x: round(x, 2)),
}


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_tables_have_the_sums_of_their_categories(kind, data):
    rows = st.lists(VALUES[kind], min_size=3, max_size=3)
    x = np.array(data.draw(st.lists(rows, min_size=1, max_size=4)))
    a = np.array(data.draw(st.lists(st.floats(1e-2, 1e4), min_size=len(x), max_size=len(x))))
    value, first, second = RisingLog(x)(a)
    start = np.broadcast_to(a[:, None], x.shape)
    expected = (
        gammaln(start + x) - gammaln(start),
        psi(start + x) - psi(start),
        polygamma(1, start + x) - polygamma(1, start),
    )
    for found, each in zip((value, first, second), expected, strict=True):
        np.testing.assert_allclose(found, each.sum(axis=1), rtol=1e-7, atol=1e-7)


def test_categories_without_rows_add_nothing():
    x = np.array([[2.0, 0.0, 7.5, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 3.0, 0.0, 0.0]])
    a = np.array([0.5, 2.0, 3.0])
    np.testing.assert_array_equal(RisingLog(np.hstack([x, np.zeros((3, 5))]))(a), RisingLog(x)(a))
    np.testing.assert_array_equal(RisingLog(x)(a)[:, 1], 0.0)


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_each_category_may_have_a_mean_of_its_own(kind, data):
    values = VALUES[kind] if kind != "large" else st.sampled_from([0.0, FEW_STEPS - 1.0, float(FEW_STEPS), 999.0])
    x = np.array(data.draw(st.lists(values, min_size=1, max_size=8)))
    numbers = st.lists(st.floats(1e-2, 50.0), min_size=len(x), max_size=len(x))
    means, weight = np.array(data.draw(numbers)), np.array(data.draw(numbers))
    strengths = np.array(data.draw(st.lists(st.floats(1e-2, 1e4), min_size=1, max_size=3)))
    rising = RisingLogAbout(means, x, weight)
    for strength, found in zip(strengths, rising.slopes(strengths).T, strict=True):
        a = strength * means
        assert np.isclose(rising.value(strength), weight @ (gammaln(a + x) - gammaln(a)), rtol=1e-7, atol=1e-6)
        expected = means * (psi(a + x) - psi(a)), means**2 * (polygamma(1, a + x) - polygamma(1, a))
        np.testing.assert_allclose(found, [weight @ each for each in expected], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_strength_of_many_categories_is_next_to_that_of_all(family):
    rng = np.random.default_rng(3)
    means = rng.beta(2.0, 5.0, 20_000)
    counts = rng.integers(1, 60, 20_000)
    totals = rng.binomial(counts, rng.beta(10 * means, 10 * (1 - means)))
    exact, rough = (
        FAMILIES[family].strength_given_means(totals[None], counts, means[None], many=each) for each in (False, True)
    )
    assert rough[0] != exact[0]
    np.testing.assert_allclose(rough, exact, rtol=1e-7)


def test_fractional_totals_are_not_condensed():
    rng = np.random.default_rng(4)
    means, counts = rng.beta(2.0, 5.0, 200), rng.uniform(1, 60, 200)
    totals = counts * rng.beta(10 * means, 10 * (1 - means))
    exact, rough = (
        FAMILIES["binomial"].strength_given_means(totals[None], counts, means[None], many=each)
        for each in (False, True)
    )
    assert rough == exact
