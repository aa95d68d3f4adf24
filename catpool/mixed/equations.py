"""Henderson's mixed-model equations, solved exactly.

Let u = Lambda b with b ~ N(0, sigma^2 I), so that Lambda Lambda' is the covariance of the effects relative to the rows'
variance. The equations are

    [M   Lambda'Z'WX] [b   ]   [Lambda'Z'Wy]
    [.   X'WX       ] [beta] = [X'Wy       ],      M = Lambda'Z'WZ Lambda + I.

The longest factor's part of M is a small block a level: it is eliminated, and the rest has a dense Cholesky
decomposition. Determinants, the residual sum of squares and the inverse's blocks are by-products.

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
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.sparse import bsr_matrix, csr_matrix

from catpool.mixed.products import Shape, System

WIDE = 1 << 22  # numbers worked on at a time


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
        rows = system.inner[self.apart]
        self.own = _blocks(rows[:, self.apart], self.shape)
        self.across = rows[:, self.rest].tocsr()
        self.dense = system.inner[self.rest][:, self.rest].toarray()


class Exact:
    """The equations for one Lambda.

    Parameters
    ----------
    arrangement : Arrangement
    factors : sequence of ndarray of shape (width, width)
        Lambda of each factor, lower triangular.
    """

    def __init__(self, arrangement: Arrangement, factors: Sequence[np.ndarray]) -> None:
        self.parts, system = arrangement, arrangement.system
        self.system, self.factors = system, factors
        shape, q = arrangement.shape, arrangement.shape.width
        own = factors[arrangement.longest]
        others = [each for position, each in enumerate(factors) if position != arrangement.longest]
        shapes = [each for position, each in enumerate(system.shapes) if position != arrangement.longest]
        self.p, self.r = system.covariates, len(arrangement.rest)
        self.root = np.linalg.cholesky(own.T @ arrangement.own @ own + np.eye(q))  # (G, q, q)
        self.half = np.linalg.solve(self.root, np.broadcast_to(own.T, self.root.shape))  # its inverse times Lambda'
        outer = self._halved(system.outer[arrangement.apart])
        rest = system.outer[arrangement.rest]
        dense = np.empty((self.r + self.p + 1,) * 2)
        if self.r:
            lambdas = relative(others, shapes)
            self.across = _times_blocks(self.half, arrangement.across, shape) @ lambdas
            inner = lambdas.T @ (lambdas.T @ arrangement.dense.T).T
            dense[: self.r, : self.r] = inner + np.eye(self.r) - (self.across.T @ self.across).toarray()
            dense[: self.r, self.r :] = lambdas.T @ rest - self.across.T @ outer
        else:
            self.across = csr_matrix((shape.length, 0))
        dense[self.r :, self.r :] = system.fixed - outer.T @ outer
        dense[self.r :, : self.r] = dense[: self.r, self.r :].T
        self.outer, self.dense = outer, dense
        self.lower = cholesky(dense[:-1, :-1], lower=True, check_finite=False)

    def _halved(self, values: np.ndarray) -> np.ndarray:
        """The longest factor's root, inverted, times Lambda' times values of shape (G q, m)."""
        return (self.half @ values.reshape(self.parts.shape.size, self.parts.shape.width, -1)).reshape(values.shape)

    def solution(self) -> Solution:
        half = solve_triangular(self.lower, self.dense[:-1, -1], lower=True, check_finite=False)
        rest = solve_triangular(self.lower, half, lower=True, trans="T", check_finite=False)
        residual = float(self.dense[-1, -1] - half @ half)
        logs = 2 * np.log(np.diag(self.lower))
        own = 2 * np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum()
        return Solution(
            self._effects(rest, self.outer[:, -1]),
            rest[self.r :],
            residual,
            float(own + logs[: self.r].sum()),
            float(logs[self.r :].sum()),
        )

    def _effects(self, rest: np.ndarray, own: np.ndarray) -> np.ndarray:
        """All b, of shape (R, ...), from those of the rest and beta, and from what the longest factor's rows say."""
        explained = self.across @ rest[: self.r] + self.outer[:, :-1] @ rest[self.r :]
        shape = self.parts.shape
        values = (own - explained).reshape(shape.size, shape.width, -1)
        apart = np.linalg.solve(np.swapaxes(self.root, 1, 2), values).reshape(own.shape)
        effects = np.empty((shape.length + self.r, *own.shape[1:]))
        effects[self.parts.apart], effects[self.parts.rest] = apart, rest[: self.r]
        return effects

    def quadratic(self, effects: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """r' C r, of shape (m, m), with C the inverse of the equations and r = (Lambda'Z'Ww, X'Ww).

        Parameters
        ----------
        effects : ndarray of shape (R, m)
            Z'Ww.
        fixed : ndarray of shape (p, m)
            X'Ww.
        """
        own = self._halved(effects[self.parts.apart])
        rest = np.concatenate(
            [self._rest_of(effects[self.parts.rest]) - self.across.T @ own, fixed - self.outer[:, :-1].T @ own]
        )
        half = solve_triangular(self.lower, rest, lower=True, check_finite=False)
        return own.T @ own + half.T @ half

    def _rest_of(self, values: np.ndarray) -> np.ndarray:
        """Lambda' times values of the rest."""
        result, start = np.empty_like(values), 0
        for position, shape in enumerate(self.system.shapes):
            if position != self.parts.longest:
                rows = slice(start, start + shape.length)
                levels = values[rows].reshape(shape.size, shape.width, -1)
                result[rows] = (self.factors[position].T @ levels).reshape(values[rows].shape)
                start += shape.length
        return result

    def fixed_covariance(self) -> np.ndarray:
        """Of beta relative to the rows' variance, of shape (p, p)."""
        unit = np.eye(self.r + self.p)[:, self.r :]
        return cho_solve((self.lower, True), unit, check_finite=False)[self.r :]

    def _inverse(self, reml: bool) -> np.ndarray:
        """Of the dense part, without the covariates where they are taken as known."""
        if reml:
            return cho_solve((self.lower, True), np.eye(self.r + self.p), check_finite=False)
        lower = self.lower[: self.r, : self.r]
        return cho_solve((lower, True), np.eye(self.r), check_finite=False)

    def _reach(self, reml: bool) -> tuple[csr_matrix, np.ndarray]:
        """How the longest factor's effects follow the rest's, of shape (G q, r), and the covariates', of (G, q, p)."""
        shape = self.parts.shape
        inverse = np.linalg.inv(np.swapaxes(self.root, 1, 2))
        fixed = self.outer[:, :-1].reshape(shape.size, shape.width, -1) if reml else np.zeros((*self.root.shape[:2], 0))
        return _times_blocks(inverse, self.across, shape), inverse @ fixed

    def traces(self, *, reml: bool) -> list[np.ndarray]:
        """Sum over the levels of each factor's block of the inverse, of shape (width, width)."""
        inverse = self._inverse(reml)
        rest, fixed = self._reach(reml)
        own = np.linalg.inv(np.swapaxes(self.root, 1, 2))
        sums = (own @ np.swapaxes(own, 1, 2)).sum(axis=0)
        q = self.parts.shape.width
        for a in range(q):
            for b in range(a, q):
                both = np.empty(inverse.shape)
                left, right = rest[a::q], rest[b::q]
                both[: self.r, : self.r] = (left.T @ right).toarray()
                both[: self.r, self.r :] = left.T @ fixed[:, b]
                both[self.r :, : self.r] = (right.T @ fixed[:, a]).T
                both[self.r :, self.r :] = fixed[:, a].T @ fixed[:, b]
                term = float((both * inverse).sum())
                sums[a, b] += term
                if a != b:
                    sums[b, a] += term
        return self._with_longest([block.sum(axis=0) for block in self._dense_blocks(inverse)], sums)

    def blocks(self, *, reml: bool) -> list[np.ndarray]:
        """Each factor's blocks of the inverse, of shape (size, width, width)."""
        inverse, shape = self._inverse(reml), self.parts.shape
        rest, fixed = self._reach(reml)
        root = np.linalg.inv(np.swapaxes(self.root, 1, 2))
        own = root @ np.swapaxes(root, 1, 2)
        step = max(1, WIDE // max(1, inverse.shape[0] * shape.width))
        for start in range(0, shape.size, step):
            levels = slice(start, min(start + step, shape.size))
            rows = slice(levels.start * shape.width, levels.stop * shape.width)
            reach = np.concatenate(
                [rest[rows].toarray().reshape(*own[levels].shape[:2], self.r), fixed[levels]], axis=2
            )
            own[levels] += reach @ inverse @ np.swapaxes(reach, 1, 2)
        return self._with_longest(self._dense_blocks(inverse), own)

    def _dense_blocks(self, inverse: np.ndarray) -> list[np.ndarray]:
        blocks, start = [], 0
        for position, shape in enumerate(self.system.shapes):
            if position != self.parts.longest:
                place = start + np.arange(shape.length).reshape(shape.size, shape.width)
                blocks.append(inverse[place[:, :, None], place[:, None, :]])
                start += shape.length
        return blocks

    def _with_longest(self, others: list[np.ndarray], own: np.ndarray) -> list[np.ndarray]:
        return [*others[: self.parts.longest], own, *others[self.parts.longest :]]


def _blocks(matrix: csr_matrix, shape: Shape) -> np.ndarray:
    """The blocks on a sparse matrix's diagonal, of shape (size, width, width)."""
    blocks = np.empty((shape.size, shape.width, shape.width))
    for a in range(shape.width):
        for b in range(shape.width):
            blocks[:, a, b] = matrix[a :: shape.width, b :: shape.width].diagonal()
    return blocks


def _times_blocks(blocks: np.ndarray, matrix: csr_matrix, shape: Shape) -> csr_matrix:
    """A block-diagonal matrix times a sparse one."""
    if shape.width == 1:
        result = matrix.copy()
        result.data *= np.repeat(blocks[:, 0, 0], np.diff(matrix.indptr))
        return result
    levels = np.arange(shape.size)
    diagonal = bsr_matrix((np.ascontiguousarray(blocks), levels, np.arange(shape.size + 1)), shape=(shape.length,) * 2)
    return (diagonal @ matrix).tocsr()
