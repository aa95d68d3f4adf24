"""Fitted tables as SQL: a SELECT with a JOIN for each of them, whose rows are in the statement or in tables.

sqlglot builds the statements, so names and categories are quoted as the dialect asks and never pasted into text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from catpool.data.columns.categories import MISSING, Vocabulary
from catpool.engines.sql_rows import repeat_rows, write_numbers
from catpool.engines.sql_tables import column_names, feature_values, key_parts, quote, quoted_table, store, write_rows
from catpool.tables.encoding_table import EncodingTable

if TYPE_CHECKING:
    from sqlglot.expressions import Column, Condition, Expression, Select, Table

NAN_EQUALS_NAN = {"databricks", "duckdb", "postgres", "redshift", "snowflake", "spark"}
HAS_IS_NAN = {"athena", "bigquery", "clickhouse", "presto", "trino"}
ROWS = "catpool_rows"  # the alias of the table that is encoded


class Names(NamedTuple):
    """What a statement is about.

    Parameters
    ----------
    features : mapping
        The names of the features of each encoded column.
    kept : sequence
        The columns of the result in their order, encoded or as they are.
    source : str or sequence of str
        The name of the table; a sequence to put a schema, or a catalog and a schema, before it.
    """

    features: Mapping[Any, list[str]]
    kept: Sequence[Any]
    source: str | Sequence[str]


def select_inline(tables: Sequence[EncodingTable], names: Names, dialect: str | None) -> str:
    """Write one statement that holds the encodings.

    Parameters
    ----------
    tables : sequence of EncodingTable
    names : Names
    dialect : str or None
        A dialect of sqlglot.
    """
    require_sqlglot()
    source = names.source if isinstance(names.source, str) else (list(names.source) or [""])[-1]
    prefix = "catpool_"
    while str(source).lower().startswith(prefix):  # a common table expression of the same name would hide the table
        prefix += "_"
    joins = {f"{prefix}{position}": table for position, table in enumerate(tables)}
    query = _select(joins, names, dialect)
    parts = []
    for alias, table in joins.items():
        if table.named_tables:
            query = _join(query, alias, quoted_table([alias]), table, dialect)
            parts.append(_common_table(alias, table, dialect))
    return f"{'WITH ' if parts else ''}{', '.join(parts)}{' ' if parts else ''}{query.sql(dialect=dialect)}"


def select_from_tables(
    tables: Sequence[EncodingTable], names: Names, dialect: str | None, stored: str | Sequence[str]
) -> list[str]:
    """Write statements that create tables of encodings and fill them, and last the SELECT that joins them.

    Parameters
    ----------
    tables : sequence of EncodingTable
    names : Names
    dialect : str or None
        A dialect of sqlglot.
    stored : str or sequence of str
        The beginning of the names of the new tables, which end with the position of the column; as `Names.source`.
    """
    require_sqlglot()
    *schema, stem = _read_name(stored, "encodings_name")
    joins = {f"catpool_join_{position}": table for position, table in enumerate(tables)}
    query, statements = _select(joins, names, dialect), list[str]()
    for position, (alias, table) in enumerate(joins.items()):
        if table.named_tables:
            place = [*schema, f"{stem}_{position}"]
            statements += store(place, table, dialect)
            query = _join(query, alias, quoted_table(place, alias), table, dialect)
    return [*statements, query.sql(dialect=dialect)]


def require_sqlglot() -> None:
    """Raise an error that says how to install sqlglot, if it is not there."""
    try:
        import sqlglot  # noqa: F401
    except ImportError as error:
        raise ImportError('`to_sql` needs sqlglot. Run: pip install "catpool[sql]"') from error


def _select(joins: Mapping[str, EncodingTable], names: Names, dialect: str | None) -> Select:
    """Write the SELECT without its joins."""
    from sqlglot import exp

    features = {table.label: _features(alias, table, dialect) for alias, table in joins.items()}
    query = exp.Select()
    for label in names.kept:
        if label in features:
            pairs = zip(features[label], names.features[label], strict=True)
            query = query.select(*(exp.alias_(feature, name, quoted=True) for feature, name in pairs))
        else:
            query = query.select(_column(ROWS, label))
    return query.from_(quoted_table(_read_name(names.source, "table"), ROWS))


def _read_name(name: str | Sequence[str], argument: str) -> list[str]:
    names = [name] if isinstance(name, str) else list(name) if isinstance(name, Sequence) else [name]
    if not 1 <= len(names) <= 3 or not all(isinstance(each, str) and each for each in names):
        raise ValueError(
            f"`{argument}` must be the name of a table, or a sequence of up to three names: catalog, schema and table. "
            f"Got {name!r}."
        )
    return names


def _column(table: str, name: str) -> Column:
    from sqlglot import exp

    return exp.column(quote(name), table=quote(table))


def _features(alias: str, table: EncodingTable, dialect: str | None) -> list[Expression]:
    """Write each feature as a CASE: the value of a missing category, of an unseen one, or the joined one."""
    from sqlglot import exp

    features = feature_values(table)
    if not features:
        return []
    missing = exp.or_(*(_is_missing(*part, dialect) for part in key_parts(table)))
    return [
        exp.Case()
        .when(missing.copy(), _literal_number(values[MISSING]))
        .when(_column(alias, "category_0").is_(exp.null()), _literal_number(values[-1]))
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


def _join(query: Select, alias: str, place: Table, table: EncodingTable, dialect: str | None) -> Select:
    """Join a table of categories and their features."""
    from sqlglot import exp

    pairs = []
    for position, (label, _) in enumerate(key_parts(table)):
        column: Expression = _column(ROWS, label)
        if dialect == "sqlite" and not place.args.get("alias"):
            # SQLite indexes the values of a common table expression only if the other side has no type either
            column = exp.Coalesce(this=column, expressions=[exp.null()])
        pairs.append(exp.EQ(this=column, expression=_column(alias, f"category_{position}")))
    return query.join(place, on=exp.and_(*pairs), join_type="left")


def _common_table(alias: str, table: EncodingTable, dialect: str | None) -> str:
    """Write a common table expression of the rows of a table."""
    from sqlglot import exp

    names, own = column_names(table), quote(alias).sql(dialect=dialect)
    columns = exp.TableAlias(this=quote(alias), columns=[quote(name) for name in names])

    def write(marks: list[Expression]) -> str:
        if dialect == "sqlite":  # which names the columns of VALUES only here
            listed = ", ".join(quote(name).sql(dialect=dialect) for name in names)
            return f"{own}({listed}) AS ({exp.Values(expressions=marks).sql(dialect=dialect)})"
        values = exp.Select().select("*").from_(exp.Values(expressions=marks, alias=columns))
        return f"{own} AS ({values.sql(dialect=dialect)})"

    rows = write_rows(table, dialect) or [["NULL"] * len(names)]
    return repeat_rows(write, rows)


def _literal_number(value: Any) -> Expression:
    """A float as a literal that no engine reads as a decimal."""
    from sqlglot import exp

    (text,) = write_numbers(np.array([value], dtype=float))
    number = exp.null() if text == "NULL" else exp.Literal.number(text.lstrip("-"))
    return exp.Neg(this=number) if text.startswith("-") else number
