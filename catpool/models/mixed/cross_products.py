"""Cross-products of a mixed model's columns, summed over parts of the rows.

The model is y = X beta + sum over factors of Z u + e. For each level of a factor, Z has an indicator and its products
with the covariates that have a random slope. With T = [X, y], the fit needs only the weighted cross-products

    Z'WZ (sparse),    Z'WT,    T'WT.

These are sums over rows, so the sums of several parts of the rows add up to those of all rows. y is measured from a
typical value of the row's own part: a value of all rows would carry a row's target, if only by rounding, into the sums
of other parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.mixed.solver.grouping_factor import FactorShape, GroupingFactor
from catpool.models.mixed.solver.mixed_system import MixedSystem, SparsityPattern
from catpool.models.mixed.solver.random_products import find_products, multiply
from catpool.moments.outside import sum_of_others
from catpool.moments.partition import Parts, typical_values


@frozen
class CrossProducts:
    """The cross-products of P parts of the rows.

    Parameters
    ----------
    shapes : list of FactorShape
    pattern : SparsityPattern
    random : ndarray of shape (P, values)
        The values of Z'WZ.
    cross : ndarray of shape (P, R, p + 1)
        Z'WT.
    fixed : ndarray of shape (P, p + 1, p + 1)
        T'WT.
    rows, log_weights : ndarray of shape (P,)
        As in `MixedSystem`.
    centers : ndarray of shape (P,)
        The value that y is measured from.
    """

    shapes: list[FactorShape]
    pattern: SparsityPattern
    random: np.ndarray
    cross: np.ndarray
    fixed: np.ndarray
    rows: np.ndarray
    log_weights: np.ndarray
    centers: np.ndarray

    def merge(self) -> tuple[MixedSystem, float]:
        """The system of all rows, and the value to add to its intercept."""
        own = self._move_center(self.centers[0])
        arrays = [array.sum(axis=0) for array in own._arrays()]
        return self._system(*arrays), float(self.centers[0])

    def leave_out_parts(self) -> list[tuple[MixedSystem, float]]:
        """For each of two or more parts the system of all other rows, and the value to add to its intercept."""
        first = self._move_center(self.centers[0])._sum_other_parts()
        alike = (self.centers == self.centers[0]).all()  # else the first part's own center must not reach its view
        second = first if alike else self._move_center(self.centers[1])._sum_other_parts()
        views = [second._part(0)] + [first._part(part) for part in range(1, len(self.rows))]
        centers = [self.centers[1]] + [self.centers[0]] * (len(self.rows) - 1)
        return [(view, float(center)) for view, center in zip(views, centers, strict=True)]

    def _arrays(self) -> list[np.ndarray]:
        return [self.random, self.cross, self.fixed, self.rows, self.log_weights]

    def _sum_other_parts(self) -> CrossProducts:
        arrays = []
        for array in self._arrays():
            flat = array.reshape(len(array), -1).astype(float)
            sum_of_others(flat)  # subtracts nothing, so that no rounding of a part's own rows remains
            arrays.append(flat.reshape(array.shape))
        random, cross, fixed, rows, log_weights = arrays
        return replace(self, random=random, cross=cross, fixed=fixed, rows=rows, log_weights=log_weights)

    def _part(self, part: int) -> MixedSystem:
        return self._system(*(array[part] for array in self._arrays()))

    def _system(
        self, random: np.ndarray, cross: np.ndarray, fixed: np.ndarray, rows: np.ndarray, log_weights: np.ndarray
    ) -> MixedSystem:
        return MixedSystem(self.shapes, self.pattern.fill(random), cross, fixed, float(rows), float(log_weights))

    def _move_center(self, center: float) -> CrossProducts:
        """Measure y from one value in all parts."""
        move = self.centers - center
        if not move.any():
            return self
        cross, fixed = self.cross.copy(), self.fixed.copy()
        cross[..., -1] += move[:, None] * cross[..., 0]
        fixed[:, :, -1] += move[:, None] * fixed[:, :, 0]
        fixed[:, -1, :] += move[:, None] * fixed[:, 0, :]
        return replace(self, cross=cross, fixed=fixed, centers=np.full_like(self.centers, center))


def cross_products(
    y: np.ndarray,
    covariates: np.ndarray,
    factors: Sequence[GroupingFactor],
    weights: np.ndarray | None,
    parts: Parts,
    *,
    precision: bool = False,
) -> CrossProducts:
    """Sum the cross-products of each part of the rows.

    Parameters
    ----------
    y : ndarray of shape (n,)
    covariates : ndarray of shape (n, p)
        X, whose first column is ones.
    factors : sequence of GroupingFactor
    weights : ndarray of shape (n,), optional
    parts : Parts
    precision : bool, default=False
        Whether a row of weight w is one row of variance sigma^2 / w, rather than w rows.
    """
    labels = np.zeros(len(y), dtype=np.intp) if parts.labels is None else parts.labels.astype(np.intp)
    centers = typical_values(y, parts)
    columns = np.column_stack([covariates, y - centers[labels]])
    sums = _PartSums(labels, parts.number, weights)
    products, pattern = find_products(factors)
    random = np.concatenate([sums.sum_by_code(each.codes, each.size, each.multiply(weights)) for each in products], 1)
    cross = np.concatenate([_sum_cross(factor, columns, sums) for factor in factors], axis=1)
    fixed, rows, logs = sums.sum_squares(columns), sums.count_rows(precision), sums.sum_log_weights(precision)
    return CrossProducts([factor.shape for factor in factors], pattern, random, cross, fixed, rows, logs, centers)


@frozen
class _PartSums:
    """Sums over the rows of each part.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        The part of each row.
    number : int
        P, the number of parts.
    weights : ndarray of shape (n,) or None
    """

    labels: np.ndarray
    number: int
    weights: np.ndarray | None

    def sum_by_code(self, codes: np.ndarray, size: int, values: np.ndarray | None) -> np.ndarray:
        """Sum values by part and code, shape (P, size); None stands for ones."""
        return (
            np.bincount(self.labels * size + codes, values, minlength=self.number * size)
            .reshape(-1, size)
            .astype(float)
        )

    def sum_squares(self, columns: np.ndarray) -> np.ndarray:
        """The weighted cross-products of columns by part, shape (P, columns, columns)."""
        weighted = columns if self.weights is None else columns * self.weights[:, None]
        if self.number == 1:
            return (weighted.T @ columns)[None]
        order = [np.flatnonzero(self.labels == part) for part in range(self.number)]
        return np.stack([weighted[rows].T @ columns[rows] for rows in order])

    def count_rows(self, precision: bool) -> np.ndarray:
        weights = self.weights if self.weights is None or not precision else (self.weights > 0).astype(float)
        return np.bincount(self.labels, weights, minlength=self.number).astype(float)

    def sum_log_weights(self, precision: bool) -> np.ndarray:
        if not precision or self.weights is None:
            return np.zeros(self.number)
        logarithms = np.log(np.where(self.weights > 0, self.weights, 1.0))
        return np.bincount(self.labels, logarithms, minlength=self.number)


def _sum_cross(factor: GroupingFactor, columns: np.ndarray, sums: _PartSums) -> np.ndarray:
    """Z'WT of a factor by part, shape (P, size * width, p + 1)."""
    values = [
        [
            sums.sum_by_code(factor.codes, factor.size, multiply(multiply(factor.column(a), sums.weights), column))
            for column in columns.T
        ]
        for a in range(factor.width)
    ]
    return np.array(values).transpose(2, 3, 0, 1).reshape(sums.number, -1, columns.shape[1])
