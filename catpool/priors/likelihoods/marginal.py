"""The marginal likelihood of a category's rows under a conjugate prior, for each category by itself.

Terms that do not depend on the prior are left out, so that of a category without rows is 0. With the total t of n rows,
a prior of mean m and strength s, and the rising factorial s (s + 1) ... (s + t - 1) as exp(t log s + excess(s, t)),

    normal      -log(1 + n / s) / 2 - n (mean of rows - m)^2 / (2 within (1 + n / s))
    binomial    t log m + (n - t) log(1 - m) + excess(s m, t) + excess(s (1 - m), n - t) - excess(s, n)
    Poisson     t log m + excess(s m, t) - (s m + t) log(1 + n / s)
    negative binomial, of dispersion d, with a = s m and b = s / d + 1
                t log(a / b) + excess(a, t) - (a + t) log(1 + n / (s + d)) + excess(b, a) - excess(b + n / d, a + t).

Differences of logarithms of gamma functions would lose the digits of a strong prior.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, xlogy

from catpool.moments.moments import Moments
from catpool.priors.prior import NOTHING, Prior

POINT = 1e9  # the strength, in rows of the category, beyond which a prior is a point
LARGEST = 1e300
LEAST = 1e-280  # variance within, by which the count of rows is divided
NO_DISPERSION = 1e-100  # by which numbers of rows are divided
DISPERSED = 1e4  # dispersion times mean, from which on the variance has next to no other part
SERIES = 16.0  # where Stirling's series has all digits


def excess(a: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The logarithm of Gamma(a + steps) / Gamma(a) minus steps * log(a), of the shape of a."""
    a = np.maximum(a, NOTHING)  # zero, where a mean is at a bound, has no logarithm
    large, steps = a >= SERIES, np.broadcast_to(steps, a.shape)
    if large.all():
        return _by_series(a, steps)
    if not large.any():
        return _by_gamma(a, steps)
    result = np.empty(a.shape)
    result[large], result[~large] = _by_series(a[large], steps[large]), _by_gamma(a[~large], steps[~large])
    return result


def _by_gamma(a: np.ndarray, steps: np.ndarray) -> np.ndarray:
    return gammaln(a + steps) - gammaln(a) - steps * np.log(a)


def _by_series(a: np.ndarray, steps: np.ndarray) -> np.ndarray:
    end = a + steps
    return (end - 0.5) * np.log1p(steps / a) - steps + _correction(end) - _correction(a)


def _correction(a: np.ndarray) -> np.ndarray:
    """What Stirling's series adds to the logarithm of the gamma function."""
    square = 1 / (a * a)
    return (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / a


def normal_marginal(moments: Moments, prior: Prior) -> np.ndarray:
    assert prior.within is not None
    strength, within = np.maximum(prior.strength, NOTHING)[..., None], np.maximum(prior.within, LEAST)[..., None]
    apart = moments.category_means - prior.mean[..., None]
    grown = moments.count / strength
    fit = np.square(apart, out=apart)
    with np.errstate(over="ignore"):  # without noise, distances are too large to tell apart
        fit *= moments.count / within
    fit = np.minimum(fit, LARGEST, out=fit)
    fit /= 1 + grown
    fit += np.log1p(grown, out=grown)
    return np.multiply(fit, -0.5, out=fit)


def binomial_marginal(moments: Moments, prior: Prior) -> np.ndarray:
    mean, strength = prior.mean[..., None], _finite(prior, moments)
    ones = moments.total
    zeros = np.maximum(moments.count - ones, 0.0)  # rounding of weights
    fit = xlogy(ones, mean) + xlogy(zeros, 1 - mean)
    return fit + excess(strength * mean, ones) + excess(strength * (1 - mean), zeros) - excess(strength, moments.count)


def dirichlet_marginal(classes: Sequence[Moments], means: Sequence[np.ndarray], strength: np.ndarray) -> np.ndarray:
    """The log marginal likelihood of the rows of all classes, without its constant, of shape (..., K).

    Parameters
    ----------
    classes : sequence of Moments of shape (..., K)
        Of each class; the one class of a binary target stands for both.
    means : sequence of ndarray of shape (...)
        The prior mean of each class.
    strength : ndarray of shape (...)
    """
    if len(classes) == 1:
        return binomial_marginal(classes[0], Prior(means[0], strength))
    finite = _finite(Prior(means[0], strength), classes[0])
    fit = -excess(finite, classes[0].count)
    for each, mean in zip(classes, means, strict=True):
        fit += xlogy(each.total, mean[..., None]) + excess(finite * mean[..., None], each.total)
    return fit


def poisson_marginal(moments: Moments, prior: Prior) -> np.ndarray:
    mean, strength = prior.mean[..., None], _finite(prior, moments)
    events, a = moments.total, strength * mean
    return xlogy(events, mean) + excess(a, events) - (a + events) * np.log1p(moments.count / strength)


def units_of_counts(mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """What overdispersed counts are divided by before they are fitted, lest large ones lose the likelihood's digits.

    It is one, unless the dispersion makes up next to all of the variance, which then is nearly the same in other units.
    """
    return np.ldexp(1.0, np.maximum(np.frexp(dispersion * mean / DISPERSED)[1], 0))


def negative_binomial_marginal(moments: Moments, prior: Prior) -> np.ndarray:
    assert prior.dispersion is not None
    unit = units_of_counts(moments.mean, prior.dispersion)[..., None]
    mean, strength = prior.mean[..., None] / unit, _finite(prior, moments)
    dispersion = np.maximum(prior.dispersion, NO_DISPERSION)[..., None]
    count, events = moments.count, moments.total / unit
    a, b = strength * mean, (strength + dispersion) / dispersion
    size = count / dispersion
    odds = a / b
    point = strength >= POINT * count
    # two ways to write it, of which one or the other loses the digits of large terms
    by_mean = excess(b, a) - excess(b + size, a + events) - (a + events) * np.log1p(count / (strength + dispersion))
    by_size = excess(b, size) - excess(a + b, events + size) - size * np.log1p(odds) - events * np.log1p(odds)
    fit = xlogy(events, odds) + excess(a, events) + np.where(dispersion * mean > 1, by_size, by_mean)
    return np.where(point, xlogy(events, dispersion * mean) - (events + size) * np.log1p(dispersion * mean), fit)


def _finite(prior: Prior, moments: Moments) -> np.ndarray:
    """The strength for each category, with a large number in the place of infinity, of shape (..., K)."""
    most = POINT * np.where(moments.count > 0, moments.count, 1.0)
    return np.minimum(np.maximum(prior.strength, NOTHING)[..., None], most)
