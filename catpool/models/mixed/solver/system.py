"""The parts of a mixed model: factors, and the cross-products that its equations are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Factor:
    """A grouping of the rows and what differs by level.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    size : int
        Levels.
    slopes : ndarray of shape (n, width - 1)
        The covariates whose slopes differ by level, beside the intercept.
    correlated : bool, default=True
        Whether intercepts and slopes may be correlated.
    """

    codes: np.ndarray
    size: int
    slopes: np.ndarray
    correlated: bool = True

    @property
    def width(self) -> int:
        return 1 + self.slopes.shape[1]

    def column(self, position: int, weights: np.ndarray | None) -> np.ndarray | None:
        """The weights times one of the columns that differ by level, None for ones."""
        if position == 0:
            return weights
        slope = self.slopes[:, position - 1]
        return slope if weights is None else slope * weights


def random_part(factors: Sequence[Factor], effects: Sequence[np.ndarray]) -> np.ndarray:
    """Z u of rows, of shape (n,), from each factor's effects, of shape (size, width)."""
    result = np.zeros(len(factors[0].codes))
    for factor, each in zip(factors, effects, strict=True):
        own = each[factor.codes]
        result += own[:, 0] + np.einsum("nq,nq->n", own[:, 1:], factor.slopes)
    return result


@dataclass(frozen=True)
class Shape:
    """A factor's levels and width, and whether its effects are correlated."""

    size: int
    width: int
    correlated: bool

    @property
    def length(self) -> int:
        return self.size * self.width


@dataclass(frozen=True)
class System:
    """The cross-products of one view of the rows.

    Parameters
    ----------
    shapes : list of Shape
    inner : csr_matrix of shape (R, R)
        Z'WZ; factors one after the other, levels within factors, widths within levels.
    outer : ndarray of shape (R, p + 1)
        Z'WT.
    fixed : ndarray of shape (p + 1, p + 1)
        T'WT.
    rows : float
        Their number, or the sum of their weights where these are frequencies.
    log_weights : float
        Sum of the logarithms of precisions.
    """

    shapes: list[Shape]
    inner: csr_matrix
    outer: np.ndarray
    fixed: np.ndarray
    rows: float
    log_weights: float

    @property
    def covariates(self) -> int:
        """Columns of X."""
        return len(self.fixed) - 1

    @property
    def slices(self) -> list[slice]:
        """Where each factor's effects are."""
        ends = np.cumsum([shape.length for shape in self.shapes])
        return [slice(int(end) - shape.length, int(end)) for end, shape in zip(ends, self.shapes, strict=True)]


@dataclass(frozen=True)
class Pattern:
    """Where the entries of Z'WZ are: `source` tells which of the values, each kept once, an entry is."""

    indices: np.ndarray
    indptr: np.ndarray
    source: np.ndarray

    def matrix(self, values: np.ndarray) -> csr_matrix:
        size = len(self.indptr) - 1
        return csr_matrix((values[self.source], self.indices, self.indptr), shape=(size, size))
