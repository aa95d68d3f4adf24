"""The search for the variances that a mixed model's data make likeliest.

Each factor has a lower-triangular Lambda (a diagonal one, where its effects are uncorrelated). With D = Lambda Lambda',
a = Z'W(y - X beta - Z u), and P that of restricted maximum likelihood,

    d criterion / d D = Gamma = sum over levels of Z_j'P Z_j - a_j a_j' / sigma^2.

The second derivative is taken from the average information (Gilmour, Thompson and Cullis 1995). As the derivative with
respect to Lambda is nought at Lambda = 0 for all data, a Lambda is never quite nought while it is searched for, and
whether it is nought is read off Gamma and the criterion.

References
----------
A. R. Gilmour, R. Thompson, B. R. Cullis (1995), Average information REML: an efficient algorithm for variance parameter
estimation in linear mixed models, Biometrics 51, 1440-1450.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from catpool.models.mixed.solver.system import Shape

SMALL = 1e-6  # of a Lambda, in units of one over the root of a level's information
STEPS = 30
STEP = 1e-4  # of differences
CLOSE = 1e-9  # a step that is so small beside the parameters is the last


class Slope(NamedTuple):
    """The criterion at some Lambda, with its derivatives.

    Parameters
    ----------
    criterion : float
    gradient : ndarray of shape (k,)
    hessian : ndarray of shape (k, k)
    """

    criterion: float
    gradient: np.ndarray
    hessian: np.ndarray


class Parameters:
    """The numbers that Lambda has: of each factor, the lower triangle by columns, or the diagonal."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.shapes = shapes
        self.places = [
            (factor, a, b)
            for factor, shape in enumerate(shapes)
            for b in range(shape.width)
            for a in range(b, shape.width if shape.correlated else b + 1)
        ]
        self.on_diagonal = np.array([a == b for _, a, b in self.places])

    def lambdas(self, theta: np.ndarray) -> list[np.ndarray]:
        result = [np.zeros((shape.width, shape.width)) for shape in self.shapes]
        for value, (factor, a, b) in zip(theta, self.places, strict=True):
            result[factor][a, b] = value
        return result

    def theta(self, lambdas: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([lambdas[factor][a, b] for factor, a, b in self.places])


def search(evaluate: Callable[[np.ndarray], Slope], starts: Sequence[np.ndarray], units: np.ndarray) -> np.ndarray:
    """The parameters at which the criterion is least, from several starts; they are looked at in some units."""
    best, least = starts[0], np.inf
    for start in starts:
        found = polish(evaluate, _descend(evaluate, start, units))
        value = evaluate(found).criterion
        if value < least - 1e-9 * max(1.0, abs(value)) or not np.isfinite(least):
            best, least = found, value
    return best


def follow(evaluate: Callable[[np.ndarray], Slope], near: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Three steps towards them from a start that is close, of a criterion that will itself move on."""
    found = polish(evaluate, near, steps=3)
    return found if found is not near else search(evaluate, [near], units)


def _descend(evaluate: Callable[[np.ndarray], Slope], start: np.ndarray, units: np.ndarray) -> np.ndarray:
    answer = minimize(
        lambda values: evaluate(values * units).criterion,
        start / units,
        jac=lambda values: evaluate(values * units).gradient * units,
        hess=lambda values: evaluate(values * units).hessian * np.outer(units, units),
        method="trust-exact",
        options={"gtol": 1e-3, "maxiter": 100},
    )
    return np.asarray(answer.x) * units


def polish(evaluate: Callable[[np.ndarray], Slope], theta: np.ndarray, steps: int = STEPS) -> np.ndarray:
    """Newton's steps for as long as they matter and make the gradient smaller: the criterion has run out of digits."""
    here = evaluate(theta)
    for _ in range(steps):
        step = np.linalg.lstsq(here.hessian, here.gradient, rcond=1e-12)[0]
        there = evaluate(theta - step)
        if not np.abs(there.gradient).max() < np.abs(here.gradient).max():
            break
        theta, here = theta - step, there
        if np.abs(step).max() < CLOSE * np.abs(theta).max():
            break
    return theta


def by_differences(gradient: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Second derivatives from differences of first ones."""
    steps = STEP * np.eye(len(at))
    rows = np.array([(gradient(at + step) - gradient(at - step)) / (2 * STEP) for step in steps])
    return (rows + rows.T) / 2


def climb(evaluate: Callable[[np.ndarray], Slope], theta: np.ndarray) -> np.ndarray:
    """Newton's steps where the slope is known and the criterion is not, none longer than half of what it moves."""
    for _ in range(STEPS):
        here = evaluate(theta)
        roots, axes = np.linalg.eigh(here.hessian)
        roots = np.maximum(np.abs(roots), 1e-12 * np.abs(roots).max() + 1e-300)
        step = -axes @ ((axes.T @ here.gradient) / roots)
        longest = np.abs(step / np.maximum(np.abs(theta), 0.1 * np.abs(theta).max())).max()
        step *= min(1.0, 0.5 / max(longest, 1e-300))
        theta = theta + step
        if longest < 1e-6:
            return theta
    warn_of_no_end("The search for variances", STEPS)
    return theta


def warn_of_no_end(what: str, steps: int) -> None:
    warnings.warn(
        f"{what} has not come to an end within {steps} steps, so variances and effects are approximate. Rows may tell "
        "too little of some factor, or covariates be on very unlike scales: leave one out or rescale it.",
        ConvergenceWarning,
        stacklevel=2,
    )
