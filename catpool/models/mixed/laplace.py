"""Binary targets and counts of one factor with random intercepts: Laplace approximation and adaptive quadrature.

With u = theta b and b ~ N(0, 1) for each level, h_j its conditional mode and W_j the sum of n v(mu) over the level's
rows, the Laplace approximation of twice the negative log-likelihood is

    -2 log f(y | beta, theta h) + sum h_j^2 + sum log(1 + theta^2 W_j).

Adaptive Gauss-Hermite quadrature sums the integrand at points around h_j, spread by 1 / sqrt(1 + theta^2 W_j).

References
----------
J. C. Pinheiro, D. M. Bates (1995), Approximations to the log-likelihood function in the nonlinear mixed-effects model,
Journal of Computational and Graphical Statistics 4, 12-35.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.fit_at_modes import fit_at_modes
from catpool.models.mixed.quasi_likelihood import ETA
from catpool.models.mixed.row_likelihood import CanonicalRows, RowLikelihood
from catpool.models.mixed.solver.mixed_fit import MixedFit
from catpool.models.mixed.solver.variance_search import CriterionEvaluation, finite_difference_hessian, polish
from catpool.priors.numerics.link import Link

Criterion = Callable[[np.ndarray], tuple[float, np.ndarray]]  # from parameters to the value and its gradient

NEWTON_STEPS = 200
HALVINGS = 30
START = 0.3  # of theta, where Laplace's approximation is best at zero
SMALL = 1e-3  # a theta below it is compared with zero
DIFFERENCE = 1e-4  # step of finite differences


class ConditionalModes(NamedTuple):
    """The conditional modes of the levels.

    Parameters
    ----------
    effects : ndarray of shape (G,)
        h.
    eta : ndarray of shape (m,)
        The linear predictor of each row.
    information : ndarray of shape (G,)
        W.
    """

    effects: np.ndarray
    eta: np.ndarray
    information: np.ndarray


class RandomInterceptLikelihood:
    """The approximate likelihood of the parameters (theta, beta).

    Parameters
    ----------
    rows : AggregatedRows
        With one factor of G levels, and no slopes.
    likelihood : RowLikelihood
    """

    def __init__(self, rows: AggregatedRows, likelihood: RowLikelihood) -> None:
        self.rows, self.likelihood = rows, likelihood
        self.codes, self.size = rows.factors[0].codes, rows.factors[0].size

    def _sum_by_level(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.codes, values, minlength=self.size)

    def modes(self, parameters: np.ndarray) -> ConditionalModes:
        """Find all modes by Newton's method; a step that lowers the integrand is halved."""
        theta, fixed = parameters[0], self.rows.fixed_part(parameters[1:])
        effects = np.zeros(self.size)
        value = self._log_integrand(theta, fixed, effects)
        for _ in range(NEWTON_STEPS):
            step = self._newton_step(theta, fixed, effects)
            for _ in range(HALVINGS):
                height = self._log_integrand(theta, fixed, effects + step)
                worse = height < value - 1e-12 * np.abs(value)
                if not worse.any():
                    break
                step = np.where(worse, step / 2, step)
            effects, value = effects + step, height
            if np.abs(step).max() < 1e-12 * max(1.0, np.abs(effects).max()):
                break
        eta = self._eta(theta, fixed, effects)
        return ConditionalModes(effects, eta, self._sum_by_level(self.likelihood.information(eta)))

    def _newton_step(self, theta: float, fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
        eta = self._eta(theta, fixed, effects)
        information = self._sum_by_level(self.likelihood.information(eta))
        gradient = theta * self._sum_by_level(self.likelihood.residual(eta)) - effects
        return gradient / (1 + theta**2 * information)

    def _eta(self, theta: float, fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
        return np.clip(fixed + theta * effects[self.codes], -10 * ETA, 10 * ETA)

    def _log_integrand(self, theta: float, fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """The logarithm of the integrand of each level, shape (G,)."""
        eta = self._eta(theta, fixed, effects)
        return self._sum_by_level(self.likelihood.log_likelihood(eta)) - effects**2 / 2

    def laplace(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The Laplace approximation, without its constant, and its gradient."""
        theta, likelihood = parameters[0], self.likelihood
        modes = self.modes(parameters)
        b, eta, information = modes
        height = self._sum_by_level(likelihood.log_likelihood(eta)) - b**2 / 2
        spread = 1 + theta**2 * information
        value = -2 * height.sum() + np.log(spread).sum()
        residual, weight, skew = likelihood.residual(eta), likelihood.information(eta), likelihood.skew(eta)
        own, skew_sum = theta**2 / spread, self._sum_by_level(skew)
        b_by_theta = (self._sum_by_level(residual) - theta * b * information) / spread
        by_theta = -2 * (residual @ b[self.codes])
        by_theta += (2 * theta * information / spread + own * skew_sum * (b + theta * b_by_theta)).sum()
        by_eta = -2 * residual + (own[self.codes] * skew - (own * theta**2 * skew_sum / spread)[self.codes] * weight)
        return float(value), np.append(by_theta, self.rows.covariates.T @ by_eta)

    def quadrature(self, parameters: np.ndarray, points: int) -> float:
        """The adaptive Gauss-Hermite quadrature, without its constant."""
        theta, fixed = parameters[0], self.rows.fixed_part(parameters[1:])
        modes = self.modes(parameters)
        spread = 1 / np.sqrt(1 + theta**2 * modes.information)
        nodes, weights = np.polynomial.hermite.hermgauss(points)
        heights = [
            self._log_integrand(theta, fixed, modes.effects + np.sqrt(2) * spread * node) + node**2 + np.log(weight)
            for node, weight in zip(nodes, weights, strict=True)
        ]
        levels = logsumexp(heights, axis=0) + np.log(spread) - np.log(np.pi) / 2
        return float(-2 * levels.sum())


def _gradient(value: Callable[[np.ndarray], float], point: np.ndarray) -> np.ndarray:
    """The gradient by central differences of fourth order."""
    steps = DIFFERENCE * np.eye(len(point))
    near = [value(point + step) - value(point - step) for step in steps]
    far = [value(point + 2 * step) - value(point - 2 * step) for step in steps]
    return (8 * np.array(near) - np.array(far)) / 12e-4  # 12 differences, in all digits


def fit_random_intercepts(rows: AggregatedRows, link: Link, mean: float, points: int) -> tuple[MixedFit, float, str]:
    """The fit, its criterion and the name of the method.

    Parameters
    ----------
    rows : AggregatedRows
    link : Link
    mean : float
        The overall mean, to start from.
    points : int
        Points of the quadrature; one is the Laplace approximation.
    """
    likelihood = RandomInterceptLikelihood(rows, CanonicalRows(rows.total, rows.count, link))
    start = np.zeros(1 + rows.covariates.shape[1])
    start[:2] = 0.5, float(link.eta(np.array(mean)))
    parameters = _polish(likelihood.laplace, _descend(likelihood.laplace, start))
    value = likelihood.laplace(parameters)[0]
    if points > 1:
        parameters = _polish_value(lambda p: likelihood.quadrature(p, points), parameters)
        value = likelihood.quadrature(parameters, points)
    parameters[0] = abs(parameters[0])
    if parameters[0] < SMALL:
        without, least = _fit_without_effects(likelihood, parameters)
        if least <= value + 1e-7:
            parameters, value = without, least
    method = "Laplace" if points == 1 else quadrature_name(points)
    return _fit_at(likelihood, parameters), value - 2 * rows.constant, method


def fit_dispersed_intercepts(
    rows: AggregatedRows, likelihood: RowLikelihood, laplace: MixedFit, dispersion: float, points: int
) -> tuple[MixedFit, float, float]:
    """The fit by quadrature, its criterion and its dispersion, from those of Laplace's approximation."""
    known = [-np.inf] if dispersion == 0 else []  # the logarithm of one that may as well be zero

    def at(parameters: np.ndarray) -> RandomInterceptLikelihood:
        return RandomInterceptLikelihood(rows, likelihood.at(np.append(parameters, known)[-1:]))

    def value(parameters: np.ndarray) -> float:
        own = at(parameters)
        return own.quadrature(parameters[:size], points) - 2 * own.likelihood.constant

    theta, size = laplace.lambdas[0].item(), 1 + len(laplace.fixed)
    parameters = np.array([theta, *laplace.fixed, *([] if known else [np.log(dispersion)])])
    if theta < SMALL:  # where the gradient is zero for all data
        nearby = np.array([START, *parameters[1:]])
        parameters = _descend(lambda near: (value(near), _gradient(value, near)), nearby)
    parameters = _polish_value(value, parameters)
    parameters[0] = abs(parameters[0]) if abs(parameters[0]) > SMALL else 0.0
    found = at(parameters)
    criterion = value(parameters) - 2 * rows.constant
    return _fit_at(found, parameters[:size]), criterion, float(found.likelihood.dispersion or 0.0)


def quadrature_name(points: int) -> str:
    return f"adaptive quadrature of {points} points"


def _descend(criterion: Criterion, start: np.ndarray) -> np.ndarray:
    return np.asarray(minimize(criterion, start, jac=True, method="BFGS", options={"gtol": 1e-4}).x)


def _polish_value(value: Callable[[np.ndarray], float], parameters: np.ndarray) -> np.ndarray:
    return _polish(lambda near: (value(near), _gradient(value, near)), parameters)


def _polish(criterion: Criterion, parameters: np.ndarray) -> np.ndarray:
    def evaluate(point: np.ndarray) -> CriterionEvaluation:
        hessian = finite_difference_hessian(lambda near: criterion(near)[1], point)
        return CriterionEvaluation(*criterion(point), hessian)

    return polish(evaluate, parameters)


def _fit_without_effects(likelihood: RandomInterceptLikelihood, parameters: np.ndarray) -> tuple[np.ndarray, float]:
    """The best parameters with theta = 0, and their criterion."""

    def criterion(fixed: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = likelihood.laplace(np.append(0.0, fixed))
        return value, gradient[1:]

    fixed = _polish(criterion, _descend(criterion, parameters[1:]))
    return np.append(0.0, fixed), criterion(fixed)[0]


def _fit_at(likelihood: RandomInterceptLikelihood, parameters: np.ndarray) -> MixedFit:
    theta, modes = parameters[0], likelihood.modes(parameters)
    effects = [theta * modes.effects[:, None]]
    rows = likelihood.rows
    return fit_at_modes(rows, likelihood.likelihood, [np.array([[theta]])], parameters[1:], effects, modes.eta)
