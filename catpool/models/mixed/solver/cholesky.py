"""The mixed-model equations solved exactly, by a dense Cholesky decomposition of what the longest factor leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_solve, cholesky, solve_triangular

from catpool.models.mixed.solver.block_matrices import sum_squares, to_dense
from catpool.models.mixed.solver.equations import EquationSolution, MixedModelEquations, PartitionedSystem

JITTERS = (0.0, 1e-12, 1e-9, 1e-6)  # shares of the diagonal, tried in turn
CHUNK = 1 << 22  # numbers worked on at a time


class CholeskyEquations(MixedModelEquations):
    """Equations whose determinants and inverse come from one decomposition of the rest and X together."""

    name = "exact"

    def __init__(self, partition: PartitionedSystem, lambdas: Sequence[np.ndarray]) -> None:
        super().__init__(partition, lambdas)
        r = self.r
        dense = np.empty((r + self.p, r + self.p))
        own = self.rest_lambda.T @ partition.rest_block @ self.rest_lambda
        dense[:r, :r] = to_dense(own - self.coupling.T @ self.coupling) + np.eye(r)
        dense[:r, r:], dense[r:, :r] = self.rest_sides[:, :-1], self.rest_sides[:, :-1].T
        dense[r:, r:] = self.fixed[:-1, :-1]
        self.lower = self._decompose(dense)

    def _decompose(self, dense: np.ndarray) -> np.ndarray:
        """The Cholesky root.

        Rounding can make the pivots of effects with hardly any uncertainty negative. A small share of the diagonal is
        added then.
        """
        diagonal = np.arange(self.r)
        size = dense[diagonal, diagonal] + sum_squares(self.coupling)
        for jitter in JITTERS[:-1]:
            dense[diagonal, diagonal] += jitter * size
            try:
                return np.asarray(cholesky(dense, lower=True, check_finite=False))
            except LinAlgError:
                continue
        dense[diagonal, diagonal] += JITTERS[-1] * size
        return np.asarray(cholesky(dense, lower=True, check_finite=False))

    def _forward_solve(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        return np.asarray(solve_triangular(self.lower, np.concatenate([rest, fixed]), lower=True, check_finite=False))

    def solve(self) -> EquationSolution:
        half = self._forward_solve(self.rest_sides[:, -1], self.fixed[:-1, -1])
        rest = solve_triangular(self.lower, half, lower=True, trans="T", check_finite=False)
        logs = 2 * np.log(np.diag(self.lower))
        longest = 2 * np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum()
        return EquationSolution(
            self._all_effects(rest[: self.r], rest[self.r :]),
            rest[self.r :],
            float(self.fixed[-1, -1] - half @ half),
            float(longest + logs[: self.r].sum()),
            float(logs[self.r :].sum()),
        )

    def _rest_quadratic_form(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        half = self._forward_solve(rest, fixed)
        return np.asarray(half.T @ half)

    def fixed_covariance(self) -> np.ndarray:
        unit = np.eye(self.r + self.p)[:, self.r :]
        return np.asarray(cho_solve((self.lower, True), unit, check_finite=False)[self.r :])

    def _dense_inverse(self, reml: bool) -> np.ndarray:
        """The inverse for the rest and X; with beta known, its rows and columns of X are zero."""
        if reml:
            return np.asarray(cho_solve((self.lower, True), np.eye(self.r + self.p), check_finite=False))
        result = np.zeros_like(self.lower)
        lower = self.lower[: self.r, : self.r]
        result[: self.r, : self.r] = cho_solve((lower, True), np.eye(self.r), check_finite=False)
        return result

    def inverse_traces(self, *, reml: bool) -> list[np.ndarray]:
        inverse, q = self._dense_inverse(reml), self.partition.longest_shape.width
        rest, fixed = self._longest_dependence()
        sums, both = self._longest_inverse().sum(axis=0), np.empty_like(inverse)
        for a in range(q):
            for b in range(a, q):
                left, right = rest[a::q], rest[b::q]
                both[: self.r, : self.r] = to_dense(left.T @ right)
                both[: self.r, self.r :] = left.T @ fixed[:, b]
                both[self.r :, : self.r] = (right.T @ fixed[:, a]).T
                both[self.r :, self.r :] = fixed[:, a].T @ fixed[:, b]
                term = float(np.vdot(both, inverse))
                sums[a, b] += term
                sums[b, a] += term if a != b else 0.0
        return self.partition.insert_longest([block.sum(axis=0) for block in self._rest_blocks(inverse)], sums)

    def inverse_blocks(self, *, reml: bool) -> list[np.ndarray]:
        inverse, shape = self._dense_inverse(reml), self.partition.longest_shape
        (rest, fixed), own = self._longest_dependence(), self._longest_inverse()
        # dense rows of a few levels at a time, as all of them may not fit into memory
        step = max(1, CHUNK // max(1, len(inverse) * shape.width))
        for start in range(0, shape.size, step):
            levels = slice(start, min(start + step, shape.size))
            rows = to_dense(rest[levels.start * shape.width : levels.stop * shape.width])
            both = np.concatenate([rows.reshape(*own[levels].shape[:2], self.r), fixed[levels]], axis=2)
            own[levels] += both @ inverse @ np.swapaxes(both, 1, 2)
        return self.partition.insert_longest(self._rest_blocks(inverse), own)

    def _rest_blocks(self, inverse: np.ndarray) -> list[np.ndarray]:
        """The blocks of each factor of the rest, shape (size, width, width)."""
        blocks, start = [], 0
        for shape in self.partition.rest_shapes:
            place = start + np.arange(shape.length).reshape(shape.size, shape.width)
            blocks.append(inverse[place[:, :, None], place[:, None, :]])
            start += shape.length
        return blocks
