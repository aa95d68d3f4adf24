"""Encoders are compared on frames of any library and any types of columns."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

from catpool import EarlierRows, MeanEncoder, MixedModelEncoder, compare_encoders

N = 120
TREE = DecisionTreeRegressor(max_depth=2, random_state=0)
SHOPS = ["a", "b", None, "c", "a", "b"] * 20
SIZES = np.random.default_rng(0).normal(size=N)
Y = SIZES + np.random.default_rng(1).normal(size=N)


def score(X, **options):
    return compare_encoders(X, Y, TREE, cv=2, verbose=False, **options)["score"].sort_index()


@pytest.fixture(scope="module")
def expected():
    return score(pd.DataFrame({"shop": SHOPS, "size": SIZES}))


@pytest.mark.parametrize("dtype", ["object", "string", "string[pyarrow]", "category", "arrow"])
def test_missing_values_of_any_type_of_strings(dtype, expected):
    if dtype in ("string[pyarrow]", "arrow"):
        pyarrow = pytest.importorskip("pyarrow")
        dtype = pd.ArrowDtype(pyarrow.string()) if dtype == "arrow" else dtype
    X = pd.DataFrame({"shop": pd.Series(SHOPS, dtype=object).astype(dtype), "size": SIZES})
    pd.testing.assert_series_equal(score(X), expected)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_other_libraries(library, expected):
    module = pytest.importorskip(library)
    table = {"shop": SHOPS, "size": SIZES}
    X = module.DataFrame(table) if library == "polars" else module.table(table)
    pd.testing.assert_series_equal(score(X), expected)


def test_dates_and_numbers_of_any_type_are_numbers_to_the_model():
    dates = pd.Series(pd.date_range("2020", periods=N))
    X = pd.DataFrame({"shop": SHOPS, "when": np.arange(N) + 18262.0})
    expected = score(X, encoders={"mean": MeanEncoder(random_state=0)})
    for when in (
        dates,
        dates.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        dates.dt.date,
        dates.dt.to_period("D"),
        dates - pd.Timestamp(0),
        pd.Series([decimal.Decimal(int(each)) for each in X["when"]], dtype=object),
        X["when"].astype("Int64"),
    ):
        found = score(X.assign(when=when), encoders={"mean": MeanEncoder(random_state=0)})
        pd.testing.assert_series_equal(found, expected)
    hours = X["when"] % 24
    expected = score(X.assign(when=hours / 24), encoders={"mean": MeanEncoder(random_state=0)})
    times = pd.Series([datetime.time(int(each)) for each in hours], dtype=object)
    pd.testing.assert_series_equal(
        score(X.assign(when=times), encoders={"mean": MeanEncoder(random_state=0)}), expected
    )
    assert np.isfinite(score(X.assign(when=times.where(dates.index > 9, None)))).all()
    missing = dates.where(dates.index > 9)
    assert np.isfinite(score(X.assign(when=missing, flag=pd.array([True, None] * 60)))).all()


def test_categories_that_have_no_order():
    X = pd.DataFrame({"shop": SHOPS, "mixed": [1, "a"] * 60, "pair": [(1, 2), (3, 4), None] * 40})
    X["time"], X["none"] = [datetime.time(1), datetime.time(2)] * 60, pd.Series([None] * N, dtype="string")
    assert np.isfinite(score(X)).all()
    level = pd.DataFrame({("a", "b"): SHOPS, ("a", "c"): SIZES})
    assert np.isfinite(score(level)).all()
    assert np.isfinite(score(pd.DataFrame({"shop": SHOPS, "size": SIZES}).to_numpy(dtype=object))).all()


def test_encoders_of_catpool_have_all_columns():
    X = pd.DataFrame({"shop": SHOPS, "size": SIZES, "day": pd.date_range("2020", periods=N)})
    encoders = {
        "covariate": MixedModelEncoder(["shop"], covariates=["size"], output="prediction"),
        "past": MeanEncoder(cv=EarlierRows("day")),
        "dropped": MeanEncoder(remainder="drop"),
    }
    assert np.isfinite(score(X, encoders=encoders)).all()
