"""Keys of rows decide their folds."""

import datetime

import numpy as np
import pandas as pd
import pytest

from catpool import MeanEncoder
from catpool.crossfit.hashed_keys import folds_of_keys


def test_keys_are_hashed_alike_whatever_holds_them():
    polars = pytest.importorskip("polars")
    key = [5, 3, 8, 1, 3]
    expected = folds_of_keys(key, 5, 10)
    assert expected[1] == expected[4]
    for other in (np.array(key), np.array(key, dtype=np.int32), pd.Series(key, dtype="Int64"), polars.Series(key)):
        np.testing.assert_array_equal(folds_of_keys(other, 5, 10), expected)
    for other in (np.array(key, dtype=float), [*key[:4], 3.0], pd.Series(key, dtype="Float64")):
        np.testing.assert_array_equal(folds_of_keys(other, 5, 10), expected)
    np.testing.assert_array_equal(folds_of_keys(key[:2], 2, 10), expected[:2])  # whatever company it comes in
    days = pd.to_datetime(["2020-01-03", "2020-02-01", "2021-01-01"])
    for other in (days.date, days.astype("datetime64[s]"), days.tz_localize("UTC"), polars.Series(days.date.tolist())):
        np.testing.assert_array_equal(folds_of_keys(other, 3, 10), folds_of_keys(days, 3, 10))
    for odd in ([1, 2, 3, "a", "b"], [1.5, 2, 3, 4, 5], [object()] * 5):
        with pytest.raises(TypeError, match="one sort"):
            folds_of_keys(odd, 5, 10)
    with pytest.raises(TypeError, match="column 'b' holds values of type floating"):
        folds_of_keys(pd.DataFrame({"a": key, "b": [1.5, 2, 3, 4, 5]}), 5, 10)
    names = ["e", "c", "h", "a", "c"]
    for other in (pd.Series(names), pd.Series(names, dtype="category"), polars.Series(names), np.array(names)):
        np.testing.assert_array_equal(folds_of_keys(other, 5, 10), folds_of_keys(names, 5, 10))
    two = pd.DataFrame({"a": key, "b": names})
    np.testing.assert_array_equal(
        folds_of_keys(two, 5, 10), folds_of_keys(polars.DataFrame(two.to_dict("list")), 5, 10)
    )
    many = np.bincount(folds_of_keys(np.arange(10_000), 10_000, 10))
    assert (np.abs(many - 1000) < 150).all()
    assert folds_of_keys([0, 1, 2, 3], 4, 97).tolist() == [67, 54, 15, 27]  # as ever, or streams lose their folds


@pytest.mark.parametrize(
    "key",
    [
        [2**64, 1],
        [-(2**63) - 1, 1],
        [np.inf, 1.0],
        ["\ud800", "a"],
        [datetime.date(1, 1, 1), datetime.date(2020, 1, 1)],
    ],
    ids=["large", "small", "infinite", "surrogate", "early"],
)
def test_keys_that_have_no_hash_are_refused(key):
    with pytest.raises(ValueError, match="`key` must hold integers of 64 bits") as caught:
        folds_of_keys(key, 2, 10)
    assert type(caught.value) is ValueError


def test_unsigned_keys_have_one_hash_in_every_type():
    key = [2**64 - 1, 2**63, 5]
    expected = folds_of_keys(np.array(key, dtype="uint64"), 3, 10)
    for other in (key, pd.Series(key, dtype="UInt64"), pd.Series(key, dtype=object)):
        np.testing.assert_array_equal(folds_of_keys(other, 3, 10), expected)


ONE_FOLD = "`key` must put the rows into at least 2 folds, but all keys fall into one of the {} folds"
PAIRS = pd.DataFrame({"city": list("abcd") * 5, "day": range(20), "again": range(20)})


@pytest.mark.parametrize(("k", "key"), [(10, [7] * 20), (2, ["day", "again"])], ids=["one key", "pairs of equals"])
def test_keys_of_one_fold_say_so(k, key):
    encoder = MeanEncoder(["city"], cv=k)
    with pytest.raises(ValueError, match=ONE_FOLD.format(k)):
        encoder.fit_transform(PAIRS, np.arange(20.0), key=key)
    encoder.partial_fit(PAIRS, np.arange(20.0), key=key)  # other parts may have other folds
    with pytest.raises(ValueError, match=ONE_FOLD.format(k)):
        encoder.transform_out_of_fold(PAIRS, key=key)


def test_keys_of_one_fold_in_a_lazy_table_say_so():
    lazy = pytest.importorskip("polars").from_pandas(PAIRS.assign(y=np.arange(20.0), one=1)).lazy()
    with pytest.raises(ValueError, match=ONE_FOLD.format(10)):
        MeanEncoder(["city"]).fit_transform(lazy, "y", key="one")


def test_keys_that_leave_one_row_out_say_so():
    with pytest.raises(ValueError, match=r"`key` puts each of the 3 rows into a fold of its own\. .* Pass fewer folds"):
        MeanEncoder(["city"]).fit_transform(PAIRS[:3], [1.0, 2.0, 4.5], key=["day"])
