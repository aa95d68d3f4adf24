"""SELECTs that do what transform does."""

import sys
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from helpers.sql import DATABASES, run_duckdb, run_sqlite

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder

sqlglot = pytest.importorskip("sqlglot")

ODD = [
    "a",
    "A",
    "a ",
    " ",
    "",
    "ünï",
    "it's",
    'quo"te',
    "back\\slash",
    "'; DROP TABLE orders; --",
    "NULL",
    "%",
    "line\nend",
]


@pytest.fixture
def orders():
    rng = np.random.default_rng(0)
    n = 400
    table = pd.DataFrame(
        {
            "id": np.arange(n),
            'sh"op; --': rng.choice(np.array(ODD, dtype=object), n),
            "select": rng.integers(-2, 30, n),
            "price": np.round(rng.normal(size=n), 1),
        }
    )
    table.iloc[::9, 1] = None
    return table, rng.normal(size=n) + table["select"] / 10


@pytest.mark.parametrize("dialect", DATABASES)
@pytest.mark.parametrize("encodings", ["inline", "table"])
@pytest.mark.parametrize("name", ["orders", 'or"ders; --'])
@pytest.mark.parametrize(
    "encoder",
    [
        MeanEncoder(['sh"op; --', "select", "price"]),
        SmoothedMeanEncoder(["select", 'sh"op; --'], missing="prior", unknown="nan"),
        EmpiricalBayesEncoder(
            ['sh"op; --'], output=["mean", "sd", "reliability", "count", "size", "code"], missing="nan"
        ),
        EmpiricalBayesEncoder(["select", "price"], output="trees", drop_noise=True),
        EmpiricalBayesEncoder(["select"], remainder="drop"),
        SmoothedMeanEncoder(
            ["price"], interactions=[('sh"op; --', "select"), ("select", "price")], output=["mean", "count"]
        ),
    ],
    ids=["means", "policies", "outputs", "trees", "drop", "interactions"],
)
def test_statements_do_what_transform_does(dialect, encodings, name, encoder, orders):
    X, y = orders
    encoder.fit(X, y)
    new = X.iloc[::2].assign(select=lambda own: own["select"] + 3)
    expected = encoder.transform(new)
    found = DATABASES[dialect](new, name, encoder.to_sql(name, dialect=dialect, encodings=encodings))
    assert found.columns.tolist() == encoder.get_feature_names_out().tolist()
    if encoder.remainder == "drop":
        np.testing.assert_array_equal(np.sort(found["select"]), np.sort(np.asarray(expected).ravel()))
        return
    found = found.sort_values("id")
    for column in found:
        if pd.api.types.is_float_dtype(expected[column].dtype):
            np.testing.assert_array_equal(found[column].to_numpy(float), expected[column].to_numpy(), err_msg=column)


@pytest.mark.parametrize("target", ["multiclass", "several"])
def test_all_targets_come_out(target, orders):
    X, y = orders
    targets = {"multiclass": np.array(list("xyz"))[np.arange(400) % 3], "several": np.column_stack([y, y**2])}[target]
    encoder = MeanEncoder(["select"]).fit(X, targets)
    found = run_sqlite(X, "orders", encoder.to_sql("orders", dialect="sqlite")).sort_values("id")
    np.testing.assert_array_equal(found.iloc[:, 2:-1].to_numpy(float), encoder.transform(X[::-1])[::-1].iloc[:, 2:-1])


def test_dates_and_truths_have_literals():
    X = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2021-02-03"]), "flag": [True, False]})
    encoder = MeanEncoder(None).fit(X, [1.0, 2.5])
    found = run_duckdb(X, "orders", encoder.to_sql("orders", dialect="duckdb"))
    np.testing.assert_array_equal(found.sort_values("day").to_numpy(), [[1.0, 1.0], [2.5, 2.5]])
    assert encoder.to_sql(("shops", "orders"), dialect="bigquery").count("`shops`.`orders`") == 1
    assert encoder.to_sql(["all", "shops", "orders"], dialect="snowflake").count('"all"."shops"."orders"') == 1


