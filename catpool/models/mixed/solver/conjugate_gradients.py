"""The mixed-model equations by conjugate gradients, for more effects than a dense decomposition can take.

Traces of the inverse are sums of z'Cz over probes z of random signs, the same ones for every Lambda, so that the
criterion's slope is a smooth function; a short factor has one probe for each of its effects, whose sum is exact. All
right-hand sides are solved at once. Determinants, and so the likelihood, stay unknown.

References
----------
M. F. Hutchinson (1990), A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines,
Communications in Statistics: Simulation and Computation 19, 433-450.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.models.mixed.solver.equations import Arrangement, Equations, Solution, blocks_of
from catpool.models.mixed.solver.system import Shape, System
from catpool.models.mixed.solver.variance_search import warn_of_no_end

SHORT = 64  # effects of a factor whose traces are exact
SIGNS = 1e5  # random signs of all probes of a longer factor
FEWEST, MOST = 8, 64  # its probes
CLOSE = 1e-9  # of a right-hand side, what is left of it
STEPS = 1000


class Probed(Arrangement):
    """An arrangement with the probes of its factors, and the last solutions, to start the next ones from."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        rng = np.random.default_rng(0)
        self.probes = [_probes(shape, rng) for shape in [*self.shapes, self.shape]]
        self.starts: dict[str, np.ndarray] = {}


