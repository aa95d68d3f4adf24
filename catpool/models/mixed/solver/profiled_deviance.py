"""The likelihood criterion as a function of Lambda alone, and the Lambda that minimizes it.

The criterion is twice the negative log-likelihood, restricted under REML, at the best coefficients and the best
residual variance for Lambda: lme4's profiled deviance. Its derivative with respect to Lambda is zero at Lambda = 0 for
all data. So the search keeps Lambda off zero, and whether a variance is zero is decided afterwards, by the criterion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from catpool.models.mixed.solver.cholesky import CholeskyEquations
from catpool.models.mixed.solver.conjugate_gradients import ConjugateGradientEquations, ProbedSystem
from catpool.models.mixed.solver.covariance_parameters import CovarianceParameters
from catpool.models.mixed.solver.criterion_derivatives import criterion_derivatives
from catpool.models.mixed.solver.equations import EquationSolution, MixedModelEquations, PartitionedSystem
from catpool.models.mixed.solver.grouping_factor import FactorShape
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.rooted_equations import RootedEquations, RootedSystem
from catpool.models.mixed.solver.twin_factors import find_twins, share_equally
from catpool.models.mixed.solver.variance_search import (
    CriterionEvaluation,
    polish,
    search_from_starts,
    search_nearby,
    solve_gradient,
)

DENSE = 3000  # effects beside the longest factor's, up to which the equations are solved exactly
FEW = 500  # effects, up to which the criterion may have several minima and several starts cost little
FLOOR = 1e-6  # the least Lambda of the search, in units of `parameter_units`
FAR = 100.0  # in the same units; a variance that gets there has no bounds
NEARLY, FARTHER = 1e3, 1e2  # the size at which effects predict y nearly exactly, and how much farther it is tried
EXACT = 1e-30  # the least residual variance in units of the variance of y, far below what rounding leaves of it
OFF_ZERO = 0.03  # in the same units, where a search starts that was at zero before


def is_exact(shapes: Sequence[FactorShape], solver: str) -> bool:
    """Whether the equations of such factors are solved exactly by `solver`: "auto", "exact" or "cg"."""
    lengths = [shape.length for shape in shapes]
    return solver == "exact" or (solver == "auto" and sum(lengths) - max(lengths) <= DENSE)


class LowNoiseStart(NamedTuple):
    """Where the search starts if the residual is far smaller than y.

    Parameters
    ----------
    partition : RootedSystem
    lambdas : list of ndarray of shape (width, width)
    """

    partition: RootedSystem
    lambdas: list[np.ndarray]


class ProfiledDeviance:
    """The criterion of one system, as a function of the covariance parameters.

    Parameters
    ----------
    system : MixedSystem
    reml : bool
    known : bool, default=False
        Whether the residual variance is one rather than estimated.
    solver : {"auto", "exact", "cg"}, default="auto"
    low_noise : LowNoiseStart, optional
        In place of the system's partition, where the residual is far smaller than y.
    """

    def __init__(
        self,
        system: MixedSystem,
        *,
        reml: bool,
        known: bool = False,
        solver: str = "auto",
        low_noise: LowNoiseStart | None = None,
    ) -> None:
        self.system, self.reml, self.known, self.low_noise = system, reml, known, low_noise
        self.exact = low_noise is not None or is_exact(system.shapes, solver)
        own = PartitionedSystem if self.exact else ProbedSystem
        self.partition = low_noise.partition if low_noise else own(system)
        self.parameters = CovarianceParameters(system.shapes)
        self.freedom = system.rows - (system.covariates if reml else 0)
        self.units = parameter_units(system, self.parameters)
        if low_noise:
            self.units = np.maximum(self.units, self.parameters.row_sizes(low_noise.lambdas))
        self.floors = FLOOR * self.units
        self.twins = find_twins(system)
        self.least = EXACT * system.scatter / self.freedom if self.freedom > 0 else 0.0
        self._last: tuple[bytes, CriterionEvaluation] | None = None

    def equations(self, lambdas: Sequence[np.ndarray]) -> MixedModelEquations:
        if isinstance(self.partition, ProbedSystem):
            return ConjugateGradientEquations(self.partition, lambdas)
        if isinstance(self.partition, RootedSystem):
            return RootedEquations(self.partition, lambdas)
        return CholeskyEquations(self.partition, lambdas)

    def scale(self, solution: EquationSolution) -> float:
        """The residual variance, sigma^2, by which is divided also where rounding leaves no residual at all."""
        return 1.0 if self.known else max(solution.residual / self.freedom, self.least)

    def criterion(self, solution: EquationSolution) -> float:
        fit = solution.log_det + (solution.log_det_fixed if self.reml else 0.0) - self.system.log_weights
        if self.known:
            return fit + self.freedom * np.log(2 * np.pi) + solution.residual
        return fit + self.freedom * (1 + np.log(2 * np.pi * self.scale(solution)))

    def value(self, theta: np.ndarray) -> float:
        """The criterion, also at parameters that are zero."""
        return self.criterion(self.equations(self.parameters.lambdas(theta)).solve())

    def __call__(self, theta: np.ndarray) -> CriterionEvaluation:
        theta = self._keep_off_zero(theta)
        if self._last is None or self._last[0] != theta.tobytes():  # searches ask for value and derivatives in turn
            self._last = theta.tobytes(), self._evaluate(theta)
        return self._last[1]

    def _keep_off_zero(self, theta: np.ndarray) -> np.ndarray:
        signs = np.where(theta < 0, -1.0, 1.0)
        return np.where(self.parameters.on_diagonal & (np.abs(theta) < self.floors), signs * self.floors, theta)

    def _evaluate(self, theta: np.ndarray) -> CriterionEvaluation:
        equations = self.equations(self.parameters.lambdas(theta))
        solution = equations.solve()
        scale, freedom = self.scale(solution), np.inf if self.known else self.freedom
        derivatives = criterion_derivatives(
            self.parameters, equations, solution, scale=scale, freedom=freedom, reml=self.reml
        )
        return CriterionEvaluation(self.criterion(solution), *derivatives)

    def minimize(self, near: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """The parameters that minimize the criterion, with exact zeros where these are best, and twins alike.

        Parameters
        ----------
        near : sequence of ndarray of shape (width, width), optional
            Lambdas to start from, in place of estimates from the data.
        """
        theta = self._minimum(near)
        if not self.twins:
            return theta
        return self.parameters.theta(share_equally(self.parameters.lambdas(theta), self.twins))

    def _minimum(self, near: Sequence[np.ndarray] | None) -> np.ndarray:
        theta = self._search(near)
        unidentified = self.unidentified()
        small = self._is_small(theta) | unidentified
        with_zeros = np.where(small, 0.0, theta)
        if not small.any() or not self.exact:
            return with_zeros
        if not unidentified.any() and self.value(with_zeros) > self(theta).criterion + 1e-7:  # zero wins ties
            return theta
        return self._polish_free(with_zeros, ~small)

    def _search(self, near: Sequence[np.ndarray] | None) -> np.ndarray:
        if near is None:
            starts = self.starts()
            if not self.exact:
                return solve_gradient(self, starts[0])
            return self._leave_zeros(search_from_starts(self, starts, self.units))
        start = self.parameters.theta(near)
        start = np.where(self._is_near_zero(start), OFF_ZERO * self.units, start)  # there the gradient vanishes
        return self._leave_zeros(search_nearby(self, start, self.units)) if self.exact else solve_gradient(self, start)

    def starts(self) -> list[np.ndarray]:
        """The parameters that a search starts from."""
        if self.low_noise is None:
            return starting_values(self.system, self.parameters, known=self.known)
        return several_sizes(self.parameters.theta(self.low_noise.lambdas), self.system)

    def _leave_zeros(self, theta: np.ndarray) -> np.ndarray:
        """Search on from each zero where the criterion is larger than beside it, as Newton steps end there, too."""
        for place in np.flatnonzero(self._is_near_zero(theta)):
            beside = theta.copy()
            beside[place] = OFF_ZERO * self.units[place]
            if self(beside).criterion < self(theta).criterion:
                theta = self._better(beside, theta)
        return theta

    def _better(self, start: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """The minimum that a search from another start finds, if it is less and finite; otherwise `theta`."""
        try:
            found = search_from_starts(self, [start], self.units)
            less = self(found).criterion < self(theta).criterion
        except LinAlgError:  # of variances without bounds, as where classes are separated
            return theta
        return found if less and bool((np.abs(found) < FAR * self.units).all()) else theta

    def _is_near_zero(self, theta: np.ndarray) -> np.ndarray:
        return self.parameters.on_diagonal & (np.abs(theta) < OFF_ZERO * self.units)

    def _polish_free(self, theta: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Polish the free parameters while the others stay zero."""
        if not free.any():
            return theta

        def complete(values: np.ndarray) -> np.ndarray:
            result = theta.copy()
            result[free] = values
            return result

        def evaluate(values: np.ndarray) -> CriterionEvaluation:
            here = self(complete(values))
            return CriterionEvaluation(here.criterion, here.gradient[free], here.hessian[np.ix_(free, free)])

        return complete(polish(evaluate, theta[free], units=self.units[free]))

    def limit_without_noise(self) -> np.ndarray | None:
        """Parameters near the limit in which the effects predict y exactly; None unless the criterion falls there.

        The search cannot tell how far to go there, because the residual is less than the rounding of its parts.
        """
        free = self.parameters.on_diagonal & ~self.unidentified()
        near, far = (np.where(free, size * self.units, 0.0) for size in (NEARLY, NEARLY * FARTHER))
        before, after = (self.equations(self.parameters.lambdas(theta)).solve() for theta in (near, far))
        vanishing = after.residual < before.residual * 10 / FARTHER**2  # it falls by the square if there is no noise
        falling = self.criterion(after) < self.criterion(before) - np.log(FARTHER)  # as if one row had no level
        return near if vanishing and falling else None

    def unidentified(self) -> np.ndarray:
        """Which parameters belong to a factor of one level, or of one level per row, or to slopes of zeros."""
        identified = [each > 1 and (self.known or each < self.system.rows) for each in self.system.seen]
        empty = [np.all(own == 0, axis=0).tolist() for own in self.system.split(self.system.random.diagonal())]
        return np.array(
            [not identified[factor] or empty[factor][a] or empty[factor][b] for factor, a, b in self.parameters.places]
        )

    def _is_small(self, theta: np.ndarray) -> np.ndarray:
        return self.parameters.on_diagonal & (np.abs(theta) <= 10 * self.floors)


