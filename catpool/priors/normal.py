"""The normal family: rows have one variance within categories, and the prior is normal.

The prior and its strength are those of the random-intercept model. Its posterior is normal, with the variance
within / (count + strength).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.link import Link
from catpool.priors.prior import (
    NO_NOISE,
    NO_SPREAD,
    ONE_CATEGORY,
    ONE_ROW_EACH,
    Prior,
    boundary_prior,
    fitted_prior,
)
from catpool.priors.random_intercept import VarianceRatioProfile, fit_random_intercept, group_by_size


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

    def start(self, mean: float) -> float:
        return float(mean)


class Normal(Family):
    """Rows with one variance, estimated from the rows."""

    name = "normal"
    homoscedastic = True
    link = IdentityLink()

    def variance(self, moments: Moments) -> np.ndarray:
        """The pooled variance of the rows about the means of their categories."""
        spare = moments.rows - moments.categories
        identified = spare > 1e-12 * moments.rows
        return np.where(identified, moments.within / np.where(identified, spare, 1.0), np.nan)

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> list[Prior]:
        return [_fit(moments, reml=reml) for moments in classes]

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float) -> list[Prior]:
        return [_integrate(moments, scale) for moments in classes]

    def latent_noise(self, scale: float) -> float:
        return scale


def _fit(moments: Moments, *, reml: bool) -> Prior:
    boundary = _fit_boundary(moments, reml=reml)
    if boundary is not None:
        return boundary
    fit = fit_random_intercept(moments, reml=reml)
    strength, note = 1 / fit.ratio if fit.ratio > 0 else np.inf, NO_SPREAD if fit.ratio == 0 else ""
    return fitted_prior(fit.mean, strength, fit.between, fit.within, -fit.criterion / 2, note)


def _fit_boundary(moments: Moments, *, reml: bool) -> Prior | None:
    """The prior where the strength is not identified, 0 or infinity, else None."""
    spare = moments.rows - moments.categories
    total = float(moments.scatter / max(moments.rows - 1, 1.0))
    if moments.categories == 1:
        return boundary_prior(moments, np.inf, 0.0, total, np.nan, ONE_CATEGORY)
    if spare <= 1e-12 * moments.rows:
        return boundary_prior(moments, np.inf, 0.0, total, np.nan, ONE_ROW_EACH)
    if moments.between == 0:
        return boundary_prior(moments, np.inf, 0.0, total, _pooled(moments, reml=reml), NO_SPREAD)
    if moments.within == 0:
        means = moments.category_means[moments.count > 0]
        return boundary_prior(moments, 0.0, float(means.var(ddof=int(reml))), 0.0, np.inf, NO_NOISE)
    return None


def _pooled(moments: Moments, *, reml: bool) -> float:
    """The log-likelihood where there is no variance between categories."""
    return np.inf if moments.within == 0 else -fit_random_intercept(moments, reml=reml).criterion / 2


def _integrate(moments: Moments, scale: float) -> Prior:
    """Average over theta, with the mean and the variance within integrated out analytically."""
    from catpool.priors.full_bayes import half_t_posterior, mixture  # here, as few need it

    fitted = _fit(moments, reml=True)
    if moments.between + moments.within == 0 or moments.rows <= 3 or fitted.strength == 0:  # nothing to integrate over
        return fitted
    profile = VarianceRatioProfile(group_by_size(moments), reml=True)
    unit = float(np.sqrt(moments.size / moments.rows))  # precisions are relative: theta is that of their mean
    theta, probability = half_t_posterior(lambda theta: -profile.criterion(theta**2) / 2, scale / unit)
    _, _, mean, rss = profile.parts(theta**2)
    within = rss / (profile.freedom - 2)  # the mean of an inverse chi-squared distribution
    return mixture(probability, profile.sizes.center + mean, theta**-2.0, within, fitted.note)


NORMAL = Normal()
