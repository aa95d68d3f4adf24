"""A report as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from catpool.explain.column_facts import ColumnFacts, percent

HEADS = ("column", "share of variance", "90 %", "strength", "reliability", "categories", "of one row", "missing")


def markdown(title: str, verdicts: Sequence[str], columns: Sequence[ColumnFacts], code: str) -> str:
    """The report of some columns: verdicts, the table of columns, their ends, and code."""
    parts = [f"# {title}", "\n".join(f"- {verdict}" for verdict in verdicts), _table(HEADS, map(cells, columns))]
    for each in columns:
        column = " ".join(each.column.replace("`", "'").split())
        for name, frame in (("highest", each.highest), ("lowest", each.lowest)):
            rows = [(end_name(row), *end_numbers(row)) for _, row in frame.iterrows()]
            head = ("category", "rows", "encoding", "90 % interval")
            parts.append(f"## `{column}`: {name}\n\n{_table(head, rows)}" if rows else "")
    parts.append(f"## Code\n\n```python\n{code}\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


def cells(facts: ColumnFacts) -> tuple[str, ...]:
    """What the table of columns says of one of them."""
    ends = "" if np.isnan(facts.share_lower) else f"{percent(facts.share_lower)} to {percent(facts.share_upper)}"
    return (
        facts.column,
        "" if np.isnan(facts.share) else percent(facts.share),
        ends,
        number(facts.strength, "rows"),
        number(facts.reliability),
        f"{facts.categories:,}",
        f"{facts.singletons:,}",
        "" if np.isnan(facts.missing) else percent(facts.missing),
    )


def number(value: float, unit: str = "") -> str:
    """A number with three digits; nothing in place of NaN."""
    if pd.isna(value):
        return ""
    text = "infinite" if np.isinf(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def end_name(row: pd.Series) -> str:
    return "missing" if row["label"] is None else str(row["label"])


def end_numbers(row: pd.Series) -> tuple[str, str, str]:
    """The rows of a category, its encoding and the interval."""
    return number(row["count"]), number(row["value"]), f"{number(row['lower'])} to {number(row['upper'])}"


def _table(head: Sequence[str], rows: object) -> str:
    lines = [head, ["---"] * len(head), *rows]  # type: ignore[misc]
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)


def _escaped(text: str) -> str:
    """Text of one line, in which nothing ends a cell or is read as HTML."""
    plain = " ".join(str(text).split()).replace("\\", "\\\\").replace("|", "\\|")
    return plain.replace("<", "&lt;").replace(">", "&gt;")
