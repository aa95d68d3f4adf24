"""What is believed of a category after its rows are seen.

In all three families the posterior mean is the same blend of the category's mean and the prior's,

    reliability * category mean + (1 - reliability) * prior mean,
    reliability = count / (count + strength),

and a category with no rows gets the prior by itself. The posterior's variance is that of the conjugate posterior, of
count + strength rows, and what the prior mean is uncertain by:

    spread(mean, count + strength) + (1 - reliability)^2 * within / sum of count * strength / (count + strength).

References
----------
B. Efron, C. Morris (1975), Data analysis using Stein's estimator and its generalizations, Journal of the American
Statistical Association 70, 311-319.
"""

from __future__ import annotations

import numpy as np

from catpool.families import Family
from catpool.method_of_moments import by_moments
from catpool.moments import Moments
from catpool.priors import Prior, reliability


def posterior_mean(moments: Moments, prior: Prior) -> np.ndarray:
    """Blend what the rows say with what was believed before them, of shape (..., K)."""
    weight = reliability(moments.count, prior.strength)
    mean = weight * moments.category_means
    mean += (1 - weight) * prior.mean[..., None]
    return mean


def posterior_sd(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """How far off the posterior mean is likely to be, of shape (..., K) and in units of y.

    The strength is taken as known. For a strength that was given rather than estimated, the variance of a row is the
    one by the method of moments. A category without rows has, where the strength is nought, the variance between
    categories.
    """
    known = prior if prior.between is not None else by_moments([moments], family)[0]
    between, within = known.between, known.within
    assert between is not None
    assert within is not None
    weight = reliability(moments.count, prior.strength)
    rows = moments.count + prior.strength[..., None]
    spread = family.spread(posterior_mean(moments, prior), np.where(rows > 0, rows, 1.0), within[..., None])
    spread = np.where(rows > 0, spread, between[..., None])
    uncertain = mean_variance(moments, prior.strength, weight, between, within)
    return np.sqrt(spread + (1 - weight) ** 2 * uncertain[..., None])


def mean_variance(
    moments: Moments, strength: np.ndarray, weight: np.ndarray, between: np.ndarray, within: np.ndarray
) -> np.ndarray:
    """Variance of the estimated prior mean, of shape (...)."""
    complete = np.isinf(strength)
    information = np.where(complete, moments.size, weight.sum(axis=-1) * np.where(complete, 0.0, strength))
    no_pooling = between / np.maximum(moments.categories, 1)
    return np.where(information > 0, within / np.where(information > 0, information, 1.0), no_pooling)
