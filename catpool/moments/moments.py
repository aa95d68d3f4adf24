"""What is known of a target in each category, and how such knowledge adds up.

Let row i of category k have weight w_i (one by default) and target y_i. The moments are

    count_k = sum of w_i        total_k = sum of w_i y_i        (over the rows of category k)
    scatter = sum of w_i (y_i - mean)^2                         (over all rows, about their mean)

and the analysis of variance splits the scatter in two,

    scatter = between + within,     between = sum over k of count_k (mean_k - mean)^2.

Categories are the last axis. Any axes before it (folds, say) are free, so one formula serves one table
and many. Totals are kept rather than means because totals of zeros and ones, and of counts, are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

EPS = np.finfo(float).eps
TINY = np.finfo(float).tiny  # beside any count it vanishes; alone it keeps 0 / 0 from happening
BLOCK = 1 << 15  # categories summed at a time: what the processor's cache holds


@dataclass(frozen=True)
class Moments:
    """Count and total of each category, and the scatter of all rows.

    Parameters
    ----------
    count : ndarray of shape (..., K)
        Rows of each category, or the sum of their weights.
    total : ndarray of shape (..., K)
        Sum of weight times target.
    scatter : ndarray of shape (...)
        Sum of weight times squared distance from the mean of all rows.
    observed : ndarray of shape (...), optional
        How many rows there are, where weights are precisions; else the count tells.
    residual : ndarray of shape (...), optional
        The scatter within categories, where it was summed by itself. Else it is a difference, which has no digits
        left where nearly all scatter is between them.
    """

    count: np.ndarray
    total: np.ndarray
    scatter: np.ndarray
    observed: np.ndarray | None = None
    residual: np.ndarray | None = None

    @cached_property
    def size(self) -> np.ndarray:
        """Rows of all categories, or the sum of their weights, of shape (...)."""
        return self.count.sum(axis=-1)

    @property
    def rows(self) -> np.ndarray:
        """Rows of all categories: one of weight w is w of them, unless weights are precisions."""
        return self.size if self.observed is None else self.observed

    def views(self) -> Iterator[Moments]:
        """Each of the tables that the leading axes run over, of shape (K,)."""
        for index in np.ndindex(self.count.shape[:-1]):
            observed = None if self.observed is None else self.observed[index]
            residual = None if self.residual is None else self.residual[index]
            view = Moments(self.count[index], self.total[index], self.scatter[index], observed, residual)
            yield view.knowing(size=self.size[index], mean=self.mean[index])

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean of all rows, of shape (...)."""
        return self.total_of_all / np.maximum(self.size, TINY)

    @cached_property
    def total_of_all(self) -> np.ndarray:
        """Sum over all rows, of shape (...)."""
        return self.total.sum(axis=-1)

    def knowing(self, **values: np.ndarray) -> Moments:
        """The same moments, of which the values named (the size, the mean) need not be reckoned."""
        vars(self).update(values)
        return self

    @cached_property
    def categories(self) -> np.ndarray:
        """How many categories have rows."""
        return np.count_nonzero(self.count, axis=-1)

    @cached_property
    def category_means(self) -> np.ndarray:
        """Mean of each category, nought where it has no rows."""
        rows = np.maximum(self.count, TINY)
        return np.divide(self.total, rows, out=rows)

    @cached_property
    def distances(self) -> np.ndarray:
        """Of the categories' means from the mean of all rows."""
        return self.category_means - self.mean[..., None]

    @cached_property
    def between(self) -> np.ndarray:
        """Scatter of the categories' means about the mean of all rows."""
        squares = np.einsum("...k,...k->...", self.count, self.distances**2)
        return np.where(squares > self._rounding, squares, 0.0)

    @cached_property
    def within(self) -> np.ndarray:
        """Scatter of the rows about their categories' means; what is only rounding of the difference is nought."""
        if self.residual is not None:
            return np.where(self.residual > self._rounding, self.residual, 0.0)
        rest = self.scatter - self.between
        return np.where(rest > np.maximum(self._rounding, 1e-13 * self.scatter), rest, 0.0)

    @property
    def _rounding(self) -> np.ndarray:
        """The scatter that a constant target shows because its mean is rounded."""
        return self.size * (4 * EPS * self.mean) ** 2

    def merged(self, count: np.ndarray | None = None) -> Moments:
        """Of all the parts that the first axis runs over, of shape (..., K) without it, whose count may be known."""
        whole = self.overall(np.ones((1, len(self.count))))
        observed = None if self.observed is None else self.observed.sum(axis=0)
        count = self.count.sum(axis=0) if count is None else count
        return Moments(count, self.total.sum(axis=0), whole.scatter[0], observed)

    def overall(self, seen: np.ndarray) -> Overall:
        """What is known of the rows of the parts that are seen, whatever their category.

        Parameters
        ----------
        seen : ndarray of shape (m, P)
            1 for a part of the first axis that is seen, else 0.
        """
        size = seen @ self.size
        mean = seen @ self.total_of_all / np.maximum(size, TINY)
        apart = self.size * (self.mean - mean[:, None]) ** 2  # Chan, Golub and LeVeque (1983)
        return Overall(size, mean, (seen * (self.scatter + apart)).sum(axis=1))

    def __add__(self, other: Moments) -> Moments:
        told = self.observed is None and other.observed is None
        return Moments(
            np.stack((self.count, other.count)),
            np.stack((self.total, other.total)),
            np.stack((self.scatter, other.scatter)),
            None if told else np.stack((self.rows, other.rows)),
        ).merged()

    def __sub__(self, other: Moments) -> Moments:
        observed = None if self.observed is None else self.rows - other.rows
        rest = Moments(self.count - other.count, self.total - other.total, self.scatter, observed)
        apart = (rest.mean - other.mean) ** 2 * rest.size * other.size / self.size
        return replace(rest, scatter=np.maximum(self.scatter - other.scatter - apart, 0.0))


class Overall(NamedTuple):
    """Size, mean and scatter of all rows, of shape (m,)."""

    size: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray


def sum_of_others(parts: np.ndarray) -> None:
    """Replace each part, in place, by the sum of all the other parts.

    Nothing is subtracted: a part does not touch its own sum, not even by rounding. Halves of the first
    axis hand each other their sums, so the work is log2(parts) passes over the array.

    Parameters
    ----------
    parts : ndarray of shape (P, K)
    """
    for start in range(0, parts.shape[1], BLOCK):
        _share(parts[:, start : start + BLOCK], np.zeros(1, dtype=parts.dtype))


def _share(parts: np.ndarray, outside: np.ndarray) -> None:
    if len(parts) == 1:
        parts[0] = outside
        return
    left, right = np.split(parts, [len(parts) // 2])
    outside_left, outside_right = outside + right.sum(axis=0), outside + left.sum(axis=0)
    _share(left, outside_left)
    _share(right, outside_right)
