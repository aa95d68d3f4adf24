"""Keys of rows decide their folds."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest
from helpers.json_mutations import forge

from catpool import MeanEncoder
from catpool.crossfit.hashed_keys import folds_of_keys
from catpool.crossfit.stream import sum_rows
from catpool.data.training import read_training


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
PAIRS = pd.DataFrame({"city": list("abcd") * 5, "day": range(20), "again": range(20), "one": "x", "same": 3})


@pytest.mark.parametrize(("k", "key"), [(10, [7] * 20), (2, ["one", "same"])], ids=["one key", "one pair"])
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


@pytest.mark.parametrize("columns", [["day", "again"], ["day", "again", "day2"], ["again", "city"]], ids=len)
@pytest.mark.parametrize("k", [2, 4, 10])
def test_equal_columns_of_keys_fall_into_all_folds(columns, k):
    days = pd.DataFrame({"day": range(2000), "again": range(2000), "day2": range(2000), "city": list("abcd") * 500})
    rows = np.bincount(folds_of_keys(days[columns], 2000, k), minlength=k)
    assert (np.abs(rows - 2000 / k) < 6 * np.sqrt(2000 / k)).all()


def written_before(encoder):
    """A file of an encoder as it was written before hashes were mixed."""
    content = json.loads(encoder.to_json())
    del content["fitted"]["state"]["mixed_keys"]
    return forge(content)


KEYED = pd.DataFrame({"city": list("abcd") * 50, "day": np.arange(200) % 20, "shop": np.arange(200) // 20})
Y = np.sin(np.arange(200.0))


@pytest.mark.parametrize("key", [["day", "shop"], ["day"]], ids=["two columns", "one column"])
def test_files_of_before_keep_their_folds(key):
    """Else a row's own target would reach its encoding."""
    old = MeanEncoder(["city"], cv=4).partial_fit(KEYED[:120], Y[:120], key=key)
    folds = folds_of_keys(KEYED[key], 200, 4, mixed=False)
    if len(key) == 2:
        assert (folds != folds_of_keys(KEYED[key], 200, 4)).any()
        sums = sum_rows(
            read_training(KEYED[:120], Y[:120], old._reading(), old._structure().check, key=key),
            old._structure(),
            4,
            mixed_keys=False,
        )
        old._fitted = old._streamed(old._structure(), old._fitted, sums)
    read = MeanEncoder.from_json(written_before(old)).partial_fit(KEYED[120:], Y[120:], key=key)
    again = MeanEncoder.from_json(read.to_json())
    own = KEYED.drop(columns=key).assign(**{name: KEYED[name] for name in key})[KEYED.columns]
    expected = MeanEncoder(["city"], cv=folds).fit_transform(own, Y)
    for encoder in (read, again):
        found = encoder.transform_out_of_fold(KEYED, key=key)
        np.testing.assert_allclose(found["city"], expected["city"], rtol=1e-12)
    new = MeanEncoder(["city"], cv=4).partial_fit(KEYED, Y, key=key)
    if len(key) == 1:
        new.merge(read)
        return
    with pytest.raises(ValueError, match="Both parts must have keys of the same columns"):
        new.merge(read)


@pytest.mark.parametrize("key", [["day", "shop"], ["day"]], ids=["two columns", "one column"])
def test_streams_have_the_folds_of_fits(key):
    whole = MeanEncoder(["city"], cv=4).fit_transform(KEYED, Y, key=key)
    encoder = MeanEncoder(["city"], cv=4).partial_fit(KEYED[:120], Y[:120], key=key)
    encoder = MeanEncoder.from_json(encoder.to_json()).partial_fit(KEYED[120:], Y[120:], key=key)
    np.testing.assert_allclose(encoder.transform_out_of_fold(KEYED, key=key)["city"], whole["city"], rtol=1e-12)
