"""The prior integrated over, rather than fixed at its likeliest: full Bayes without sampling.

All that is unknown but the ratio lambda = between / within of the variances can be integrated out, exactly in the
normal family (with flat priors on the mean and on the logarithm of the variance within): there the restricted
likelihood *is* the likelihood of lambda. So with a prior on theta = sqrt(lambda), a half-t with 3 degrees of freedom,

    p(theta | y)  is proportional to  (1 + (theta / scale)^2 / 3)^-2  exp(-REML criterion / 2),

and every posterior is an average over a grid of theta. In the binomial family lambda is one over the strength, in the
Poisson family that over the mean (the squared coefficient of variation of the rates), and the prior mean is taken at
its generalised least squares, with its variance there.

References
----------
A. Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1, 515-534.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.conjugate import Likelihood, dirichlet_multinomial, gamma_poisson
from catpool.priors.family import Family
from catpool.priors.likelihood import by_likelihood
from catpool.priors.normal import Profile, by_size
from catpool.priors.prior import Prior, each_view, mean_of_categories, mean_variance, reliability

POINTS = 96  # of the grid; the trapezoidal rule on smooth densities needs no more
SEARCH = np.geomspace(1e-6, 1e6, 241)  # values of theta, over scale, among which the posterior's support is looked for
NEGLIGIBLE = 36.0  # log of the density, below its maximum


def by_integration(moments: Sequence[Moments], family: Family, *, scale: float) -> list[Prior]:
    """Integrate over the prior of each class, from moments of shape (..., K).

    Parameters
    ----------
    moments : sequence of Moments
    family : Family
    scale : float
        Of the half-t prior on the square root of the ratio of the variances.
    """
    fits = {"normal": _normal, "binomial": _binomial, "poisson": _poisson}
    return each_view(moments, family, partial(fits[family.name], scale=scale))


def _grid(log_likelihood: Callable[[np.ndarray], np.ndarray], scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Values of theta where the posterior is, and their probabilities."""

    def density(theta: np.ndarray) -> np.ndarray:  # of log theta, as logarithm
        return np.log(theta) - 2 * np.log1p((theta / scale) ** 2 / 3) + log_likelihood(theta)

    search = scale * SEARCH
    height = density(search)
    support = np.flatnonzero(height > height.max() - NEGLIGIBLE)
    low, high = search[max(support[0] - 1, 0)], search[min(support[-1] + 1, len(search) - 1)]
    theta = np.geomspace(low, high, POINTS)
    height = density(theta)
    probability = np.exp(height - height.max())
    return theta, probability / probability.sum()


def _mixture(
    probability: np.ndarray, means: np.ndarray, strength: np.ndarray, within: np.ndarray, note: np.ndarray | None
) -> Prior:
    """The average over the grid, all of shape (G,)."""
    components = Prior(means, strength, within / strength, within)
    return Prior(
        mean=np.array(probability @ means),
        strength=np.array(1 / (probability @ (1 / strength))),
        between=np.array(probability @ (within / strength)),
        within=np.array(probability @ within),
        note=note,
        probability=probability,
        components=components,
    )


def _normal(classes: Sequence[Moments], family: Family, *, scale: float) -> list[Prior]:
    return [_normal_of_one(moments, family, scale) for moments in classes]


def _normal_of_one(moments: Moments, family: Family, scale: float) -> Prior:
    (fitted,) = by_likelihood([moments], family, reml=True)
    if moments.between + moments.within == 0 or moments.rows <= 3 or fitted.strength == 0:  # nothing to integrate over
        return fitted
    profile = Profile(by_size(moments), reml=True)
    unit = float(np.sqrt(moments.size / moments.rows))  # precisions are relative: theta is that of their mean
    theta, probability = _grid(lambda theta: -profile.criterion(theta**2) / 2, scale / unit)
    _, _, mean, rss = profile.parts(theta**2)
    within = rss / (profile.freedom - 2)  # the mean of an inverse chi-squared distribution
    return _mixture(probability, profile.sizes.center + mean, theta**-2.0, within, fitted.note)


def _binomial(classes: Sequence[Moments], family: Family, *, scale: float) -> list[Prior]:
    fitted = by_likelihood(classes, family, reml=False)
    sizes = classes[0].count
    rows = [each.total for each in classes]
    rows = [*rows, sizes - rows[0]] if len(rows) == 1 else rows
    present = [each.sum() > 0 for each in rows]
    if sum(present) == 1:
        return list(fitted)
    likelihood = dirichlet_multinomial([each for each, there in zip(rows, present, strict=True) if there], sizes)
    return _shares_or_rates(classes, scale, likelihood, np.array(present), fitted, lambda mean: mean * (1 - mean))


def _poisson(classes: Sequence[Moments], family: Family, *, scale: float) -> list[Prior]:
    priors = []
    for moments in classes:
        fitted = by_likelihood([moments], family, reml=False)
        if moments.total.sum() == 0:
            priors += fitted
            continue
        likelihood = gamma_poisson(moments.total, moments.count)
        unit = float(
            np.sqrt(moments.mean)
        )  # so theta is the rates' coefficient of variation, whatever the exposure's unit
        priors += _shares_or_rates([moments], scale * unit, likelihood, None, fitted, lambda mean: mean)
    return priors


def _shares_or_rates(
    classes: Sequence[Moments],
    scale: float,
    likelihood: Likelihood,
    present: np.ndarray | None,
    fitted: Sequence[Prior],
    variance: Callable[[np.ndarray], np.ndarray],
) -> list[Prior]:
    """Integrate over the strength, the means at their generalised least squares.

    The parameters of the likelihood are the strength times the means of the classes that are present, the complement of
    a single one among them; or, where none are named, strength times mean and strength.
    """

    def means_at(strength: float) -> np.ndarray:
        return np.array([float(mean_of_categories(each, np.array(strength))) for each in classes])

    def parameters(strength: float) -> np.ndarray:
        means = means_at(strength)
        if present is None:
            return np.array([strength * means[0], strength])
        means = np.append(means, 1 - means) if len(means) == 1 else means
        return strength * means[present]

    def one(theta: float) -> float:
        strength = theta**-2.0
        own = variance(means_at(strength))[0]
        unit = max(_mean_variance(classes[0], strength, own), 1e-300)
        return likelihood(np.maximum(parameters(strength), 1e-300))[0] + np.log(unit) / 2

    theta, probability = _grid(np.vectorize(one), scale)
    strength = theta**-2.0
    means = np.array([means_at(value) for value in strength])
    own = variance(means)
    within = own * strength[:, None] / (strength[:, None] + (present is not None))
    return [
        _mixture(probability, means[:, label], strength, within[:, label], prior.note)
        for label, prior in enumerate(fitted)
    ]


def _mean_variance(moments: Moments, strength: float, within: float) -> float:
    strengths = np.array(strength)
    weight = reliability(moments.count, strengths)
    return float(mean_variance(moments, strengths, weight, np.array(within / strength), np.array(within)))