def _probes(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Of shape (size, m): signs of the levels, or a one for each level in turn."""
    if shape.length <= SHORT:
        return np.eye(shape.size)
    number = int(np.clip(SIGNS / shape.size, FEWEST, MOST))
    return rng.choice([-1.0, 1.0], size=(shape.size, number))


class Iterative(Equations):
    """Products with S and its preconditioner, the inverse of the blocks on its diagonal, are all that is needed."""

    name = "cg"
    parts: Probed

    def __init__(self, arrangement: Probed, factors: Sequence[np.ndarray]) -> None:
        super().__init__(arrangement, factors)
        self.inner = (self.lambdas.T @ arrangement.inner @ self.lambdas).tocsr()
        self.back = self.across.T.tocsr()
        self.blocks_of_rest = [np.linalg.inv(block) for block in self._diagonal()]
        self.by_fixed = self._solve(self.rest, "fixed")  # S^-1 of what the rest is left with against X and y
        self.fixed_inverse = np.linalg.inv(self.fixed[:-1, :-1] - self.rest[:, :-1].T @ self.by_fixed[:, :-1])

    def _diagonal(self) -> list[np.ndarray]:
        """The blocks on the diagonal of S, of shape (size, width, width)."""
        blocks, start = [], 0
        for shape in self.parts.shapes:
            rows = slice(start, start + shape.length)
            own = blocks_of(self.inner[rows, rows], shape) + np.eye(shape.width)
            for a in range(shape.width):
                for b in range(shape.width):
                    left, right = (self.across[:, rows.start + each : rows.stop : shape.width] for each in (a, b))
                    own[:, a, b] -= np.asarray(left.multiply(right).sum(axis=0)).ravel()
            blocks.append(own)
            start += shape.length
        return blocks

    def _times(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(self.inner @ values + values - self.back @ (self.across @ values))

    def _preconditioned(self, values: np.ndarray) -> np.ndarray:
        result, start = np.empty_like(values), 0
        for shape, blocks in zip(self.parts.shapes, self.blocks_of_rest, strict=True):
            rows = slice(start, start + shape.length)
            levels = values[rows].reshape(shape.size, shape.width, -1)
            result[rows] = (blocks @ levels if shape.width > 1 else blocks * levels).reshape(values[rows].shape)
            start += shape.length
        return result

    def _solve(self, sides: np.ndarray, name: str) -> np.ndarray:
        """S^-1 times right-hand sides of shape (r, m), by preconditioned conjugate gradients from the last solution."""
        start = self.parts.starts.get(name)
        solution = np.zeros_like(sides) if start is None else start.copy()
        residual = sides - self._times(solution) if start is not None else sides.copy()
        enough = CLOSE * np.maximum(np.linalg.norm(sides, axis=0), 1e-300)
        direction = conditioned = self._preconditioned(residual)
        size = np.einsum("rm,rm->m", residual, conditioned)
        for _ in range(STEPS):
            if (np.linalg.norm(residual, axis=0) <= enough).all():
                break
            image = self._times(direction)
            bend = np.einsum("rm,rm->m", direction, image)
            step = size / np.where(bend > 0, bend, 1.0)
            solution += step * direction
            residual -= step * image
            conditioned = self._preconditioned(residual)
            last, size = size, np.einsum("rm,rm->m", residual, conditioned)
            direction = conditioned + size / np.where(last > 0, last, 1.0) * direction
        else:
            warn_of_no_end("A solution by conjugate gradients", STEPS)
        self.parts.starts[name] = solution.copy()
        return solution

    def solution(self) -> Solution:
        fixed = self.fixed_inverse @ (self.fixed[:-1, -1] - self.rest[:, :-1].T @ self.by_fixed[:, -1])
        rest = self.by_fixed[:, -1] - self.by_fixed[:, :-1] @ fixed
        explained = self.rest[:, -1] @ rest + self.fixed[:-1, -1] @ fixed
        return Solution(self._effects(rest, fixed), fixed, float(self.fixed[-1, -1] - explained), np.nan, np.nan)

    def _inverse_form(
        self, sides: np.ndarray, solved: np.ndarray, fixed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rest's and X's parts of the inverse times sides, solved for S alone; without X where `fixed` is None."""
        if fixed is None:
            return solved, np.zeros((self.p, sides.shape[1]))
        beta = self.fixed_inverse @ (fixed - self.rest[:, :-1].T @ solved)
        return solved - self.by_fixed[:, :-1] @ beta, beta

    def _quadratic_of_rest(self, rest: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        effects, beta = self._inverse_form(rest, self._solve(rest, "working"), fixed)
        return np.asarray(rest.T @ effects + fixed.T @ beta)

    def fixed_covariance(self) -> np.ndarray:
        return self.fixed_inverse

    def traces(self, *, reml: bool) -> list[np.ndarray]:
        sides, fixed = self._sides()
        effects, beta = self._inverse_form(sides, self._solve(sides, "probes"), fixed if reml else None)
        sums, start = [], 0
        for shape, probes in zip([*self.parts.shapes, self.parts.shape], self.parts.probes, strict=True):
            q, m = shape.width, probes.shape[1]
            own = np.zeros((q, q))
            for a in range(q):
                for b in range(q):
                    left, right = (slice(start + each * m, start + (each + 1) * m) for each in (a, b))
                    own[a, b] = np.vdot(sides[:, left], effects[:, right]) + np.vdot(fixed[:, left], beta[:, right])
            sums.append((own + own.T) / 2 / (1 if _is_exact(shape) else m))
            start += q * m
        return self.parts.with_longest(sums[:-1], sums[-1] + self._own_inverse().sum(axis=0))

    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        """What the probes of each factor and width are to the rest, of shape (r, m), and to X, of shape (p, m)."""
        sides, fixed, start = [], [], 0
        for shape, probes in zip(self.parts.shapes, self.parts.probes, strict=False):
            for a in range(shape.width):
                own = np.zeros((self.r, probes.shape[1]))
                own[start + a : start + shape.length : shape.width] = probes
                sides.append(own)
                fixed.append(np.zeros((self.p, probes.shape[1])))
            start += shape.length
        rest, by_fixed = self._reach()
        for a in range(self.parts.shape.width):
            sides.append(rest[a :: self.parts.shape.width].T @ self.parts.probes[-1])
            fixed.append(by_fixed[:, a].T @ self.parts.probes[-1])
        return np.hstack(sides), np.hstack(fixed)

    def blocks(self, *, reml: bool) -> list[np.ndarray]:
        """As if the rest's effects were independent of each other once the longest factor and X are accounted for."""
        own, shape = self._own_inverse(), self.parts.shape
        rest, fixed = self._reach()
        beta = self.fixed_inverse if reml else np.zeros_like(self.fixed_inverse)
        by_fixed = self.by_fixed[:, :-1]
        blocks, start = [], 0
        for each, inverse in zip(self.parts.shapes, self.blocks_of_rest, strict=True):
            rows = slice(start, start + each.length)
            levels = by_fixed[rows].reshape(each.size, each.width, self.p)
            blocks.append(inverse + levels @ beta @ np.swapaxes(levels, 1, 2))
            for a in range(shape.width):
                for b in range(shape.width):
                    for c in range(each.width):
                        for d in range(each.width):
                            left = rest[a :: shape.width, rows.start + c : rows.stop : each.width]
                            right = rest[b :: shape.width, rows.start + d : rows.stop : each.width]
                            own[:, a, b] += left.multiply(right) @ inverse[:, c, d]
            start += each.length
        known = fixed - (rest @ by_fixed).reshape(fixed.shape)
        return self.parts.with_longest(blocks, own + known @ beta @ np.swapaxes(known, 1, 2))


def _is_exact(shape: Shape) -> bool:
    return shape.length <= SHORT
