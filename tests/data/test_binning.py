"""Numbers as categories: ranges of as many rows each."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catpool.data.columns.binning import HEAD, Bins, count_numbers, make_bins

finite = st.floats(-1e300, 1e300)


@given(st.lists(finite | st.just(np.nan), min_size=1, max_size=60), st.integers(2, 9))
def test_every_number_has_a_range_and_equal_numbers_have_one(values, most):
    column = np.array(values)
    ranges = make_bins(column, None, most).ranges(column)
    assert ((ranges == 0) == np.isnan(column)).all()
    assert ranges.max() <= most
    for one, own in zip(column, ranges, strict=True):
        assert (ranges[column == one] == own).all()
        assert (ranges[column > one] >= own).all()


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=30), st.data())
def test_a_weight_is_so_many_copies(values, data):
    column = np.array(values, dtype=float)
    copies = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(values), max_size=len(values))))
    weighed = make_bins(column, copies.astype(float), 4)
    np.testing.assert_array_equal(weighed.edges, make_bins(np.repeat(column, copies), None, 4).edges)


def test_different_numbers_are_counted_if_they_are_few_and_none_is_missing():
    column = np.array([3.0, 1.0, 2.0, 1.0])
    assert count_numbers(column, None, 3) == 3
    assert count_numbers(column, None, 2) is None
    assert count_numbers(column, np.array([0.0, 1.0, 1.0, 1.0]), 2) == 2
    assert count_numbers(np.append(column, np.nan), None, 4) is None
    assert count_numbers(np.append(column, np.nan), np.array([1.0, 1.0, 1.0, 1.0, 0.0]), 3) == 3
    assert count_numbers(np.append(np.zeros(HEAD), [1.0, 2.0]), None, 2) is None
    assert count_numbers(np.append(np.zeros(HEAD), [1.0, 2.0]), None, 3) == 3


def test_few_numbers_have_a_range_each():
    bins = make_bins(np.array([3.0, 1.0, 2.0, 1.0]), None, 4)
    assert bins.ranges(np.array([1.0, 2.0, 3.0, np.nan, -np.inf, np.inf])).tolist() == [1, 2, 3, 0, 1, 3]
    assert bins.names == [None, "[-inf, 1.5)", "[1.5, 2.5)", "[2.5, inf)"]


def test_many_numbers_have_ranges_of_as_many_rows_each():
    column = np.random.default_rng(0).permutation(1000.0 + np.arange(1000))
    assert np.bincount(make_bins(column, None, 8).ranges(column))[1:].tolist() == [125] * 8


def test_a_frequent_number_has_a_range_of_its_own():
    column = np.concatenate([np.zeros(900), 1.0 + np.arange(100)])
    ranges = make_bins(column, None, 8).ranges(column)
    assert ranges.max() >= 2
    assert (ranges[:900] == 1).all()
    assert (ranges[900:] > 1).all()


@pytest.mark.parametrize(
    ("low", "high", "edge"),
    [
        (1.0, 2.0, 1.5),
        (1250000.0, 1250001.0, 1250000.5),
        (0.3330, 0.3349, 0.334),
        (1.0, np.nextafter(1.0, 2), np.nextafter(1.0, 2)),
        (-2.0, 100.0, 50.0),
        (2.0**53, 2.0**53 + 2, 2.0**53 + 2),
    ],
)
def test_edges_are_short_numbers_that_divide_their_neighbours(low, high, edge):
    bins = make_bins(np.array([low, high] * 3), None, 4)
    assert bins.edges.tolist() == [edge]
    assert low < float(bins.names[1].split(", ")[1][:-1]) <= high


@pytest.mark.parametrize("seed", range(20))
def test_ranges_do_not_depend_on_how_edges_are_shortened(seed):
    rng = np.random.default_rng(seed)
    column = np.round(rng.standard_cauchy(300) * 10.0 ** rng.integers(-8, 8), rng.integers(0, 9))
    bins = make_bins(column, None, 12)
    assert (np.diff(bins.edges) > 0).all()
    starts = [column[bins.ranges(column) == place].min() for place in range(2, len(bins.names))]
    ends = [column[bins.ranges(column) == place].max() for place in range(1, len(bins.names) - 1)]
    assert (np.array(ends) < bins.edges).all()
    assert (bins.edges <= starts).all()


def test_infinite_and_missing_numbers():
    column = np.array([-np.inf, 0.0, np.inf, np.nan])
    assert make_bins(column, None, 8).ranges(column).tolist() == [1, 2, 3, 0]
    assert make_bins(np.array([np.nan]), None, 8).ranges(column).tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean", "int8"])
def test_numbers_of_all_types_are_read(dtype):
    column = pd.Series([0, 1, 1, 0], dtype=dtype)
    assert Bins(np.array([0.5])).ranges(column).tolist() == [1, 2, 2, 1]
    if dtype != "int8":
        assert Bins(np.array([0.5])).ranges(pd.Series([0, None], dtype=dtype)).tolist() == [1, 0]


@pytest.mark.parametrize("column", [["1", "2"], ["a", None], [1j, 2j], [pd.Timestamp("2024-01-01")] * 2])
def test_what_is_no_number_is_refused(column):
    with pytest.raises(ValueError, match="'price' must hold numbers, but it holds values of type"):
        Bins(np.array([0.5])).ranges(pd.Series(column), "price")


def test_a_column_without_values_is_missing():
    assert Bins(np.array([0.5])).ranges(pd.Series([None, None], dtype=object), "price").tolist() == [0, 0]
