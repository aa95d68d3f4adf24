"""`fit_drift`: the variances of the local level model, by maximum likelihood.

Of N rows, the likelihood of the prior mean and of sigma^2 is maximal in closed form given the ratios

    start = tau^2 / sigma^2,     rate = q / sigma^2,     shock = omega^2 / sigma^2,

which are found by a quasi-Newton method on their logarithms, with exact gradients, from the best of some. The classes
of a target share the ratios, so that their levels add up to what their rows do. The restricted likelihood of the model
without drift and shocks is lme4's. If q is given, sigma^2 follows from the rate; for classes, q is that of their
average. There are shocks only if the likelihood gains from them more than by chance.
"""

from __future__ import annotations

import warnings
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from catpool.data.frozen import frozen
from catpool.priors.drift_likelihood import DriftLikelihood
from catpool.priors.local_level import Visits

LEAST, LARGEST = np.log([1e-8, 1e-12, 1e-8]), np.log([1e8, 1e8, 1e8])  # of the ratios; the rate is between two visits
TRIED = np.log(list(product([0.1, 3.0], 10.0 ** np.arange(-7.0, 1.0, 1.5), [0.03, 1.0])))
NONE = -np.inf  # the logarithm of a ratio of 0
SAMPLE = 20_000  # visits, of which the search begins
LEAST_ROWS = 3
CHANCE = 4.0  # of twice the log-likelihood, which drift and shocks must gain
PRECISE = {"gtol": 1e-7, "ftol": 1e-14}
RESTARTS, LITTLE = 20, 1e-6  # of the search, until it gains no more
STEP = 1e-4  # of logarithms, for second derivatives
SLIGHT = 1e-4  # the ratio of shocks that begin
STEEP = 0.01  # a slope of twice the log-likelihood by a logarithm, at which there is no maximum
CLOSE = 0.1  # how far a step of Newton's method may go that only polishes


@frozen
class LocalLevel:
    """The parameters of a local level model; those of shape (C,) for each class.

    Parameters
    ----------
    start, rate, shock : float
    mean : ndarray of shape (C,)
        The prior mean mu.
    noise : ndarray of shape (C,)
        The variance sigma^2.
    mean_variance : ndarray of shape (C,)
        Of the estimate of mu.
    log_likelihood : ndarray of shape (C,)
        Of the rows, restricted if that was asked for.
    """

    start: float
    rate: float
    shock: float
    mean: np.ndarray
    noise: np.ndarray
    mean_variance: np.ndarray
    log_likelihood: np.ndarray


class Found(NamedTuple):
    """The logarithms of ratios, whether each is free, and minus twice the log-likelihood."""

    logs: np.ndarray
    free: np.ndarray
    value: float


def fit_drift(visits: Visits, restricted: bool, variance: float | None = None) -> LocalLevel | None:
    """Fit the model to rows; None if they do not drift more than by chance, or if they do not say.

    Parameters
    ----------
    visits : Visits
    restricted : bool
        Whether the likelihood is restricted.
    variance : float, optional
        The variance q of the change in a unit of time, if it is given.
    """
    if not visits.some_return or visits.category[-1] < 1 or visits.rows.sum() <= LEAST_ROWS:
        return None
    likelihood = DriftLikelihood(visits, restricted, variance)
    with np.errstate(all="ignore"):  # rows without any noise
        found = _maximize(likelihood)
        if found is None:
            return None
        _warn_if_steep(likelihood, found)
        return _model(likelihood, np.exp(found))


def _warn_if_steep(likelihood: DriftLikelihood, logs: np.ndarray) -> None:
    """Warn of ratios at which the likelihood rises, unless that is out of bounds."""
    least, largest = _bounds(likelihood.visits)
    slope = likelihood.value_and_gradient(np.exp(logs))[1]
    inside = np.where(slope > 0, logs > least, logs < largest) & (logs > NONE)
    if not (np.abs(slope[inside]) < STEEP).all():
        warnings.warn(
            "The search for the variances of effects that drift did not converge, so that drift and encodings are "
            "approximate. The times may differ too much in size, or y may have far outliers: clip it, or pass a number "
            "as `drift`.",
            ConvergenceWarning,
            stacklevel=2,
        )


