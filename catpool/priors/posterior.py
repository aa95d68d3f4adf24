"""The posterior of a category's value, given its rows.

In all families the posterior mean is the same average of the category's mean and the prior's,

    reliability * category mean + (1 - reliability) * prior mean,
    reliability = count / (count + strength),

and a category with no rows gets the prior mean. The posterior variance is that of the conjugate posterior, of
count + strength rows, and what the error of the prior mean adds:

    spread(mean, count + strength) + (1 - reliability)^2 * within / sum of count * strength / (count + strength).

Under a mixture both are averages over its components, with weights that are those of the prior, or where each category
has a component of its own those that the category's rows leave (`responsibilities`).

References
----------
B. Efron, C. Morris (1975), Data analysis using Stein's estimator and its generalizations, Journal of the American
Statistical Association 70, 311-319.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.mixtures.responsibilities import WeightedPriors, strength_about, weigh_components
from catpool.priors.own_variances import equalize_noise
from catpool.priors.prior import NOTHING, Prior, mean_variance, reliability


def posterior_mean(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """The average of category mean and prior mean, weighted by reliability, of shape (..., K)."""
    moments = equalize_noise(moments, prior)
    if prior.components is not None:
        mean = _average_mean(moments, prior, weigh_components(moments, prior, family))
        return _unless_single(prior, mean, lambda single: _conjugate_mean(moments, single))
    return _conjugate_mean(moments, prior)


def posterior_reliability(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """The weight of a category's own rows in its posterior mean, of shape (..., K).

    Where each category has a component of its own, that of a component is taken with its spread about the mean of all
    components. If they have one mean, the average is the weight of the category's rows, as in any other prior.
    """
    moments = equalize_noise(moments, prior)
    if prior.components is None:
        return reliability(moments.count, prior.strength)
    weighted = weigh_components(moments, prior, family)
    if prior.shares is not None:
        weight = _average_reliability(moments, prior, weighted)
    else:
        weight = _average(weighted, lambda component: reliability(moments.count, component.strength))
    return _unless_single(prior, weight, lambda single: reliability(moments.count, single.strength))


def posterior_sd(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """The posterior standard deviation, of shape (..., K) and in units of y.

    The strength counts as known, unless the prior is a mixture over it. If the strength was given, the variances are
    estimated by the method of moments. If it is zero, a category without rows has the variance between categories.
    """
    moments = equalize_noise(moments, prior)
    variance = _posterior_variance(moments, prior, family)
    if prior.components is not None:
        variance = _unless_single(prior, variance, lambda single: _posterior_variance(moments, single, family))
    return np.sqrt(variance)


def _unless_single(prior: Prior, mixed: np.ndarray, value: Callable[[Prior], np.ndarray]) -> np.ndarray:
    """A value under a mixture; in tables whose first component has all the weight, that of their prior by itself.

    So no bit of it depends on whether other tables have mixtures.
    """
    weights = prior.probability if prior.shares is None else prior.shares
    assert weights is not None
    single = weights[0] == 1
    if not single.any():
        return mixed
    return np.where(single[..., None], value(replace(prior, components=None, probability=None, shares=None)), mixed)


def _conjugate_mean(moments: Moments, prior: Prior) -> np.ndarray:
    weight = reliability(moments.count, prior.strength)
    mean = weight * moments.category_means
    np.subtract(1, weight, out=weight)
    prior_mean = prior.mean[..., None] if prior.offset is None else prior.mean[..., None] + prior.offset
    mean += np.multiply(weight, prior_mean, out=weight)
    return mean


def _posterior_variance(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    if prior.shares is not None:
        return _own_component_variance(moments, prior, family)
    if prior.components is not None:
        return _mixture_variance(moments, prior, family)
    known = knowing_variances(prior, moments, family)
    mean, weight = _conjugate_mean(moments, prior), reliability(moments.count, prior.strength)
    variance = _conjugate_variance(moments, prior.strength, known, mean, family)
    uncertain = prior.uncertainty
    if uncertain is None:
        uncertain = _mean_variance(moments, prior.strength, known)
    return family.capped(variance + (1 - weight) ** 2 * uncertain, mean)


def _conjugate_variance(
    moments: Moments, strength: np.ndarray, known: Prior, mean: np.ndarray, family: Family
) -> np.ndarray:
    """The variance of the conjugate posterior of this mean, given the mean of the prior."""
    assert known.between is not None
    assert known.within is not None
    rows = moments.count + strength[..., None]
    spread = family.knowing(known).spread(mean, np.where(rows > NOTHING, rows, 1.0), known.within[..., None])
    return np.where(rows > NOTHING, spread, known.between[..., None])


def _mean_variance(moments: Moments, strength: np.ndarray, known: Prior) -> np.ndarray:
    """The variance of the estimated prior mean, of shape (..., 1)."""
    assert known.between is not None
    assert known.within is not None
    weight = reliability(moments.count, strength)
    return mean_variance(moments, strength, weight, known.between, known.within)[..., None]


def _mixture_variance(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    weighted = weigh_components(moments, prior, family)
    mean = _average_mean(moments, prior, weighted)

    def about_mean(component: Prior) -> np.ndarray:
        apart = _conjugate_mean(moments, component) - mean
        return _posterior_variance(moments, component, family) + apart**2

    return _average(weighted, about_mean)


def _own_component_variance(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """The variance where each category has a component of its own, all of whose means have one error."""
    weighted = weigh_components(moments, prior, family)
    mean = _average_mean(moments, prior, weighted)

    def about_mean(component: Prior) -> np.ndarray:
        own = _conjugate_mean(moments, component)
        return _conjugate_variance(moments, component.strength, component, own, family) + (own - mean) ** 2

    passed = (1 - _average_reliability(moments, prior, weighted)) ** 2
    uncertain = passed * _mean_variance(moments, prior.strength, prior)
    return family.capped(_average(weighted, about_mean) + uncertain, mean)


def _average_mean(moments: Moments, prior: Prior, weighted: WeightedPriors) -> np.ndarray:
    center = prior.mean[..., None]  # from which means far from zero are measured, to lose none of their digits
    return center + _average(weighted, lambda component: _conjugate_mean(moments, component) - center)


def _average_reliability(moments: Moments, prior: Prior, weighted: WeightedPriors) -> np.ndarray:
    """The reliability, where a component's spread is that about the mean of all components."""
    return _average(weighted, lambda component: reliability(moments.count, strength_about(prior.mean, component)))


def _average(weighted: WeightedPriors, value: Callable[[Prior], np.ndarray]) -> np.ndarray:
    """The mean of a value over the components of a mixture."""
    return sum(weight * value(component) for weight, component in weighted)


def rounded_by_sd(mean: np.ndarray, sd: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Round means to multiples of the power of two nearest to a share of their standard deviation.

    The rounding error is smaller than the posterior sd, and a category with many rows has few distinct values over
    the folds.
    """
    known = sd > 0
    step = np.exp2(np.round(np.log2(np.where(known, sd, 1.0) * share)))
    return np.where(known, np.round(mean / step) * step, mean)
