"""Numbers as categories: numbers that others are rounded to."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catpool.data.columns.binning import Bins
from catpool.data.columns.rounding import Rounding

numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(numbers, min_size=1, max_size=30), st.integers(-15, 15))
def test_categories_are_named_one_to_one(values, decimals):
    rounding, column = Rounding(decimals), np.array(values)
    codes, names = rounding.categories(column)
    rounded = rounding.numbers(column)
    assert len(set(names)) == len(names)
    for code, own in zip(codes, rounded, strict=True):
        assert names[code] is None if np.isnan(own) else float(names[code]) == pytest.approx(own, rel=1e-15)
    np.testing.assert_array_equal(np.isnan(rounded), np.isnan(column))
    np.testing.assert_array_equal(np.isinf(rounded), np.isinf(column))


@given(st.floats(-1e6, 1e6), st.integers(-6, 6))
def test_numbers_are_rounded_as_numpy_rounds_them(value, decimals):
    assert Rounding(decimals).numbers(np.array([value]))[0] == np.round(value, decimals)


def test_numbers_without_decimals_stay():
    column = np.array([1e300, -1e300, 2.0**60, 2.0**52 + 1])
    np.testing.assert_array_equal(Rounding(15).numbers(column), column)


def test_names():
    column = pd.Series([9.994, 9.99, -0.001, 0.0, None, np.inf])
    codes, names = Rounding(2).categories(column)
    assert [names[code] for code in codes] == ["9.99", "9.99", "0.00", "0.00", None, "inf"]
    codes, names = Rounding(-1).categories(np.array([14, 16, -4]))
    assert [names[code] for code in codes] == ["10", "20", "0"]
    assert Rounding(-1).suffix == "rounded_-1"


def test_names_of_ranges_tell_edges_apart():
    edges = 1.6e9 + np.array([0.0, 400.0, 800.5])
    assert Bins(edges).names[1:3] == ["[-inf, 1600000000)", "[1600000000, 1600000400)"]
    near = np.array([0.1, np.nextafter(0.1, 1)])
    assert len(set(Bins(near).names)) == 4