def test_nan_is_missing():
    X = pd.DataFrame({"id": [0, 1, 2, 3], "price": [1.5, 2.5, np.nan, 1.5]})
    encoder = MeanEncoder(["price"]).fit(X, [1.0, 2.0, 7.0, 4.0])
    new = pd.DataFrame({"id": [0, 1, 2], "price": [np.nan, 1.5, 9.0]})
    duckdb = pytest.importorskip("duckdb")
    values = "VALUES (0, 'nan'::DOUBLE), (1, 1.5), (2, 9), (3, NULL)"
    with closing(duckdb.connect()) as connection:
        connection.execute(f"CREATE TABLE orders AS SELECT * FROM ({values}) rows(id, price)")
        found = connection.execute(encoder.to_sql("orders", dialect="duckdb") + ' ORDER BY "id"').df()
    assert found["price"].tolist() == [7.0, 2.5, 3.5, 7.0]
    assert run_sqlite(new, "orders", encoder.to_sql("orders", dialect="sqlite"))["price"].tolist() == [7.0, 2.5, 3.5]
    assert "IS_NAN" in encoder.to_sql("orders", dialect="bigquery")


def test_time_ordered_encoders_without_a_half_life_have_sql(orders):
    X, y = orders
    encoder = MeanEncoder(["select"], cv=EarlierRows("id")).fit(X, y)
    found = run_sqlite(X, "orders", encoder.to_sql("orders", dialect="sqlite")).sort_values("id")
    np.testing.assert_array_equal(found["select"], encoder.transform(X[::-1])["select"][::-1])


def test_what_sql_cannot_express_is_refused(orders):
    X, y = orders
    for encoder in (
        EmpiricalBayesEncoder(["price"], interactions=[("select", "price")]),
        MeanEncoder(["price"], unknown="error"),
        MeanEncoder(["price"], missing="error"),
    ):
        with pytest.raises(ValueError, match="`to_sql` does not support"):
            encoder.fit(X, y).to_sql("orders")
    with pytest.raises(ValueError, match="names"):
        MeanEncoder(None).fit([["a"]], [1.5]).to_sql("orders")
    with pytest.raises(ValueError, match="half-life"):
        MeanEncoder(["select"], cv=EarlierRows("id", half_life=3)).fit(X, y).to_sql("orders")
    for names in (("a", "b", "c", "d"), (), 3, ("a", 2)):
        with pytest.raises((ValueError, TypeError)):
            MeanEncoder(["select"]).fit(X, y).to_sql(names)
    for odd in (np.inf, -np.inf, pd.Timestamp("2020-01-01", tz="Europe/Berlin")):
        with pytest.raises(TypeError, match="literal"):
            MeanEncoder(None).fit(pd.DataFrame({"a": [odd, odd]}), [1.0, 2.5]).to_sql("orders")
    with pytest.raises(TypeError, match="literal"):
        MeanEncoder(None).fit(pd.DataFrame({"a": [("x", 1), ("y", 2)]}), [1.0, 2.5]).to_sql("orders")


@pytest.mark.parametrize("dialect", ["bigquery", "mysql", "redshift", "tsql", "snowflake", "postgres", "spark", None])
def test_sqlglot_reads_what_it_has_written(dialect, orders):
    X, y = orders
    statement = MeanEncoder(["select"]).fit(X, y).to_sql("orders", dialect=dialect)
    assert sqlglot.parse_one(statement, dialect=dialect).find(sqlglot.exp.Join)


def test_names_in_statements_hide_no_table(orders):
    X, y = orders
    encoder = MeanEncoder(["select"]).fit(X, y)
    for name in ("catpool_0", "CATPOOL_0", "Catpool_Rows", "catpool_rows", "catpool__0"):
        found = run_duckdb(X, name, encoder.to_sql(name, dialect="duckdb")).sort_values("id")
        np.testing.assert_array_equal(found["select"], encoder.transform(X[::-1])["select"][::-1])


def test_categories_of_several_types_have_no_column_in_sql():
    encoder = MeanEncoder().fit(pd.DataFrame({"a": pd.Series([1, "a", True], dtype=object)}), [1.0, 2.5, 4.0])
    with pytest.raises(TypeError, match="must have one type"):
        encoder.to_sql("orders")


def test_without_sqlglot_the_extra_is_named(orders, monkeypatch):
    X, y = orders
    encoder = MeanEncoder(["select"]).fit(X, y)
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(ImportError, match=r"`to_sql` needs sqlglot\. Run: pip install \"catpool\[sql\]\""):
        encoder.to_sql("orders")
