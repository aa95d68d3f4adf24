"""Fitted tables as one SQL statement: a SELECT with a JOIN for each table.

sqlglot builds the statement, so names and categories are quoted as the dialect asks and never pasted into text.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catpool.data.categories import MISSING, Vocabulary
from catpool.data.crossed import Cells
from catpool.tables.encoding_table import EncodingTable

if TYPE_CHECKING:
    from sqlglot.expressions import Column, Condition, Expression, Identifier, Select, Table

NAN_EQUALS_NAN = {"databricks", "duckdb", "postgres", "redshift", "snowflake", "spark"}
HAS_IS_NAN = {"athena", "bigquery", "clickhouse", "presto", "trino"}
ROWS = "catpool_rows"  # the alias of the table that is encoded


def select(
    tables: Sequence[EncodingTable],
    names: Mapping[Any, list[str]],
    kept: Sequence[Any],
    source: str | Sequence[str],
    dialect: str | None,
) -> str:
    """Write the statement that encodes the rows of a table.

    Parameters
    ----------
    tables : sequence of EncodingTable
    names : mapping
        The names of the features of each encoded column.
    kept : sequence
        The columns of the result in their order, encoded or as they are.
    source : str or sequence of str
        The name of the table; a sequence to put a schema, or a catalog and a schema, before it.
    dialect : str or None
        A dialect of sqlglot.

    Returns
    -------
    str
    """
    try:
        from sqlglot import exp
    except ImportError as error:
        raise ImportError('`to_sql` needs sqlglot: pip install "catpool[sql]".') from error
    origin, prefix = _source_table(source), "catpool_"
    while origin.name.startswith(prefix):  # a common table expression of the same name would hide the table
        prefix += "_"
    aliases = [f"{prefix}{position}" for position in range(len(tables))]
    features = {table.label: _features(alias, table, dialect) for alias, table in zip(aliases, tables, strict=True)}
    query = exp.Select()
    for label in kept:
        if label in features:
            pairs = zip(features[label], names[label], strict=True)
            query = query.select(*(exp.alias_(feature, name, quoted=True) for feature, name in pairs))
        else:
            query = query.select(_column(ROWS, label))
    query = query.from_(origin)
    for alias, table in zip(aliases, tables, strict=True):
        if features[table.label]:
            query = _join(query, alias, table, dialect)
    return query.sql(dialect=dialect)


def _source_table(source: str | Sequence[str]) -> Table:
    from sqlglot import exp

    names = [source] if isinstance(source, str) else list(source)
    if not 1 <= len(names) <= 3 or not all(isinstance(name, str) for name in names):
        raise ValueError(
            "`table` must be the name of a table, or a sequence of up to three names: catalog, schema and table. "
            f"Got {source!r}."
        )
    table, schema, catalog = ([_quote(name) for name in reversed(names)] + [None, None])[:3]
    return exp.Table(this=table, db=schema, catalog=catalog, alias=exp.TableAlias(this=_quote(ROWS)))


def _quote(name: str) -> Identifier:
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True)


def _column(table: str, name: str) -> Column:
    from sqlglot import exp

    return exp.column(_quote(name), table=_quote(table))


def _feature_values(table: EncodingTable) -> list[np.ndarray]:
    """The values of each feature by slot, of shape (size,)."""
    adds_effects = isinstance(table.vocabulary, Cells) and table.encodings[0].prior.mains is not None
    if adds_effects or "error" in (table.policy.unknown, table.policy.missing):
        raise ValueError(
            '`to_sql` does not support unknown="error", missing="error" or interactions of EmpiricalBayesEncoder, but '
            f'{table.column!r} has one of them. Use unknown="prior" and missing="category", leave out `interactions`, '
            "or call transform."
        )
    return [values for _, values in table.named_tables]


def _parts(table: EncodingTable) -> list[tuple[Any, Vocabulary]]:
    """The label and the categories of each column of a table."""
    vocabulary = table.vocabulary
    if isinstance(vocabulary, Cells):
        parts = list(zip(table.label, vocabulary.paths.parts, strict=True))
    else:
        parts = [(table.label, vocabulary)]
    for label, part in parts:
        types = {_type_name(category) for category in part.categories.tolist()}
        if len(types) > 1:
            raise TypeError(
                f"In SQL the categories of a column must have one type, but {label!r} has {sorted(types)}. "
                "Turn them into strings before fit."
            )
    return parts


def _type_name(category: Any) -> str:
    is_number = isinstance(category, int | float) and not isinstance(category, bool)
    return "number" if is_number else type(category).__name__


def _features(alias: str, table: EncodingTable, dialect: str | None) -> list[Expression]:
    """Write each feature as a CASE: the value of a missing category, of an unseen one, or the joined one."""
    from sqlglot import exp

    features = _feature_values(table)
    if not features:
        return []
    missing = exp.or_(*(_is_missing(*part, dialect) for part in _parts(table)))
    return [
        exp.Case()
        .when(missing.copy(), _number(values[MISSING]))
        .when(_column(alias, "category_0").is_(exp.null()), _number(values[-1]))
        .else_(_column(alias, f"feature_{position}"))
        for position, values in enumerate(features)
    ]


def _is_missing(label: str, vocabulary: Vocabulary, dialect: str | None) -> Condition:
    """Write the condition that a column is NULL; for floats also that it is NaN, if the dialect can say so."""
    from sqlglot import exp

    column = _column(ROWS, label)
    null = column.copy().is_(exp.null())
    if not any(isinstance(category, float) for category in vocabulary.categories.tolist()):
        return null
    if dialect in NAN_EQUALS_NAN:
        return exp.or_(null, exp.EQ(this=column.copy(), expression=exp.cast(exp.Literal.string("NaN"), "double")))
    return exp.or_(null, exp.IsNan(this=column.copy())) if dialect in HAS_IS_NAN else null


def _join(query: Select, alias: str, table: EncodingTable, dialect: str | None) -> Select:
    """Join a common table expression that holds the categories of a table and their features."""
    from sqlglot import exp

    labels = [label for label, _ in _parts(table)]
    keys = [f"category_{part}" for part in range(len(labels))]
    rows, names = _rows(table), [*keys, *(f"feature_{position}" for position in range(len(_feature_values(table))))]
    rows = rows or [exp.Tuple(expressions=[exp.null() for _ in names])]
    columns = exp.TableAlias(this=_quote(alias), columns=[_quote(name) for name in names])
    if dialect == "sqlite":  # which does not name the columns of VALUES
        query = query.with_(columns, as_=exp.Values(expressions=rows))
    else:
        listed = exp.Select().select("*").from_(exp.Values(expressions=rows, alias=columns))
        query = query.with_(_quote(alias), as_=listed)
    pairs = zip(labels, keys, strict=True)
    on = [exp.EQ(this=_column(ROWS, label), expression=_column(alias, key)) for label, key in pairs]
    return query.join(exp.Table(this=_quote(alias)), on=exp.and_(*on), join_type="left")


def _rows(table: EncodingTable) -> list[Expression]:
    """Write each category, or each cell of an interaction, with its features."""
    from sqlglot import exp

    features, categories = _feature_values(table), table.vocabulary.categories.tolist()
    cells = categories if isinstance(table.vocabulary, Cells) else [(category,) for category in categories]
    return [
        exp.Tuple(expressions=[*map(_literal, cell), *(_number(values[slot]) for values in features)])
        for slot, cell in enumerate(cells, start=1)
    ]


def _number(value: Any) -> Expression:
    """Write a float with an exponent, so that no engine reads it as a decimal; NaN is NULL."""
    from sqlglot import exp

    text = repr(float(value))
    number = exp.Literal.number((text if "e" in text else f"{text}e0").lstrip("-"))
    if math.isnan(value):
        return exp.null()
    return exp.Neg(this=number) if text.startswith("-") else number


def _literal(category: Any) -> Expression:
    from sqlglot import exp

    if isinstance(category, bool):
        return exp.Boolean(this=category)
    if isinstance(category, int):
        return exp.Literal.number(category) if category >= 0 else exp.Neg(this=exp.Literal.number(-category))
    if isinstance(category, float) and math.isfinite(category):
        return _number(category)
    if isinstance(category, str):
        return exp.Literal.string(category)
    if isinstance(category, datetime.datetime) and category.tzinfo is None:
        return exp.cast(exp.Literal.string(category.isoformat(sep=" ")), "timestamp")
    if isinstance(category, datetime.date) and not isinstance(category, datetime.datetime):
        return exp.cast(exp.Literal.string(category.isoformat()), "date")
    raise TypeError(
        f"The category {category!r} has no literal in SQL. Categories must be strings, finite numbers, truth values, "
        "or dates and times without a time zone. Turn them into strings before fit."
    )
