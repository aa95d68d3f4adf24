"""A report as one page of HTML, which needs no network and no other file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import pandas as pd

from catpool.explain.column_facts import ColumnFacts
from catpool.explain.report_markdown import HEADS, cells, end_name, end_numbers

STYLE = """
.catpool { all: initial; }
.catpool, .catpool * { box-sizing: border-box; font-family: system-ui, sans-serif; line-height: 1.45; }
.catpool { display: block; max-width: 62rem; margin: 0 auto; padding: 1rem; color: #1a1a1a; background: #fff; }
.catpool h1 { font-size: 1.3rem; margin: 0 0 .6rem; } .catpool h2 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
.catpool p, .catpool li, .catpool td, .catpool th, .catpool summary { font-size: .92rem; }
.catpool ul { padding-left: 1.2rem; margin: .4rem 0 1rem; }
.catpool .wide { overflow-x: auto; }
.catpool table { border-collapse: collapse; }
.catpool th { text-align: right; vertical-align: bottom; font-weight: 600; }
.catpool td, .catpool th { padding: .2rem .7rem .2rem 0; border-bottom: 1px solid #ddd; }
.catpool td { white-space: nowrap; } .catpool th:first-child { text-align: left; }
.catpool td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; max-width: 17rem; }
.catpool .number { text-align: right; font-variant-numeric: tabular-nums; } .catpool .noise td { color: #777; }
.catpool .bar { display: inline-block; height: .6rem; background: #0072b2; vertical-align: baseline; }
.catpool .noise .bar { background: #b0b0b0; }
.catpool code, .catpool pre { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
.catpool pre { padding: .7rem; background: #f3f3f3; white-space: pre-wrap; }
.catpool details { margin: .3rem 0; } .catpool summary { cursor: pointer; overflow-wrap: anywhere; }
.catpool .ends { display: flex; flex-wrap: wrap; gap: .6rem 2rem; align-items: flex-start; margin: .3rem 0 1rem; }
.catpool .ends .wide { flex: 1 1 20rem; min-width: 0; }
.catpool .pictures { columns: 2 26rem; }
.catpool .pictures svg { display: block; max-width: 100%; height: auto; margin-bottom: 1rem; break-inside: avoid; }
@media screen and (prefers-color-scheme: dark) {
  .catpool { color: #e6e6e6; background: #1c1c1c; } .catpool pre { background: #2a2a2a; }
  .catpool td, .catpool th { border-color: #444; } .catpool .noise td { color: #999; }
  .catpool .bar { background: #4aa8e0; } .catpool .noise .bar { background: #777; }
  .catpool .pictures svg { filter: invert(.89) hue-rotate(180deg); }
}
@media print {
  .catpool { max-width: none; padding: 0; } .catpool .wide { overflow: visible; } .catpool .pictures { columns: 2; }
  .catpool p, .catpool li, .catpool td, .catpool th, .catpool summary, .catpool pre { font-size: .72rem; }
  .catpool code { font-size: inherit; }
  .catpool details::details-content { content-visibility: visible; display: block; }
  .catpool tr, .catpool pre { break-inside: avoid; } .catpool h2 { break-after: avoid; }
}
"""
# of the whole page; pictures are inverted to just this where it is dark
MARGINS = "body { margin: 0; } @media screen and (prefers-color-scheme: dark) { body { background: #1c1c1c; } }"


def page(
    title: str, verdicts: Sequence[str], columns: Sequence[ColumnFacts], code: str, pictures: Sequence[str]
) -> str:
    """The report of some columns as a page; `pictures` are SVG, which is not escaped."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    inside = body(title, verdicts, columns, code, pictures)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>{escape(title)}</title>'
        f"<style>{MARGINS}</style></head>"
        f"<body>{inside}</body></html>\n"
    )


def body(
    title: str, verdicts: Sequence[str], columns: Sequence[ColumnFacts], code: str, pictures: Sequence[str]
) -> str:
    """The report of some columns as a part of a page, whose style concerns nothing else there."""
    drawn = f'<div class="pictures">{"".join(pictures)}</div>' if pictures else ""
    ends = "".join(map(_ends, columns))
    return _styled(
        f"{_verdicts(title, verdicts)}{drawn}<h2>Columns</h2>{_columns(columns)}"
        f"<h2>Categories at the ends</h2>{ends}<h2>Code</h2><pre>{escape(code)}</pre>"
    )


def short_body(title: str, verdicts: Sequence[str], columns: Sequence[ColumnFacts]) -> str:
    """The verdicts and the table of columns as a part of a page."""
    return _styled(_verdicts(title, verdicts) + _columns(columns))


def _styled(inside: str) -> str:
    return f'<style>{STYLE}</style><div class="catpool">{inside}</div>'


def _verdicts(title: str, verdicts: Sequence[str]) -> str:
    items = "".join(f"<li>{_sentence(verdict)}</li>" for verdict in verdicts)
    return f"<h1>{escape(title)}</h1><ul>{items}</ul>"


def _sentence(verdict: str) -> str:
    """A verdict with the name of its column as code."""
    before, _, rest = verdict.partition("`")
    name, closed, after = rest.rpartition("`")
    return f"{escape(before)}<code>{escape(name)}</code>{escape(after)}" if closed else escape(verdict)


def _columns(columns: Sequence[ColumnFacts]) -> str:
    rows = []
    for each in columns:
        first, *others = map(escape, cells(each))
        width = 0.0 if np.isnan(each.share) else 8 * each.share
        bar = f'<span class="bar" style="width:{width:.2f}rem"></span>'
        numbers = "".join(f'<td class="number">{cell}</td>' for cell in others)
        rows.append(f"<tr{' class=noise' if each.noise else ''}><td>{first}<br>{bar}</td>{numbers}</tr>")
    return _table(HEADS, rows)


def _ends(facts: ColumnFacts) -> str:
    parts = [_end(name, frame) for name, frame in (("highest", facts.highest), ("lowest", facts.lowest))]
    inside = f'<div class="ends">{"".join(parts)}</div>'
    return f"<details><summary>{escape(facts.column)}</summary>{inside}</details>"


def _end(name: str, frame: pd.DataFrame) -> str:
    rows = []
    for _, row in frame.iterrows():
        numbers = "".join(f'<td class="number">{escape(cell)}</td>' for cell in end_numbers(row))
        rows.append(f"<tr><td>{escape(end_name(row))}</td>{numbers}</tr>")
    return _table((name, "rows", "encoding", "90 % interval"), rows) if rows else ""


def _table(head: Iterable[str], rows: Sequence[str]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f'<div class="wide"><table><thead><tr>{names}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
