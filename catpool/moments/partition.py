"""The rows in disjoint parts, and the moments of each part or of all the others.

A target and a column are each seen through the folds once; where they meet, the moments follow.

To lose no digits, totals are summed of the target's distance from a typical value, each part of the rows
having a typical value of its own: one of all rows would carry a row's own target, if only by rounding,
into its encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from catpool.moments.moments import Moments, sum_of_others

SAMPLE = 200  # rows a part's typical value is taken from
CELLS = 1 << 17  # parts times categories worked on at a time: what the processor's cache holds
NARROW = 1e-6  # share of the scatter below which that within categories is summed by itself
ROWS = 1 << 16  # rows worked on at a time, for the same reason

Rule = Callable[[Sequence[Moments]], Sequence[Sequence[np.ndarray]]]


@dataclass(frozen=True)
class Parts:
    """Rows in disjoint parts: the label of each, or none where all are one part."""

    labels: np.ndarray | None
    number: int


class TargetView:
    """A target, of shape (n,), seen in parts.

    Parameters
    ----------
    values : ndarray of shape (n,)
    weights : ndarray of shape (n,) or None
    parts : Parts
    exact : bool
        Whether the values are whole numbers, whose totals round nothing.

    Attributes
    ----------
    centers : ndarray of shape (P,)
        The typical values; nought where they are not worth subtracting.
    values : ndarray of shape (n,)
        Distance from the typical value of the row's part.
    distances : ndarray of shape (n,)
        Weight times that.
    squares : ndarray of shape (P,)
        Sum of weight times squared distance.
    """

    def __init__(self, values: np.ndarray, weights: np.ndarray | None, parts: Parts, *, exact: bool) -> None:
        self.centers = np.zeros(parts.number) if exact else typical_values(values, parts)
        if self.centers.any():
            values = values - (self.centers if parts.labels is None else self.centers.take(parts.labels))
        self.values, self.weights = values, weights
        self.distances = values if weights is None else values * weights
        self.squares = np.zeros(parts.number)
        for start in range(0, len(values), ROWS):
            rows = slice(start, start + ROWS)
            self.squares += _sums(self.distances[rows] * values[rows], parts, rows)


def _sums(values: np.ndarray, parts: Parts, rows: slice) -> np.ndarray:
    if parts.labels is None:
        return np.array([values.sum()])
    return np.bincount(parts.labels[rows], values, minlength=parts.number)


def typical_values(values: np.ndarray, parts: Parts) -> np.ndarray:
    """The median of some rows of each part, nought where it is small beside their spread."""
    step = max(1, len(values) // (SAMPLE * parts.number))
    sample = values[::step]
    labels = np.zeros(len(sample), dtype=int) if parts.labels is None else parts.labels[::step]
    centers = np.zeros(parts.number)
    for part in np.unique(labels):
        ordered = np.sort(sample[labels == part])
        low, middle, high = ordered[np.array([1, 2, 3]) * (len(ordered) - 1) // 4]
        centers[part] = middle if abs(middle) > 8 * (high - low) else 0.0
    return centers


class ColumnView:
    """A column, of codes 0 to size - 1, seen in parts.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Overwritten by `cells`, where there are several parts.
    size : int
    weights : ndarray of shape (n,) or None
    parts : Parts
    observed : ndarray of shape (P,), optional
        Rows in each part, where their weights do not tell.

    Attributes
    ----------
    cells : ndarray of shape (n,)
        Part and category of each row as one number.
    counts : ndarray of shape (P, size)
        Rows, or the sum of their weights.
    """

    def __init__(
        self,
        codes: np.ndarray,
        size: int,
        weights: np.ndarray | None,
        parts: Parts,
        observed: np.ndarray | None = None,
    ) -> None:
        self.observed = observed
        if parts.labels is not None:
            for start in range(0, len(codes), ROWS):
                rows = slice(start, start + ROWS)
                codes[rows] += np.multiply(parts.labels[rows], size, dtype=np.intp)
        self.cells = codes
        self.shape = (parts.number, size)
        counts = self._sums(weights)
        narrow = weights is None and len(codes) <= np.iinfo(np.int32).max
        self.counts = counts.astype(np.int32) if narrow else counts

    def _sums(self, values: np.ndarray | None) -> np.ndarray:
        """Sum of the values, or the number of rows, in each part and category."""
        return np.bincount(self.cells, values, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)

    def moments(self, target: TargetView) -> Moments:
        """Of each part, of shape (P, size)."""
        totals = self._sums(target.distances)
        centers = target.centers[:, None]
        if centers.any():
            totals += centers * self.counts
        parts = Moments(self.counts, totals, target.squares, self.observed)
        offset = parts.size * (parts.mean - target.centers) ** 2
        scatter = np.maximum(target.squares - offset, 0.0)
        known = {"size": parts.size, "mean": parts.mean, "total_of_all": parts.total_of_all}
        return replace(parts, scatter=scatter).knowing(**known)

    def whole(self, target: TargetView, parts: Moments) -> Moments:
        """Of all parts together, of shape (size,), the scatter within categories to all digits."""
        moments = parts.merged(self._counts_of_all)
        if moments.scatter > 0 and moments.within < NARROW * moments.scatter:
            return replace(moments, residual=np.array(self._residual(target, moments.category_means)))
        return moments

    def _residual(self, target: TargetView, means: np.ndarray) -> float:
        parts, codes = np.divmod(self.cells, self.shape[1])
        rest = target.values - (means[codes] - target.centers[parts])
        rest *= rest
        return float(rest.sum() if target.weights is None else rest @ target.weights)

    @cached_property
    def _counts_of_all(self) -> np.ndarray:
        return self.counts.sum(axis=0, dtype=self.counts.dtype)  # there are no more rows than this type can count

    @cached_property
    def _counts_of_others(self) -> np.ndarray:
        counts = self.counts.copy()
        sum_of_others(counts)
        return counts

    def counts_outside(self, parts: slice) -> np.ndarray:
        if self.counts.dtype.kind == "i":  # whole numbers can be taken away without a trace
            return (self._counts_of_all - self.counts[parts]).astype(float)
        return self._counts_of_others[parts]


def encode_outside(column: ColumnView, parts: Sequence[Moments], rule: Rule, width: int) -> list[list[np.ndarray]]:
    """Apply the rule to what each part may see: the moments of all other parts.

    Parameters
    ----------
    column : ColumnView
    parts : sequence of Moments of shape (P, size)
        One a class; their totals are overwritten.
    rule : callable
        From moments, one a class, to the outputs of each class, all of shape (..., size).
    width : int
        How many outputs there are.

    Returns
    -------
    list of list of ndarray of shape (P, size)
        The outputs of each class.
    """
    others = 1.0 - np.eye(column.shape[0])
    overall = [each.overall(others) for each in parts]
    observed = None if parts[0].observed is None else others @ parts[0].observed
    for each in parts:
        sum_of_others(each.total)
    tables = [[each.total, *(np.empty(column.shape) for _ in range(width - 1))] for each in parts]
    for block in _blocks(*column.shape):
        count = column.counts_outside(block)
        rows = None if observed is None else observed[block]
        visible = [
            Moments(count, each.total[block], scatter[block], rows).knowing(size=size[block], mean=mean[block])
            for each, (size, mean, scatter) in zip(parts, overall, strict=True)
        ]
        for outputs, into in zip(rule(visible), tables, strict=True):
            for output, table in zip(outputs, into, strict=True):
                table[block] = output
    return tables


def _blocks(number: int, size: int) -> Iterator[slice]:
    step = max(1, CELLS // size)
    for start in range(0, number, step):
        yield slice(start, start + step)
