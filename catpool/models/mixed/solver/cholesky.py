"""The mixed-model equations solved exactly, by a dense Cholesky decomposition of what the longest factor leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtrs

from catpool.models.mixed.solver.block_matrices import sum_squares, to_dense
from catpool.models.mixed.solver.equations import EquationSolution, MixedModelEquations, PartitionedSystem

JITTERS = (0.0, 1e-12, 1e-9, 1e-6)  # shares of the diagonal, tried in turn
CHUNK = 1 << 22  # numbers worked on at a time


# LAPACK is called directly where each evaluation of a likelihood needs it: for small matrices, the checks before the
# call take several times as long


def _root_of(dense: np.ndarray) -> np.ndarray:
    """The lower Cholesky root."""
    lower, info = dpotrf(dense, lower=1)
    if info:
        raise LinAlgError(f"{info}-th leading minor of the array is not positive definite")
    return np.asarray(lower)


def _inverse_of(lower: np.ndarray) -> np.ndarray:
    """The inverse of L L', in a third of the operations that solving for each column takes."""
    half = dpotri(lower, lower=1)[0]  # and zeros above the diagonal
    whole = half + half.T
    np.fill_diagonal(whole, half.diagonal())
    return np.asarray(whole)


def _solve_lower(lower: np.ndarray, values: np.ndarray, *, transposed: bool = False) -> np.ndarray:
    """L^-1, or the inverse of L', times values."""
    return np.asarray(dtrtrs(lower, values, lower=1, trans=int(transposed))[0]) if len(values) else values


