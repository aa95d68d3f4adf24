"""The cross-products that determine a mixed model's fit: all that its equations need to know of the rows."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from catpool.data.frozen import frozen
from catpool.models.mixed.solver.grouping_factor import FactorShape


@frozen
class MixedSystem:
    """The weighted cross-products of some rows, with T = [X, y].

    Effects are ordered by factor, then by level, then the intercept, if there is one, before slopes.

    Parameters
    ----------
    shapes : list of FactorShape
    random : csr_matrix of shape (R, R)
        Z'WZ.
    cross : ndarray of shape (R, p + 1)
        Z'WT.
    fixed : ndarray of shape (p + 1, p + 1)
        T'WT.
    rows : float
        Number of rows, or the sum of their frequencies.
    log_weights : float
        Sum of the logarithms of the precisions.
    """

    shapes: list[FactorShape]
    random: csr_matrix
    cross: np.ndarray
    fixed: np.ndarray
    rows: float
    log_weights: float

    @property
    def covariates(self) -> int:
        """Number of columns of X."""
        return len(self.fixed) - 1

    @property
    def scatter(self) -> float:
        """The weighted sum of squares of y about its mean."""
        return max(float(self.fixed[-1, -1] - self.fixed[0, -1] ** 2 / self.fixed[0, 0]), 0.0)

    @cached_property
    def slices(self) -> list[slice]:
        """The positions of each factor's effects."""
        ends = np.cumsum([shape.length for shape in self.shapes])
        return [slice(int(end) - shape.length, int(end)) for end, shape in zip(ends, self.shapes, strict=True)]

    @property
    def seen(self) -> list[int]:
        """The number of each factor's levels that have rows or, without an intercept, numbers other than zero."""
        return [int(np.count_nonzero(own[:, 0])) for own in self.split(self.random.diagonal())]

    def in_units(self, unit: float) -> MixedSystem:
        """The system of a target that is divided by a unit."""
        cross, fixed = self.cross.copy(), self.fixed.copy()
        cross[:, -1] /= unit
        fixed[:, -1] /= unit
        fixed[-1] /= unit
        return replace(self, cross=cross, fixed=fixed)

    def split(self, values: np.ndarray) -> list[np.ndarray]:
        """Split values of all effects, shape (R,), into one array of shape (size, width) per factor."""
        return [
            values[where].reshape(shape.size, shape.width)
            for where, shape in zip(self.slices, self.shapes, strict=True)
        ]


@frozen
class SparsityPattern:
    """The sparsity pattern of Z'WZ, which is the same for all parts of the rows.

    Parameters
    ----------
    indices, indptr : ndarray
        As in `scipy.sparse.csr_matrix`.
    source : ndarray
        For each entry, the position of its value. A value off the diagonal is stored once and used twice.
    """

    indices: np.ndarray
    indptr: np.ndarray
    source: np.ndarray

    @cached_property
    def _zeros(self) -> csr_matrix:
        size = len(self.indptr) - 1
        return csr_matrix((np.zeros(len(self.source)), self.indices, self.indptr), shape=(size, size))

    def fill(self, values: np.ndarray) -> csr_matrix:
        result = copy.copy(self._zeros)  # a new matrix would have its pattern checked again
        result.data = values[self.source]
        return result
