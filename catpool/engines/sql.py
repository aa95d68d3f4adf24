"""Fitted tables as a SELECT with a JOIN each, built by sqlglot, so that no name and no category is pasted into text."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catpool.data.categories import MISSING, Vocabulary
from catpool.data.crossed import Cells
from catpool.tables.encoding_table import EncodingTable

NAN_IS_NAN = {"databricks", "duckdb", "postgres", "redshift", "snowflake", "spark"}  # where it equals itself
HAS_IS_NAN = {"athena", "bigquery", "clickhouse", "presto", "trino"}


def select(
    tables: Sequence[EncodingTable],
    names: Mapping[Any, list[str]],
    kept: Sequence[Any],
    source: Any,
    dialect: str | None,
) -> str:
    """The statement that encodes the rows of a table.

    Parameters
    ----------
    tables : sequence of EncodingTable
    names : mapping
        What the features of each encoded column are called.
    kept : sequence
        The columns that come out, encoded or as they are, in their order.
    source : str or sequence of str
        The table; a sequence for one in a schema, and in a catalog.
    dialect : str or None
    """
    try:
        from sqlglot import exp
    except ImportError as error:
        raise ImportError('SQL is built by sqlglot: pip install "catpool[sql]".') from error
    rows = exp.to_identifier("catpool_rows", quoted=True)
    origin, prefix = _origin(source, rows), "catpool_"
    while origin.name.startswith(prefix):  # else the table would be hidden
        prefix += "_"
    joins = [f"{prefix}{position}" for position in range(len(tables))]
    found = {table.label: _features(join, table, dialect) for join, table in zip(joins, tables, strict=True)}
    query = exp.Select()
    for label in kept:
        if label in found:
            query = query.select(
                *(exp.alias_(each, name, quoted=True) for each, name in zip(found[label], names[label], strict=True))
            )
        else:
            query = query.select(exp.column(_name(label), table=rows.copy()))
    query = query.from_(origin)
    for join, table in zip(joins, tables, strict=True):
        if found[table.label]:
            query = _with_join(query, join, table, dialect)
    return query.sql(dialect=dialect)


def _origin(source: Any, alias: Any) -> Any:
    """The table, by its names."""
    from sqlglot import exp

    names = [source] if isinstance(source, str) else list(source)
    if not 1 <= len(names) <= 3 or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"`table` must be a name, or those of a catalog, a schema and a table in them. Got {source!r}."
        )
    table, schema, catalog = ([_name(name) for name in reversed(names)] + [None, None])[:3]
    return exp.Table(this=table, db=schema, catalog=catalog, alias=exp.TableAlias(this=alias.copy()))


def _name(text: str) -> Any:
    from sqlglot import exp

    return exp.to_identifier(text, quoted=True)


def _column(table: str, name: str) -> Any:
    from sqlglot import exp

    return exp.column(_name(name), table=_name(table))


def _values(table: EncodingTable) -> list[np.ndarray]:
    """Each feature's values, of shape (size,)."""
    summed = isinstance(table.vocabulary, Cells) and table.encodings[0].prior.mains is not None
    if summed or "error" in (table.policy.unknown, table.policy.missing):
        raise ValueError(
            "SQL has no words for errors, nor for the sums of effects that unseen interactions of empirical Bayes get, "
            f"but {table.column!r} has one of them. Leave `interactions` out, and set `unknown` and `missing` to other "
            'values than "error".'
        )
    return [values for _, values in table.named_tables]


def _parts(table: EncodingTable) -> list[tuple[Any, Vocabulary]]:
    """The columns that a table is of, and the categories of each."""
    vocabulary = table.vocabulary
    if isinstance(vocabulary, Cells):
        parts = list(zip(table.label, vocabulary.paths.parts, strict=True))
    else:
        parts = [(table.label, vocabulary)]
    for label, part in parts:
        sorts = {_sort(category) for category in part.categories.tolist()}
        if len(sorts) > 1:
            raise TypeError(
                f"Categories of a column of SQL are of one sort, and those of {label!r} are {sorted(sorts)}."
            )
    return parts


