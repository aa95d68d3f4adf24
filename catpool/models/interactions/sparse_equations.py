"""`SparseEquations`: the mixed model equations of crossed factors that have too many categories for dense matrices.

Effects are exact: they are solved for by conjugate gradients. The variances of their errors are approximate, as the
inverse of the equations would be dense. With weights W_jk of the categories j and k of two factors, sums a_j and b_k
of these, and the total T, the inverse is known where W_jk = a_j b_k / T. What W_jk deviates from that enters to second
order, by the diagonal of the Schur complement:

    d_j = a_j + 1/s_a - sum over k of (W_jk - a_j b_k / T)^2 / (b_k + 1/s_b),

and covariances to first order, -(W_jk - a_j b_k / T) / (d_j d_k).
This needs cells that are spread over the categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from catpool.models.interactions.crossed_factors import CrossedFactors, sum_by
from catpool.models.mixed.solver.variance_search import warn_not_converged

TOLERANCE = 1e-8  # of the equations, relative
STEPS = 1000


class SparseEquations:
    """The equations of V tables; parameters and methods are those of `DenseEquations`."""

    def __init__(self, factors: CrossedFactors, weights: np.ndarray, variances: np.ndarray) -> None:
        self.factors, self.weights, self.variances = factors, weights, variances

    def log_determinant(self, *, reml: bool) -> np.ndarray:
        """NaN: it would take dense matrices."""
        return np.full(len(self.weights), np.nan)

    def solve(self, values: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """The effects of each factor, of shape (V, size), and the mean, (V,), for responses of shape (V, C)."""
        found = np.array([self._solve(table, values[table, None])[1][0] for table in range(len(values))])
        return np.split(found[:, :-1], np.cumsum(self.factors.sizes)[:-1], axis=1), found[:, -1]

    def projected_products(self, values: np.ndarray, levels: Sequence[np.ndarray]) -> np.ndarray:
        """The products f'Pf of responses, as `DenseEquations` computes them."""
        taken = (level.take(own, axis=1)[:, None] for level, own in zip(levels, self.factors.codes, strict=True))
        responses = np.concatenate([values, *taken], axis=1)
        # one by one, as cells are many
        weighted = (each[:, None] * self.weights[:, None] for each in responses.swapaxes(0, 1))
        products = np.concatenate([each @ responses.swapaxes(1, 2) for each in weighted], axis=1)
        for table, own in enumerate(responses):
            right, found = self._solve(table, own)
            products[table] -= right @ found.T
        return products

    def _solve(self, table: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The right-hand sides of responses of shape (K, C), and their solutions, of shape (K, categories + 1)."""
        indicators, cells, weights = self.factors.indicators, self.factors.transposed, self.weights[table]
        ridge = np.append(np.repeat(1 / self.variances[table], self.factors.sizes), 0.0)
        diagonal = indicators @ weights + ridge
        equations = LinearOperator(
            (len(ridge), len(ridge)), lambda x: indicators @ (weights * (cells @ x.ravel())) + ridge * x.ravel()
        )
        scaled = LinearOperator(equations.shape, lambda x: x.ravel() / diagonal)
        right = np.array([indicators @ (weights * each) for each in values])
        found = np.zeros_like(right)
        for number, each in enumerate(right):
            found[number], failed = cg(equations, each, rtol=TOLERANCE, maxiter=STEPS, M=scaled)
            if failed:
                warn_not_converged("The effects of an interaction's parts", STEPS)
        return right, found

    def errors(self, *, reml: bool) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """The variances of the errors of the effects, of the mean, and of the sum of both in each cell.

        Without `reml`, the mean counts as known, which for cells makes too little difference to be computed. The
        errors of effects then lack what all effects of a factor have in common, the smaller the more categories.
        """
        total, number = self.weights.sum(axis=1, keepdims=True), len(self.factors.sizes)
        sizes = self.factors.sums(self.weights)
        ends = [size + 1 / own[:, None] for size, own in zip(sizes, self.variances.T, strict=True)]
        apart = [1 / (ends[each] - self._deviations(each, sizes, ends, total)) for each in range(number)]
        effects, mean = [], (1 - number) / total
        of_cells = mean + self._covariances(apart, sizes, total)
        for factor, (own, size, end) in enumerate(zip(apart, sizes, ends, strict=True)):
            information = (size / end / self.variances[:, factor, None]).sum(axis=1, keepdims=True)
            mean = mean + 1 / information
            effects.append(own + (size / end) ** 2 / information if reml else own)
            with_mean = own + (1 - size / end) ** 2 / information
            of_cells = of_cells + with_mean.take(self.factors.codes[factor], axis=1)
        return effects, mean[:, 0], of_cells

    def _covariances(self, apart: Sequence[np.ndarray], sizes: Sequence[np.ndarray], total: np.ndarray) -> np.ndarray:
        """Twice the covariances of the errors of each cell's categories, to first order, of shape (V, C)."""
        found = np.zeros_like(self.weights)
        for left, right in combinations(range(len(sizes)), 2):
            pairs, own, other = self.factors.pairs[left, right]
            weights = sum_by(pairs, len(own), self.weights)
            weights -= sizes[left].take(own, axis=1) * sizes[right].take(other, axis=1) / total
            both = apart[left].take(own, axis=1) * apart[right].take(other, axis=1) * weights
            found -= 2 * both.take(pairs, axis=1)
        return found

    def _deviations(
        self, factor: int, sizes: Sequence[np.ndarray], ends: Sequence[np.ndarray], total: np.ndarray
    ) -> np.ndarray:
        """What the other factors take from the diagonal of one, of shape (V, size)."""
        found = np.zeros_like(sizes[factor])
        for other, (size, end) in enumerate(zip(sizes, ends, strict=True)):
            if other != factor:
                pairs, own, theirs = self.factors.pairs[factor, other]
                weights = sum_by(pairs, len(own), self.weights)
                share = (size / end).take(theirs, axis=1)
                found += sum_by(own, found.shape[1], weights**2 / end.take(theirs, axis=1))
                found -= 2 * sizes[factor] / total * sum_by(own, found.shape[1], weights * share)
                found += (sizes[factor] / total) ** 2 * (size**2 / end).sum(axis=1, keepdims=True)
        return found
