"""The target of a lazy table: its kind and classes, found by the checks of targets in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.data.targets.target import DOUBTFUL, MANY_CLASSES, Target, read_targets
from catpool.data.targets.target_kinds import TARGET_KINDS
from catpool.data.training import Reading
from catpool.engines.facts import Facts

if TYPE_CHECKING:
    from narwhals.stable.v2 import LazyFrame

MOST_EXAMPLES = 1000  # more than the integers of a continuous target may be distinct


def read_lazy_target(frame: LazyFrame[Any], y: str, reading: Reading, facts: Facts) -> Target:
    """Read the target without its values.

    `read_targets` reads a few values instead, about which it says what it would say about all of them.
    """
    numeric = frame.collect_schema()[y].is_numeric()
    if facts.any_missing(y):
        examples: list[Any] = [None]
    elif numeric and not _has_classes(reading):
        examples = _numbers(frame, y, facts)
    else:
        examples = _distinct(frame, y)
    target = read_targets(pd.Series(examples), reading.target_type, reading.family)[0]
    return replace(target, values=np.empty(0))


def _has_classes(reading: Reading) -> bool:
    """Whether numbers are classes, whatever their values."""
    if reading.target_type == "auto":
        return reading.family is not None and reading.family.assumed == "classes"
    return TARGET_KINDS[reading.target_type].classes


def _numbers(frame: LazyFrame[Any], y: str, facts: Facts) -> list[Any]:
    """Numbers of the same range, with a fraction if there is one; the distinct numbers themselves if they are few."""
    import narwhals.stable.v2 as nw

    least, most = facts.ends(y)
    if not np.isfinite([least, most]).all():
        return [least, most]
    if facts.has_fractions(y):
        fraction = min(least + 0.5, most)  # one of `least`, `most` and this is not an integer
        return [*np.linspace(least, most, 100).tolist(), fraction]
    numbers = frame.select(nw.col(y).n_unique().alias("distinct"), nw.len().alias("rows")).collect("pyarrow")
    distinct, rows = (int(numbers.to_native().column(name)[0].as_py()) for name in ("distinct", "rows"))
    if distinct <= MANY_CLASSES:
        return _distinct(frame, y) * (DOUBTFUL if rows >= DOUBTFUL else 1)  # so many that few values are no chance
    values = np.linspace(least, most, min(distinct, MOST_EXAMPLES)).round()
    return values.astype(int).tolist() if frame.collect_schema()[y].is_integer() else values.tolist()


def _distinct(frame: LazyFrame[Any], y: str) -> list[Any]:
    values: list[Any] = frame.select(y).unique().collect("pyarrow").to_native().column(y).to_pylist()
    return values
