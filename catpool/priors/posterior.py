"""The posterior of a category's value, given its rows.

In all families the posterior mean is the same average of the category's mean and the prior's,

    reliability * category mean + (1 - reliability) * prior mean,
    reliability = count / (count + strength),

and a category with no rows gets the prior mean. The posterior variance is that of the conjugate posterior, of
count + strength rows, and what the error of the prior mean adds:

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
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.prior import NOTHING, Prior, mean_variance, reliability


def posterior_mean(moments: Moments, prior: Prior) -> np.ndarray:
    """The average of category mean and prior mean, weighted by reliability, of shape (..., K)."""
    if prior.components is not None:
        return _average(prior, lambda component: posterior_mean(moments, component))
    weight = reliability(moments.count, prior.strength)
    mean = weight * moments.category_means
    np.subtract(1, weight, out=weight)
    prior_mean = prior.mean[..., None] if prior.offset is None else prior.mean[..., None] + prior.offset
    mean += np.multiply(weight, prior_mean, out=weight)
    return mean


def posterior_reliability(moments: Moments, prior: Prior) -> np.ndarray:
    """The weight of a category's own rows in its posterior mean, of shape (..., K)."""
    if prior.components is not None:
        return _average(prior, lambda component: posterior_reliability(moments, component))
    return reliability(moments.count, prior.strength)


def posterior_sd(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """The posterior standard deviation, of shape (..., K) and in units of y.

    The strength counts as known, unless the prior is a mixture over it. If the strength was given, the variances are
    estimated by the method of moments. If it is zero, a category without rows has the variance between categories.
    """
    return np.sqrt(_posterior_variance(moments, prior, family))


def _posterior_variance(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    if prior.components is not None:
        return _mixture_variance(moments, prior, family)
    known = knowing_variances(prior, moments, family)
    assert known.between is not None
    assert known.within is not None
    weight = reliability(moments.count, prior.strength)
    rows = moments.count + prior.strength[..., None]
    mean = posterior_mean(moments, prior)
    spread = family.spread(mean, np.where(rows > NOTHING, rows, 1.0), known.within[..., None])
    spread = np.where(rows > NOTHING, spread, known.between[..., None])
    uncertain = prior.offset_variance
    if uncertain is None:
        uncertain = mean_variance(moments, prior.strength, weight, known.between, known.within)[..., None]
    return family.capped(spread + (1 - weight) ** 2 * uncertain, mean)


def _mixture_variance(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    mean = posterior_mean(moments, prior)

    def about_mean(component: Prior) -> np.ndarray:
        apart = posterior_mean(moments, component) - mean
        return _posterior_variance(moments, component, family) + apart**2

    return _average(prior, about_mean)


def _average(prior: Prior, value: Callable[[Prior], np.ndarray]) -> np.ndarray:
    """The mean of a value over the components of a mixture."""
    return sum(probability[..., None] * value(component) for probability, component in prior.each_component())


def rounded_by_sd(mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Round means to multiples of the power of two nearest to half their standard deviation.

    The rounding error is smaller than the posterior sd, and a category with many rows has few distinct values over
    the folds.
    """
    known = sd > 0
    step = np.exp2(np.round(np.log2(np.where(known, sd, 1.0) / 2)))
    return np.where(known, np.round(mean / step) * step, mean)
