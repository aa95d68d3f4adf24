"""The normal family where the variance of each row is known: the random-effects model of meta-analysis.

A row of weight w has the variance 1 / w, so that the mean of a category of the total weight n_k has the variance
1 / n_k, and all categories may have one row. Everything that is learned of a prior is as in the normal family, with a
variance within of 1 for a weight of 1: the strength is one over the variance between categories.

References
----------
W. Viechtbauer (2005), Bias and efficiency of meta-analytic variance estimators in the random-effects model, Journal of
Educational and Behavioral Statistics 30, 261-293.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.families.normal import Normal
from catpool.priors.likelihoods.random_intercept import VarianceRatioProfile, fit_random_intercept
from catpool.priors.likelihoods.size_classes import group_by_size
from catpool.priors.method_of_moments import moments_prior
from catpool.priors.prior import NO_SPREAD, ONE_CATEGORY, Prior
from catpool.priors.rules import ColumnRule, PriorRule
from catpool.priors.uncertainty import MANY_CATEGORIES, is_averaged


class KnownVariances(Normal):
    """Rows with the variance 1 / weight.

    Parameters
    ----------
    most_uncertain : float, default=100
        As in `Family`.
    """

    def __init__(self, most_uncertain: float = MANY_CATEGORIES) -> None:
        self.most_uncertain = most_uncertain

    def variance(self, moments: Moments) -> np.ndarray:
        return np.ones_like(moments.mean)

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> list[Prior]:
        return [_fit(moments, reml=reml) for moments in classes]

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float, if_uncertain: bool = False) -> list[Prior]:
        return [_integrate(each, scale, if_uncertain=if_uncertain, most=self.most_uncertain) for each in classes]


def with_known_variances(rule: PriorRule) -> PriorRule:
    """The rule for rows of known variances, from that for rows whose variance is estimated."""

    def learn(moments: Sequence[Moments], family: Family) -> list[Prior]:
        if type(family) is not Normal:
            raise ValueError(
                f'weight_type="inverse_variance" goes with the normal family alone, not with family="{family.name}". '
                'Pass family="normal".'
            )
        priors = rule(moments, KNOWN_VARIANCES)
        return [_with_variances(prior, each) for prior, each in zip(priors, moments, strict=True)]

    return ColumnRule(learn, rule.bounds) if isinstance(rule, ColumnRule) else learn


def _with_variances(prior: Prior, moments: Moments) -> Prior:
    """The prior with its variances; of a user's own function, with the variance between by the method of moments."""
    if prior.between is not None:
        return prior
    return replace(prior, between=moments_prior([moments], KNOWN_VARIANCES)[0].between, within=np.ones_like(prior.mean))


def _fit(moments: Moments, *, reml: bool) -> Prior:
    """The priors of tables of shape (..., K)."""
    sizes, moments = group_by_size(moments)
    several = moments.categories > 1
    fit = fit_random_intercept(sizes, several, reml=reml, known=True)
    constant = several & (moments.between == 0)
    spread = several & ~constant & (fit.ratio > 0)
    return Prior(
        mean=np.where(spread, fit.mean, moments.mean),
        strength=np.where(spread, 1 / np.where(spread, fit.ratio, 1.0), np.inf),
        between=np.where(spread, fit.between, 0.0),
        within=np.ones_like(fit.within),
        log_likelihood=np.where(several, -fit.criterion / 2, np.nan),
        note=np.select([~several, ~spread], [ONE_CATEGORY, NO_SPREAD], ""),
    )


def _integrate(moments: Moments, scale: float, *, if_uncertain: bool, most: float) -> Prior:
    """Average over the standard deviation between categories, with the mean integrated out analytically."""
    from catpool.priors.likelihoods.full_bayes import mixture, posterior_grid  # here, as few need it

    shape, moments = moments.mean.shape, moments.flatten()
    fitted = _fit(moments, reml=True)
    some = is_averaged(fitted, moments, if_uncertain=if_uncertain, most=most)
    if not some.any():
        return fitted.reshape(shape)
    profile = VarianceRatioProfile(group_by_size(moments)[0], reml=True, known=True)
    unit = np.sqrt(moments.rows / moments.size)  # the standard deviation of a row of average weight
    theta, probability = posterior_grid(lambda theta: -profile.criterion(theta.T**2).T / 2, scale * unit)
    means = profile.sizes.center + profile.mean_and_rss(theta.T**2)[0].T
    return mixture(probability, means, theta**-2.0, np.ones_like(theta), fitted, some).reshape(shape)


KNOWN_VARIANCES = KnownVariances()