def _model(likelihood: DriftLikelihood, ratios: np.ndarray) -> LocalLevel:
    profile = likelihood.profile(ratios)
    noise = likelihood.noise(profile, ratios)
    values = likelihood.log_likelihoods(profile, noise)
    start, rate, shock = map(float, ratios)
    return LocalLevel(start, rate, shock, profile.mean, noise, noise / profile.information, values)


def _maximize(likelihood: DriftLikelihood) -> np.ndarray | None:
    """The logarithms of the best ratios, or None."""
    best = _likeliest(likelihood, drifts=True)
    if not np.isfinite(best.value):
        return None
    if likelihood.variance is None and not best.value < _likeliest(likelihood, drifts=False).value - CHANCE:
        return None
    return _polished(likelihood, best)


def _likeliest(likelihood: DriftLikelihood, *, drifts: bool) -> Found:
    """The best ratios, with shocks only if they gain more than by chance."""
    calm = _search(likelihood, np.array([True, drifts, False]))
    if not likelihood.visits.some_together or likelihood.value_and_gradient(_ratios(calm, SLIGHT))[1][2] >= 0:
        return calm  # as the likelihood does not rise where shocks begin
    shaken = _search(likelihood, np.array([True, drifts, True]))
    return shaken if shaken.value < calm.value - CHANCE else calm


def _ratios(found: Found, shock: float) -> np.ndarray:
    return np.append(np.exp(found.logs[:2]), shock)


def _search(likelihood: DriftLikelihood, free: np.ndarray) -> Found:
    """Minimize over the logarithms of the ratios that are free; the others are 0."""
    few = likelihood.first(SAMPLE)  # from which the search for all is short
    logs = _best_tried(likelihood, free) if few is likelihood else _search(few, free).logs
    least, largest = _bounds(likelihood.visits)

    def slope(own: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = likelihood.value_and_gradient(np.exp(_filled(own, free)))
        return value, gradient[free]

    bounds = list(zip(least[free], largest[free], strict=True))
    own, value = logs[free], np.inf
    for _ in range(RESTARTS):  # as the method may stop in a narrow valley, from where it goes on without its memory
        found = minimize(slope, own, jac=True, bounds=bounds, method="L-BFGS-B", options=PRECISE)
        own, gain, value = found.x, value - found.fun, found.fun
        if not gain > LITTLE:
            break
    return Found(_filled(own, free), free, float(value))


def _filled(own: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The logarithms of all ratios, from those that are free."""
    logs = np.full(len(free), NONE)
    logs[free] = own
    return logs


def _bounds(visits: Visits) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest logarithms."""
    unit = _unit(visits)
    return LEAST - unit, LARGEST - unit


def _unit(visits: Visits) -> np.ndarray:
    """The logarithms of the units of the ratios: the rate is that for the time between two visits."""
    return np.array([0.0, np.log(visits.spacing), 0.0])


def _best_tried(likelihood: DriftLikelihood, free: np.ndarray) -> np.ndarray:
    tried = np.unique(np.where(free, TRIED, NONE), axis=0) - _unit(likelihood.visits)
    values = [likelihood.value(np.exp(each)) for each in tried]
    best: np.ndarray = tried[int(np.argmin(np.where(np.isfinite(values), values, np.inf)))]
    return best


def _polished(likelihood: DriftLikelihood, found: Found) -> np.ndarray:
    """The logarithms after steps of Newton's method, by which they do not depend on how they were found."""
    least, largest = _bounds(likelihood.visits)
    inside = np.flatnonzero(found.free & (found.logs > least + CLOSE) & (found.logs < largest - CLOSE))
    if not len(inside):
        return found.logs

    def moved(step: np.ndarray) -> np.ndarray:
        logs = found.logs.copy()
        logs[inside] += step
        return logs

    def gradient(step: np.ndarray) -> np.ndarray:
        return likelihood.value_and_gradient(np.exp(moved(step)))[1][inside]

    here = gradient(np.zeros(len(inside)))
    hessian = np.array([gradient(step) - here for step in STEP * np.eye(len(inside))]) / STEP
    if not (np.isfinite(hessian).all() and (np.linalg.eigvalsh(hessian + hessian.T) > 0).all()):
        return found.logs
    step = -np.linalg.solve(hessian, here)
    if np.abs(step).max() > CLOSE:
        return found.logs  # where the likelihood is flat
    return moved(step - np.linalg.solve(hessian, gradient(step)))
