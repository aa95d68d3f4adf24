"""Newton's method for the likelihood of a conjugate prior, and the strength it starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.method_of_moments import VarianceFunction, moments_prior

# of T tables at once: from parameters of shape (T, P) to log-likelihood, gradient and Hessian
Likelihood = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]

ROUNDING = 1e-11  # of a log-likelihood, relative
GAIN = 1e-11  # of a log-likelihood, expected of the last step
ROUNDS = 100
FAR = 1e4  # times the largest category's rows: larger strengths count as infinite
FEW = 1000  # categories


def maximize(likelihood: Likelihood, start: np.ndarray, far: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maximize log-likelihoods of positive parameters by Newton steps in their logarithms.

    A step that does not climb is halved. The search of a table ends after a step with no expected gain, and where a
    parameter is larger than `far`.

    Parameters
    ----------
    likelihood : callable
        Of T tables, none of which enters the numbers of another.
    start : ndarray of shape (T, P)
    far : ndarray of shape (T,)

    Returns
    -------
    parameters : ndarray of shape (T, P)
    value : ndarray of shape (T,)
        Their log-likelihood.
    """
    log = np.log(start)
    value, gradient, hessian = likelihood(start)
    open_ = np.ones(len(log), dtype=bool)
    for _ in range(ROUNDS):
        parameters = np.exp(log)
        step = np.where(open_[:, None], _step(parameters, gradient, hessian), 0.0)  # tables that are done stay
        gain = (parameters * gradient * step).sum(axis=1)
        step, (value, gradient, hessian) = _climb(likelihood, log, step, value)
        log = log + step
        open_ &= (gain >= GAIN) & (log.max(axis=1) <= np.log(far))  # far out, a step would be the square of the last
        if not open_.any():
            break
    return np.exp(log), value


def _climb(
    likelihood: Likelihood, log: np.ndarray, step: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Halve the steps that do not climb; return the steps, and the likelihood after them."""
    while True:
        tried = likelihood(np.exp(log + step))
        down = (tried[0] < value - ROUNDING * np.abs(value)) & (np.abs(step).max(axis=1) > 1e-12)
        if not down.any():
            return step, tried
        step = np.where(down[:, None], step / 2, step)


def _step(parameters: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The Newton steps, at most a factor of e^2; uphill too where a Hessian is not negative definite."""
    slope = parameters * gradient
    bend = parameters[:, :, None] * hessian * parameters[:, None, :]
    bend += slope[:, :, None] * np.eye(slope.shape[1])
    roots, axes = np.linalg.eigh(-bend)
    size = np.abs(roots)
    size = np.maximum(size, 1e-12 * size.max(axis=1, keepdims=True) + 1e-300)
    along = (axes * slope[:, :, None]).sum(axis=1) / size
    step = (axes * along[:, None, :]).sum(axis=2)
    return step * np.minimum(1.0, 2.0 / np.abs(step).max(axis=1, initial=1e-300))[:, None]


def starting_strength(classes: Sequence[Moments], family: VarianceFunction, score: np.ndarray) -> np.ndarray:
    """The strength that the search of each table starts from, NaN if neither the moments nor the score show a spread.

    The score is the slope of the likelihood as the strength comes down from infinity. It may miss a spread: where most
    rows are in one category, the likelihood can fall first and be larger further on. So few categories are always
    searched.

    Parameters
    ----------
    classes : sequence of Moments of shape (T, K)
    family : VarianceFunction
    score : ndarray of shape (T,)

    Returns
    -------
    ndarray of shape (T,)
    """
    strength = moments_prior(classes, family)[0].strength
    largest, few = classes[0].count.max(axis=-1), classes[0].categories <= FEW
    guess = np.select([score > 0, few], [10.0 * largest, 1.0], np.nan)
    return np.where(np.isfinite(strength), np.maximum(strength, 1e-3), guess)


def search_inside(
    wanted: np.ndarray,
    start: np.ndarray,
    far: np.ndarray,
    pooled: np.ndarray,
    likelihood: Callable[[np.ndarray], Likelihood],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maximize the log-likelihoods of those of T tables that are wanted.

    Parameters
    ----------
    wanted : ndarray of bool of shape (T,)
    start : ndarray of shape (T, P)
    far : ndarray of shape (T,)
    pooled : ndarray of shape (T,)
        The log-likelihood of complete pooling.
    likelihood : callable
        From the positions of some tables to their log-likelihood.

    Returns
    -------
    inside : ndarray of bool of shape (T,)
        Whether the maximum is larger than under complete pooling.
    parameters : ndarray of shape (T, P)
    value : ndarray of shape (T,)
        The maximum.
    """
    parameters, value = np.where(wanted[:, None], start, 1.0), np.full(len(start), -np.inf)
    tables = np.flatnonzero(wanted)
    if len(tables):
        parameters[tables], value[tables] = maximize(likelihood(tables), start[tables], far[tables])
    return value > pooled + ROUNDING * np.abs(pooled), parameters, value
