"""The mixed-model equations by a dense Cholesky decomposition of what the longest factor leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_solve, cholesky, solve_triangular

from catpool.models.mixed.solver.equations import Arrangement, Equations, Solution

NOTHINGS = (0.0, 1e-12, 1e-9, 1e-6)  # of an element on a diagonal, tried one after the other
WIDE = 1 << 22  # numbers worked on at a time


class Exact(Equations):
    """Determinants and the inverse's blocks are by-products of the decomposition."""

    name = "exact"

    def __init__(self, arrangement: Arrangement, factors: Sequence[np.ndarray]) -> None:
        super().__init__(arrangement, factors)
        r = self.r
        dense = np.empty((r + self.p, r + self.p))
        inner = (self.lambdas.T @ arrangement.inner @ self.lambdas - self.across.T @ self.across).toarray()
        dense[:r, :r] = inner + np.eye(r)
        dense[:r, r:], dense[r:, :r] = self.rest[:, :-1], self.rest[:, :-1].T
        dense[r:, r:] = self.fixed[:-1, :-1]
        self.lower = self._decomposed(dense)

    def _decomposed(self, dense: np.ndarray) -> np.ndarray:
        """The Cholesky root; of effects that are all but certain, rounding may have left less than nothing."""
        diagonal = np.arange(self.r)
        size = dense[diagonal, diagonal] + np.asarray(self.across.power(2).sum(axis=0)).ravel()
        for nothing in NOTHINGS[:-1]:
            dense[diagonal, diagonal] += nothing * size
            try:
                return np.asarray(cholesky(dense, lower=True, check_finite=False))
            except LinAlgError:
                continue
        dense[diagonal, diagonal] += NOTHINGS[-1] * size
        return np.asarray(cholesky(dense, lower=True, check_finite=False))

    def _half_solved(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        return np.asarray(solve_triangular(self.lower, np.concatenate([rest, fixed]), lower=True, check_finite=False))

    def solution(self) -> Solution:
        half = self._half_solved(self.rest[:, -1], self.fixed[:-1, -1])
        rest = solve_triangular(self.lower, half, lower=True, trans="T", check_finite=False)
        logs = 2 * np.log(np.diag(self.lower))
        own = 2 * np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum()
        return Solution(
            self._effects(rest[: self.r], rest[self.r :]),
            rest[self.r :],
            float(self.fixed[-1, -1] - half @ half),
            float(own + logs[: self.r].sum()),
            float(logs[self.r :].sum()),
        )

    def _quadratic_of_rest(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        half = self._half_solved(rest, fixed)
        return np.asarray(half.T @ half)

    def fixed_covariance(self) -> np.ndarray:
        unit = np.eye(self.r + self.p)[:, self.r :]
        return np.asarray(cho_solve((self.lower, True), unit, check_finite=False)[self.r :])

    def _inverse(self, reml: bool) -> np.ndarray:
        """Of the dense part; nought for the covariates where they are taken as known."""
        if reml:
            return np.asarray(cho_solve((self.lower, True), np.eye(self.r + self.p), check_finite=False))
        result = np.zeros_like(self.lower)
        lower = self.lower[: self.r, : self.r]
        result[: self.r, : self.r] = cho_solve((lower, True), np.eye(self.r), check_finite=False)
        return result

    def traces(self, *, reml: bool) -> list[np.ndarray]:
        inverse, q = self._inverse(reml), self.parts.shape.width
        rest, fixed = self._reach()
        sums, both = self._own_inverse().sum(axis=0), np.empty_like(inverse)
        for a in range(q):
            for b in range(a, q):
                left, right = rest[a::q], rest[b::q]
                both[: self.r, : self.r] = (left.T @ right).toarray()
                both[: self.r, self.r :] = left.T @ fixed[:, b]
                both[self.r :, : self.r] = (right.T @ fixed[:, a]).T
                both[self.r :, self.r :] = fixed[:, a].T @ fixed[:, b]
                term = float(np.vdot(both, inverse))
                sums[a, b] += term
                sums[b, a] += term if a != b else 0.0
        return self.parts.with_longest([block.sum(axis=0) for block in self._blocks_of_rest(inverse)], sums)

    def blocks(self, *, reml: bool) -> list[np.ndarray]:
        inverse, shape = self._inverse(reml), self.parts.shape
        (rest, fixed), own = self._reach(), self._own_inverse()
        step = max(1, WIDE // max(1, len(inverse) * shape.width))
        for start in range(0, shape.size, step):
            levels = slice(start, min(start + step, shape.size))
            rows = rest[levels.start * shape.width : levels.stop * shape.width].toarray()
            reach = np.concatenate([rows.reshape(*own[levels].shape[:2], self.r), fixed[levels]], axis=2)
            own[levels] += reach @ inverse @ np.swapaxes(reach, 1, 2)
        return self.parts.with_longest(self._blocks_of_rest(inverse), own)

    def _blocks_of_rest(self, inverse: np.ndarray) -> list[np.ndarray]:
        blocks, start = [], 0
        for shape in self.parts.shapes:
            place = start + np.arange(shape.length).reshape(shape.size, shape.width)
            blocks.append(inverse[place[:, :, None], place[:, None, :]])
            start += shape.length
        return blocks
