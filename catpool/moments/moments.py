"""`Moments`: count and total of the target by category, the scatter of all rows, and their sums and differences.

Let row i of category k have weight w_i (1 by default) and target y_i. The moments are

    count_k = sum of w_i        total_k = sum of w_i y_i        (over the rows of category k)
    scatter = sum of w_i (y_i - mean)^2                         (over all rows, about their mean)

and the analysis of variance splits the scatter into two sums of squares,

    scatter = between + within,     between = sum over k of count_k (mean_k - mean)^2.

Categories are the last axis. Axes before it, such as folds, are free, so one formula serves a single table and a stack
of tables. Totals are stored instead of means because totals of integers (counts, or zeros and ones) are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers

EPS = np.finfo(float).eps
TINY = np.finfo(float).tiny  # a divisor for sums without rows: 0 / TINY is 0, where 0 / 0 would be NaN


@frozen
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
        The number of rows, needed only where weights are precisions. By default it is the sum of `count`.
    residual : ndarray of shape (...), optional
        The scatter within categories, where it was summed directly. By default it is the difference of `scatter` and
        `between`, which loses its digits if nearly all scatter is between categories.
    """

    count: np.ndarray
    total: np.ndarray
    scatter: np.ndarray
    observed: np.ndarray | None = None
    residual: np.ndarray | None = None

    @cached_property
    def size(self) -> np.ndarray:
        """The number of rows of all categories, or the sum of their weights, of shape (...)."""
        return self.count.sum(axis=-1)

    @property
    def rows(self) -> np.ndarray:
        """The number of rows. A row of weight w counts as w rows, or as one row if weights are precisions."""
        return self.size if self.observed is None else self.observed

    def views(self) -> Iterator[Moments]:
        """Iterate over the leading axes: one table of shape (K,) after the other."""
        for index in np.ndindex(self.count.shape[:-1]):
            observed = None if self.observed is None else self.observed[index]
            residual = None if self.residual is None else self.residual[index]
            view = Moments(self.count[index], self.total[index], self.scatter[index], observed, residual)
            yield view.cache(size=self.size[index], mean=self.mean[index])

    def flat(self) -> Moments:
        """The same tables along one axis, of shape (V, K)."""
        axes = self.count.shape[:-1]
        return self._rearranged(lambda each: each.reshape(-1, *each.shape[len(axes) :]))

    def take(self, tables: np.ndarray) -> Moments:
        """Select some of the tables along the first axis."""
        return self._rearranged(lambda each: each[tables])

    def _rearranged(self, change: Callable[[np.ndarray], np.ndarray]) -> Moments:
        observed, residual = (
            None if each is None else change(np.asarray(each)) for each in (self.observed, self.residual)
        )
        same = Moments(change(self.count), change(self.total), change(np.asarray(self.scatter)), observed, residual)
        return same.cache(size=change(np.asarray(self.size)), mean=change(np.asarray(self.mean)))

    def subset(self, categories: np.ndarray) -> Moments:
        """The same rows, without categories that have none; `categories` are the others."""
        some = replace(self, count=self.count[..., categories], total=self.total[..., categories])
        return some.cache(size=self.size, mean=self.mean)

    def divide(self, unit: np.ndarray) -> Moments:
        """The moments of the target divided by a unit, of shape (...)."""
        residual = None if self.residual is None else self.residual / unit / unit
        total, scatter = self.total / unit[..., None], self.scatter / unit / unit  # the square may overflow
        return replace(self, total=total, scatter=scatter, residual=residual)

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean of all rows, of shape (...)."""
        return self.total_of_all / np.maximum(self.size, TINY)

    @cached_property
    def total_of_all(self) -> np.ndarray:
        """Sum of weight times target over all rows, of shape (...)."""
        return self.total.sum(axis=-1)

    def cache(self, **values: np.ndarray) -> Moments:
        """Set cached properties, such as `size` and `mean`, to values that are known already; return the object."""
        vars(self).update(values)
        return self

    @cached_property
    def categories(self) -> np.ndarray:
        """The number of categories that have rows."""
        return np.count_nonzero(self.count, axis=-1)

    @cached_property
    def category_means(self) -> np.ndarray:
        """Mean of each category, 0 for a category without rows."""
        rows = np.maximum(self.count, TINY)
        return np.divide(self.total, rows, out=rows)

    @cached_property
    def distances(self) -> np.ndarray:
        """Mean of each category minus the mean of all rows."""
        return self.category_means - self.mean[..., None]

    @cached_property
    def between(self) -> np.ndarray:
        """Scatter of the categories' means about the mean of all rows."""
        squares = np.einsum("...k,...k->...", self.count, self.distances**2)
        return np.where(squares > self._rounding, squares, 0.0)  # a prior learned from rounding errors is arbitrary

    @cached_property
    def within(self) -> np.ndarray:
        """Scatter of the rows about their categories' means, set to 0 where it is no more than rounding error."""
        if self.residual is not None:
            return np.where(self.residual > self._rounding, self.residual, 0.0)
        rest = self.scatter - self.between
        # a difference of nearly equal numbers, whose own error is relative to them
        return np.where(rest > np.maximum(self._rounding, 1e-13 * self.scatter), rest, 0.0)

    @property
    def _rounding(self) -> np.ndarray:
        """An upper bound for the scatter that a constant target has because its mean is rounded."""
        return self.size * (4 * EPS * self.mean) ** 2

    def merge(self, count: np.ndarray | None = None) -> Moments:
        """Add up the parts along the first axis; pass `count` if its sum is known already."""
        whole = self.overall(np.ones((1, len(self.count))))
        observed = None if self.observed is None else self.observed.sum(axis=0)
        count = self.count.sum(axis=0) if count is None else count
        return Moments(count, self.total.sum(axis=0), whole.scatter[0], observed)

    def overall(self, included: np.ndarray) -> Overall:
        """Size, mean and scatter of the rows of some parts, over all categories.

        Parameters
        ----------
        included : ndarray of shape (m, P)
            1 for a part of the first axis that is included, otherwise 0; each of the m rows is a selection.
        """
        size = included @ self.size
        mean = included @ self.total_of_all / np.maximum(size, TINY)
        shift = self.size * (self.mean - mean[:, None]) ** 2  # Chan, Golub and LeVeque (1983)
        return Overall(size, mean, (included * (self.scatter + shift)).sum(axis=1))

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be moments."""
        shape = np.shape(self.count)
        require(shape and shape[-1] >= 1, "moments without categories")
        require_numbers(shape, least=0.0, count=self.count)
        require_numbers(shape, total=self.total)
        require_numbers(shape[:-1], scatter=self.scatter, observed=self.observed, residual=self.residual)
        require(np.isfinite(self.count).all(), "an infinite number of rows, or NaN")

    def __add__(self, other: Moments) -> Moments:
        frequencies = self.observed is None and other.observed is None
        return Moments(
            np.stack((self.count, other.count)),
            np.stack((self.total, other.total)),
            np.stack((self.scatter, other.scatter)),
            None if frequencies else np.stack((self.rows, other.rows)),
        ).merge()

    def __sub__(self, other: Moments) -> Moments:
        observed = None if self.observed is None else self.rows - other.rows
        rest = Moments(self.count - other.count, self.total - other.total, self.scatter, observed)
        shift = (rest.mean - other.mean) ** 2 * rest.size * other.size / self.size
        return replace(rest, scatter=np.maximum(self.scatter - other.scatter - shift, 0.0))  # rounding


class Overall(NamedTuple):
    """Size, mean and scatter of all rows, of shape (m,)."""

    size: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray
