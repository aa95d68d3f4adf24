"""Sums of logarithms of rising factorials, against scipy's gamma functions for each category."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, polygamma, psi

from catpool.priors.rising_log import STEPS, RisingLog

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
