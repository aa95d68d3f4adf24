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

from collections.abc import Iterator, Sequence
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
        The scatter within categories, where it was summed directly, elsewhere NaN. By default it is the difference of
        `scatter` and `between`, which loses its digits if nearly all scatter is between categories.
    scatters : ndarray of shape (..., K), optional
        The scatter within each category, where a prior asks for it.
    """

    count: np.ndarray
    total: np.ndarray
    scatter: np.ndarray
    observed: np.ndarray | None = None
    residual: np.ndarray | None = None
    scatters: np.ndarray | None = None

    @cached_property
    def size(self) -> np.ndarray:
        """The number of rows of all categories, or the sum of their weights, of shape (...)."""
        return self.count.sum(axis=-1)

    @property
    def rows(self) -> np.ndarray:
        """The number of rows. A row of weight w counts as w rows, or as one row if weights are precisions."""
        return self.size if self.observed is None else self.observed

    @property
    def row_weight(self) -> float | np.ndarray:
        """What a row adds to the count of its category: one, or if weights are precisions their mean."""
        return 1.0 if self.observed is None else self.size / np.maximum(self.observed, 1.0)

    def views(self) -> Iterator[Moments]:
        """Iterate over the leading axes: one table of shape (K,) after the other."""
        for index in np.ndindex(self.count.shape[:-1]):
            observed = None if self.observed is None else self.observed[index]
            residual = None if self.residual is None else self.residual[index]
            scatters = None if self.scatters is None else self.scatters[index]
            view = Moments(self.count[index], self.total[index], self.scatter[index], observed, residual, scatters)
            yield view.cache(size=self.size[index], mean=self.mean[index])

    def subset(self, categories: np.ndarray | slice) -> Moments:
        """The same rows, without categories that have none; `categories` are the others."""
        scatters = None if self.scatters is None else self.scatters[..., categories]
        some = replace(self, count=self.count[..., categories], total=self.total[..., categories], scatters=scatters)
        return some.cache(size=self.size, mean=self.mean)

    def table(self, index: int, size: int) -> Moments:
        """One table of those along the first of two axes, with its first `size` categories, as a copy."""
        count, total = (each[index, :size].astype(float) for each in (self.count, self.total))
        observed = None if self.observed is None else np.array(self.observed[index])
        summed = self.residual is not None and not np.isnan(self.residual[index])
        residual = np.array(self.residual[index]) if self.residual is not None and summed else None
        scatters = None if self.scatters is None else self.scatters[index, :size].copy()
        return Moments(count, total, np.array(self.scatter[index]), observed, residual, scatters)

    def flatten(self) -> Moments:
        """The same tables along one axis: moments of shape (T, K)."""
        count, total, scatters = (
            None if each is None else each.reshape(-1, each.shape[-1])
            for each in (self.count, self.total, self.scatters)
        )
        assert count is not None
        assert total is not None
        scatter, size, mean = (np.ravel(each) for each in (self.scatter, self.size, self.mean))
        observed, residual = (None if each is None else np.ravel(each) for each in (self.observed, self.residual))
        return Moments(count, total, scatter, observed, residual, scatters).cache(size=size, mean=mean)

    def take(self, tables: slice | np.ndarray) -> Moments:
        """Select some of the tables along the first of two axes."""
        observed = None if self.observed is None else self.observed[tables]
        residual = None if self.residual is None else self.residual[tables]
        scatters = None if self.scatters is None else self.scatters[tables]
        some = Moments(self.count[tables], self.total[tables], self.scatter[tables], observed, residual, scatters)
        return some.cache(size=self.size[tables], mean=self.mean[tables])

    def divide(self, unit: np.ndarray) -> Moments:
        """The moments of the target divided by a unit, of shape (...)."""
        residual = None if self.residual is None else self.residual / unit / unit
        total, scatter = self.total / unit[..., None], self.scatter / unit / unit  # the square may overflow
        scatters = None if self.scatters is None else self.scatters / unit[..., None] / unit[..., None]
        return replace(self, total=total, scatter=scatter, residual=residual, scatters=scatters)

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

    @property
    def some_repeat(self) -> np.ndarray:
        """Whether any category has several rows, without which nothing varies within categories, of shape (...)."""
        return self.rows - self.categories > 1e-12 * self.rows

    @cached_property
    def category_means(self) -> np.ndarray:
        """Mean of each category, 0 for a category without rows."""
        rows = self.count + TINY  # which is the count itself unless that is 0, and faster than a maximum
        return np.divide(self.total, rows, out=rows)

    @cached_property
    def distances(self) -> np.ndarray:
        """Mean of each category minus the mean of all rows."""
        return self.category_means - self.mean[..., None]

    @cached_property
    def between(self) -> np.ndarray:
        """Scatter of the categories' means about the mean of all rows."""
        return self.beyond_rounding(np.einsum("...k,...k->...", self.count, self.distances**2))

    def beyond_rounding(self, scatter: np.ndarray) -> np.ndarray:
        """A scatter between categories, set to 0 where it is no more than rounding error."""
        return np.where(scatter > self._rounding, scatter, 0.0)  # a prior learned from rounding errors is arbitrary

    @cached_property
    def within(self) -> np.ndarray:
        """Scatter of the rows about their categories' means, set to 0 where it is no more than rounding error."""
        rest = self.scatter - self.between
        # a difference of nearly equal numbers, whose own error is relative to them
        rest = np.where(rest > np.maximum(self._rounding, 1e-13 * self.scatter), rest, 0.0)
        if self.residual is None:
            return rest
        summed = np.where(self.residual > self._rounding, self.residual, 0.0)
        return np.where(np.isnan(self.residual), rest, summed)

    @property
    def _rounding(self) -> np.ndarray:
        """An upper bound for the scatter that a constant target has because its mean is rounded."""
        return self.size * (4 * EPS * self.mean) ** 2

    def merge(self, count: np.ndarray | None = None) -> Moments:
        """Add up the parts along the last axis but one; pass `count` if its sum is known already."""
        whole = self.overall(np.ones((1, self.count.shape[-2])))
        observed = None if self.observed is None else self.observed.sum(axis=-1)
        count = self.count.sum(axis=-2) if count is None else count
        scatters = None
        if self.scatters is not None:
            means = np.moveaxis(self.category_means, -2, 0)
            count_first, scatters_first = (np.moveaxis(each, -2, 0) for each in (self.count, self.scatters))
            scatters = merge_scatters(count_first, scatters_first, means)[1]
        return Moments(count, self.total.sum(axis=-2), whole.scatter[..., 0], observed, scatters=scatters)

    def overall(self, included: np.ndarray) -> Overall:
        """Size, mean and scatter of the rows of some parts, over all categories.

        Parameters
        ----------
        included : ndarray of shape (m, P)
            1 for a part of the last axis but one that is included, otherwise 0; each of the m rows is a selection.
        """
        size = self.size @ included.T
        mean = self.total_of_all @ included.T / np.maximum(size, TINY)
        # Chan, Golub and LeVeque (1983)
        shift = self.size[..., None, :] * (self.mean[..., None, :] - mean[..., None]) ** 2
        return Overall(size, mean, (included * (self.scatter[..., None, :] + shift)).sum(axis=-1))

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be moments."""
        shape = np.shape(self.count)
        require(shape and shape[-1] >= 1, "moments without categories")
        require_numbers(shape, least=0.0, count=self.count)
        require_numbers(shape, total=self.total)
        require_numbers(shape, least=0.0, scatters=self.scatters)
        require_numbers(shape[:-1], scatter=self.scatter, observed=self.observed, residual=self.residual)
        require(np.isfinite(self.count).all(), "an infinite number of rows, or NaN")

    def __add__(self, other: Moments) -> Moments:
        frequencies = self.observed is None and other.observed is None
        return Moments(
            np.stack((self.count, other.count)),
            np.stack((self.total, other.total)),
            np.stack((self.scatter, other.scatter)),
            None if frequencies else np.stack((self.rows, other.rows)),
            scatters=stack_known((self.scatters, other.scatters)),
        ).merge()

    def __sub__(self, other: Moments) -> Moments:
        observed = None if self.observed is None else self.rows - other.rows
        rest = Moments(self.count - other.count, self.total - other.total, self.scatter, observed)
        shift = (rest.mean - other.mean) ** 2 * rest.size * other.size / self.size
        return replace(rest, scatter=np.maximum(self.scatter - other.scatter - shift, 0.0))  # rounding


def stack_known(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Arrays along a new first axis, or None if one of them is."""
    known = [each for each in arrays if each is not None]
    return np.stack(known) if len(known) == len(arrays) else None


def merge_scatters(
    count: np.ndarray, scatters: np.ndarray, means: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, scatters and means of the rows of all parts, from those of each along the first axis.

    Of Chan, Golub and LeVeque (1983), as in `Moments.overall`, for each category.
    """
    size = count.sum(axis=0)
    mean = (count * means).sum(axis=0) / np.maximum(size, TINY)
    return size, (scatters + count * (means - mean) ** 2).sum(axis=0), mean


class Overall(NamedTuple):
    """Size, mean and scatter of all rows, of shape (..., m)."""

    size: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray
