"""One factor of intercepts, for binary targets and counts: Laplace's approximation and adaptive quadrature.

With u = theta b and b ~ N(0, 1) for each level, h its conditional mode and W_j the sum of n v(mu) over the level's
rows, Laplace's approximation of twice the negative log-likelihood is

    -2 log f(y | beta, theta h) + sum h_j^2 + sum log(1 + theta^2 W_j),

and adaptive Gauss-Hermite quadrature sums the integrand at points about h_j, spread by 1 / sqrt(1 + theta^2 W_j).

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

from catpool.models.mixed.cross_products import cross_products
from catpool.models.mixed.quasi_likelihood import ETA, Totals
from catpool.models.mixed.solver.cholesky import Exact
from catpool.models.mixed.solver.equations import Arrangement
from catpool.models.mixed.solver.mixed_fit import MixedFit
from catpool.models.mixed.solver.variance_search import Slope, by_differences, polish
from catpool.moments.partition import Parts
from catpool.priors.link import Link

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]  # from parameters to a value and its gradient

NEWTON = 200
TINY = 1e-3  # a theta below it is compared with nought


class Modes(NamedTuple):
    """The levels' modes b, of shape (G,), and what goes with them: eta by row, and W by level."""

    effects: np.ndarray
    eta: np.ndarray
    information: np.ndarray


