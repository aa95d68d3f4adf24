"""Henderson's mixed-model equations, and what is left of them without the longest factor.

Let u = Lambda b with b ~ N(0, sigma^2 I), so that Lambda Lambda' is the covariance of the effects relative to the rows'
variance. The equations are

    [M   Lambda'Z'WX] [b   ]   [Lambda'Z'Wy]
    [.   X'WX       ] [beta] = [X'Wy       ],      M = Lambda'Z'WZ Lambda + I.

The longest factor's part of M is a small block a level, L L' say, and is eliminated: with U = L^-1 times its rows
against the other factors, these are left with S = their own part of M - U'U, and so on for X and y.

References
----------
C. R. Henderson (1975), Best linear unbiased estimation and prediction under a selection model, Biometrics 31, 423-447.
D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
Statistical Software 67(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import bsr_matrix, csr_matrix

from catpool.models.mixed.solver.system import Shape, System


class Solution(NamedTuple):
    """What one solution of the equations gives.

    Parameters
    ----------
    effects : ndarray of shape (R,)
        b.
    fixed : ndarray of shape (p,)
        beta.
    residual : float
        y'W(y - X beta - Z Lambda b), the penalised residual sum of squares.
    log_det : float
        Of M; NaN where it is not known.
    log_det_fixed : float
        Of X'V^-1 X, V being the rows' covariance relative to their variance; NaN where it is not known.
    """

    effects: np.ndarray
    fixed: np.ndarray
    residual: float
    log_det: float
    log_det_fixed: float


def relative(factors: Sequence[np.ndarray], shapes: Sequence[Shape]) -> csr_matrix:
    """Lambda, of shape (R, R), from each factor's own, of shape (width, width)."""
    blocks = [np.broadcast_to(each, (shape.size, *each.shape)) for each, shape in zip(factors, shapes, strict=True)]
    rows, columns, data, start = [], [], [], 0
    for block, shape in zip(blocks, shapes, strict=True):
        levels = start + np.arange(shape.size)[:, None, None] * shape.width
        rows.append((levels + np.arange(shape.width)[None, :, None] + np.zeros_like(block, dtype=int)).ravel())
        columns.append((levels + np.arange(shape.width)[None, None, :] + np.zeros_like(block, dtype=int)).ravel())
        data.append(block.ravel())
        start += shape.length
    return csr_matrix((np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))), shape=(start, start))


class Arrangement:
    """A system with its longest factor apart from the rest, whatever Lambda is."""

    def __init__(self, system: System) -> None:
        self.system = system
        lengths = [shape.length for shape in system.shapes]
        self.longest = int(np.argmax(lengths))
        where = system.slices
        self.apart = where[self.longest]
        others = [np.arange(each.start, each.stop) for each in where if each != self.apart]
        self.rest = np.concatenate(others) if others else np.zeros(0, dtype=int)
        self.shape = system.shapes[self.longest]
        self.shapes = [shape for position, shape in enumerate(system.shapes) if position != self.longest]
        rows = system.inner[self.apart]
        self.own = blocks_of(rows[:, self.apart], self.shape)
        self.across = rows[:, self.rest].tocsr()
        self.inner = system.inner[self.rest][:, self.rest]

    def with_longest(self, others: Sequence[np.ndarray], own: np.ndarray) -> list[np.ndarray]:
        """What belongs to each factor, the longest one's in its place."""
        return [*others[: self.longest], own, *others[self.longest :]]


