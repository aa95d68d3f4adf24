"""Statements of many categories: how they are written, joined and stored."""

import sqlite3
import time
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from helpers.sql import DATABASES, run_duckdb, run_sqlite, split

from catpool import MeanEncoder

sqlglot = pytest.importorskip("sqlglot")

MANY = 50_000
DIALECTS = [
    "bigquery",
    "clickhouse",
    "duckdb",
    "mysql",
    "oracle",
    "postgres",
    "snowflake",
    "spark",
    "sqlite",
    "tsql",
    None,
]


@pytest.fixture(scope="module")
def many():
    """An encoder of many categories, and rows of some of them."""
    rng = np.random.default_rng(0)
    names = np.array([f"it's shop {number}" for number in range(MANY)], dtype=object)
    X = pd.DataFrame({"id": np.arange(2 * MANY), "shop": np.tile(names, 2)})
    return MeanEncoder(["shop"]).fit(X, rng.normal(size=len(X))), X[:300]


@pytest.mark.parametrize("encodings", ["inline", "table"])
def test_many_categories_are_written_in_a_second(many, encodings):
    start = time.perf_counter()
    many[0].to_sql("orders", dialect="sqlite", encodings=encodings)
    assert time.perf_counter() - start < 5  # ten times what it takes, and a third of what a tree for each row takes


@pytest.mark.parametrize("dialect", DATABASES)
def test_stored_encodings_are_joined_fast(many, dialect):
    encoder, rows = many
    found = DATABASES[dialect](rows, "orders", encoder.to_sql("orders", dialect=dialect, encodings="table"))
    # SQLite reads decimal digits with an error of one unit in the last place
    np.testing.assert_allclose(found.sort_values("id")["shop"], encoder.transform(rows)["shop"], rtol=1e-15)


@pytest.mark.parametrize(("encodings", "plan"), [("inline", "AUTOMATIC"), ("table", "USING INDEX")])
def test_sqlite_joins_by_an_index(encodings, plan):
    whole = np.arange(1000)
    X = pd.DataFrame({"text": whole.astype(str), "whole": whole, "part": whole / 2})
    before, last = split(MeanEncoder(None).fit(X, whole / 7).to_sql("t", dialect="sqlite", encodings=encodings))
    with closing(sqlite3.connect(":memory:")) as connection:
        X.to_sql("t", connection, index=False)
        for statement in before:
            connection.execute(statement)
        steps = connection.execute(f"EXPLAIN QUERY PLAN {last}").fetchall()
    assert sum(plan in step[-1] for step in steps) == 3


def test_tables_of_encodings_have_the_name_that_is_asked_for():
    X = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    encoder = MeanEncoder(None).fit(X, [1.5, 2.5])
    statements = encoder.to_sql("orders", dialect="postgres", encodings="table", encodings_name=["mart", 'co"des'])
    creates = [each for each in statements if each.startswith("CREATE TABLE")]
    assert [each.split("(")[0] for each in creates] == [f'CREATE TABLE "mart"."co""des_{number}" ' for number in (0, 1)]
    assert "BIGINT" in creates[1]
    for name in ("", (), 3, ("a", "b", "c", "d")):
        with pytest.raises(ValueError, match="`encodings_name` must be the name of a table"):
            encoder.to_sql("orders", encodings="table", encodings_name=name)
    with pytest.raises(ValueError, match='`encodings` must be "inline" or "table"'):
        encoder.to_sql("orders", encodings="both")


@pytest.mark.parametrize("dialect", [*DIALECTS, None])
def test_strings_are_escaped_as_sqlglot_does(dialect):
    texts = ["it's", "back\\slash", 'quo"te', "line\nend", "ünï", "{{%s}}", "\\'", "71904"]
    encoder = MeanEncoder().fit(pd.DataFrame({"a": texts}), np.arange(len(texts)) / 2)
    statement = encoder.to_sql("orders", dialect=dialect)
    for text in texts:
        assert sqlglot.exp.Literal.string(text).sql(dialect=dialect) in statement
    strings = {each.this for each in sqlglot.parse_one(statement, dialect=dialect).find_all(sqlglot.exp.Literal)}
    assert strings >= set(texts) or dialect in ("clickhouse", "oracle")  # which sqlglot does not read back
    for each in encoder.to_sql("orders", dialect=dialect, encodings="table"):
        assert sqlglot.parse_one(each, dialect=dialect)


def test_large_integers_and_truths_keep_their_values():
    X = pd.DataFrame({"id": [2**53, 2**53 + 1, -(2**60)], "flag": [True, False, True]})
    encoder = MeanEncoder(None).fit(X, [1.5, 2.5, 4.5])
    for encodings in ("inline", "table"):
        for run, dialect in ((run_sqlite, "sqlite"), (run_duckdb, "duckdb")):
            found = run(X, "t", encoder.to_sql("t", dialect=dialect, encodings=encodings))
            assert found.sort_values("id")["id"].tolist() == [1.5, 2.5, 4.5]
            assert sorted(found["flag"]) == [2.5, 3.0, 3.0]
    assert "(1 = 1)" not in encoder.to_sql("t", dialect="tsql")  # a condition, which is no value there


def test_a_category_that_no_literal_holds_is_refused_by_its_column():
    encoder = MeanEncoder().fit(pd.DataFrame({"shop": ["a\0b", "c"]}), [1.0, 2.5])
    with pytest.raises(TypeError, match=r"of column 'shop' has none"):
        encoder.to_sql("orders")