class OneFactor:
    """The approximate likelihood of theta and beta.

    Parameters
    ----------
    rows : Totals
    link : Link
    """

    def __init__(self, rows: Totals, link: Link) -> None:
        self.rows, self.link = rows, link
        self.codes, self.size = rows.factors[0].codes, rows.factors[0].size

    def by_level(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.codes, values, minlength=self.size)

    def modes(self, parameters: np.ndarray) -> Modes:
        """By Newton's method for all levels at once; a step that does not climb is halved."""
        theta, fixed = parameters[0], self.rows.covariates @ parameters[1:]
        effects = np.zeros(self.size)
        value = self._height(theta, fixed, effects)
        for _ in range(NEWTON):
            eta = self._eta(theta, fixed, effects)
            information = self.by_level(self.rows.count * self.link.variance(eta))
            pull = theta * self.by_level(self.rows.total - self.rows.count * self.link.mean(eta)) - effects
            step = pull / (1 + theta**2 * information)
            for _ in range(30):
                height = self._height(theta, fixed, effects + step)
                worse = height < value - 1e-12 * np.abs(value)
                if not worse.any():
                    break
                step = np.where(worse, step / 2, step)
            effects, value = effects + step, height
            if np.abs(step).max() < 1e-12 * max(1.0, np.abs(effects).max()):
                break
        eta = self._eta(theta, fixed, effects)
        return Modes(effects, eta, self.by_level(self.rows.count * self.link.variance(eta)))

    def _eta(self, theta: float, fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
        return np.clip(fixed + theta * effects[self.codes], -10 * ETA, 10 * ETA)

    def _height(self, theta: float, fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Logarithm of the integrand by level, of shape (G,)."""
        eta = self._eta(theta, fixed, effects)
        return self.by_level(self.link.log_likelihood(self.rows.total, self.rows.count, eta)) - effects**2 / 2

    def laplace(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The criterion, without its constant, and its gradient."""
        theta, rows, link = parameters[0], self.rows, self.link
        modes = self.modes(parameters)
        b, eta, information = modes
        height = self.by_level(link.log_likelihood(rows.total, rows.count, eta)) - b**2 / 2
        spread = 1 + theta**2 * information
        value = -2 * height.sum() + np.log(spread).sum()
        residual = rows.total - rows.count * link.mean(eta)
        weight, skew = rows.count * link.variance(eta), rows.count * link.skew(eta)
        own, bent = theta**2 / spread, self.by_level(skew)
        pull = self.by_level(residual)
        moved = (pull - theta * b * information) / spread  # d b / d theta
        in_theta = -2 * (residual @ b[self.codes])
        in_theta += (2 * theta * information / spread + own * bent * (b + theta * moved)).sum()
        in_fixed = -2 * residual + (own[self.codes] * skew - (own * theta**2 * bent / spread)[self.codes] * weight)
        return float(value), np.append(in_theta, rows.covariates.T @ in_fixed)

    def quadrature(self, parameters: np.ndarray, points: int) -> float:
        """The criterion, without its constant, by adaptive quadrature."""
        theta, fixed = parameters[0], self.rows.covariates @ parameters[1:]
        modes = self.modes(parameters)
        spread = 1 / np.sqrt(1 + theta**2 * modes.information)
        nodes, weights = np.polynomial.hermite.hermgauss(points)
        heights = [
            self._height(theta, fixed, modes.effects + np.sqrt(2) * spread * node) + node**2 + np.log(weight)
            for node, weight in zip(nodes, weights, strict=True)
        ]
        levels = logsumexp(heights, axis=0) + np.log(spread) - np.log(np.pi) / 2
        return float(-2 * levels.sum())


def fit_one_factor(rows: Totals, link: Link, mean: float, points: int) -> tuple[MixedFit, float, str]:
    """The fit, its criterion, and the method's name."""
    model = OneFactor(rows, link)
    start = np.zeros(1 + rows.covariates.shape[1])
    start[:2] = 0.5, link.start(mean)
    parameters = _polished(model.laplace, _descend(model.laplace, start))
    value = model.laplace(parameters)[0]
    if points > 1:
        parameters = _polished(lambda p: _differences(model, p, points), parameters)
        value = model.quadrature(parameters, points)
    parameters[0] = abs(parameters[0])
    if parameters[0] < TINY:
        nought, at = _without_effects(model, parameters)
        if at <= value + 1e-7:
            parameters, value = nought, at
    method = "Laplace" if points == 1 else f"adaptive quadrature of {points} points"
    return _finished(model, parameters), value - 2 * rows.constant, method


def _descend(function: Function, start: np.ndarray) -> np.ndarray:
    return np.asarray(minimize(function, start, jac=True, method="BFGS", options={"gtol": 1e-4}).x)


def _without_effects(model: OneFactor, parameters: np.ndarray) -> tuple[np.ndarray, float]:
    def function(fixed: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = model.laplace(np.append(0.0, fixed))
        return value, gradient[1:]

    fixed = _polished(function, _descend(function, parameters[1:]))
    return np.append(0.0, fixed), function(fixed)[0]


def _differences(model: OneFactor, parameters: np.ndarray, points: int) -> tuple[float, np.ndarray]:
    steps = 1e-4 * np.eye(len(parameters))
    gradient = [
        (
            8 * (model.quadrature(parameters + step, points) - model.quadrature(parameters - step, points))
            - model.quadrature(parameters + 2 * step, points)
            + model.quadrature(parameters - 2 * step, points)
        )
        / 12e-4
        for step in steps
    ]
    return model.quadrature(parameters, points), np.array(gradient)


def _polished(function: Function, parameters: np.ndarray) -> np.ndarray:
    def slope(at: np.ndarray) -> Slope:
        return Slope(*function(at), by_differences(lambda near: function(near)[1], at))

    return polish(slope, parameters)


def _finished(model: OneFactor, parameters: np.ndarray) -> MixedFit:
    """The mixed-model equations at the modes give the uncertainty."""
    theta, rows, modes = parameters[0], model.rows, model.modes(parameters)
    variance = np.maximum(rows.count * model.link.variance(modes.eta), 1e-300)
    working = modes.eta + (rows.total - rows.count * model.link.mean(modes.eta)) / variance
    products = cross_products(working, rows.covariates, rows.factors, variance, Parts(None, 1), precision=True)
    equations = Exact(Arrangement(products.merged()[0]), [np.array([[theta]])])
    return MixedFit(
        [np.array([[theta]])],
        1.0,
        parameters[1:],
        equations.fixed_covariance(),
        [theta * modes.effects[:, None]],
        np.nan,
        equations,
    )
