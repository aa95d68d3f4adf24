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
from catpool.moments.moments import TINY, Moments
from catpool.moments.sums import count_by_code, sum_by_code

SAMPLE = 200  # rows that a part's typical value is taken from
LITTLE = 1e-6  # share of the scatter below which the scatter within categories is summed directly


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
    distances : ndarray of shape (n,)
        Distance of each row from the typical value of its part.
    weighted : ndarray of shape (n,)
        Weight times distance.
    squares : ndarray of shape (P,)
        Sum of weight times squared distance.
    """

    def __init__(self, values: np.ndarray, weights: np.ndarray | None, parts: Parts, *, exact: bool) -> None:
        self.centers = np.zeros(parts.number) if exact else typical_values(values, parts, weights)
        if self.centers.any():
            values = values - (self.centers if parts.labels is None else self.centers.take(parts.labels))
        self.distances, self.weights = values, weights
        self.weighted = values if weights is None else values * weights
        self.squares = np.zeros(parts.number)
        for rows in blocks_of(len(values), 4 * ROWS):
            self.squares += _sum_parts(self.weighted[rows] * values[rows], parts, rows)


def _sum_parts(values: np.ndarray, parts: Parts, rows: slice) -> np.ndarray:
    """Sum the values of some consecutive rows in each part."""
    if parts.labels is None:
        return np.array([values.sum()])
    return sum_by_code(parts.labels[rows].astype(narrowest(parts.number)), values, parts.number)


def typical_values(values: np.ndarray, parts: Parts, weights: np.ndarray | None = None) -> np.ndarray:
    """The median of a sample of each part, 0 where it is small compared with the quartiles' distance."""
    rows = np.arange(0, len(values), _step(len(values), parts))
    if weights is not None and not weights.all():  # a row of weight 0 must not move the last digit either
        rows = _sample_weighty(np.flatnonzero(weights), parts)
    sample = values[rows]
    labels = np.zeros(len(sample), dtype=int) if parts.labels is None else parts.labels[rows]
    ordered = sample[np.lexsort((sample, labels))]
    number = np.bincount(labels, minlength=parts.number)
    first, some = number.cumsum() - number, number > 0
    low, middle, high = (ordered[(first + quarter * (number - 1) // 4)[some]] for quarter in (1, 2, 3))
    centers = np.zeros(parts.number)
    centers[some] = np.where(np.abs(middle) > 8 * (high - low), middle, 0.0)
    return centers


def _sample_weighty(rows: np.ndarray, parts: Parts) -> np.ndarray:
    """A sample of rows, of each part by itself: which rows have no weight in one part is nothing to another."""
    if parts.labels is None:
        return rows[:: _step(len(rows), parts)]
    labels = parts.labels[rows]
    number = np.bincount(labels, minlength=parts.number)
    place = np.arange(len(rows)) - np.repeat(number.cumsum() - number, number)
    chosen = place % np.repeat(np.maximum(1, number // SAMPLE), number) == 0
    return rows[np.argsort(labels, kind="stable")][chosen]


def _step(rows: int, parts: Parts) -> int:
    return max(1, rows // (SAMPLE * parts.number))


class ColumnView:
    """A column of X, or C columns, with the sums that do not depend on the target.

    For several columns the last of the P parts is one without rows, outside of which are all rows. For a single column
    the P parts are those of `parts`.

    Parameters
    ----------
    codes : ndarray of shape (n,), or list of C such arrays
        The category of each row, 0 to size - 1. Overwritten by `cells` if these have the same dtype.
    size : int
        The number of categories.
    weights : ndarray of shape (n,) or None
    parts : Parts
    observed : ndarray of shape (parts.number,), optional
        The number of rows in each part, needed only where weights are precisions.

    Attributes
    ----------
    cells : list of ndarray of shape (n,)
        Part times size, plus category, of each row; of each column.
    counts : ndarray of shape (P, size) or (C, P, size)
        The number of rows of each part and category, or the sum of their weights.
    """

    def __init__(
        self,
        codes: np.ndarray | list[np.ndarray],
        size: int,
        weights: np.ndarray | None,
        parts: Parts,
        observed: np.ndarray | None = None,
    ) -> None:
        codes, own = ([codes], ()) if isinstance(codes, np.ndarray) else (codes, (len(codes),))
        self.spare = len(own)
        self.observed = None if observed is None else self._by_part(observed)
        self.shape = (*own, parts.number + self.spare, size)
        dtype = narrowest(self.shape[-2] * size)
        self.cells = [each.astype(dtype, copy=False) for each in codes]
        if parts.labels is not None:
            for rows in blocks_of(len(parts.labels)):
                first = np.multiply(parts.labels[rows], size, dtype=dtype)
                for cells in self.cells:
                    cells[rows] += first
        narrow = len(self.cells[0]) <= np.iinfo(np.int32).max
        self.counts = self._sum_cells(weights, np.int32 if narrow else np.int64)  # half the memory

    def _by_part(self, values: np.ndarray) -> np.ndarray:
        """Numbers of the parts, followed by 0 for the part without rows, if there is one."""
        return np.append(values, 0) if self.spare else values

    def _sum_cells(self, values: np.ndarray | None, integers: type[np.integer] = np.int64) -> np.ndarray:
        """Sum the values, or count the rows as integers of a type, of each part and category."""
        width, dtype = self.shape[-2] * self.shape[-1], integers if values is None else float

        def sum_column(cells: np.ndarray) -> np.ndarray:
            return count_by_code(cells, width) if values is None else sum_by_code(cells, values, width)

        if len(self.cells) == 1:
            return sum_column(self.cells[0]).astype(dtype, copy=False).reshape(self.shape)
        sums = np.empty((len(self.cells), width), dtype=dtype)
        for own, cells in zip(sums, self.cells, strict=True):
            own[:] = sum_column(cells)
        return sums.reshape(self.shape)

    def look_up(self, tables: np.ndarray, out: np.ndarray) -> None:
        """Write what tables of the shape of `counts` have for each row into `out`, of shape (n,) or (C, n)."""
        number = len(self.cells)
        for table, cells, own in zip(tables.reshape(number, -1), self.cells, out.reshape(number, -1), strict=True):
            look_up(table, cells, own)

    def moments(self, target: TargetView, *, scatters: bool = False) -> Moments:
        """The moments of each part, of the shape of `counts`; with the scatter within each category if asked for."""
        totals = self._sum_cells(target.weighted)
        own = self._scatters(target, totals / np.maximum(self.counts, TINY)) if scatters else None
        centers, squares = self._by_part(target.centers), self._by_part(target.squares)
        if centers.any():
            totals += centers[:, None] * self.counts
        observed = None if self.observed is None else np.broadcast_to(self.observed, self.shape[:-1])
        parts = Moments(self.counts, totals, squares, observed, scatters=own)
        offset = parts.size * (parts.mean - centers) ** 2
        scatter = np.maximum(squares - offset, 0.0)
        known = {"size": parts.size, "mean": parts.mean, "total_of_all": parts.total_of_all}
        return replace(parts, scatter=scatter).cache(**known)

    def _scatters(self, target: TargetView, means: np.ndarray) -> np.ndarray:
        """The scatter of the rows of each part and category about their means, given as distances from the center."""
        width, scatters = self.shape[-2] * self.shape[-1], np.empty(self.shape)
        of_columns = (each.reshape(len(self.cells), -1) for each in (means, scatters))
        for cells, own, into in zip(self.cells, *of_columns, strict=True):
            rest = target.distances - own.take(cells)
            rest *= rest if target.weights is None else rest * target.weights
            into[:] = sum_by_code(cells, rest, width)
        return scatters

    def merge(self, target: TargetView, parts: Moments) -> Moments:
        """The moments of all rows, of shape (size,), from those of the parts."""
        moments = parts.merge(self.merged_counts)
        return replace(moments, residual=self.sum_residual(target, moments))

    def sum_residual(self, target: TargetView, moments: Moments) -> np.ndarray | None:
        """The scatter within categories where the difference of scatter and between would lose its digits, else NaN.

        It is summed in a second pass over the rows, if there is a column that needs it.

        Parameters
        ----------
        target : TargetView
        moments : Moments of shape (size,) or (C, size)
            Of all rows.
        """
        little = (moments.scatter > 0) & (moments.within < LITTLE * moments.scatter)
        return np.where(little, self._residual(target, moments.category_means), np.nan) if little.any() else None

    def _residual(self, target: TargetView, means: np.ndarray) -> np.ndarray:
        residuals = []
        for cells, own in zip(self.cells, means.reshape(-1, self.shape[-1]), strict=True):
            parts, codes = np.divmod(cells, self.shape[-1])
            rest = target.distances - (own[codes] - target.centers[parts])
            rest *= rest
            residuals.append(rest.sum() if target.weights is None else rest @ target.weights)
        return np.reshape(residuals, self.shape[:-2])

    def with_residual_outside(self, target: TargetView, moments: Moments, first: int = 0) -> Moments:
        """The moments with the scatter within categories summed by itself, where their difference loses its digits.

        Parameters
        ----------
        target : TargetView
        moments : Moments of shape (tables, size)
            Of the rows outside a part each, for several columns of the parts of one column after the other.
        first : int, default=0
            The place of the first table among all.
        """
        little = np.flatnonzero((moments.scatter > 0) & (moments.within < LITTLE * moments.scatter))
        if not len(little):
            return moments
        residual = np.full(len(moments.scatter), np.nan)
        for table in little:
            column, part = np.divmod(first + table, self.shape[-2])
            residual[table] = self._residual_outside(target, column, part, moments.category_means[table])
        return replace(moments, residual=residual).cache(size=moments.size, mean=moments.mean)

    def _residual_outside(self, target: TargetView, column: int, part: int, means: np.ndarray) -> float:
        parts, codes = np.divmod(self.cells[column], self.shape[-1])
        rows = np.flatnonzero(parts != part)
        rest = target.distances[rows] - (means[codes[rows]] - target.centers[parts[rows]])
        rest *= rest
        return float(rest.sum() if target.weights is None else rest @ target.weights[rows])

    @cached_property
    def merged_counts(self) -> np.ndarray:
        """The number of rows of each category, of shape (size,) or (C, size)."""
        return self.counts.sum(axis=-2, dtype=self.counts.dtype)  # no sum exceeds the number of rows, so none overflows
