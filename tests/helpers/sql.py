"""Statements run on databases in memory, which are closed again."""

import sqlite3
from contextlib import closing

import pandas as pd
import pytest


def split(statements):
    """The statements before the last one, and the last one."""
    *before, last = [statements] if isinstance(statements, str) else statements
    return before, last


def run_sqlite(table, name, statements):
    """What a statement, or the last of several, selects from a table of a name."""
    before, last = split(statements)
    with closing(sqlite3.connect(":memory:")) as connection:
        table.to_sql(name, connection, index=False)
        for statement in before:
            connection.execute(statement)
        return pd.read_sql(last, connection)


def run_duckdb(table, name, statements):
    """What a statement, or the last of several, selects from a table of a name."""
    before, last = split(statements)
    with closing(pytest.importorskip("duckdb").connect()) as connection:
        connection.register("source", table)
        connection.execute(f'CREATE TABLE "{name.replace(chr(34), chr(34) * 2)}" AS SELECT * FROM source')
        for statement in before:
            connection.execute(statement)
        return connection.execute(last).df()


DATABASES = {"sqlite": run_sqlite, "duckdb": run_duckdb}