def _sort(category: Any) -> str:
    plain = isinstance(category, int | float) and not isinstance(category, bool)
    return "number" if plain else type(category).__name__


def _features(joined: str, table: EncodingTable, dialect: str | None) -> list[Any]:
    """What each feature of a row is: that of the missing value, of the unseen, or of the category it is joined with."""
    from sqlglot import exp

    outputs = _values(table)
    if not outputs:
        return []
    missing = exp.or_(*(_missing(*part, dialect) for part in _parts(table)))
    return [
        exp.Case()
        .when(missing.copy(), _number(values[MISSING]))
        .when(_column(joined, "category_0").is_(exp.null()), _number(values[-1]))
        .else_(_column(joined, f"feature_{feature}"))
        for feature, values in enumerate(outputs)
    ]


def _missing(label: str, vocabulary: Vocabulary, dialect: str | None) -> Any:
    """Whether a column is NULL; of floats, where the dialect has NaN, whether it is that."""
    from sqlglot import exp

    own = _column("catpool_rows", label)
    null = own.copy().is_(exp.null())
    if not any(isinstance(category, float) for category in vocabulary.categories.tolist()):
        return null
    if dialect in NAN_IS_NAN:
        return exp.or_(null, exp.EQ(this=own.copy(), expression=exp.cast(exp.Literal.string("NaN"), "double")))
    return exp.or_(null, exp.IsNan(this=own.copy())) if dialect in HAS_IS_NAN else null


def _with_join(query: Any, name: str, table: EncodingTable, dialect: str | None) -> Any:
    """The query with the table's categories as a named list of rows, and the join with them."""
    from sqlglot import exp

    values, labels = _values(table), [label for label, _ in _parts(table)]
    keys = [f"category_{part}" for part in range(len(labels))]
    columns = [*keys, *(f"feature_{feature}" for feature in range(len(values)))]
    categories = table.vocabulary.categories.tolist()
    cells = categories if isinstance(table.vocabulary, Cells) else [(category,) for category in categories]
    rows = [
        exp.Tuple(expressions=[*map(_category, cell), *(_number(each[slot]) for each in values)])
        for slot, cell in enumerate(cells, start=1)
    ]
    rows = rows or [exp.Tuple(expressions=[exp.null() for _ in columns])]
    alias = exp.TableAlias(this=_name(name), columns=[_name(column) for column in columns])
    if dialect == "sqlite":  # where columns can be named there alone
        query = query.with_(alias, as_=exp.Values(expressions=rows))
    else:
        listed = exp.Select().select("*").from_(exp.Values(expressions=rows, alias=alias))
        query = query.with_(_name(name), as_=listed)
    pairs = zip(labels, keys, strict=True)
    on = [exp.EQ(this=_column("catpool_rows", label), expression=_column(name, key)) for label, key in pairs]
    return query.join(exp.Table(this=_name(name)), on=exp.and_(*on), join_type="left")


def _number(value: Any) -> Any:
    """A float as a literal that no engine takes for a decimal; NULL for NaN."""
    from sqlglot import exp

    text = repr(float(value))
    number = exp.Literal.number((text if "e" in text else f"{text}e0").lstrip("-"))
    if math.isnan(value):
        return exp.null()
    return exp.Neg(this=number) if text.startswith("-") else number


def _category(value: Any) -> Any:
    from sqlglot import exp

    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.Literal.number(value) if value >= 0 else exp.Neg(this=exp.Literal.number(-value))
    if isinstance(value, float) and math.isfinite(value):
        return _number(value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "timestamp")
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    raise TypeError(
        f"The category {value!r} has no literal in SQL. Categories must be strings, finite numbers, or dates and times "
        "without a zone."
    )
