"""Henderson's mixed-model equations, with the longest factor eliminated.

Let u = Lambda b with b ~ N(0, sigma^2 I), so that Lambda Lambda' is the covariance of the effects relative to the
residual variance. The equations are

    [M   Lambda'Z'WX] [b   ]   [Lambda'Z'Wy]
    [.   X'WX       ] [beta] = [X'Wy       ],      M = Lambda'Z'WZ Lambda + I.

The longest factor's part of M is block-diagonal, with a small block L L' for each level, so it is cheap to eliminate.
Let U be L^-1 times the rows of M that couple its effects with those of the other factors, the rest. What remains for
the rest is the Schur complement S = (the rest's own part of M) - U'U, and likewise for X and y.

References
----------
C. R. Henderson (1975), Best linear unbiased estimation and prediction under a selection model, Biometrics 31, 423-447.
D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
Statistical Software 67(1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from catpool.models.mixed.solver.block_matrices import (
    Matrix,
    diagonal_blocks,
    multiply_blocks,
    repeat_dense_lambdas,
    repeat_lambdas,
    to_dense,
)
from catpool.models.mixed.solver.mixed_system import MixedSystem

SMALL = 1 << 17  # numbers that a matrix may have to be a dense array


class EquationSolution(NamedTuple):
    """The solution of the equations for one Lambda.

    Parameters
    ----------
    effects : ndarray of shape (R,)
        b.
    fixed : ndarray of shape (p,)
        beta.
    residual : float
        y'W(y - X beta - Z Lambda b), the penalized residual sum of squares.
    log_det : float
        The log-determinant of M; NaN if it is not known.
    log_det_fixed : float
        The log-determinant of X'V^-1 X, where V is the rows' covariance relative to the residual variance; NaN if it
        is not known.
    """

    effects: np.ndarray
    fixed: np.ndarray
    residual: float
    log_det: float
    log_det_fixed: float


class PartitionedSystem:
    """A system split into its longest factor and the rest, the same for every Lambda.

    Parameters
    ----------
    system : MixedSystem
    may_be_dense : bool, default=True
        Whether small matrices may be arrays.

    Attributes
    ----------
    longest : int
        The position of the longest factor among the factors.
    longest_slice, rest_indices : slice, ndarray of shape (r,)
        The positions of the longest factor's effects, and of the rest's.
    longest_shape, rest_shapes : FactorShape, list of FactorShape
    longest_blocks : ndarray of shape (G, q, q)
        The longest factor's part of Z'WZ: G levels of q effects.
    coupling : csr_matrix or ndarray of shape (G q, r)
        The part of Z'WZ between the longest factor and the rest.
    rest_block : csr_matrix or ndarray of shape (r, r)
        The rest's part of Z'WZ.
    dense : bool
        Whether these two are arrays, as they are if they are small.
    """

    def __init__(self, system: MixedSystem, *, may_be_dense: bool = True) -> None:
        self.system = system
        self.longest = int(np.argmax([shape.length for shape in system.shapes]))
        slices = system.slices
        self.longest_slice = slices[self.longest]
        others = [np.arange(each.start, each.stop) for each in slices if each != self.longest_slice]
        self.rest_indices = np.concatenate(others) if others else np.zeros(0, dtype=int)
        self.longest_shape = system.shapes[self.longest]
        self.rest_shapes = [shape for position, shape in enumerate(system.shapes) if position != self.longest]
        self.dense = may_be_dense and self.longest_shape.length * len(self.rest_indices) <= SMALL
        # it takes long to take parts of a sparse matrix
        small = self.dense and system.random.shape[0] ** 2 <= SMALL
        random: Matrix = to_dense(system.random) if small else system.random
        rows, own = random[self.longest_slice], random[self.rest_indices]
        self.longest_blocks = diagonal_blocks(rows[:, self.longest_slice], self.longest_shape)
        self.coupling: Matrix = rows[:, self.rest_indices]
        self.rest_block: Matrix = own[:, self.rest_indices]
        if self.dense:
            self.coupling, self.rest_block = (
                np.ascontiguousarray(to_dense(each)) for each in (self.coupling, self.rest_block)
            )
        else:
            self.coupling = self.coupling.tocsr()

    def insert_longest(self, others: Sequence[np.ndarray], longest: np.ndarray) -> list[np.ndarray]:
        """One item per factor, with that of the longest factor at its place."""
        return [*others[: self.longest], longest, *others[self.longest :]]


class MixedModelEquations(ABC):
    """The equations for one Lambda, with the longest factor eliminated. Subclasses solve what remains.

    Parameters
    ----------
    partition : PartitionedSystem
    lambdas : sequence of ndarray of shape (width, width)
        Each factor's lower-triangular Lambda.

    Attributes
    ----------
    p, r : int
        The number of columns of X, and of effects of the rest.
    root : ndarray of shape (G, q, q)
        L of the longest factor's levels.
    coupling : csr_matrix or ndarray of shape (G q, r)
        U.
    longest_sides : ndarray of shape (G q, p + 1)
        As U, but for X and y in place of the rest.
    rest_sides : ndarray of shape (r, p + 1)
        What remains between the rest and X, y.
    fixed : ndarray of shape (p + 1, p + 1)
        What remains of the cross-products of X and y.
    """

    name = ""

    def __init__(self, partition: PartitionedSystem, lambdas: Sequence[np.ndarray]) -> None:
        self.partition, self.system, self.lambdas = partition, partition.system, lambdas
        shape, system = partition.longest_shape, partition.system
        own = lambdas[partition.longest]
        self.p, self.r = system.covariates, len(partition.rest_indices)
        self.root = self._longest_root()
        self.inverse_root = np.linalg.solve(self.root, np.broadcast_to(own.T, self.root.shape))  # L^-1 Lambda'
        others = [each for position, each in enumerate(lambdas) if position != partition.longest]
        repeat = repeat_dense_lambdas if partition.dense else repeat_lambdas
        self.rest_lambda: Matrix = repeat(others, partition.rest_shapes)
        self.coupling = multiply_blocks(self.inverse_root, partition.coupling, shape) @ self.rest_lambda
        self.longest_sides = self._times_inverse_root(system.cross[partition.longest_slice])
        # no inverse of Lambda is needed, so that it may be singular
        rest = self.rest_lambda.T @ system.cross[partition.rest_indices]
        self.rest_sides = rest - self.coupling.T @ self.longest_sides
        self.fixed = system.fixed - self.longest_sides.T @ self.longest_sides

    def _longest_root(self) -> np.ndarray:
        own = self.lambdas[self.partition.longest]
        return np.linalg.cholesky(own.T @ self.partition.longest_blocks @ own + np.eye(len(own)))

    def _times_inverse_root(self, values: np.ndarray) -> np.ndarray:
        """L^-1 Lambda' times values of the longest factor's effects, shape (G q, m)."""
        shape = self.partition.longest_shape
        return (self.inverse_root @ values.reshape(shape.size, shape.width, -1)).reshape(values.shape)

    @abstractmethod
    def solve(self) -> EquationSolution:
        """The solution, with the determinants where they are known."""

    @abstractmethod
    def inverse_traces(self, *, reml: bool) -> list[np.ndarray]:
        """The sum over levels of each factor's blocks of the inverse, shape (width, width).

        With ``reml=True`` beta is unknown; otherwise it is taken as known.
        """

    @abstractmethod
    def inverse_blocks(self, *, reml: bool) -> list[np.ndarray]:
        """Each factor's blocks of the inverse, shape (size, width, width)."""

    @abstractmethod
    def fixed_covariance(self) -> np.ndarray:
        """The covariance of beta relative to the residual variance, shape (p, p)."""

    @abstractmethod
    def _rest_quadratic_form(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """The part of `quadratic_form` that belongs to the rest and X."""

    def information(self, working: np.ndarray) -> np.ndarray:
        """The quadratic forms w'Pw of working variables w = Z times `working`, shape (R, k), where P is REML's."""
        random, fixed = self.system.random @ working, self.system.cross[:, :-1].T @ working
        return np.asarray(working.T @ random - self.quadratic_form(random, fixed))

    def quadratic_form(self, effects: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """The quadratic forms s'Cs, shape (m, m), where C is the inverse of the equations and s = (Lambda'Z'Ww, X'Ww).

        Parameters
        ----------
        effects : ndarray of shape (R, m)
            Z'Ww.
        fixed : ndarray of shape (p, m)
            X'Ww.
        """
        own = self._times_inverse_root(effects[self.partition.longest_slice])
        rest = self.rest_lambda.T @ effects[self.partition.rest_indices] - self.coupling.T @ own
        return own.T @ own + self._rest_quadratic_form(rest, fixed - self.longest_sides[:, :-1].T @ own)

    def _all_effects(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """All effects b, shape (R,), from those of the rest and beta, by back-substitution."""
        shape = self.partition.longest_shape
        own = self.longest_sides[:, -1] - self.coupling @ rest - self.longest_sides[:, :-1] @ fixed
        longest = np.linalg.solve(np.swapaxes(self.root, 1, 2), own.reshape(shape.size, shape.width, 1))
        effects = np.empty(shape.length + self.r)
        effects[self.partition.longest_slice], effects[self.partition.rest_indices] = longest.ravel(), rest
        return effects

    @cached_property
    def _inverse_transposed_root(self) -> np.ndarray:
        """L'^-1 of the longest factor's levels, shape (G, q, q)."""
        return np.linalg.inv(np.swapaxes(self.root, 1, 2))

    def _longest_inverse(self) -> np.ndarray:
        """The inverses (L L')^-1 of the longest factor's blocks, shape (G, q, q)."""
        root = self._inverse_transposed_root
        return root @ np.swapaxes(root, 1, 2)

    def _longest_dependence(self) -> tuple[Matrix, np.ndarray]:
        """How the longest factor's effects depend on the rest's, (G q, r), and on beta, (G, q, p)."""
        shape = self.partition.longest_shape
        inverse = self._inverse_transposed_root
        fixed = self.longest_sides[:, :-1].reshape(shape.size, shape.width, self.p)
        return multiply_blocks(inverse, self.coupling, shape), inverse @ fixed
