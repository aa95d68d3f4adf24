"""`SortedRows`: rows in the order of their categories and values, so that quantiles are looked up by position.

A row of weight w stands for w rows. The quantile at level q of n rows is that of numpy: with the values counted from 0,
the one at the place (n - 1) q, on the line between two if the place is no integer.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import TINY, Moments


def quantiles(values: np.ndarray, weights: np.ndarray | None, levels: np.ndarray) -> np.ndarray:
    """The quantiles of values of positive weights, in any order, at some levels."""
    if weights is None:
        return np.quantile(values, levels)
    order = np.argsort(values, kind="stable")
    values, ends = values[order], np.cumsum(weights[order])
    place = np.maximum(ends[-1] - 1, 0.0) * levels
    return _between(values, ends, np.zeros_like(place), place, np.full(len(levels), len(values) - 1))


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
    codes, values : ndarray of shape (n,)
        The category and the value of each row.
    weights : ndarray of shape (n,) or None
        Positive; None is 1 for all rows.
    positions : ndarray of shape (n,)
        Where the rows were before they were sorted.
    size : int
        The number of categories.
    """

    codes: np.ndarray
    values: np.ndarray
    weights: np.ndarray | None
    positions: np.ndarray
    size: int

    @classmethod
    def of(cls, codes: np.ndarray, values: np.ndarray, weights: np.ndarray | None, size: int) -> SortedRows:
        """Sort the rows, without those of weight 0."""
        order = np.lexsort((values, codes))
        if weights is not None:
            order = order[weights[order] > 0]
        return cls(codes[order], values[order], None if weights is None else weights[order], order, size)

    def among(self, rows: np.ndarray) -> SortedRows:
        """Those of the rows that a boolean array, in the order before they were sorted, marks."""
        some = np.flatnonzero(rows[self.positions])
        weights = None if self.weights is None else self.weights[some]
        return SortedRows(self.codes[some], self.values[some], weights, self.positions[some], self.size)

    @cached_property
    def moments(self) -> Moments:
        """The moments of the rows, with the scatter within each category."""
        total, scatters = self.sum(self.values), self.sum(self.residuals**2)
        mean = total.sum() / self.count.sum()
        return Moments(self.count, total, np.asarray(self._weighed((self.values - mean) ** 2).sum()), scatters=scatters)

    @cached_property
    def residuals(self) -> np.ndarray:
        """The distance of each row from the mean of its category."""
        means = self.sum(self.values) / np.maximum(self.count, TINY)
        return self.values - means[self.codes]

    @cached_property
    def count(self) -> np.ndarray:
        """The weight of the rows of each category, of shape (size,)."""
        return np.bincount(self.codes, self.weights, self.size).astype(float)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum weight times value over the rows of each category, of shape (size,)."""
        return np.bincount(self.codes, self._weighed(values), self.size)

    def _weighed(self, values: np.ndarray) -> np.ndarray:
        return values if self.weights is None else values * self.weights

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.arange(1.0, len(self.codes) + 1) if self.weights is None else np.cumsum(self.weights)

    @cached_property
    def _last(self) -> np.ndarray:
        """The last row of each category, of shape (size,)."""
        return np.cumsum(np.bincount(self.codes, minlength=self.size)) - 1

    def quantile(self, level: float) -> np.ndarray:
        """The quantile of the rows of each category, of shape (size,), 0 where there are none."""
        some = np.flatnonzero(self.count)
        before = np.append(0.0, self._ends)[self._last[some] - np.bincount(self.codes, minlength=self.size)[some] + 1]
        place = np.maximum(self.count[some] - 1, 0.0) * level
        found = np.zeros(self.size)
        found[some] = _between(self.values, self._ends, before, place, self._last[some])
        return found

    def overall(self, levels: np.ndarray) -> np.ndarray:
        """The quantiles of all rows at some levels."""
        return quantiles(self.values, self.weights, levels)
