"""Columns of a lazy table may have any name that the engine can hold."""

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import ENGINES, LAZY, QUIET, in_pandas
from helpers.sql import DATABASES
from sklearn import set_config

from catpool import MeanEncoder, SmoothedMeanEncoder

pytestmark = QUIET

NASTY = [
    "*",
    "^y$",
    "^.*$",
    "a.b",
    "a`b",
    'a"b',
    "a'b",
    "a b",
    "select",
    "catpool_0",
    "catpool_count",
    "catpool_fold",
    "column_0",
    "{x}",
    "%s",
    "back\\slash",
    "; drop table rows --",
    "ünï",
]


@pytest.fixture
def nasty():
    """A table whose columns have nasty names, with the target in "y" and the folds in "f.o`l*d"."""
    rng = np.random.default_rng(0)
    n = 120
    table = pd.DataFrame({name: rng.choice(list("abc"), n) for name in NASTY})
    return table.assign(**{"id": np.arange(n), "f.o`l*d": rng.integers(0, 3, n), "y": rng.normal(size=n)})


@pytest.mark.parametrize("engine", ENGINES)
def test_nasty_columns_are_encoded(engine, nasty, place):
    encoder = SmoothedMeanEncoder(NASTY, cv="f.o`l*d", output=["mean", "count"], interactions=[("^y$", "a.b")])
    expected = encoder.fit_transform(nasty, "y")
    found = in_pandas(encoder.fit_transform(LAZY[engine](nasty, place), "y"))
    assert list(found) == list(expected)
    np.testing.assert_allclose(found.to_numpy(float), expected.to_numpy(float), atol=1e-9)
    new = nasty.drop(columns=["y", "f.o`l*d"])[:50]
    found, expected = in_pandas(encoder.transform(LAZY[engine](new, place))), encoder.transform(new)
    assert list(found) == list(expected)
    np.testing.assert_allclose(found.to_numpy(float), expected.to_numpy(float), atol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_nasty_columns_pass_through_and_have_roles(engine, nasty, place):
    table = nasty[["id", "^y$", "*", "a.b", "y"]].rename(columns={"y": "a`b"}).assign(**{"^w.*$": 2.0})
    encoder = MeanEncoder(["a.b"], cv=3)
    out = in_pandas(encoder.fit_transform(LAZY[engine](table, place), "a`b", key=["id"], sample_weight="^w.*$"))
    assert list(out) == ["id", "^y$", "*", "a.b"]
    pd.testing.assert_frame_equal(out[["^y$", "*"]], table[["^y$", "*"]], check_dtype=False)


@pytest.mark.parametrize("dialect", DATABASES)
@pytest.mark.parametrize("encodings", ["inline", "table"])
def test_nasty_names_are_quoted_in_sql(dialect, encodings, nasty):
    X = nasty[["id", *NASTY]]
    encoder = MeanEncoder(NASTY).fit(X, nasty["y"])
    for name in ("*", "a.b`", "^catpool_0$", "CATPOOL_0"):
        found = DATABASES[dialect](X, name, encoder.to_sql(name, dialect=dialect, encodings=encodings))
        found = found.sort_values("id", ignore_index=True)
        assert list(found) == list(X)
        np.testing.assert_allclose(found, encoder.transform(X[::-1])[::-1], rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_stay_where_they_are(engine, nasty, place):
    table = nasty[["id", "a.b", "y"]]
    native = LAZY[engine](table, place)
    for library in ("pandas", "polars"):
        encoder = MeanEncoder(["a.b"], cv=3).set_output(transform=library)
        with pytest.raises(ValueError, match="A lazy table stays lazy"):
            encoder.fit_transform(native, "y", key="id")
        encoder.fit(native, "y")
        with pytest.raises(ValueError, match="A lazy table stays lazy"):
            encoder.transform(native)
    set_config(transform_output="pandas")
    try:
        with pytest.raises(ValueError, match=r'set_output\(transform="default"\)'):
            MeanEncoder(["a.b"], cv=3).fit_transform(native, "y", key="id")
    finally:
        set_config(transform_output="default")


@pytest.mark.slow
def test_columns_of_one_name_are_refused(place):
    native = LAZY["pyspark"](pd.DataFrame({"a": [1, 2], "b": [1, 2], "y": [0.5, 1.5]}), place).toDF("a", "a", "y")
    with pytest.raises(ValueError, match=r"must have different names, but \['a'\] occur"):
        MeanEncoder().fit(native, "y")