class Equations:
    """The equations for one Lambda, the longest factor eliminated.

    Parameters
    ----------
    arrangement : Arrangement
    factors : sequence of ndarray of shape (width, width)
        Lambda of each factor, lower triangular.

    Attributes
    ----------
    root : ndarray of shape (G, q, q)
        L of the longest factor's levels.
    across : csr_matrix of shape (G q, r)
        U.
    outer : ndarray of shape (G q, p + 1)
        As U, against X and y.
    rest : ndarray of shape (r, p + 1)
        What the rest is left with against X and y.
    fixed : ndarray of shape (p + 1, p + 1)
        What X and y are left with against themselves.
    """

    name = ""

    def __init__(self, arrangement: Arrangement, factors: Sequence[np.ndarray]) -> None:
        self.parts, self.system, self.factors = arrangement, arrangement.system, factors
        shape, system = arrangement.shape, arrangement.system
        own = factors[arrangement.longest]
        self.p, self.r = system.covariates, len(arrangement.rest)
        self.root = np.linalg.cholesky(own.T @ arrangement.own @ own + np.eye(shape.width))
        self.half = np.linalg.solve(self.root, np.broadcast_to(own.T, self.root.shape))  # its inverse times Lambda'
        others = [each for position, each in enumerate(factors) if position != arrangement.longest]
        self.lambdas = relative(others, arrangement.shapes) if self.r else csr_matrix((0, 0))
        self.across = times_blocks(self.half, arrangement.across, shape) @ self.lambdas
        self.outer = self._halved(system.outer[arrangement.apart])
        self.rest = self.lambdas.T @ system.outer[arrangement.rest] - self.across.T @ self.outer
        self.fixed = system.fixed - self.outer.T @ self.outer

    def _halved(self, values: np.ndarray) -> np.ndarray:
        """The longest factor's root, inverted, times Lambda' times values of shape (G q, m)."""
        return (self.half @ values.reshape(self.parts.shape.size, self.parts.shape.width, -1)).reshape(values.shape)

    def solution(self) -> Solution:
        raise NotImplementedError

    def traces(self, *, reml: bool) -> list[np.ndarray]:
        """Sum over the levels of each factor's block of the inverse, of shape (width, width)."""
        raise NotImplementedError

    def blocks(self, *, reml: bool) -> list[np.ndarray]:
        """Each factor's blocks of the inverse, of shape (size, width, width)."""
        raise NotImplementedError

    def fixed_covariance(self) -> np.ndarray:
        """Of beta relative to the rows' variance, of shape (p, p)."""
        raise NotImplementedError

    def _quadratic_of_rest(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def quadratic(self, effects: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """The form s' C s, of shape (m, m): C is the inverse of the equations and s = (Lambda'Z'Ww, X'Ww).

        Parameters
        ----------
        effects : ndarray of shape (R, m)
            Z'Ww.
        fixed : ndarray of shape (p, m)
            X'Ww.
        """
        own = self._halved(effects[self.parts.apart])
        rest = self.lambdas.T @ effects[self.parts.rest] - self.across.T @ own
        return own.T @ own + self._quadratic_of_rest(rest, fixed - self.outer[:, :-1].T @ own)

    def _effects(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """All b, of shape (R,), from those of the rest and beta."""
        shape = self.parts.shape
        own = self.outer[:, -1] - self.across @ rest - self.outer[:, :-1] @ fixed
        apart = np.linalg.solve(np.swapaxes(self.root, 1, 2), own.reshape(shape.size, shape.width, 1))
        effects = np.empty(shape.length + self.r)
        effects[self.parts.apart], effects[self.parts.rest] = apart.ravel(), rest
        return effects

    def _own_inverse(self) -> np.ndarray:
        """Of the longest factor's blocks alone, of shape (G, q, q)."""
        root = np.linalg.inv(np.swapaxes(self.root, 1, 2))
        return root @ np.swapaxes(root, 1, 2)

    def _reach(self) -> tuple[csr_matrix, np.ndarray]:
        """How the longest factor's effects follow the rest's, of shape (G q, r), and X's, of shape (G, q, p)."""
        shape = self.parts.shape
        inverse = np.linalg.inv(np.swapaxes(self.root, 1, 2))
        fixed = self.outer[:, :-1].reshape(shape.size, shape.width, self.p)
        return times_blocks(inverse, self.across, shape), inverse @ fixed


def blocks_of(matrix: csr_matrix, shape: Shape) -> np.ndarray:
    """The blocks on a sparse matrix's diagonal, of shape (size, width, width)."""
    blocks = np.empty((shape.size, shape.width, shape.width))
    for a in range(shape.width):
        for b in range(shape.width):
            blocks[:, a, b] = matrix[a :: shape.width, b :: shape.width].diagonal()
    return blocks


def times_blocks(blocks: np.ndarray, matrix: csr_matrix, shape: Shape) -> csr_matrix:
    """A block-diagonal matrix times a sparse one."""
    if shape.width == 1:
        result = matrix.copy()
        result.data *= np.repeat(blocks[:, 0, 0], np.diff(matrix.indptr))
        return result
    levels = np.arange(shape.size)
    diagonal = bsr_matrix((np.ascontiguousarray(blocks), levels, np.arange(shape.size + 1)), shape=(shape.length,) * 2)
    return (diagonal @ matrix).tocsr()
