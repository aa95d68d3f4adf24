"""`SortedRows`: rows in the order of their categories and values, so that quantiles are looked up by position.

A row of weight w stands for w rows. The quantile at level q of n rows is that of numpy: with the values counted from 0,
the one at the place (n - 1) q, on the line between two if the place is no integer.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.sparse import csc_array

from catpool.data.factorize import narrowest
from catpool.data.frozen import frozen
from catpool.moments.moments import TINY, Moments
from catpool.moments.order_statistics import order_statistics


def quantiles(values: np.ndarray, weights: np.ndarray | None, levels: np.ndarray) -> np.ndarray:
    """The quantiles of values of positive weights, in any order, at some levels.

    Parameters
    ----------
    values : ndarray of shape (n,)
    weights : ndarray of shape (n,) or None
    levels : ndarray of shape (levels,)
    """
    last = len(values) - 1
    if weights is None:
        place = last * levels
        low = np.floor(place).astype(int)
        below, above = order_statistics(values, np.append(low, np.minimum(low + 1, last))).reshape(2, -1)
        return below + (place - low) * (above - below)
    order = np.argsort(values, kind="stable")
    values, ends = values[order], np.cumsum(weights[order])
    place = np.maximum(ends[-1] - 1, 0.0) * levels
    return _between(values, ends, np.zeros_like(place), place, np.full(len(levels), last))


def _between(
    values: np.ndarray, ends: np.ndarray, before: np.ndarray, place: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Values at places that are no integers, on the line between two rows.

    Parameters
    ----------
    values, ends : ndarray of shape (n,)
        The values of the rows, and the running sum of their weights.
    before : ndarray of shape (m,)
        The weight of the rows before those that a place is counted from.
    place : ndarray of shape (m,)
    last : ndarray of shape (m,)
        The last of the rows that a place may be at.
    """
    whole = np.floor(place)
    low = np.minimum(np.searchsorted(ends, before + whole, side="right"), last)
    high = np.minimum(np.searchsorted(ends, before + whole + 1, side="right"), last)
    return values[low] + (place - whole) * (values[high] - values[low])


@frozen
class SortedRows:
    """Rows in the order of their categories, and within each of their values.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The value of each row.
    weights : ndarray of shape (n,) or None
        Positive; None is 1 for all rows.
    numbers : ndarray of shape (size,)
        How many rows each category has.
    """

    values: np.ndarray
    weights: np.ndarray | None
    numbers: np.ndarray

    @property
    def size(self) -> int:
        """The number of categories."""
        return len(self.numbers)

    @cached_property
    def moments(self) -> Moments:
        """The moments of the rows, with the scatter within each category."""
        within = self.sum(self.residuals * self.residuals)
        apart = self._means - self._total.sum() / self.count.sum()
        between = self.count * apart * apart
        return Moments(self.count, self._total, np.asarray((within + between).sum()), scatters=within)

    @cached_property
    def _total(self) -> np.ndarray:
        return self.sum(self.values)

    @cached_property
    def residuals(self) -> np.ndarray:
        """The distance of each row from the mean of its category."""
        means = self.spread(self._means)
        return np.subtract(self.values, means, out=means)

    @cached_property
    def _means(self) -> np.ndarray:
        return self._total / np.maximum(self.count, TINY)

    @cached_property
    def count(self) -> np.ndarray:
        """The weight of the rows of each category, of shape (size,)."""
        return self.numbers.astype(float) if self.weights is None else self._sum(self.weights)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """What categories have, of shape (size,), for each row."""
        return np.repeat(values, self.numbers)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum weight times value over the rows of each category, of shape (size,)."""
        return self._sum(values if self.weights is None else values * self.weights)

    def _sum(self, values: np.ndarray) -> np.ndarray:
        found = np.zeros(self.size)
        found[self._some] = np.add.reduceat(values, self._first[self._some])
        return found

    @cached_property
    def _some(self) -> np.ndarray:
        """The categories that have rows."""
        return np.flatnonzero(self.numbers)

    @cached_property
    def _first(self) -> np.ndarray:
        """The first row of each category, of shape (size,)."""
        return np.cumsum(self.numbers) - self.numbers

    @cached_property
    def _ends(self) -> np.ndarray:
        assert self.weights is not None
        return np.cumsum(self.weights)

    def quantile(self, level: float) -> np.ndarray:
        """The quantile of the rows of each category, of shape (size,), 0 where there are none."""
        some, found = self._some, np.zeros(self.size)
        place, first = np.maximum(self.count[some] - 1, 0.0) * level, self._first[some]
        last = first + self.numbers[some] - 1
        if self.weights is None:
            low = first + np.floor(place).astype(int)
            below, above = self.values[low], self.values[np.minimum(low + 1, last)]
            found[some] = below + (place - np.floor(place)) * (above - below)
        else:
            before = self._ends[first] - self.weights[first]
            found[some] = _between(self.values, self._ends, before, place, last)
        return found

    def overall(self, levels: np.ndarray) -> np.ndarray:
        """The quantiles of all rows at some levels."""
        return quantiles(self.values, self.weights, levels)


class SortableRows:
    """Rows that are sorted once, by category and value, of which some are selected.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The category of each row.
    rising : ndarray of shape (n,)
        The rows in the order of their values.
    values : ndarray of shape (n,)
        Their values in this order.
    weights : ndarray of shape (n,) or None
        Those of weight 0 are left out.
    size : int
        The number of categories.
    """

    def __init__(
        self, codes: np.ndarray, rising: np.ndarray, values: np.ndarray, weights: np.ndarray | None, size: int
    ) -> None:
        if weights is not None:
            some = weights[rising] > 0
            rising, values = rising[some], values[some]
        places, self.values, self.numbers = _sort_by_code(codes.take(rising), values, size)
        self.order = rising.take(places)
        self.weights = None if weights is None else weights[self.order]

    def all(self) -> SortedRows:
        """All rows."""
        return SortedRows(self.values, self.weights, self.numbers)

    def among(self, rows: np.ndarray) -> SortedRows:
        """Those of the rows that a boolean array, in the order of `order`, marks."""
        some, numbers = np.flatnonzero(self.numbers), np.zeros_like(self.numbers)
        numbers[some] = np.add.reduceat(rows, (np.cumsum(self.numbers) - self.numbers)[some], dtype=numbers.dtype)
        return SortedRows(self.values[rows], None if self.weights is None else self.weights[rows], numbers)


def _sort_by_code(codes: np.ndarray, values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The places of rows in the order of their codes, equal ones in their own order; their values; rows of each code.

    A sparse matrix with a column for each row is stored by row instead, which is sorting by counting.
    """
    starts = np.arange(len(codes) + 1, dtype=narrowest(len(codes) + 1))
    by_code = csc_array((values, codes.astype(starts.dtype, copy=False), starts), shape=(size, len(codes))).tocsr()
    return by_code.indices, by_code.data, np.diff(by_code.indptr).astype(int)
