"""`Bins`: numbers as categories, each of which is a range with about as many rows as the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frames.column_kinds import BOOLEAN, NUMBER, column_kind
from catpool.data.frozen import frozen
from catpool.data.plain import as_series
from catpool.data.verify import require

HEAD = 1000  # rows that are looked at before all are
LONG = 1e15  # from which on whole numbers are written with an exponent


@frozen
class Bins:
    """Ranges of a number, which are numbered from 1; missing numbers are range 0, a category like the others.

    Parameters
    ----------
    edges : ndarray of shape (ranges - 1,)
        The numbers from which the second and the following ranges start, in rising order.
    """

    edges: np.ndarray

    suffix = "binned"  # what columns of ranges are called, after their column

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be edges."""
        require(self.edges.ndim == 1 and self.edges.dtype.kind == "f", "edges that are not numbers")
        require(not np.isnan(self.edges).any() and np.all(np.diff(self.edges) > 0), "edges that do not rise")

    @property
    def names(self) -> list[str | None]:
        """The names of the ranges, for tables to look at."""
        edges = [
            f"{edge:.0f}" if edge.is_integer() and abs(edge) < LONG else repr(edge) for edge in self.edges.tolist()
        ]
        return [None, *(f"[{low}, {high})" for low, high in zip(["-inf", *edges], [*edges, "inf"], strict=True))]

    def categories(self, column: Any) -> tuple[np.ndarray, list[str | None]]:
        """The category of each number, of shape (n,), and the names of the categories."""
        return self.ranges(column), self.names

    def numbers(self, column: Any) -> np.ndarray:
        """The categories as numbers, of shape (n,), with NaN for missing ones."""
        ranges = self.ranges(column)
        return np.where(ranges > 0, ranges, np.nan)

    def ranges(self, column: Any, label: Any = None) -> np.ndarray:
        """The range of each number, of shape (n,)."""
        numbers = as_numbers(column, label)
        ranges = np.searchsorted(self.edges, numbers, side="right") + 1
        ranges[np.isnan(numbers)] = 0
        return ranges


def make_bins(column: Any, weights: np.ndarray | None, most: int) -> Bins:
    """Ranges of a column of numbers with about as many rows each, or one for each number if there are few.

    Parameters
    ----------
    column : Series or ndarray of shape (n,)
    weights : ndarray of shape (n,) or None
        What the rows count.
    most : int
        The largest number of ranges.
    """
    numbers = as_numbers(column)
    counted = ~np.isnan(numbers) if weights is None else ~np.isnan(numbers) & (weights > 0)
    values, position = np.unique(numbers[counted], return_inverse=True)
    if len(values) > most:
        rows = np.bincount(position, None if weights is None else weights[counted])
        # the share of rows below the middle of each number's own rows, so that a frequent number fills ranges alone
        share = (np.cumsum(rows) - rows / 2) / rows.sum()
        starts = np.unique(np.searchsorted(share, np.arange(1, most) / most))
        starts = starts[(starts > 0) & (starts < len(values))]
    else:
        starts = np.arange(1, len(values))
    return Bins(np.array([_edge(*each) for each in zip(values[starts - 1], values[starts], strict=True)], dtype=float))


def count_numbers(column: Any, weights: np.ndarray | None, most: int) -> int | None:
    """How many different numbers are in rows that count, or None if there are more than `most`, or missing ones."""
    numbers = as_numbers(column)
    for rows in (slice(HEAD), slice(None)):
        different = pd.unique(numbers[rows] if weights is None else numbers[rows][weights[rows] > 0])
        if len(different) > most or np.isnan(different).any():
            return None
    return len(different)


def _edge(low: float, high: float) -> float:
    """The number of the fewest digits in the middle half between two others, to which the upper one belongs."""
    low, high = float(low), float(high)
    middle, near = low / 2 + high / 2, high / 4 - low / 4
    rounded = (float(f"{middle:.{digits}g}") for digits in range(1, 18))
    return next((each for each in rounded if low < each <= high and abs(each - middle) <= near), high)


def as_numbers(column: Any, label: Any = None) -> np.ndarray:
    """A column, which `label` names in messages, as floats, with NaN for missing values."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "biuf":
        return column.astype(float)
    series = as_series(column)
    if column_kind(series) not in (NUMBER, BOOLEAN) and not series.isna().all():
        named = "A column" if label is None else f"Column {label!r}"
        kind = pd.api.types.infer_dtype(series, skipna=True)
        raise ValueError(f"{named} must hold numbers, but it holds values of type {kind}. Convert them to numbers.")
    return series.to_numpy(dtype=float, na_value=np.nan)
