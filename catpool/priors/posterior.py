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

from collections.abc import Callable

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.method_of_moments import by_moments
from catpool.priors.prior import NOTHING, Prior, mean_variance, reliability


def posterior_mean(moments: Moments, prior: Prior) -> np.ndarray:
    """Blend what the rows say with what was believed before them, of shape (..., K)."""
    if prior.components is not None:
        return _average(prior, lambda component: posterior_mean(moments, component))
    weight = reliability(moments.count, prior.strength)
    mean = weight * moments.category_means
    np.subtract(1, weight, out=weight)
    believed = prior.mean[..., None] if prior.offset is None else prior.mean[..., None] + prior.offset
    mean += np.multiply(weight, believed, out=weight)
    return mean


def posterior_reliability(moments: Moments, prior: Prior) -> np.ndarray:
    """Weight of a category's own rows in its posterior mean, of shape (..., K)."""
    if prior.components is not None:
        return _average(prior, lambda component: posterior_reliability(moments, component))
    return reliability(moments.count, prior.strength)


def posterior_sd(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """How far off the posterior mean is likely to be, of shape (..., K) and in units of y.

    The strength is taken as known, unless the prior is a mixture over it. For a strength that was given rather than
    estimated, the variance of a row is the one by the method of moments. A category without rows has, where the
    strength is nought, the variance between categories.
    """
    return np.sqrt(_variance(moments, prior, family))


def _variance(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    if prior.components is not None:
        mean = posterior_mean(moments, prior)
        return _average(
            prior,
            lambda component: _variance(moments, component, family) + (posterior_mean(moments, component) - mean) ** 2,
        )
    known = prior if prior.between is not None else by_moments([moments], family)[0]
    between, within = known.between, known.within
    assert between is not None
    assert within is not None
    weight = reliability(moments.count, prior.strength)
    rows = moments.count + prior.strength[..., None]
    mean = posterior_mean(moments, prior)
    spread = family.spread(mean, np.where(rows > NOTHING, rows, 1.0), within[..., None])
    spread = np.where(rows > NOTHING, spread, between[..., None])
    uncertain = prior.offset_variance
    if uncertain is None:
        uncertain = mean_variance(moments, prior.strength, weight, between, within)[..., None]
    return family.capped(spread + (1 - weight) ** 2 * uncertain, mean)


def _average(prior: Prior, value: Callable[[Prior], np.ndarray]) -> np.ndarray:
    """The mean of a value over the components of a mixture."""
    return sum(probability[..., None] * value(component) for probability, component in prior.each_component())


def rounded_by_sd(mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Round means to multiples of the power of two that is nearest to half their standard deviation.

    What is lost is less than is known; what is gained is that a full category has few values in all folds.
    """
    known = sd > 0
    step = np.exp2(np.round(np.log2(np.where(known, sd, 1.0) / 2)))
    return np.where(known, np.round(mean / step) * step, mean)
