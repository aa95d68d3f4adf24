"""The mixed-model equations solved by conjugate gradients, for more effects than a dense decomposition can take.

The trace of the inverse C is estimated by the mean of z'Cz over probes z of random signs. The probes are the same for
every Lambda, so that the gradient of the criterion is a smooth function. A short factor has one probe for each of its
effects, which makes its trace exact. All right-hand sides are solved at once. Determinants, and so the likelihood, stay
unknown.

References
----------
M. F. Hutchinson (1990), A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines,
Communications in Statistics: Simulation and Computation 19, 433-450.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from catpool.models.mixed.solver.block_matrices import diagonal_blocks
from catpool.models.mixed.solver.equations import EquationSolution, MixedModelEquations, PartitionedSystem
from catpool.models.mixed.solver.grouping_factor import FactorShape
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.variance_search import warn_not_converged

SHORT = 64  # effects; factors up to this size have exact traces
SIGNS = 1e5  # random signs of all probes of a longer factor
FEWEST, MOST = 8, 64  # probes of a longer factor
TOLERANCE = 1e-9  # norm of a residual, relative to its right-hand side
STEPS = 1000


class ProbedSystem(PartitionedSystem):
    """A partitioned system with the probes of its factors.

    It keeps the last solutions: those for a similar Lambda are good starting points.
    """

    def __init__(self, system: MixedSystem) -> None:
        super().__init__(system, may_be_dense=False)
        rng = np.random.default_rng(0)
        self.probes = [_draw_probes(shape, rng) for shape in [*self.rest_shapes, self.longest_shape]]
        self.starts: dict[str, np.ndarray] = {}


def _draw_probes(shape: FactorShape, rng: np.random.Generator) -> np.ndarray:
    """Probes, shape (size, m): random signs, or for short factors the columns of an identity matrix."""
    if _has_exact_trace(shape):
        return np.eye(shape.size)
    number = int(np.clip(SIGNS / shape.size, FEWEST, MOST))
    return rng.choice([-1.0, 1.0], size=(shape.size, number))


def _has_exact_trace(shape: FactorShape) -> bool:
    return shape.length <= SHORT


class ConjugateGradientEquations(MixedModelEquations):
    """Equations solved by products with S alone, preconditioned by the inverse blocks on its diagonal."""

    name = "cg"
    partition: ProbedSystem

    def __init__(self, partition: ProbedSystem, lambdas: Sequence[np.ndarray]) -> None:
        super().__init__(partition, lambdas)
        self.rest_block = (self.rest_lambda.T @ partition.rest_block @ self.rest_lambda).tocsr()
        self.coupling_transposed = self.coupling.T.tocsr()
        self.preconditioner = [np.linalg.inv(block) for block in self._diagonal()]
        self.solved_sides = self._solve(self.rest_sides, "sides")  # S^-1 rest_sides
        explained = self.rest_sides[:, :-1].T @ self.solved_sides[:, :-1]
        self.fixed_inverse = np.linalg.inv(self.fixed[:-1, :-1] - explained)

    def _diagonal(self) -> list[np.ndarray]:
        """The blocks on the diagonal of S, shape (size, width, width)."""
        blocks, start = [], 0
        for shape in self.partition.rest_shapes:
            rows = slice(start, start + shape.length)
            own = diagonal_blocks(self.rest_block[rows, rows], shape) + np.eye(shape.width)
            for a, b in product(range(shape.width), repeat=2):
                left, right = (self.coupling[:, rows.start + each : rows.stop : shape.width] for each in (a, b))
                own[:, a, b] -= np.asarray(left.multiply(right).sum(axis=0)).ravel()
            blocks.append(own)
            start += shape.length
        return blocks

    def _multiply(self, values: np.ndarray) -> np.ndarray:
        """S times values of shape (r, m)."""
        return np.asarray(self.rest_block @ values + values - self.coupling_transposed @ (self.coupling @ values))

    def _precondition(self, values: np.ndarray) -> np.ndarray:
        result, start = np.empty_like(values), 0
        for shape, blocks in zip(self.partition.rest_shapes, self.preconditioner, strict=True):
            rows = slice(start, start + shape.length)
            levels = values[rows].reshape(shape.size, shape.width, -1)
            result[rows] = (blocks @ levels if shape.width > 1 else blocks * levels).reshape(values[rows].shape)
            start += shape.length
        return result

    def _solve(self, sides: np.ndarray, name: str) -> np.ndarray:
        """S^-1 times right-hand sides of shape (r, m), starting from the last solution of that name."""
        start = self.partition.starts.get(name)
        solution = np.zeros_like(sides) if start is None else start.copy()
        residual = sides - self._multiply(solution) if start is not None else sides.copy()
        enough = TOLERANCE * np.maximum(np.linalg.norm(sides, axis=0), 1e-300)
        direction = conditioned = self._precondition(residual)
        size = np.einsum("rm,rm->m", residual, conditioned)
        for _ in range(STEPS):
            if (np.linalg.norm(residual, axis=0) <= enough).all():
                break
            image = self._multiply(direction)
            curvature = np.einsum("rm,rm->m", direction, image)
            step = size / np.where(curvature > 0, curvature, 1.0)
            solution += step * direction
            residual -= step * image
            conditioned = self._precondition(residual)
            last, size = size, np.einsum("rm,rm->m", residual, conditioned)
            direction = conditioned + size / np.where(last > 0, last, 1.0) * direction
        else:
            warn_not_converged("Conjugate gradients", STEPS)
        self.partition.starts[name] = solution.copy()
        return solution

    def solve(self) -> EquationSolution:
        fixed = self.fixed_inverse @ (self.fixed[:-1, -1] - self.rest_sides[:, :-1].T @ self.solved_sides[:, -1])
        rest = self.solved_sides[:, -1] - self.solved_sides[:, :-1] @ fixed
        explained = self.rest_sides[:, -1] @ rest + self.fixed[:-1, -1] @ fixed
        residual = float(self.fixed[-1, -1] - explained)
        return EquationSolution(self._all_effects(rest, fixed), fixed, residual, np.nan, np.nan)

    def _add_fixed(
        self, sides: np.ndarray, solved: np.ndarray, fixed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The inverse times (sides, fixed), for the rest and for X, from S^-1 sides.

        With ``fixed=None`` beta is taken as known.
        """
        if fixed is None:
            return solved, np.zeros((self.p, sides.shape[1]))
        beta = self.fixed_inverse @ (fixed - self.rest_sides[:, :-1].T @ solved)
        return solved - self.solved_sides[:, :-1] @ beta, beta

    def _rest_quadratic_form(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        effects, beta = self._add_fixed(rest, self._solve(rest, "working"), fixed)
        return np.asarray(rest.T @ effects + fixed.T @ beta)

    def fixed_covariance(self) -> np.ndarray:
        return self.fixed_inverse

    def inverse_traces(self, *, reml: bool) -> list[np.ndarray]:
        sides, fixed = self._probe_sides()
        effects, beta = self._add_fixed(sides, self._solve(sides, "probes"), fixed if reml else None)
        sums, start = [], 0
        shapes = [*self.partition.rest_shapes, self.partition.longest_shape]
        for shape, probes in zip(shapes, self.partition.probes, strict=True):
            q, m = shape.width, probes.shape[1]
            own = np.zeros((q, q))
            for a, b in product(range(q), repeat=2):
                left, right = (slice(start + each * m, start + (each + 1) * m) for each in (a, b))
                own[a, b] = np.vdot(sides[:, left], effects[:, right]) + np.vdot(fixed[:, left], beta[:, right])
            sums.append((own + own.T) / 2 / (1 if _has_exact_trace(shape) else m))
            start += q * m
        return self.partition.insert_longest(sums[:-1], sums[-1] + self._longest_inverse().sum(axis=0))

    def _probe_sides(self) -> tuple[np.ndarray, np.ndarray]:
        """The probes of all factors as right-hand sides, for the rest, (r, m), and for X, (p, m)."""
        sides, fixed, start = [], [], 0
        for shape, probes in zip(self.partition.rest_shapes, self.partition.probes, strict=False):
            for a in range(shape.width):
                own = np.zeros((self.r, probes.shape[1]))
                own[start + a : start + shape.length : shape.width] = probes
                sides.append(own)
                fixed.append(np.zeros((self.p, probes.shape[1])))
            start += shape.length
        on_rest, on_fixed = self._longest_dependence()
        width, probes = self.partition.longest_shape.width, self.partition.probes[-1]
        for a in range(width):
            sides.append(on_rest[a::width].T @ probes)
            fixed.append(on_fixed[:, a].T @ probes)
        return np.hstack(sides), np.hstack(fixed)

    def inverse_blocks(self, *, reml: bool) -> list[np.ndarray]:
        """The blocks as if, given the longest factor and X, the rest's levels were independent of each other."""
        own, shape = self._longest_inverse(), self.partition.longest_shape
        rest, fixed = self._longest_dependence()
        beta = self.fixed_inverse if reml else np.zeros_like(self.fixed_inverse)
        solved = self.solved_sides[:, :-1]
        blocks, start = [], 0
        for each, inverse in zip(self.partition.rest_shapes, self.preconditioner, strict=True):
            rows = slice(start, start + each.length)
            levels = solved[rows].reshape(each.size, each.width, self.p)
            blocks.append(inverse + levels @ beta @ np.swapaxes(levels, 1, 2))
            for a, b, c, d in product(*[range(shape.width)] * 2, *[range(each.width)] * 2):
                left = rest[a :: shape.width, rows.start + c : rows.stop : each.width]
                right = rest[b :: shape.width, rows.start + d : rows.stop : each.width]
                own[:, a, b] += left.multiply(right) @ inverse[:, c, d]
            start += each.length
        known = fixed - (rest @ solved).reshape(fixed.shape)
        return self.partition.insert_longest(blocks, own + known @ beta @ np.swapaxes(known, 1, 2))
