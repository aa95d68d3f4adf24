"""Rows of categories and features as SQL text, without a syntax tree for each row.

sqlglot writes three rows of marks. What it puts around the marks is repeated for all rows: dialects differ in it, and a
tree for each of 50,000 categories would take seconds.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sqlglot.expressions import Expression

MARK = "71904"  # a number that our own names do not hold
MARKS = re.compile(rf"{MARK}\d{{4}}")


def repeat_rows(write: Callable[[list[Expression]], str], rows: Sequence[Sequence[str]]) -> str:
    """Write an expression that holds rows.

    Parameters
    ----------
    write : callable
        From three rows as tuples of expressions to the text of the expression.
    rows : sequence of sequence of str
        The text of each cell; at least one row.
    """
    from sqlglot import exp

    width = len(rows[0])
    marks = [[exp.Literal.number(f"{MARK}{row}{column:03d}") for column in range(width)] for row in range(3)]
    pieces = MARKS.split(write([exp.Tuple(expressions=each) for each in marks]))
    # the first row may name its cells, so the second one is the pattern of the others
    first, other, end = pieces[:width], pieces[width : 2 * width], pieces[-1]
    text = [_fill(first if number == 0 else other, row) for number, row in enumerate(rows)]
    return "".join([*text, end])


def _fill(pieces: Sequence[str], cells: Sequence[str]) -> str:
    return "".join([part for pair in zip(pieces, cells, strict=True) for part in pair])


def write_numbers(values: np.ndarray) -> list[str]:
    """Write floats with an exponent, so that no engine reads them as decimals; NaN is NULL."""
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> str:
    text = repr(float(value))
    return "NULL" if math.isnan(value) else text if "e" in text else f"{text}e0"


def write_categories(label: Any, categories: Sequence[Any], dialect: str | None) -> list[str]:
    """Write the categories of a column as literals; a missing one, which cells may have, is NULL."""
    return [_literal(label, category, dialect) for category in categories]


def _literal(label: Any, category: Any, dialect: str | None) -> str:
    if isinstance(category, bool):
        return _truth(category, dialect)
    if isinstance(category, int):
        return str(category)
    if isinstance(category, float) and math.isfinite(category):
        return _number(category)
    if isinstance(category, str) and "\0" not in category:
        return _string(category, dialect)
    if isinstance(category, datetime.datetime) and category.tzinfo is None:
        return _time("timestamp", category.isoformat(sep=" "), dialect)
    if isinstance(category, datetime.date) and not isinstance(category, datetime.datetime):
        return _time("date", category.isoformat(), dialect)
    raise TypeError(
        f"The categories of a column must have literals in SQL, but {category!r} of column {label!r} has none. "
        "Categories must be strings without a NUL character, finite numbers, truth values, or dates and times without "
        "a time zone. Turn them into strings before fit."
    )


def _string(text: str, dialect: str | None) -> str:
    before, after, escape = _string_pattern(dialect)
    return f"{before}{escape(text)}{after}"


@cache
def _string_pattern(dialect: str | None) -> tuple[str, str, Callable[[str], str]]:
    """What stands before and after the text of a literal, and how the text is escaped."""
    from sqlglot import Dialect, exp

    before, _, after = exp.Literal.string(MARK).sql(dialect=dialect).partition(MARK)
    return before, after, Dialect.get_or_raise(dialect).generator().escape_str


@cache
def _truth(value: bool, dialect: str | None) -> str:
    from sqlglot import exp

    # as a selected value, because some dialects have no truth values but conditions
    return exp.Select().select(exp.Boolean(this=value)).sql(dialect=dialect).removeprefix("SELECT ")


def _time(kind: str, text: str, dialect: str | None) -> str:
    before, after = _time_pattern(kind, dialect)
    return f"{before}{text}{after}"


@cache
def _time_pattern(kind: str, dialect: str | None) -> tuple[str, str]:
    from sqlglot import exp

    before, _, after = exp.cast(exp.Literal.string(MARK), kind).sql(dialect=dialect).partition(MARK)
    return before, after


def batches(rows: Sequence[Sequence[str]], size: int) -> Iterator[Sequence[Sequence[str]]]:
    """Split rows into batches, of which the last may be smaller."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
