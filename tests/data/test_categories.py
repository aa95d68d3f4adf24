import datetime
import threading

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from catpool import MeanEncoder, MixedModelEncoder

Y = np.array([1.5, 2.0, 4.0, 8.0, 16.0, 32.0])


DATE = datetime.date(2020, 1, 1)


# What each holds: two rows of a category, two of another, two missing values.
CASES = {
    "object": pd.Series(["a", "b", "a", "b", None, np.nan], dtype=object),
    "str": pd.Series(["a", "b", "a", "b", None, np.nan], dtype="str"),
    "string[python]": pd.Series(["a", "b", "a", "b", None, pd.NA], dtype="string[python]"),
    "string[pyarrow]": pd.Series(["a", "b", "a", "b", None, pd.NA], dtype="string[pyarrow]"),
    "category": pd.Series(pd.Categorical(["a", "b", "a", "b", None, np.nan], categories=["unused", "b", "a"])),
    "category of numbers": pd.Series(pd.Categorical([3, 1, 3, 1, None, None])),
    "float": pd.Series([0.1, -2.5, 0.1, -2.5, np.nan, np.nan]),
    "float of integers": pd.Series([1.0, 2.0, 1.0, 2.0, np.nan, np.nan]),
    "Int64": pd.Series([1, 2, 1, 2, None, pd.NA], dtype="Int64"),
    "boolean": pd.Series([True, False, True, False, None, pd.NA], dtype="boolean"),
    "bool and None": pd.Series([True, False, True, False, None, None], dtype=object),
    "dates": pd.Series(pd.to_datetime(["2020", "2021", "2020", "2021", None, pd.NaT], format="%Y")),
    "zoned dates": pd.Series(pd.to_datetime(["2020", "2021", "2020", "2021", None, pd.NaT], format="%Y", utc=True)),
    "timedeltas": pd.Series(pd.to_timedelta([1, 2, 1, 2, None, pd.NaT], unit="s")),
    "periods": pd.Series(pd.PeriodIndex(["2020", "2021", "2020", "2021", None, None], freq="Y")),
    "tuples": pd.Series([("a", 1), ("b", None), ("a", 1), ("b", None), None, np.nan], dtype=object),
    "mixed": pd.Series(["1", 1, "1", 1, pd.NaT, pd.NA], dtype=object),
    "date objects": pd.Series([DATE, "x", DATE, "x", None, pd.NaT], dtype=object),
    "arrow": pd.Series(["a", "b", "a", "b", None, None], dtype=pd.ArrowDtype(pyarrow.string())),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("missing", ["category", "prior", "nan"])
def test_every_kind_of_column(name, missing):
    X = CASES[name].to_frame("c")
    encoder = MeanEncoder(None, missing=missing, cv=[0, 0, 1, 1, 0, 1])
    expected = {"category": 24.0, "prior": Y.mean(), "nan": np.nan}[missing]
    encoder.fit(X, Y)
    values = [2.75, 5, 2.75, 5, expected, expected]
    np.testing.assert_allclose(np.asarray(encoder.transform(X))[:, 0], values)
    many = pd.concat([X] * 4)  # numbered first, where few rows are looked up one by one
    np.testing.assert_allclose(np.asarray(encoder.transform(many))[:, 0], 4 * values)
    out_of_fold = np.asarray(encoder.fit_transform(X, Y))[:, 0]
    np.testing.assert_allclose(out_of_fold[:4], [4, 8, 1.5, 2])
    expected = {"category": [32, 16], "prior": [44 / 3, 19.5 / 3], "nan": [np.nan, np.nan]}[missing]
    np.testing.assert_allclose(out_of_fold[4:], expected)


@pytest.mark.parametrize("name", [name for name in CASES if name != "tuples"])  # numpy looks into tuples
def test_arrays_hold_what_frames_hold(name):
    X = CASES[name].to_frame("c")
    array = X.to_numpy(dtype=object)
    frame = MeanEncoder(None, random_state=0, cv=2).fit(X, Y)
    encoder = MeanEncoder(None, random_state=0, cv=2).fit(array, Y)
    np.testing.assert_array_equal(encoder.transform(array), frame.transform(X))
    np.testing.assert_array_equal(
        MeanEncoder(None).fit(array.tolist(), Y).transform(array.tolist()), frame.transform(X)
    )


@pytest.mark.parametrize(
    ("at_fit", "later"),
    [
        (pd.Series(["a", "b"] * 3, dtype="str"), pd.Series(["b", "a", "c", None], dtype=object)),
        (pd.Series(["a", "b"] * 3, dtype=object), pd.Series(["b", "a", "c", None], dtype="category")),
        (pd.Series(["a", "b"] * 3, dtype="category"), pd.Series(["b", "a", "c", None], dtype="string[pyarrow]")),
        (pd.Series([1, 2] * 3), pd.Series([2.0, 1.0, 3.0, np.nan])),
        (pd.Series([1, 2] * 3, dtype="int8"), pd.Series([2, 1, 3, None], dtype="Int64")),
        (pd.Series([1.0, 2.0] * 3), pd.Series([2, 1, "1", None], dtype=object)),
        (pd.Series([True, False] * 3), pd.Series([False, True, "True", None], dtype=object)),
    ],
)
def test_a_column_may_change_its_type_but_not_its_values(at_fit, later):
    encoder = MeanEncoder(None).fit(at_fit.to_frame("c"), Y)
    mean = Y.mean()
    np.testing.assert_allclose(np.asarray(encoder.transform(later.to_frame("c")))[:, 0], [14, 21.5 / 3, mean, mean])


def test_unseen_and_missing_are_two_things():
    X, new = pd.DataFrame({"c": ["a", "a", "b", "b", None, None]}), pd.DataFrame({"c": ["z", None]})
    mean = Y.mean()
    for unknown, missing, expected in [
        ("prior", "category", [mean, 24]),
        ("nan", "category", [np.nan, 24]),
        ("prior", "nan", [mean, np.nan]),
        ("nan", "prior", [np.nan, mean]),
    ]:
        encoder = MeanEncoder(unknown=unknown, missing=missing).fit(X, Y)
        np.testing.assert_allclose(np.asarray(encoder.transform(new))[:, 0], expected)
    encoder = MeanEncoder(unknown="error").fit(X, Y)
    assert np.asarray(encoder.transform(new[1:])).item() == 24
    with pytest.raises(ValueError, match=r"Column 'c' must hold categories .* 1 were not, such as \['z'\]"):
        encoder.transform(new)
    with pytest.raises(ValueError, match="Column 'c' must have no missing values, but 2 rows"):
        MeanEncoder(missing="error").fit(X, Y)
    encoder = MeanEncoder(missing="error").fit(X[:4], Y[:4])
    with pytest.raises(ValueError, match="1 rows have one"):
        encoder.transform(new)


def test_a_missing_value_that_was_never_there_is_a_category_with_no_rows():
    encoder = MeanEncoder(unknown="error").fit(pd.DataFrame({"c": list("aabbcc")}), Y)
    assert np.asarray(encoder.transform(pd.DataFrame({"c": [None]}))).item() == Y.mean()


def test_a_category_that_is_in_one_fold_only_is_unknown_there():
    X, cv = pd.DataFrame({"c": list("aaaabb")}), [0, 1, 0, 1, 0, 0]
    prior = np.asarray(MeanEncoder(cv=cv).fit_transform(X, Y))[4:, 0]
    np.testing.assert_allclose(prior, 5.0)
    assert np.isnan(np.asarray(MeanEncoder(cv=cv, unknown="nan").fit_transform(X, Y))[4:]).all()
    np.testing.assert_array_equal(np.asarray(MeanEncoder(cv=cv, unknown="error").fit_transform(X, Y))[4:, 0], prior)


def test_a_category_of_no_weight_is_unknown():
    X, weights = pd.DataFrame({"c": list("aabbcc")}), [1, 1, 1, 1, 0, 0]
    encoder = MeanEncoder(unknown="nan").fit(X, Y, sample_weight=weights)
    assert np.isnan(np.asarray(encoder.transform(X))[4:]).all()
    assert encoder.encoding_table("c")["category"].tolist()[:-1] == ["a", "b"]


def test_frames_whose_columns_are_numbered():
    X = pd.DataFrame({1: list("ababab"), 0: list("ccddee"), 2: range(6)})
    encoder = MeanEncoder([0], cv=2).fit(X, Y)
    encoded = encoder.transform(X)
    assert encoded.columns.tolist() == encoder.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    np.testing.assert_allclose(encoded["x1"], [1.75, 1.75, 6, 6, 24, 24])
    pd.testing.assert_frame_equal(encoder.transform(X[[2, 0, 1]]), encoded)


def test_transform_from_many_threads():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"c": rng.integers(0, 5000, 20_000).astype(str)})
    y = rng.normal(size=20_000)
    expected = MeanEncoder().fit(X, y).transform(X)
    encoder = MeanEncoder().fit(X, y)  # one whose look-up is not built yet
    start, results = threading.Barrier(8), [None] * 8

    def work(position):
        start.wait()
        results[position] = [encoder.transform(X) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(position,)) for position in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in (encoded for each in results for encoded in each):
        np.testing.assert_allclose(result, expected)


def test_zeros_of_both_signs_are_one_category():
    for column in (
        np.array([-0.0, 0.0, 1.0]),
        pd.Series([-0.0, 0.0, 1.0], dtype="Float64"),
        polars.Series([-0.0, 0.0, 1.0]),
    ):
        X = polars.DataFrame({"x": column}) if isinstance(column, polars.Series) else pd.DataFrame({"x": column})
        encoder = MeanEncoder(["x"]).fit(X, [1.5, 2.5, 9.5])
        assert np.asarray(encoder.transform(X[:2])).ravel().tolist() == [2.0, 2.0]


@pytest.mark.parametrize("rows", [6, 60])
@pytest.mark.parametrize(
    "encoder", [MeanEncoder(unknown="error"), MixedModelEncoder(["c"], unknown="error")], ids=["mean", "mixed"]
)
def test_a_level_without_rows_is_no_unseen_category(encoder, rows):
    X = pd.DataFrame({"c": pd.Categorical(np.tile(["a", "b"], 30))})
    fitted = encoder.fit(X, np.tile(Y, 10))
    wider = X[:rows].assign(c=X["c"][:rows].cat.add_categories("z"))
    np.testing.assert_array_equal(fitted.transform(wider), fitted.transform(X[:rows]))
    wider.loc[3, "c"] = "z"
    with pytest.raises(ValueError, match=r"Column 'c'.*'z'"):
        fitted.transform(wider)
