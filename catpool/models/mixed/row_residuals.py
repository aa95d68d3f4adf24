"""What a fit leaves of y, row by row, summed into cross-products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.mixed.cross_products import CrossProducts, cross_products
from catpool.models.mixed.solver.grouping_factor import GroupingFactor, sum_random_effects
from catpool.models.mixed.solver.little_noise import RowSums
from catpool.moments.partition import Parts

ALL = Parts(None, 1)


@frozen
class RowResiduals:
    """The rows of one fit.

    Parameters
    ----------
    y : ndarray of shape (n,)
    covariates : ndarray of shape (n, p)
        X, whose first column is ones.
    factors : sequence of GroupingFactor
    weights : ndarray of shape (n,), optional
    precision : bool
        As in `cross_products`.
    parts : Parts
    left_out : int, optional
        The part of the rows that the fit does not learn from.
    center : float, default=0
        The value that y is measured from.
    """

    y: np.ndarray
    covariates: np.ndarray
    factors: Sequence[GroupingFactor]
    weights: np.ndarray | None
    precision: bool
    parts: Parts = ALL
    left_out: int | None = None
    center: float = 0.0

    def cross_products(self, parts: Parts) -> CrossProducts:
        return cross_products(self.y, self.covariates, self.factors, self.weights, parts, precision=self.precision)

    def __call__(self, fixed: np.ndarray, effects: Sequence[np.ndarray]) -> RowSums:
        """The sums of y - X fixed - Z effects."""
        rows = self if self.left_out is None else self._take(np.flatnonzero(self.parts.labels != self.left_out))
        apart = (rows.y - self.center) - rows.covariates @ fixed - sum_random_effects(rows.factors, effects)
        squares = rows.y**2 if rows.weights is None else rows.weights * rows.y**2
        return RowSums(*replace(rows, y=apart).cross_products(ALL).merge(), float(squares.sum()))

    def _take(self, rows: np.ndarray) -> RowResiduals:
        weights = None if self.weights is None else self.weights[rows]
        factors = [factor.take(rows) for factor in self.factors]
        return RowResiduals(self.y[rows], self.covariates[rows], factors, weights, self.precision)
