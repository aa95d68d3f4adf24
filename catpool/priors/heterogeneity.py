"""Two more moment estimators of the variance between categories, of the normal family: Paule and Mandel's, and Hedges'.

With the variance V of a row, which is estimated within categories or known (V = 1 for a weight of 1), category means
y_k of n_k rows, and w_k = 1 / (between + V / n_k), Paule and Mandel's estimator solves

    sum over k of w_k (y_k - mu)^2 = K - 1,      mu = sum of w_k y_k / sum of w_k,

and Hedges' is the variance of the means, all of which count alike, less their average noise:

    between = sum over k of (y_k - average of y_k)^2 / (K - 1) - average of V / n_k.

References
----------
R. C. Paule, J. Mandel (1982), Consensus values and weighting factors, Journal of Research of the National Bureau of
Standards 87, 377-385.
L. V. Hedges, I. Olkin (1985), Statistical methods for meta-analysis, Academic Press.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.likelihoods.random_intercept import VarianceRatioProfile
from catpool.priors.likelihoods.size_classes import group_by_size
from catpool.priors.numerics.roots import rising_roots
from catpool.priors.prior import Prior, mean_of_categories

Estimator = Callable[[Moments, np.ndarray], np.ndarray]  # from moments and variances of a row to those between


def paule_mandel_prior(classes: Sequence[Moments], family: Family) -> list[Prior]:
    """The prior of each class by Paule and Mandel's estimator, from moments of shape (..., K)."""
    return _estimate(classes, family, "paule_mandel", _paule_mandel)


def hedges_prior(classes: Sequence[Moments], family: Family) -> list[Prior]:
    """The prior of each class by Hedges' estimator, from moments of shape (..., K)."""
    return _estimate(classes, family, "hedges", _hedges)


def _estimate(classes: Sequence[Moments], family: Family, name: str, estimator: Estimator) -> list[Prior]:
    if not family.homoscedastic:
        raise ValueError(
            f'prior="{name}" goes with the normal family, where rows have one variance or known ones, not with '
            'classes, counts or shares of rows, as in histograms. Pass prior="moments", or for classes and counts '
            'family="normal".'
        )
    return [_prior(moments, family.variance(moments), estimator) for moments in classes]


def _prior(moments: Moments, variance: np.ndarray, estimator: Estimator) -> Prior:
    """The prior of tables of shape (..., K), all of whose variance is within where the two are not identified."""
    some = ~np.isnan(variance) & (moments.categories > 1) & (moments.between > 0)
    within = np.where(np.isnan(variance), moments.scatter / np.maximum(moments.rows - 1, 1.0), variance)
    between = np.where(some, estimator(moments, np.where(some, within, 1.0)), 0.0)
    strength = np.where(between > 0, within / np.where(between > 0, between, 1.0), np.inf)
    return Prior(mean_of_categories(moments, strength), strength, between, within)


def _hedges(moments: Moments, variance: np.ndarray) -> np.ndarray:
    seen, number = moments.count > 0, np.maximum(moments.categories, 2)
    average = np.where(seen, moments.distances, 0.0).sum(axis=-1) / number
    apart = np.where(seen, moments.distances - average[..., None], 0.0)
    noise = np.where(seen, 1 / np.where(seen, moments.count, 1.0), 0.0).sum(axis=-1) / number
    return np.maximum((apart**2).sum(axis=-1) / (number - 1) - noise * variance, 0.0)


def _paule_mandel(moments: Moments, variance: np.ndarray) -> np.ndarray:
    """The solution, of shape (...); without noise that of Hedges, which it approaches."""
    profile = VarianceRatioProfile(group_by_size(moments)[0], reml=True)
    noise, spare = variance.ravel(), (moments.categories - 1).ravel()
    expected = spare * noise
    scatter = profile.scatter(np.zeros((len(noise), 1)))[0][:, 0]
    open_ = np.flatnonzero((noise > 0) & (spare > 0) & (scatter > expected))  # rounding is no scatter of one category
    between = np.zeros(len(noise))
    between[open_] = _solve(profile.of(open_), expected[open_], scatter[open_]) * noise[open_]
    return np.where(variance > 0, between.reshape(variance.shape), _hedges(moments, variance))


def _solve(profile: VarianceRatioProfile, expected: np.ndarray, at_zero: np.ndarray) -> np.ndarray:
    """The ratio of the variances at which the scatter falls to its expectation, of shape (V,)."""

    def function(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scatter, fall = (each[:, 0] for each in profile.scatter(ratio[:, None]))
        return expected - scatter, fall

    # weights are less than one over the ratio, with which the scatter about the center would be as expected
    high = profile.sizes.sums[..., 2].sum(axis=1) / expected
    return rising_roots(function, np.zeros_like(high), high, expected - at_zero, function(high)[0])
