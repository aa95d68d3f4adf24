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
            yield Moments(self.count[index], self.total[index], self.scatter[index], observed, residual)

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean of all rows, of shape (...)."""
        return self.total.sum(axis=-1) / np.maximum(self.size, TINY)

    def with_scatter(self, scatter: np.ndarray) -> Moments:
        """The same moments but for the scatter; what was reckoned of the others is kept."""
        result = replace(self, scatter=scatter)
        vars(result).update({name: value for name, value in vars(self).items() if name in ("size", "mean")})
        return result

    @cached_property
    def categories(self) -> np.ndarray:
        """How many categories have rows."""
        return np.count_nonzero(self.count, axis=-1)

    @cached_property
    def category_means(self) -> np.ndarray:
        """Mean of each category, nought where it has no rows."""
        return self.total / np.maximum(self.count, TINY)

    @cached_property
    def between(self) -> np.ndarray:
        """Scatter of the categories' means about the mean of all rows."""
        distance = self.category_means - self.mean[..., None]
        distance *= distance
        squares = np.einsum("...k,...k->...", self.count, distance)
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

    def merged(self) -> Moments:
        """Of all the parts that the first axis runs over, of shape (..., K) without it."""
        seen = np.ones((1, len(self.count)))
        observed = None if self.observed is None else self.observed.sum(axis=0)
        return Moments(self.count.sum(axis=0), self.total.sum(axis=0), self.scatter_of(seen)[0], observed)

    def scatter_of(self, seen: np.ndarray) -> np.ndarray:
        """Scatter about their common mean of the parts that are seen, for each row of `seen`.

        Parameters
        ----------
        seen : ndarray of shape (m, P)
            1 for a part of the first axis that is seen, else 0.

        Returns
        -------
        ndarray of shape (m,)
        """
        mean = seen @ (self.size * self.mean) / np.maximum(seen @ self.size, TINY)
        apart = self.size * (self.mean - mean[:, None]) ** 2  # Chan, Golub and LeVeque (1983)
        return (seen * (self.scatter + apart)).sum(axis=1)

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
