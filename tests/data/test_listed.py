"""Lists of categories, as users pass them."""

import datetime

import numpy as np
import pandas as pd
import pytest

from catpool.data.columns.listed import read_categories


def listed(values):
    return read_categories([values], ["c"])["c"].categories.tolist()


def test_auto_lists_nothing():
    assert read_categories("auto", ["c"]) == {}


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a"],
        ("b", "a"),
        np.array(["b", "a"]),
        np.array(["b", "a"], dtype=object),
        pd.Series(["b", "a"], index=[3, 3]),
        pd.Index(["b", "a"]),
        pd.Categorical(["b", "a"], ["a", "b", "unused"]),
        pd.array(["b", "a"], dtype="string"),
        ["b", None, "a"],
        [np.nan, "b", "a"],
        np.ma.array(["b", "hidden", "a"], mask=[False, True, False]),
    ],
    ids=repr,
)
def test_any_array_lists_categories_in_its_order_without_the_missing_value(values):
    assert listed(values) == ["b", "a"]


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_arrays_of_other_libraries(library):
    module = pytest.importorskip(library)
    make = module.Series if library == "polars" else module.array
    assert listed(make([2**53 + 1, None, 1])) == [2**53 + 1, 1]


@pytest.mark.parametrize(
    "values",
    [
        [3, 1, 2],
        [2**53 + 1, 0.5],
        ["1", 1],
        [False, True],
        [datetime.date(2024, 2, 1), datetime.date(2024, 1, 1)],
        [("a", 1), ("b", 2)],
        [pd.Timestamp("2024-02-01", tz="UTC")],
    ],
    ids=repr,
)
def test_categories_stay_what_they_are(values):
    found = listed(values)
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b", "a"], r"column 'c' has \['a'\] several times"),
        ([1, True], "several times"),
        ([None, np.nan, "a"], "several times"),
        ([], "at least one category of column 'c'"),
        ([None], "at least one category of column 'c'"),
        ("ab", "array of categories for column 'c'.*'ab'"),
        (3, "array of categories for column 'c'.*3"),
        ({"a"}, "array of categories for column 'c'"),
        ({"a": 1}, "array of categories for column 'c'"),
        (range(2), "array of categories for column 'c'"),
        (np.array([["a"]]), "array of categories for column 'c'"),
    ],
    ids=repr,
)
def test_lists_that_are_none_name_the_column(values, message):
    with pytest.raises(ValueError, match=message):
        listed(values)


def test_values_that_are_not_hashable_name_the_column():
    with pytest.raises(TypeError, match=r"`categories` of column 'c' cannot be read: .*hashable"):
        listed([["a"], ["b"]])


@pytest.mark.parametrize(
    ("other", "equal"),
    [(["b", 1.0, ("a", float("nan"))], True), (["b", 1], False), ([1, "b", ("a", np.nan)], False), ([*"abc"], False)],
)
def test_vocabularies_are_equal_if_all_slots_are(other, equal):
    one = read_categories([["b", 1, ("a", np.nan)]], ["c"])["c"]
    assert one.equals(read_categories([other], ["c"])["c"]) == equal


@pytest.mark.parametrize("categories", [[], [["a"]], [["a"], ["b"], ["c"]], ["a", "b", "c"]])
def test_there_is_one_list_for_each_column(categories):
    message = rf"each of the 2 encoded columns, which are \['c', 'd'\]. Got a list of {len(categories)}"
    with pytest.raises(ValueError, match=message):
        read_categories(categories, ["c", "d"])
