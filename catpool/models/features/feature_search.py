"""The variances that maximize the likelihood of category means with features, and which of them are zero."""

from __future__ import annotations

from functools import partial

import numpy as np

from catpool.models.features.feature_likelihood import FeatureEquations, FeatureLikelihood
from catpool.priors.newton import maximize

TIMES = (0.1, 1.0, 10.0)  # times the variance by the method of moments, to start from
SHARES = (0.02, 0.5, 0.98)  # of it, that is not explained by features
RISE = 1e-3  # where a variance starts that rises from zero, times the largest
CLOSE = 1e-6  # of a log-likelihood: variances that gain less may be zero


def maximize_likelihood(likelihood: FeatureLikelihood, free: np.ndarray, between: float) -> FeatureEquations:
    """The equations at the variances that are likeliest.

    Parameters
    ----------
    likelihood : FeatureLikelihood
    free : ndarray of bool of shape (1 + B,)
        Which variances are estimated; others are zero.
    between : float
        A rough estimate of the variance between categories, relative to that of rows, to start from.
    """
    return _zero_some(likelihood, _climb(likelihood, free, _start(likelihood, free, between)))


def continue_search(likelihood: FeatureLikelihood, free: np.ndarray, theta: np.ndarray) -> FeatureEquations:
    """As `maximize_likelihood`, from variances that are near, zeros among them."""
    zero = free & (theta == 0)
    if zero.any():
        theta = np.where(zero & (likelihood.at(theta).slopes < 0), max(RISE * theta.max(), RISE), theta)
    return _zero_some(likelihood, _climb(likelihood, theta > 0, theta))


def _zero_some(likelihood: FeatureLikelihood, theta: np.ndarray) -> FeatureEquations:
    """The equations at these variances, where those are zero that gain nothing."""
    found = likelihood.at(theta)
    for place in np.argsort(theta):
        if theta[place] > 0 and _is_zero(found, place):
            theta = _without(theta, place)
            theta = _climb(likelihood, theta > 0, theta)
            found = likelihood.at(theta)
    return found


def _start(likelihood: FeatureLikelihood, free: np.ndarray, between: float) -> np.ndarray:
    """The likeliest of some variances."""
    blocks = max(1, int(np.count_nonzero(free[1:])))
    tried = [
        np.where(free, times * between * np.append(share, np.full(len(free) - 1, (1 - share) / blocks)), 0.0)
        for times in TIMES
        for share in SHARES
    ]
    return max(tried, key=lambda theta: likelihood.at(theta).log_likelihood)


def _climb(likelihood: FeatureLikelihood, free: np.ndarray, theta: np.ndarray) -> np.ndarray:
    if not free.any():
        return theta
    found = theta.copy()
    found[free] = maximize(partial(likelihood.search, free), theta[None, free], np.full(1, np.inf))[0][0]
    return found


def _is_zero(found: FeatureEquations, place: int) -> bool:
    """Whether the likelihood falls as a variance rises from zero, and is as large there."""
    without = found.of.at(_without(found.theta, place))
    return without.log_likelihood >= found.log_likelihood - CLOSE and without.slopes[place] >= 0


def _without(theta: np.ndarray, place: int) -> np.ndarray:
    return np.where(np.arange(len(theta)) == place, 0.0, theta)
