"""Types of columns and values that libraries disagree about: dictionaries, views, sparse columns, masks, surrogates."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from catpool import (
    AdditiveEncoder,
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    TreeEncoder,
    check_no_leak,
)

Y = np.array([1.5, 2.0, 4.0, 8.0, 16.0, 32.0])
TEXT = ["a", "b", "a", "b", None, None]
PLAIN = pyarrow.array(TEXT)
PLACES = pyarrow.array([0, 1, 2, 1, 3, None])
STRIDE = pyarrow.array([(1, 2, 3), (2, 0, 0)] * 2 + [None] * 2, pyarrow.month_day_nano_interval())
DICTIONARY = pd.ArrowDtype(pyarrow.dictionary(pyarrow.int32(), pyarrow.string()))
OBJECTS = polars.Series([*map(tuple, ["a", "b", "a", "b"]), None, None], dtype=polars.Object)
LONE = ["\ud800", "\ud801", "\ud800", "\ud801", None, None]
COLUMNS = {
    "values twice and missing": lambda: pyarrow.table(
        {"c": pyarrow.DictionaryArray.from_arrays(PLACES, [*TEXT[:3], None])}
    ),
    "dictionary of pandas": lambda: pd.DataFrame({"c": pd.Series(TEXT, dtype=DICTIONARY)}),
    "view": lambda: pyarrow.table({"c": PLAIN.cast(pyarrow.string_view())}),
    "runs": lambda: pyarrow.table({"c": pyarrow.compute.run_end_encode(PLAIN)}),
    "intervals": lambda: pyarrow.table({"c": STRIDE}),
    "sparse": lambda: pd.DataFrame({"c": pd.arrays.SparseArray([0.0, 1.0, 0.0, 1.0, np.nan, np.nan])}),
    "objects of polars": lambda: polars.DataFrame({"c": OBJECTS}),
    "128 bits": lambda: polars.DataFrame({"c": polars.Series([2**70, 1] * 2 + [None] * 2, dtype=polars.Int128)}),
    "lone surrogates": lambda: pd.DataFrame({"c": pd.Series(LONE, dtype=object)}),
    "mask": lambda: np.ma.array([[1], [2], [1], [2], [1], [2]], mask=[[0]] * 4 + [[1]] * 2),
    "mask of objects": lambda: np.ma.array([["a"], ["b"], ["a"], ["b"], [3], [4]], mask=[[0]] * 4 + [[1]] * 2),
    "NaN of numpy in tuples": lambda: pd.DataFrame(
        {"c": pd.Series([("a", np.float64("nan")), ("b",), ("a", np.float64("nan")), ("b",), None, None])}
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("missing", ["category", "prior"])
def test_odd_types_are_read_as_what_they_hold(name, missing):
    try:
        X = COLUMNS[name]()
    except (AttributeError, pyarrow.lib.ArrowNotImplementedError) as error:
        pytest.skip(f"this version has no such type: {error}")
    encoder = MeanEncoder(None, missing=missing, cv=[0, 0, 1, 1, 0, 1])
    out = np.asarray(encoder.fit_transform(X, Y), dtype=float)[:, 0]
    np.testing.assert_allclose(out[:4], [4, 8, 1.5, 2])
    expected = [2.75, 5, 2.75, 5, *[24 if missing == "category" else Y.mean()] * 2]
    np.testing.assert_allclose(np.asarray(encoder.transform(X), dtype=float)[:, 0], expected)
    assert encoder.encoding_table(encoder.columns_[0])["count"].tolist() == [2, 2, 2, 0]


def test_one_dimension_of_surrogates_in_arrays():
    X = np.array([["\ud800"], ["a"]] * 3)
    encoder = MeanEncoder([0]).fit(np.column_stack([X, X]), Y)
    out = encoder.transform(np.column_stack([X, X]))
    np.testing.assert_allclose(out[:, 0].astype(float), [21.5 / 3, 14] * 3)
    assert out[0, 1] == "\ud800"


@pytest.mark.parametrize("encoder_class", [TreeEncoder, AdditiveEncoder])
@pytest.mark.parametrize("as_array", [True, False])
def test_columns_of_lone_surrogates_are_found_as_categories(encoder_class, as_array):
    X = pd.DataFrame({"c": pd.Series(["\ud800", "a", "\ud800\0"] * 20, dtype=object)})
    y = np.arange(60) % 3 + np.linspace(0, 0.1, 60)
    X = X.to_numpy() if as_array else X
    assert len(np.unique(np.asarray(encoder_class().fit(X, y).transform(X))[:, 0])) == 3
    assert check_no_leak(encoder_class(), X, y)["passed"].all()


def test_lone_surrogates_are_classes():
    y = np.array(["\ud800", "a", "b"] * 20, dtype=object)
    encoder = MeanEncoder(target_type="multiclass").fit(np.arange(60)[:, None] % 2, y)
    assert list(encoder.classes_) == ["a", "b", "\ud800"]


@pytest.mark.parametrize("encoder_class", [NestedEncoder, MixedModelEncoder])
def test_look_ups_and_tables_take_lone_surrogates(encoder_class):
    X = pd.DataFrame({"c": pd.Series(["\ud800", "a"] * 6, dtype=object)})
    encoder = encoder_class(["c"], target_type="count").fit(X, np.arange(12) % 5)
    assert "\ud800" in encoder.encoding_table("c")["c" if encoder_class is NestedEncoder else "category"].tolist()
    assert next(iter(encoder.lookup({"c": "\ud800"}).values())) == np.asarray(encoder.transform(X))[0, 0]


@pytest.mark.parametrize("encoder_class", [MeanEncoder, EmpiricalBayesEncoder])
@pytest.mark.parametrize("values", [[2**53 + 1, 2.0**53, 0.5], [2**53 + 1, None, 1]])
def test_tables_do_not_round_large_integers(encoder_class, values):
    X = pd.DataFrame({"c": pd.Series(values * 2, dtype=object)})
    table = encoder_class(None).fit(X, Y).encoding_table("c")
    assert 2**53 + 1 in table["category"].tolist()


def test_tuples_with_nan_of_numpy_are_read_from_json():
    X = pd.DataFrame({"c": [("a", np.float64("nan")), ("b", 1.5)] * 3})
    encoder = MeanEncoder().fit(X, Y)
    read = MeanEncoder.from_json(encoder.to_json())
    np.testing.assert_array_equal(read.transform(X), encoder.transform(X))
    assert read.lookup({"c": ("a", np.float32("nan"))}) == {"c": 21.5 / 3}


MASKED = np.ma.array([1, 2] * 3, mask=[1, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("arguments", "parameters", "message"),
    [
        ({"y": MASKED}, {}, "missing values"),
        ({"y": np.ma.array(Y, mask=[1, 0, 0, 0, 0, 0])}, {}, "missing values"),
        ({"sample_weight": MASKED}, {}, "must be finite"),
        ({"groups": MASKED}, {}, "`groups` must have no missing values"),
        ({}, {"cv": MASKED}, "`cv` must have no missing values"),
    ],
    ids=["y", "y of floats", "weights", "groups", "cv"],
)
def test_masked_values_of_other_arguments_are_missing(arguments, parameters, message):
    X = pd.DataFrame({"c": list("ababab")})
    with pytest.raises(ValueError, match=message):
        MeanEncoder(**{"cv": 2, **parameters}).fit_transform(X, **{"y": Y, **arguments})


@pytest.mark.parametrize("labels", [[np.nan, 1.0], pd.MultiIndex.from_tuples([("a", np.nan), ("b", 1)])], ids=str)
def test_columns_without_a_label_are_refused(labels):
    X = pd.DataFrame([[1, 2]] * 6, columns=labels)
    with pytest.raises(ValueError, match="labels that are not missing"):
        MeanEncoder().fit(X, Y)


@pytest.mark.parametrize("values", [["\ud800", "\ud801", "a"], ["b", "b\0", "a"], ["\ud800", "\ud800\0", "b\0c"]])
@pytest.mark.parametrize("rows", [3, 30_000])  # many rows share objects
def test_strings_differ_after_a_nul_and_in_surrogates(values, rows):
    X = pd.DataFrame({"c": pd.Series(values * (rows // 3), dtype=object)})
    y = np.arange(len(X)) % 3 + 0.5
    encoder = MeanEncoder(target_type="continuous", cv=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(np.asarray(encoder.transform(X.iloc[:3]), dtype=float)[:, 0], [0.5, 1.5, 2.5])
    labels = MeanEncoder(target_type="multiclass", cv=2).fit(np.arange(len(X))[:, None] % 2, X["c"]).classes_
    assert sorted(values) == list(labels)
