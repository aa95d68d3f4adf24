"""The criterion of Lambda alone, its derivatives, and where it is least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.models.mixed.solver.cholesky import Exact
from catpool.models.mixed.solver.conjugate_gradients import Iterative, Probed
from catpool.models.mixed.solver.equations import Arrangement, Equations, Solution
from catpool.models.mixed.solver.system import Shape, System
from catpool.models.mixed.solver.variance_search import SMALL, Parameters, Slope, climb, follow, polish, search

DENSE = 3000  # effects beside the longest factor's; with more, equations are solved iteratively
FEW = 500  # effects; with so few, likelihoods with two maxima occur, and several starts cost little


class Profile:
    """The criterion of Lambda alone, maximal over the other parameters.

    Parameters
    ----------
    system : System
    reml : bool
    known : bool
        Whether a row's variance is one, rather than estimated.
    """

    def __init__(self, system: System, *, reml: bool, known: bool = False, solver: str = "auto") -> None:
        self.system, self.reml, self.known = system, reml, known
        lengths = [shape.length for shape in system.shapes]
        self.exact = solver == "exact" or (solver == "auto" and sum(lengths) - max(lengths) <= DENSE)
        self.arrangement = Arrangement(system) if self.exact else Probed(system)
        self.parameters = Parameters(system.shapes)
        self.freedom = system.rows - (system.covariates if reml else 0)
        self.units = units(system, self.parameters)
        self.floors = SMALL * self.units
        self._last: tuple[bytes, Slope] | None = None

    def solve(self, lambdas: Sequence[np.ndarray]) -> Equations:
        if isinstance(self.arrangement, Probed):
            return Iterative(self.arrangement, lambdas)
        return Exact(self.arrangement, lambdas)

    def scale(self, solution: Solution) -> float:
        return 1.0 if self.known else solution.residual / self.freedom

    def criterion(self, solution: Solution) -> float:
        fit = solution.log_det + (solution.log_det_fixed if self.reml else 0.0) - self.system.log_weights
        if self.known:
            return fit + self.freedom * np.log(2 * np.pi) + solution.residual
        return fit + self.freedom * (1 + np.log(2 * np.pi * max(self.scale(solution), 1e-300)))

    def __call__(self, theta: np.ndarray) -> Slope:
        theta = self._off_nought(theta)
        if self._last is None or self._last[0] != theta.tobytes():
            self._last = theta.tobytes(), self._slope(theta)
        return self._last[1]

    def _off_nought(self, theta: np.ndarray) -> np.ndarray:
        signs = np.where(theta < 0, -1.0, 1.0)
        return np.where(self.parameters.on_diagonal & (np.abs(theta) < self.floors), signs * self.floors, theta)

    def _slope(self, theta: np.ndarray) -> Slope:
        lambdas = self.parameters.lambdas(theta)
        equations = self.solve(lambdas)
        solution = equations.solution()
        return Slope(
            self.criterion(solution),
            *derivatives(
                self.system,
                self.parameters,
                lambdas,
                equations,
                solution,
                scale=self.scale(solution),
                freedom=np.inf if self.known else self.freedom,
                reml=self.reml,
            ),
        )

    def fit(self, near: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """The parameters at which the criterion is least, noughts among them where it is least there.

        It is searched for near some Lambda, or from where the data suggest.
        """
        if near is None:
            begin = starts(self.system, self.parameters)
            theta = search(self, begin, self.units) if self.exact else climb(self, begin[0])
        else:
            start = self.parameters.theta(near)
            start = np.where(self._small(start), 3e4 * self.floors, start)
            theta = follow(self, start, self.units) if self.exact else climb(self, start)
        untold = self._untold()
        small = self._small(theta) | untold
        nought = np.where(small, 0.0, theta)
        if not small.any() or not self.exact:
            return nought
        if not untold.any() and self.at(nought) > self(theta).criterion + 1e-7:
            return theta
        return self._refined(nought, ~small)

    def _refined(self, theta: np.ndarray, free: np.ndarray) -> np.ndarray:
        """The free parameters once more, where the others are nought."""
        if not free.any():
            return theta

        def whole(values: np.ndarray) -> np.ndarray:
            result = theta.copy()
            result[free] = values
            return result

        def evaluate(values: np.ndarray) -> Slope:
            here = self(whole(values))
            return Slope(here.criterion, here.gradient[free], here.hessian[np.ix_(free, free)])

        return whole(polish(evaluate, theta[free]))

    def _untold(self) -> np.ndarray:
        """Whether a parameter is that of a factor of one level, or of one that has a level for each row."""
        counts = [self.system.outer[where, 0].reshape(-1, shape.width)[:, 0] for where, shape in places_of(self.system)]
        seen = [np.count_nonzero(each) for each in counts]
        told = [each > 1 and (self.known or each < self.system.rows) for each in seen]
        return np.array([not told[factor] for factor, _, _ in self.parameters.places])

    def _small(self, theta: np.ndarray) -> np.ndarray:
        return self.parameters.on_diagonal & (np.abs(theta) <= 10 * self.floors)

    def at(self, theta: np.ndarray) -> float:
        return self.criterion(self.solve(self.parameters.lambdas(theta)).solution())


def units(system: System, parameters: Parameters) -> np.ndarray:
    """Of each parameter: one over the root of what a level's rows tell."""
    information = system.inner.diagonal()
    means = [information[where].reshape(-1, shape.width).mean(axis=0) for where, shape in places_of(system)]
    seen = [np.where(each > 0, each, 1.0) for each in means]
    return np.array([1 / np.sqrt(seen[factor][a]) for factor, a, _ in parameters.places])


