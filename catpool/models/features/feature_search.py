"""The variances that maximize the likelihood of category means with features, and which of them are zero."""

from __future__ import annotations

from functools import partial

import numpy as np

from catpool.models.features.feature_likelihood import FeatureEquations, FeatureLikelihood
from catpool.priors.likelihoods.newton import maximize

TIMES = (0.1, 1.0, 10.0)  # times the variance by the method of moments, to start from
SHARES = (0.02, 0.5, 0.98)  # of it, that is not explained by features
RISE = 1e-3  # where a variance starts that rises from zero, times the largest
FEW = 1000  # categories, of which the likelihood can have several maxima
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
    few = likelihood.products.numbers.sum() <= FEW
    starts = _starts(likelihood, free, between, TIMES if few else TIMES[1:2])[: None if few else 1]
    found = [_zero_some(likelihood, _climb(likelihood, free, start)) for start in starts]
    return max(found, key=lambda each: each.log_likelihood)


def continue_search(likelihood: FeatureLikelihood, free: np.ndarray, theta: np.ndarray) -> FeatureEquations:
    """As `maximize_likelihood`, from variances that are near, zeros among them."""
    zero = free & (theta == 0)
    if zero.any():
        theta = np.where(zero & (likelihood.at(theta).gradient < 0), max(RISE * theta.max(), RISE), theta)
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


def _starts(
    likelihood: FeatureLikelihood, free: np.ndarray, between: float, times: tuple[float, ...]
) -> list[np.ndarray]:
    """Variances to start from, the likeliest of each share, and the likeliest of all first."""
    blocks = max(1, int(np.count_nonzero(free[1:])))
    found = []
    for share in SHARES:
        once = between * np.append(share, np.full(len(free) - 1, (1 - share) / blocks))
        tried = [likelihood.at(np.where(free, each * once, 0.0)) for each in times]
        found.append(max(tried, key=lambda each: each.log_likelihood))
    return [each.theta for each in sorted(found, key=lambda each: -each.log_likelihood)]


def _climb(likelihood: FeatureLikelihood, free: np.ndarray, theta: np.ndarray) -> np.ndarray:
    if not free.any():
        return theta
    found = theta.copy()
    found[free] = maximize(partial(likelihood.derivatives, free), theta[None, free], np.full(1, np.inf))[0][0]
    return found


def _is_zero(found: FeatureEquations, place: int) -> bool:
    """Whether the likelihood falls as a variance rises from zero, and is as large there."""
    without = found.likelihood.at(_without(found.theta, place))
    return without.log_likelihood >= found.log_likelihood - CLOSE and without.gradient[place] >= 0


def _without(theta: np.ndarray, place: int) -> np.ndarray:
    return np.where(np.arange(len(theta)) == place, 0.0, theta)
