"""The normal family: rows have one variance within categories, and the prior is normal.

The prior and its strength are those of the random-intercept model. Its posterior is normal, with the variance
within / (count + strength).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.likelihoods.marginal import normal_marginal
from catpool.priors.likelihoods.random_intercept import VarianceRatioProfile, fit_random_intercept
from catpool.priors.likelihoods.size_classes import group_by_size
from catpool.priors.numerics.link import Link
from catpool.priors.prior import (
    NO_NOISE,
    NO_SPREAD,
    ONE_CATEGORY,
    ONE_ROW_EACH,
    Prior,
    mean_of_categories,
)
from catpool.priors.uncertainty import is_averaged

LEAST_ROWS = 3  # with no more, the posterior of the variance within has no mean


class IdentityLink(Link):
    """The mean is the linear predictor, for a variance of one."""

    def mean(self, eta: np.ndarray) -> np.ndarray:
        return eta

    def variance(self, eta: np.ndarray) -> np.ndarray:
        return np.ones_like(eta)

    def skew(self, eta: np.ndarray) -> np.ndarray:
        return np.zeros_like(eta)

    def log_likelihood(self, total: np.ndarray, count: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return total * eta - count * eta**2 / 2

    def eta(self, mean: np.ndarray) -> np.ndarray:
        return mean


class Normal(Family):
    """Rows with one variance, estimated from the rows."""

    name = "normal"
    homoscedastic = True
    link = IdentityLink()

    def variance(self, moments: Moments) -> np.ndarray:
        """The pooled variance of the rows about the means of their categories."""
        identified, spare = moments.some_repeat, moments.rows - moments.categories
        return np.where(identified, moments.within / np.where(identified, spare, 1.0), np.nan)

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> list[Prior]:
        return [_fit(moments, reml=reml) for moments in classes]

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float, if_uncertain: bool = False) -> list[Prior]:
        return [_integrate(moments, scale, if_uncertain=if_uncertain) for moments in classes]

    def log_marginal(self, moments: Moments, prior: Prior) -> np.ndarray:
        return normal_marginal(moments, prior)

    def latent_noise(self, scale: float) -> float:
        return scale


def _fit(moments: Moments, *, reml: bool) -> Prior:
    """The priors of tables of shape (..., K): of the model where it is identified, otherwise at a boundary."""
    sizes, moments = group_by_size(moments)
    single, alone, constant, exact = _boundaries(moments)
    identified = ~(single | alone | exact)
    fit = fit_random_intercept(sizes, identified, reml=reml)
    inside = identified & ~constant
    spread = inside & (fit.ratio > 0)
    strength = np.where(spread, 1 / np.where(spread, fit.ratio, 1.0), np.where(exact & ~constant, 0.0, np.inf))
    total = moments.scatter / np.maximum(moments.rows - 1, 1.0)
    mean, between, within = moments.mean, np.zeros_like(total), total
    notes = [ONE_CATEGORY, ONE_ROW_EACH, NO_SPREAD, NO_NOISE, NO_SPREAD]
    if exact.any():
        mean = mean_of_categories(moments, strength)
        between, within = _without_noise(moments, exact & ~constant, total, reml=reml)
    return Prior(
        mean=np.where(inside, fit.mean, mean),
        strength=strength,
        between=np.where(inside, fit.between, between),
        within=np.where(inside, fit.within, within),
        log_likelihood=np.select([single | alone, exact], [np.nan, np.inf], -fit.criterion / 2),
        note=np.select([single, alone, constant, exact, ~spread], notes, ""),
    )


def _boundaries(moments: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Whether tables have one category, one row in each, no spread between categories, and no noise within them."""
    single = moments.categories <= 1
    alone = ~single & ~moments.some_repeat
    return single, alone, ~single & ~alone & (moments.between == 0), ~single & ~alone & (moments.within == 0)


def _without_noise(
    moments: Moments, exact: np.ndarray, total: np.ndarray, *, reml: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The variance of the categories' means, and none within them, where `exact` says so; otherwise none and all."""
    seen, number = moments.count > 0, np.maximum(moments.categories, 2)
    apart = moments.distances - (np.where(seen, moments.distances, 0.0).sum(axis=-1) / number)[..., None]
    variance = np.where(seen, apart**2, 0.0).sum(axis=-1) / (number - reml)
    return np.where(exact, variance, 0.0), np.where(exact, 0.0, total)


def _integrate(moments: Moments, scale: float, *, if_uncertain: bool) -> Prior:
    """Average over theta, with the mean and the variance within integrated out analytically."""
    from catpool.priors.likelihoods.full_bayes import mixture, posterior_grid  # here, as few need it

    shape, moments = moments.mean.shape, moments.flatten()
    fitted = _fit(moments, reml=True)
    # without these, there is nothing to integrate over
    some = (moments.between + moments.within > 0) & (moments.rows > LEAST_ROWS) & (fitted.strength > 0)
    some &= is_averaged(fitted, moments, if_uncertain=if_uncertain)
    if not some.any():
        return fitted.reshape(shape)
    sizes = group_by_size(moments)[0]
    profile = VarianceRatioProfile(sizes if some.all() else sizes.stand_in(some), reml=True)
    unit = np.sqrt(moments.size / moments.rows)  # precisions are relative: theta is that of their mean
    theta, probability = posterior_grid(lambda theta: -profile.criterion(theta.T**2).T / 2, scale / unit)
    mean, rss = (each.T for each in profile.mean_and_rss(theta.T**2))
    within = rss / (profile.freedom.T - 2)  # the mean of an inverse chi-squared distribution
    return mixture(probability, profile.sizes.center + mean, theta**-2.0, within, fitted, some).reshape(shape)


NORMAL = Normal()
