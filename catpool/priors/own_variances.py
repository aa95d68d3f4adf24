"""Categories whose rows have variances of their own: their weight in rows of one variance. See `within.moderated`."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from catpool.moments.moments import EPS, Moments
from catpool.priors.prior import Prior

MOST = 8.0
NORMAL = 1e6  # degrees of freedom from which on a t distribution is normal to six digits


def equalize_noise(moments: Moments, prior: Prior) -> Moments:
    """Count rows in rows of one variance, the prior's variance within, if each category has a variance of its own.

    Parameters
    ----------
    moments : Moments of shape (..., K)
    prior : Prior of shape (...)
    """
    if prior.within_freedom is None:
        return moments
    assert prior.within is not None
    within, variance = prior.within[..., None], variances(moments, prior)
    share = np.where(variance > 0, within / np.where(variance > 0, variance, 1.0), 1.0)
    count, total = moments.count * share, moments.total * share
    return Moments(count, total, moments.scatter, moments.rows)


def variances(moments: Moments, prior: Prior) -> np.ndarray:
    """The posterior mean of the variance of a row of each category, of shape (..., K)."""
    assert prior.within is not None
    assert prior.within_freedom is not None
    freedom, within = prior.within_freedom[..., None], prior.within[..., None]
    own, scatter = freedom_within(moments), scatters_within(moments)
    finite = np.isfinite(freedom)
    some = np.where(finite, freedom, 1.0)
    return np.where(finite, (divisor(some) * within + scatter) / divisor(some + own), within)


def own_interval(
    moments: Moments, prior: Prior, mean: np.ndarray, sd: np.ndarray, trust: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """The ends of intervals of a t distribution, whose degrees of freedom say how well the variance is known.

    The variance of a category's rows has d_0 + n_k - 1. The posterior variance goes with its power r_k, where r_k is
    the reliability, so that by Satterthwaite's rule it has (d_0 + n_k - 1) / r_k^2, which is infinite without rows.

    Parameters
    ----------
    moments : Moments of shape (K,)
    prior : Prior of shape ()
    mean, sd, trust : ndarray of shape (K,)
        Of the posterior of each category, and its reliability.
    level : float
        The probability of the interval.
    """
    assert prior.within_freedom is not None
    freedom = (prior.within_freedom + freedom_within(moments)) / np.maximum(trust, 1 / NORMAL) ** 2
    half = stdtrit(np.minimum(freedom, NORMAL), (1 + level) / 2) * sd
    return mean - half, mean + half


def divisor(freedom: np.ndarray) -> np.ndarray:
    """What a sum of squares of so many degrees of freedom is divided by, so that the ratio is the mean variance.

    The mean of an inverse chi-squared distribution exists from two degrees of freedom on. Its tail, which the mean then
    depends on, is an assumption, so the mean is at most `MOST` times the harmonic mean.
    """
    return np.maximum(freedom - 2.0, freedom / MOST)


def freedom_within(moments: Moments) -> np.ndarray:
    """The degrees of freedom d_k of the variance of each category."""
    return np.maximum(moments.count - 1.0, 0.0)


def scatters_within(moments: Moments) -> np.ndarray:
    """The scatter within each category, set to 0 where it is no more than rounding error."""
    assert moments.scatters is not None
    rounding = moments.count * (8 * EPS * moments.category_means) ** 2
    return np.where(moments.scatters > rounding, moments.scatters, 0.0)
