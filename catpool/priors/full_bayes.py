"""Full Bayes without sampling: averages over a grid of the variance ratio, in place of its most likely value.

All that is unknown but the ratio lambda = between / within of the variances can be integrated out, exactly in the
normal family (with flat priors on the mean and on the logarithm of the variance within): there the restricted
likelihood *is* the likelihood of lambda. So with a prior on theta = sqrt(lambda), a half-t with 3 degrees of freedom,

    p(theta | y)  is proportional to  (1 + (theta / scale)^2 / 3)^-2  exp(-REML criterion / 2),

and every posterior is an average over a grid of theta. In the binomial family lambda is one over the strength, in the
Poisson family that over the mean (the squared coefficient of variation of the rates), and the prior mean is taken at
its generalized least squares, with its variance there.

References
----------
A. Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1, 515-534.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.prior import Prior, mean_of_categories, mean_variance, reliability

POINTS = 96  # of the grid; the trapezoidal rule on smooth densities needs no more
SEARCH = np.geomspace(1e-6, 1e6, 241)  # values of theta / scale among which the support is located
NEGLIGIBLE = 36.0  # log of the density, below its maximum


def half_t_posterior(
    log_likelihood: Callable[[np.ndarray], np.ndarray], scale: float, widest: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """A grid of theta over the support of its posterior, and the probabilities of the points.

    Parameters
    ----------
    log_likelihood : callable
        Of an array of theta.
    scale : float
        Of the half-t prior.
    widest : float, default=0.0
        A theta up to which the support may extend, if that is beyond all that are usual.
    """

    def log_density(theta: np.ndarray) -> np.ndarray:
        """The log of the posterior density of log theta."""
        return np.log(theta) - 2 * np.log1p((theta / scale) ** 2 / 3) + log_likelihood(theta)

    search = scale * SEARCH
    if widest > search[-1]:
        search = np.geomspace(search[0], widest, 2 * len(search))
    height = log_density(search)
    support = np.flatnonzero(height >= height.max() - NEGLIGIBLE)
    low, high = search[max(support[0] - 1, 0)], search[min(support[-1] + 1, len(search) - 1)]
    theta = np.geomspace(low, high, POINTS)
    height = log_density(theta)
    probability = np.exp(height - height.max())
    return theta, probability / probability.sum()


def mixture(
    probability: np.ndarray, means: np.ndarray, strength: np.ndarray, within: np.ndarray, note: np.ndarray | None
) -> Prior:
    """The mixture of the priors of a grid, from their probabilities and parameters, of shape (G,)."""
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


def integrate_strength(
    classes: Sequence[Moments],
    fitted: Sequence[Prior],
    scale: float,
    log_likelihood: Callable[[np.ndarray, float], float],
    variance: Callable[[np.ndarray], np.ndarray],
    curvature: float,
) -> list[Prior]:
    """The average over the strength that the classes share, with their means at generalized least squares.

    Parameters
    ----------
    classes : sequence of Moments of shape (K,)
    fitted : sequence of Prior
        The priors by maximum likelihood, whose notes are kept.
    scale : float
        Of the half-t prior.
    log_likelihood : callable
        Of the means, of shape (C,), and the strength.
    variance : callable
        The variance of a row as a function of its mean.
    curvature : float
        Of that function.
    """

    def means_at(strength: float) -> np.ndarray:
        return np.array([float(mean_of_categories(each, np.array(strength))) for each in classes])

    def marginal(theta: float) -> float:
        """The log-likelihood with the mean integrated out, by its variance."""
        strength, means = theta**-2.0, means_at(theta**-2.0)
        spread = max(_mean_variance(classes[0], strength, variance(means)[0]), 1e-300)
        return log_likelihood(means, strength) + np.log(spread) / 2

    theta, probability = half_t_posterior(np.vectorize(marginal), scale)
    strength = theta**-2.0
    means = np.array([means_at(value) for value in strength])
    within = variance(means) * strength[:, None] / (strength[:, None] - curvature)
    return [
        mixture(probability, means[:, label], strength, within[:, label], prior.note)
        for label, prior in enumerate(fitted)
    ]


def _mean_variance(moments: Moments, strength: float, within: float) -> float:
    strengths = np.array(strength)
    weight = reliability(moments.count, strengths)
    return float(mean_variance(moments, strengths, weight, np.array(within / strength), np.array(within)))
