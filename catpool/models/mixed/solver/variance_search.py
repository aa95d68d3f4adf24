"""Searches for the minimum of a smooth criterion, by second derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

STEPS = 30
DIFFERENCE = 1e-4  # step of finite differences
TOLERANCE = 1e-9  # size of the last step, relative to the parameters
FLAT = 1e-7  # a change of the criterion, relative to its size, that may be rounding
GRADIENT_TOLERANCE = 1e-6  # the same for `solve_gradient`, whose gradients are estimates


class CriterionEvaluation(NamedTuple):
    """A criterion and its derivatives at one point.

    Parameters
    ----------
    criterion : float
    gradient : ndarray of shape (k,)
    hessian : ndarray of shape (k, k)
    """

    criterion: float
    gradient: np.ndarray
    hessian: np.ndarray


Evaluate = Callable[[np.ndarray], CriterionEvaluation]


def search_from_starts(evaluate: Evaluate, starts: Sequence[np.ndarray], units: np.ndarray) -> np.ndarray:
    """The best local minimum found from several starts.

    Parameters
    ----------
    evaluate : callable
    starts : sequence of ndarray of shape (k,)
    units : ndarray of shape (k,)
        The scale of each parameter.
    """
    best, least = starts[0], np.inf
    for start in starts:
        found = polish(evaluate, _minimize(evaluate, start, units), units=units)
        value = evaluate(found).criterion
        if value < least - 1e-9 * max(1.0, abs(value)) or not np.isfinite(least):
            best, least = found, value
    return best


def search_nearby(evaluate: Evaluate, start: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Take three Newton steps from a close start; search in full only if the first one fails.

    This is enough for a criterion that changes before the next search, as in penalized quasi-likelihood.
    """
    found = polish(evaluate, start, steps=3, units=units)
    return found if found is not start else search_from_starts(evaluate, [start], units)


def _minimize(evaluate: Evaluate, start: np.ndarray, units: np.ndarray) -> np.ndarray:
    answer = minimize(
        lambda values: evaluate(values * units).criterion,
        start / units,
        jac=lambda values: evaluate(values * units).gradient * units,
        hess=lambda values: evaluate(values * units).hessian * np.outer(units, units),
        method="trust-exact",
        options={"gtol": 1e-3, "maxiter": 100},
    )
    return np.asarray(answer.x) * units


def polish(evaluate: Evaluate, theta: np.ndarray, steps: int = STEPS, units: np.ndarray | float = 1.0) -> np.ndarray:
    """Take Newton steps while they make the gradient smaller, with parameters measured in units.

    Near the minimum the criterion is flat to all its digits; the gradient is not. A step that makes the criterion
    larger by more than that has left the minimum for another place where the gradient is small, such as zero.
    """
    here = evaluate(theta)
    units = np.broadcast_to(units, theta.shape)
    for _ in range(steps):
        step = units * np.linalg.lstsq(here.hessian * np.outer(units, units), here.gradient * units, rcond=1e-12)[0]
        there = evaluate(theta - step)
        if not np.abs(there.gradient * units).max() < np.abs(here.gradient * units).max():
            break
        if there.criterion > here.criterion + FLAT * max(1.0, abs(here.criterion)):
            break
        theta, here = theta - step, there
        if np.abs(step / units).max() < TOLERANCE * np.abs(theta / units).max():
            break
    return theta


def solve_gradient(evaluate: Evaluate, theta: np.ndarray) -> np.ndarray:
    """Take Newton steps toward a zero of the gradient, when the criterion itself is not known.

    Steps are damped: a parameter changes by half of its size at most, a tiny one by a share of the largest.
    """
    for _ in range(STEPS):
        here = evaluate(theta)
        roots, axes = np.linalg.eigh(here.hessian)
        # absolute curvatures: every step goes downhill, away from maxima and saddle points
        roots = np.maximum(np.abs(roots), 1e-12 * np.abs(roots).max() + 1e-300)
        step = -axes @ ((axes.T @ here.gradient) / roots)
        longest = np.abs(step / np.maximum(np.abs(theta), 0.1 * np.abs(theta).max())).max()
        step *= min(1.0, 0.5 / max(longest, 1e-300))
        theta = theta + step
        if longest < GRADIENT_TOLERANCE:
            return theta
    warn_not_converged("The search for variances", STEPS)
    return theta


def finite_difference_hessian(gradient: Callable[[np.ndarray], np.ndarray], point: np.ndarray) -> np.ndarray:
    """Second derivatives, shape (k, k), by central differences of the gradient."""
    steps = DIFFERENCE * np.eye(len(point))
    rows = np.array([(gradient(point + step) - gradient(point - step)) / (2 * DIFFERENCE) for step in steps])
    return (rows + rows.T) / 2


def warn_not_converged(name: str, steps: int) -> None:
    warnings.warn(
        f"{name} did not converge within {steps} iterations, so variances and effects are approximate. A factor may "
        "have too few rows, or covariates may have very different scales: leave one out or rescale it.",
        ConvergenceWarning,
        stacklevel=2,
    )
