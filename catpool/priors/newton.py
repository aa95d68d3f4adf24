"""Newton's method for the likelihood of a conjugate prior, and the strength it starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.method_of_moments import VarianceFunction, moments_prior

Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]  # log-likelihood, gradient, Hessian

ROUNDING = 1e-11  # of a log-likelihood, relative
FAR = 1e4  # times the largest category's rows: larger strengths count as infinite
FEW = 1000  # categories


def maximize(likelihood: Likelihood, start: np.ndarray, far: float) -> tuple[np.ndarray, float]:
    """Maximize a log-likelihood of positive parameters by Newton steps in their logarithms.

    A step that does not climb is halved. The search ends after a step with no expected gain, and where a parameter is
    larger than `far`.

    Returns
    -------
    parameters : ndarray
    value : float
        Their log-likelihood.
    """
    log = np.log(start)
    value, gradient, hessian = likelihood(np.exp(log))
    for _ in range(100):
        step = _step(np.exp(log), gradient, hessian)
        tried = likelihood(np.exp(log + step))
        gain = float(np.exp(log) * gradient @ step)
        while tried[0] < value - 1e-11 * abs(value) and np.abs(step).max() > 1e-12:
            step = step / 2
            tried = likelihood(np.exp(log + step))
        log, (value, gradient, hessian) = log + step, tried
        if gain < 1e-11 or log.max() > np.log(far):  # the next step would be the square of this one
            break
    return np.exp(log), value


def _step(parameters: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The Newton step, at most a factor of e^2; uphill too where the Hessian is not negative definite."""
    slope = parameters * gradient
    bend = parameters[:, None] * hessian * parameters + np.diag(slope)
    roots, axes = np.linalg.eigh(-bend)
    roots = np.maximum(np.abs(roots), 1e-12 * np.abs(roots).max() + 1e-300)
    step = axes @ ((axes.T @ slope) / roots)
    return step * min(1.0, 2.0 / np.abs(step).max(initial=1e-300))


def starting_strength(classes: Sequence[Moments], family: VarianceFunction, score: float) -> float | None:
    """A strength to start from, or None if neither the moments nor the score show a spread.

    The score is the slope of the likelihood as the strength comes down from infinity. It may miss a spread: where most
    rows are in one category, the likelihood can fall first and be larger further on. So few categories are always
    searched.
    """
    strength = float(moments_prior(classes, family)[0].strength)
    if np.isfinite(strength):
        return max(strength, 1e-3)
    if score > 0:
        return 10 * float(classes[0].count.max())
    return 1.0 if classes[0].categories <= FEW else None
