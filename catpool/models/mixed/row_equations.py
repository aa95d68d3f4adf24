"""The posterior of coefficients and effects given Lambda and precisions of rows, by sparse or by dense equations.

With few effects, each operation of the sparse equations costs more than its arithmetic. Then all columns side by side,
W = [Z Lambda, X], give the equations as one dense matrix, W' diag(w) W + diag(I, 0).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpotrs, dtrtrs

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.solver.block_matrices import repeat_dense_lambdas
from catpool.models.mixed.solver.cholesky import CholeskyEquations
from catpool.models.mixed.solver.grouping_factor import sum_random_effects
from catpool.models.mixed.solver.reweighted_systems import ReweightedSystems

DENSE = 1 << 21  # multiplications, rows times columns squared, up to which one dense matrix is faster


class RowSolution(NamedTuple):
    """The posterior mean, and what follows from the equations.

    Parameters
    ----------
    fixed : ndarray of shape (1 + p,)
    spherical : ndarray of shape (R,)
        b.
    log_determinants : float
        The sum of those of M and of X'V^-1 X.
    row_variances : callable
        The variances of the rows' linear predictors, shape (m,).
    equations : callable
        The mixed-model equations.
    """

    fixed: np.ndarray
    spherical: np.ndarray
    log_determinants: float
    row_variances: Callable[[], np.ndarray]
    equations: Callable[[], CholeskyEquations]


class RowEquations(ABC):
    """The equations of m rows.

    Parameters
    ----------
    rows : AggregatedRows
    """

    def __init__(self, rows: AggregatedRows) -> None:
        self.rows, self.systems = rows, ReweightedSystems(rows.factors, rows.covariates)
        self.lambdas: Sequence[np.ndarray] = []
        ends = np.cumsum([factor.shape.length for factor in rows.factors])
        self.slices = [slice(end - factor.shape.length, end) for end, factor in zip(ends, rows.factors, strict=True)]

    def at(self, lambdas: Sequence[np.ndarray]) -> None:
        """Take other Lambdas."""
        self.lambdas = lambdas

    def effects(self, spherical: np.ndarray) -> list[np.ndarray]:
        """The effects Lambda b of each factor, shape (size, width)."""
        pairs = zip(self.slices, self.lambdas, strict=True)
        return [spherical[own].reshape(-1, len(root)) @ root.T for own, root in pairs]

    @abstractmethod
    def predictor(self, fixed: np.ndarray, spherical: np.ndarray) -> np.ndarray:
        """The linear predictor without the offset, shape (m,)."""

    @abstractmethod
    def solve(self, working: np.ndarray, precisions: np.ndarray) -> RowSolution:
        """The solution for a response with these precisions, each of shape (m,)."""

    def equations(self, working: np.ndarray, precisions: np.ndarray) -> CholeskyEquations:
        return CholeskyEquations(self.systems.partition(working, precisions), self.lambdas)


class SparseRows(RowEquations):
    """The mixed-model equations of any number of effects."""

    def __init__(self, rows: AggregatedRows) -> None:
        super().__init__(rows)
        self.levels = [factor.codes for factor in rows.factors]
        self.columns = [factor.columns() for factor in rows.factors]

    def predictor(self, fixed: np.ndarray, spherical: np.ndarray) -> np.ndarray:
        return np.asarray(self.rows.covariates @ fixed) + sum_random_effects(self.rows.factors, self.effects(spherical))

    def solve(self, working: np.ndarray, precisions: np.ndarray) -> RowSolution:
        equations = self.equations(working, precisions)
        found = equations.solve()
        determinants = found.log_det + found.log_det_fixed

        def variances() -> np.ndarray:
            return equations.row_variances(self.levels, self.columns, self.rows.covariates)

        return RowSolution(found.fixed, found.effects, determinants, variances, lambda: equations)


class DenseRows(RowEquations):
    """One dense matrix of all effects and coefficients."""

    def __init__(self, rows: AggregatedRows) -> None:
        super().__init__(rows)
        self.design = np.hstack([_indicators(each.codes, each.columns(), each.size) for each in rows.factors])
        self.columns = np.empty((0, 0))
        self.prior = np.repeat([1.0, 0.0], [self.design.shape[1], rows.covariates.shape[1]])

    def at(self, lambdas: Sequence[np.ndarray]) -> None:
        super().at(lambdas)
        own = self.design @ repeat_dense_lambdas(lambdas, [factor.shape for factor in self.rows.factors])
        self.columns = np.hstack([own, self.rows.covariates])

    def predictor(self, fixed: np.ndarray, spherical: np.ndarray) -> np.ndarray:
        return np.asarray(self.columns @ np.concatenate([spherical, fixed]))

    def solve(self, working: np.ndarray, precisions: np.ndarray) -> RowSolution:
        weighted = self.columns * precisions[:, None]
        matrix = weighted.T @ self.columns
        np.einsum("ii->i", matrix)[:] += self.prior
        lower = np.linalg.cholesky(matrix)
        found = dpotrs(lower, weighted.T @ working, lower=1)[0]

        def variances() -> np.ndarray:
            half = dtrtrs(lower, self.columns.T, lower=1)[0]
            return np.asarray(np.einsum("ij,ij->j", half, half))

        spherical, fixed = found[: self.design.shape[1]], found[self.design.shape[1] :]
        determinants = 2 * float(np.log(lower.diagonal()).sum())
        return RowSolution(fixed, spherical, determinants, variances, lambda: self.equations(working, precisions))


def row_equations(rows: AggregatedRows) -> RowEquations:
    """The faster equations of some rows."""
    columns = sum(factor.shape.length for factor in rows.factors) + rows.covariates.shape[1]
    return DenseRows(rows) if len(rows.total) * columns**2 <= DENSE else SparseRows(rows)


def _indicators(codes: np.ndarray, columns: np.ndarray, size: int) -> np.ndarray:
    """Z of a factor, shape (m, size * width)."""
    width = columns.shape[1]
    result = np.zeros((len(codes), size * width))
    places = codes[:, None] * width + np.arange(width)
    np.put_along_axis(result, places, columns, axis=1)
    return result