def places_of(system: System) -> list[tuple[slice, Shape]]:
    return list(zip(system.slices, system.shapes, strict=True))


def starts(system: System, parameters: Parameters) -> list[np.ndarray]:
    """Parameters that each factor by itself suggests, and where effects are few, others around them."""
    n, mean = system.fixed[0, 0], system.fixed[0, -1] / system.fixed[0, 0]
    spread = max(system.fixed[-1, -1] / n - mean**2, 1e-300)
    sizes = []
    for where, shape in places_of(system):
        count, total = (system.outer[where, column].reshape(-1, shape.width)[:, 0] for column in (0, -1))
        seen = count > 0
        between = ((total[seen] - mean * count[seen]) ** 2 / count[seen]).sum() / max(np.count_nonzero(seen) - 1, 1)
        typical = count[seen].mean()
        sizes.append(np.sqrt(np.clip((between / spread - 1) / typical, 0.01 / typical, 10.0)))
    theta = np.array([sizes[factor] if a == b else 0.0 for factor, a, b in parameters.places])
    few = sum(shape.length for shape in system.shapes) <= FEW
    return [theta * times for times in ((1.0, 0.2, 5.0) if few else (1.0,))]


def derivatives(
    system: System,
    parameters: Parameters,
    lambdas: Sequence[np.ndarray],
    equations: Equations,
    solution: Solution,
    *,
    scale: float,
    freedom: float,
    reml: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and average information of the criterion, of shape (k,) and (k, k)."""
    effects = [solution.effects[where].reshape(shape.size, shape.width) for where, shape in places_of(system)]
    inverses = [np.linalg.inv(each) for each in lambdas]
    pulls = [own @ inverse for own, inverse in zip(effects, inverses, strict=True)]
    gammas = [
        inverse.T @ (shape.size * np.eye(shape.width) - trace) @ inverse - pull.T @ pull / scale
        for shape, inverse, trace, pull in zip(system.shapes, inverses, equations.traces(reml=reml), pulls, strict=True)
    ]
    gradient = np.array([2 * (gammas[factor] @ lambdas[factor])[a, b] for factor, a, b in parameters.places])
    working = np.zeros((len(solution.effects), len(parameters.places)))
    for position, (factor, a, b) in enumerate(parameters.places):
        own = np.outer(pulls[factor][:, a], lambdas[factor][:, b])
        own[:, a] += effects[factor][:, b]
        working[system.slices[factor], position] = own.ravel()
    seen, fixed = system.inner @ working, system.outer[:, :-1].T @ working
    information = (working.T @ seen - equations.quadratic(seen, fixed)) / scale
    explained = np.array([2 * pulls[factor][:, a] @ effects[factor][:, b] for factor, a, b in parameters.places])
    information -= np.outer(explained, explained) / (freedom * scale**2)
    for i, (factor, a, b) in enumerate(parameters.places):
        for j, (other, c, d) in enumerate(parameters.places):
            if factor == other and b == d:
                information[i, j] += 2 * gammas[factor][a, c]
    return gradient, information
