"""Sums over the rows by part and category: `Parts` (disjoint, folds for example), `TargetView` and `ColumnView`.

What depends on the target alone is computed once a target (`TargetView`), and what depends on the column alone once a
column (`ColumnView`). A pair of the two gives the moments of each part, in one pass over the rows.

Sums lose digits if the target is far from 0 compared with its spread. So the sums are of the distance d_i = y_i - c_p
from a typical value c_p of the row's part p. With D the sum of w_i d_i, and n the sum of w_i,

    total_pk = D_pk + c_p count_pk,     scatter_p = sum of w_i d_i^2 - n_p (mean_p - c_p)^2.

Each part has a typical value of its own. A common one would depend on the targets of all rows, and so carry a row's own
target into its out-of-fold encoding, if only by rounding.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from catpool.data.blocks import ROWS, blocks_of, look_up
from catpool.data.factorize import narrowest
from catpool.data.frozen import frozen
from catpool.moments.moments import Moments
from catpool.moments.sums import count_by_code, sum_by_code

SAMPLE = 200  # rows that a part's typical value is taken from
NARROW = 1e-6  # share of the scatter below which the scatter within categories is summed directly


@frozen
class Parts:
    """A partition of the rows.

    Parameters
    ----------
    labels : ndarray of shape (n,) or None
        The part of each row, 0 to number - 1. None puts all rows into one part.
    number : int
        The number of parts, P.
    """

    labels: np.ndarray | None
    number: int


class TargetView:
    """A column of the target, with the sums that do not depend on a column of X.

    Parameters
    ----------
    values : ndarray of shape (n,)
    weights : ndarray of shape (n,) or None
    parts : Parts
    exact : bool
        Whether the values are integers, whose sums are exact without typical values.

    Attributes
    ----------
    centers : ndarray of shape (P,)
        The typical value of each part, 0 where subtracting it would save no digits.
    values : ndarray of shape (n,)
        Distance of each row from the typical value of its part.
    distances : ndarray of shape (n,)
        Weight times distance.
    squares : ndarray of shape (P,)
        Sum of weight times squared distance.
    """

    def __init__(self, values: np.ndarray, weights: np.ndarray | None, parts: Parts, *, exact: bool) -> None:
        self.centers = np.zeros(parts.number) if exact else typical_values(values, parts, weights)
        if self.centers.any():
            values = values - (self.centers if parts.labels is None else self.centers.take(parts.labels))
        self.values, self.weights = values, weights
        self.distances = values if weights is None else values * weights
        self.squares = np.zeros(parts.number)
        for rows in blocks_of(len(values), 4 * ROWS):
            self.squares += _sum_parts(self.distances[rows] * values[rows], parts, rows)


def _sum_parts(values: np.ndarray, parts: Parts, rows: slice) -> np.ndarray:
    """Sum the values of some consecutive rows in each part."""
    if parts.labels is None:
        return np.array([values.sum()])
    return sum_by_code(parts.labels[rows].astype(narrowest(parts.number)), values, parts.number)


def typical_values(values: np.ndarray, parts: Parts, weights: np.ndarray | None = None) -> np.ndarray:
    """The median of a sample of each part, 0 where it is small compared with the quartiles' distance."""
    rows = np.arange(0, len(values), _step(len(values), parts))
    if weights is not None and not weights[rows].all():  # a row of weight 0 must not move the last digit either
        weighty = np.flatnonzero(weights)
        rows = weighty[:: _step(len(weighty), parts)]
    sample = values[rows]
    labels = np.zeros(len(sample), dtype=int) if parts.labels is None else parts.labels[rows]
    centers = np.zeros(parts.number)
    for part in np.unique(labels):
        ordered = np.sort(sample[labels == part])
        low, middle, high = ordered[np.array([1, 2, 3]) * (len(ordered) - 1) // 4]
        centers[part] = middle if abs(middle) > 8 * (high - low) else 0.0
    return centers


def _step(rows: int, parts: Parts) -> int:
    return max(1, rows // (SAMPLE * parts.number))


class ColumnView:
    """A column of X, with the sums that do not depend on the target.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The category of each row, 0 to size - 1. Overwritten by `cells` if these have the same dtype.
    size : int
        The number of categories.
    weights : ndarray of shape (n,) or None
    parts : Parts
    observed : ndarray of shape (P,), optional
        The number of rows in each part, needed only where weights are precisions.

    Attributes
    ----------
    cells : ndarray of shape (n,)
        Part times size, plus category, of each row.
    counts : ndarray of shape (P, size)
        The number of rows of each part and category, or the sum of their weights.
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
        self.cells = codes.astype(narrowest(parts.number * size), copy=False)
        if parts.labels is not None:
            for rows in blocks_of(len(codes)):
                self.cells[rows] += np.multiply(parts.labels[rows], size, dtype=self.cells.dtype)
        self.shape = (parts.number, size)
        counts = self._sum_cells(weights)
        narrow = weights is None and len(codes) <= np.iinfo(np.int32).max
        self.counts = counts.astype(np.int32) if narrow else counts  # half the memory, and exact differences

    def _sum_cells(self, values: np.ndarray | None) -> np.ndarray:
        """Sum the values, or count the rows, of each part and category."""
        number = self.shape[0] * self.shape[1]
        sums = count_by_code(self.cells, number) if values is None else sum_by_code(self.cells, values, number)
        return sums.reshape(self.shape)

    def look_up(self, table: np.ndarray, out: np.ndarray) -> None:
        """Write what a table, of shape (P, size), has for each row into `out`, of shape (n,)."""
        look_up(table.ravel(), self.cells, out)

    def moments(self, target: TargetView) -> Moments:
        """The moments of each part, of shape (P, size)."""
        totals = self._sum_cells(target.distances)
        centers = target.centers[:, None]
        if centers.any():
            totals += centers * self.counts
        parts = Moments(self.counts, totals, target.squares, self.observed)
        offset = parts.size * (parts.mean - target.centers) ** 2
        scatter = np.maximum(target.squares - offset, 0.0)
        known = {"size": parts.size, "mean": parts.mean, "total_of_all": parts.total_of_all}
        return replace(parts, scatter=scatter).cache(**known)

    def merge(self, target: TargetView, parts: Moments) -> Moments:
        """The moments of all rows, of shape (size,), from those of the parts.

        The scatter within categories is summed in a second pass over the rows if the difference of scatter and between
        would lose its digits.
        """
        moments = parts.merge(self.merged_counts)
        if moments.scatter > 0 and moments.within < NARROW * moments.scatter:
            return replace(moments, residual=np.array(self._residual(target, moments.category_means)))
        return moments

    def _residual(self, target: TargetView, means: np.ndarray) -> float:
        parts, codes = np.divmod(self.cells, self.shape[1])
        rest = target.values - (means[codes] - target.centers[parts])
        rest *= rest
        return float(rest.sum() if target.weights is None else rest @ target.weights)

    @cached_property
    def merged_counts(self) -> np.ndarray:
        """The number of rows of each category, of shape (size,)."""
        return self.counts.sum(axis=0, dtype=self.counts.dtype)  # no sum exceeds the number of rows, so none overflows
