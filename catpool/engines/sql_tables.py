"""The rows of a fitted table for SQL, and the statements that store them in a table of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catpool.data.columns.categories import Vocabulary
from catpool.data.columns.crossed import Cells
from catpool.engines.sql_rows import batches, repeat_rows, write_categories, write_numbers
from catpool.tables.encoding_table import EncodingTable

if TYPE_CHECKING:
    from sqlglot.expressions import Expression, Identifier, Table

HAS_INDEX = {None, "duckdb", "mysql", "oracle", "postgres", "sqlite", "tsql"}
NEEDS_LENGTH = {"mysql", "oracle", "tsql"}  # where a text without a length has no index
BATCH = 1000  # rows of an INSERT; SQL Server takes no more


def quote(name: str) -> Identifier:
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True)


def quoted_table(names: Sequence[str], alias: str | None = None) -> Table:
    from sqlglot import exp

    table, schema, catalog = ([quote(name) for name in reversed(names)] + [None, None])[:3]
    return exp.Table(this=table, db=schema, catalog=catalog, alias=alias and exp.TableAlias(this=quote(alias)))


def feature_values(table: EncodingTable) -> list[np.ndarray]:
    """The values of each feature by slot, of shape (size,)."""
    if table.encodings[0].prior.regression is not None:
        crossed = isinstance(table.vocabulary, Cells)
        what = ("interactions of EmpiricalBayesEncoder", "cells") if crossed else ("`prior_features`", "categories")
        raise ValueError(
            f"`to_sql` does not support {what[0]}, whose unseen {what[1]} are sums of effects, but {table.column!r} "
            f"{'is one' if crossed else 'has some'}. Leave {'`interactions`' if crossed else 'them'} out, or call "
            "`transform`."
        )
    if "error" in (table.policy.unknown, table.policy.missing):
        raise ValueError(
            '`to_sql` does not support unknown="error" and missing="error", because a SELECT cannot raise an error '
            f'about column {table.column!r}. Pass unknown="prior" and missing="category", or call `transform`.'
        )
    return [values for _, values in table.named_tables]


def key_parts(table: EncodingTable) -> list[tuple[Any, Vocabulary]]:
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


def column_names(table: EncodingTable) -> list[str]:
    """The columns of the rows of a table: categories and features."""
    categories = [f"category_{position}" for position in range(len(key_parts(table)))]
    return [*categories, *(f"feature_{position}" for position in range(len(feature_values(table))))]


def write_rows(table: EncodingTable, dialect: str | None) -> list[Sequence[str]]:
    """Write the cells of each category, or of each cell of an interaction: categories and features."""
    categories = table.vocabulary.categories.tolist()
    labels = [label for label, _ in key_parts(table)]
    keys = list(zip(*categories, strict=True)) if isinstance(table.vocabulary, Cells) else [categories]
    columns = (
        [write_categories(label, own, dialect) for label, own in zip(labels, keys, strict=True)] if categories else []
    )
    slots = slice(1, len(categories) + 1)
    columns += [write_numbers(values[slots]) for values in feature_values(table)]
    return list(zip(*columns, strict=True)) if categories else []


def store(place: Sequence[str], table: EncodingTable, dialect: str | None) -> list[str]:
    """Write the statements that create a table of encodings, fill it, and index it where the dialect has indexes."""
    from sqlglot import exp

    names = [quote(name) for name in column_names(table)]
    types = [_sql_type(part, dialect) for _, part in key_parts(table)]
    types += ["double"] * (len(names) - len(types))
    columns = [exp.ColumnDef(this=name, kind=exp.DataType.build(own)) for name, own in zip(names, types, strict=True)]
    create = exp.Create(this=exp.Schema(this=quoted_table(place), expressions=columns), kind="TABLE")

    def insert(marks: list[Expression]) -> str:
        into = exp.Schema(this=quoted_table(place), expressions=[name.copy() for name in names])
        return exp.Insert(this=into, expression=exp.Values(expressions=marks)).sql(dialect=dialect)

    statements = [create.sql(dialect=dialect)]
    statements += [repeat_rows(insert, batch) for batch in batches(write_rows(table, dialect), BATCH)]
    if dialect in HAS_INDEX:
        keys = [name.sql(dialect=dialect) for name in names[: len(key_parts(table))]]
        index = quote(f"{place[-1]}_index").sql(dialect=dialect)
        statements.append(f"CREATE INDEX {index} ON {quoted_table(place).sql(dialect=dialect)} ({', '.join(keys)})")
    return statements


def _sql_type(vocabulary: Vocabulary, dialect: str | None) -> str:
    """The type of a column of categories."""
    categories = vocabulary.categories.tolist()
    first = categories[0] if categories else ""
    if isinstance(first, bool):
        return "boolean"
    if isinstance(first, int | float):
        whole = all(isinstance(category, int) for category in categories)
        return (
            ("bigint" if all(-(2**63) <= category < 2**63 for category in categories) else "decimal(38)")
            if whole
            else "double"
        )
    if isinstance(first, str):
        longest = max(len(category.encode()) for category in [*categories, " "])
        return f"varchar({longest})" if dialect in NEEDS_LENGTH else "text"
    return "timestamp" if hasattr(first, "hour") else "date"