class CholeskyEquations(MixedModelEquations):
    """Equations whose determinants and inverse come from one decomposition of the rest and X together."""

    name = "exact"

    def __init__(self, partition: PartitionedSystem, lambdas: Sequence[np.ndarray]) -> None:
        super().__init__(partition, lambdas)
        self.lower = self._lower()

    def _lower(self) -> np.ndarray:
        """The Cholesky root of what remains for the rest and X, shape (r + p, r + p)."""
        r = self.r
        dense = np.empty((r + self.p, r + self.p))
        own = self.rest_lambda.T @ self.partition.rest_block @ self.rest_lambda
        dense[:r, :r] = to_dense(own - self.coupling.T @ self.coupling) + np.eye(r)
        dense[:r, r:], dense[r:, :r] = self.rest_sides[:, :-1], self.rest_sides[:, :-1].T
        dense[r:, r:] = self.fixed[:-1, :-1]
        return self._decompose(dense)

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
                return _root_of(dense)
            except LinAlgError:
                continue
        dense[diagonal, diagonal] += JITTERS[-1] * size
        return _root_of(dense)

    def _forward_solve(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        return _solve_lower(self.lower, np.concatenate([rest, fixed]))

    def solve(self) -> EquationSolution:
        half = self._forward_solve(self.rest_sides[:, -1], self.fixed[:-1, -1])
        rest = _solve_lower(self.lower, half, transposed=True)
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
        return np.asarray(dpotrs(self.lower, unit, lower=1)[0][self.r :])

    def _dense_inverse(self, reml: bool) -> np.ndarray:
        """The inverse for the rest and X; with beta known, its rows and columns of X are zero."""
        if reml:
            return _inverse_of(self.lower)
        result = np.zeros_like(self.lower)
        if self.r:
            result[: self.r, : self.r] = _inverse_of(self.lower[: self.r, : self.r])
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
        step, q = max(1, CHUNK // max(1, len(inverse) * shape.width)), shape.width
        for start in range(0, shape.size, step):
            levels = slice(start, min(start + step, shape.size))
            part, known = rest[levels.start * q : levels.stop * q], fixed[levels].reshape(-1, self.p)
            times_inverse = part @ inverse[: self.r] + known @ inverse[self.r :]  # few numbers of a part are not zero
            rows = np.hstack([to_dense(part), known])
            own[levels] += np.einsum(
                "lam,lbm->lab", *(each.reshape(-1, q, len(inverse)) for each in (times_inverse, rows))
            )
        return self.partition.insert_longest(self._rest_blocks(inverse), own)

    def _rest_blocks(self, inverse: np.ndarray) -> list[np.ndarray]:
        """The blocks of each factor of the rest, shape (size, width, width)."""
        blocks, start = [], 0
        for shape in self.partition.rest_shapes:
            place = start + np.arange(shape.length).reshape(shape.size, shape.width)
            blocks.append(inverse[place[:, :, None], place[:, None, :]])
            start += shape.length
        return blocks

    def solve_effects(self, values: np.ndarray) -> np.ndarray:
        """M^-1 times values of all effects, shape (R,)."""
        shape, where = self.partition.longest_shape, self.partition.longest_slice
        half = np.linalg.solve(self.root, values[where].reshape(shape.size, shape.width, 1)).ravel()
        rest = values[self.partition.rest_indices] - self.coupling.T @ half
        if self.r:
            rest = cho_solve((self.lower[: self.r, : self.r], True), rest, check_finite=False)
        own = (half - self.coupling @ rest).reshape(shape.size, shape.width, 1)
        result = np.empty_like(values)
        result[where] = np.linalg.solve(np.swapaxes(self.root, 1, 2), own).ravel()
        result[self.partition.rest_indices] = rest
        return result

    def log_determinant(self) -> float:
        """The log-determinant of M."""
        longest = np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum()
        return float(2 * (longest + np.log(np.diag(self.lower)[: self.r]).sum()))

    def solve_rows(self, levels: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """M^-1 times each row of Z Lambda, but only at the effects of the row's own levels.

        Parameters
        ----------
        levels : sequence of ndarray of shape (n,)
            The level of each row, by factor.
        rows : sequence of ndarray of shape (n, width)
            The rows of Z Lambda, by factor.

        Returns
        -------
        list of ndarray of shape (n, width)
            By factor.
        """
        longest = self.partition.longest
        level, own = levels[longest], rows[longest]
        places, rest = self._places_in_rest(levels), self._all_but_longest(rows)
        inverse = self._dense_inverse(reml=False)[: self.r, : self.r] if self.r else np.empty((0, 0))
        solved_rest = np.einsum("nij,nj->ni", inverse[places[:, :, None], places[:, None, :]], rest)
        solved = np.empty_like(own)
        for first, both, blocks in self._longest_inverse_by_chunk(inverse):
            where = np.flatnonzero((level >= first) & (level < first + len(blocks)))
            inner = level[where] - first
            shared = both[inner[:, None, None], np.arange(own.shape[1])[:, None], places[where][:, None, :]]
            solved[where] = np.einsum("nab,nb->na", blocks[inner], own[where])
            solved[where] -= np.einsum("nam,nm->na", shared, rest[where])
            solved_rest[where] -= np.einsum("nam,na->nm", shared, own[where])
        ends = np.cumsum([shape.width for shape in self.partition.rest_shapes])
        return self.partition.insert_longest(np.split(solved_rest, ends[:-1], axis=1) if self.r else [], solved)

    def _all_but_longest(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """The columns of the rest side by side, shape (n, m)."""
        others = [each for position, each in enumerate(rows) if position != self.partition.longest]
        return np.concatenate([np.empty((len(rows[0]), 0)), *others], axis=1)

    def _places_in_rest(self, levels: Sequence[np.ndarray]) -> np.ndarray:
        """The positions among the rest's effects of each row's own, shape (n, m)."""
        others = [each for position, each in enumerate(levels) if position != self.partition.longest]
        starts = np.cumsum([0, *(shape.length for shape in self.partition.rest_shapes)])
        columns = [
            start + level[:, None] * shape.width + np.arange(shape.width)
            for start, level, shape in zip(starts, others, self.partition.rest_shapes, strict=False)
        ]
        return np.concatenate([np.empty((len(levels[0]), 0), dtype=np.intp), *columns], axis=1)

    def _longest_inverse_by_chunk(self, inverse: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For a few levels of the longest factor at a time, how M^-1 ties them to the rest and to themselves.

        Yields the first level, the dependence on the rest times the rest's inverse, and the blocks of M^-1.
        """
        shape = self.partition.longest_shape
        (dependence, _), blocks = self._longest_dependence(), self._longest_inverse()
        step = max(1, CHUNK // max(1, self.r * shape.width))
        for first in range(0, shape.size, step):
            own = blocks[first : first + step]
            part = dependence[first * shape.width : (first + len(own)) * shape.width]
            both = np.asarray(part @ inverse).reshape(len(own), shape.width, self.r)
            square = both @ np.swapaxes(to_dense(part).reshape(both.shape), 1, 2)
            yield first, both, own + square

    def row_variances(
        self, levels: Sequence[np.ndarray], rows: Sequence[np.ndarray], covariates: np.ndarray
    ) -> np.ndarray:
        """The variances of the rows' linear predictors relative to the residual variance, shape (n,).

        Parameters
        ----------
        levels : sequence of ndarray of shape (n,)
            The level of each row, by factor.
        rows : sequence of ndarray of shape (n, width)
            The rows of Z, by factor.
        covariates : ndarray of shape (n, p)
            The rows of X.
        """
        result, step = np.empty(len(covariates)), max(1, CHUNK // max(1, len(self.lower)))
        for start in range(0, len(result), step):
            part = slice(start, start + step)
            own = [each[part] for each in levels], [each[part] for each in rows]
            result[part] = self._row_variances(*own, covariates[part])
        return result

    def _row_variances(
        self, levels: Sequence[np.ndarray], rows: Sequence[np.ndarray], covariates: np.ndarray
    ) -> np.ndarray:
        scaled = [row @ own for row, own in zip(rows, self.lambdas, strict=True)]
        longest, width = self.partition.longest, self.partition.longest_shape.width
        level = levels[longest]
        half = np.linalg.solve(self.root[level], scaled[longest][:, :, None])[:, :, 0]
        left = np.zeros((len(level), self.r + self.p))
        left[np.arange(len(level))[:, None], self._places_in_rest(levels)] = self._all_but_longest(scaled)
        left[:, self.r :] = covariates
        for a in range(width):
            place = level * width + a
            left[:, : self.r] -= half[:, a, None] * to_dense(self.coupling[place])
            left[:, self.r :] -= half[:, a, None] * self.longest_sides[place, :-1]
        rest = solve_triangular(self.lower, left.T, lower=True, check_finite=False)
        return np.asarray((half**2).sum(axis=1) + (rest**2).sum(axis=0))

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A draw of all effects, shape (R,), and of beta, shape (p,), about zero, for a residual variance of one."""
        shape = self.partition.longest_shape
        rest = _solve_lower(self.lower, rng.standard_normal(len(self.lower)), transposed=True)
        sides = self.coupling @ rest[: self.r] + self.longest_sides[:, :-1] @ rest[self.r :]
        own = (rng.standard_normal(shape.length) - sides).reshape(shape.size, shape.width, 1)
        effects = np.empty(shape.length + self.r)
        effects[self.partition.longest_slice] = np.linalg.solve(np.swapaxes(self.root, 1, 2), own).ravel()
        effects[self.partition.rest_indices] = rest[: self.r]
        return effects, rest[self.r :]