def parameter_units(system: MixedSystem, parameters: CovarianceParameters) -> np.ndarray:
    """The scale of each parameter: one over the square root of a level's mean information."""
    means = [own.mean(axis=0) for own in system.split(system.random.diagonal())]
    positive = [np.where(each > 0, each, 1.0) for each in means]
    return np.array([1 / np.sqrt(positive[factor][a]) for factor, a, _ in parameters.places])


def starting_values(system: MixedSystem, parameters: CovarianceParameters, *, known: bool) -> list[np.ndarray]:
    """The parameters that the variances between levels of each factor suggest.

    With few effects, parameters of a fifth and of five times the size follow.
    """
    total_weight, mean = system.fixed[0, 0], system.fixed[0, -1] / system.fixed[0, 0]
    rows = total_weight if known else system.rows  # a row of weight w has sigma^2 / w, so sigma^2 grows with weights
    spread = max((system.fixed[-1, -1] - total_weight * mean**2) / rows, 1e-300)
    sizes = []
    centered = system.cross[:, -1] - mean * system.cross[:, 0]
    for information, totals in zip(system.split(system.random.diagonal()), system.split(centered), strict=True):
        count, total = information[:, 0], totals[:, 0]  # of an intercept, the information of a level is its count
        seen = count > 0
        between = (total[seen] ** 2 / count[seen]).sum() / max(np.count_nonzero(seen) - 1, 1)
        typical = count[seen].mean() if seen.any() else 1.0  # slopes of zeros inform no level
        sizes.append(np.sqrt(np.clip((between / spread - 1) / typical, 0.01 / typical, 10.0 * rows / total_weight)))
    theta = np.array([sizes[factor] if a == b else 0.0 for factor, a, b in parameters.places])
    return several_sizes(theta, system)


def several_sizes(theta: np.ndarray, system: MixedSystem) -> list[np.ndarray]:
    """The parameters and, with few effects, a fifth and five times of them."""
    few = sum(shape.length for shape in system.shapes) <= FEW
    return [theta * multiple for multiple in ((1.0, 0.2, 5.0) if few else (1.0,))]
