"""Statements run on databases in memory, which are closed again."""

import sqlite3
from contextlib import closing

import pandas as pd
import pytest


def run_sqlite(table, name, statement):
    """What a statement selects from a table of a name."""
    with closing(sqlite3.connect(":memory:")) as connection:
        table.to_sql(name, connection, index=False)
        return pd.read_sql(statement, connection)


def run_duckdb(table, name, statement):
    """What a statement selects from a table of a name."""
    with closing(pytest.importorskip("duckdb").connect()) as connection:
        connection.register("source", table)
        connection.execute(f'CREATE TABLE "{name.replace(chr(34), chr(34) * 2)}" AS SELECT * FROM source')
        return connection.execute(statement).df()


DATABASES = {"sqlite": run_sqlite, "duckdb": run_duckdb}
