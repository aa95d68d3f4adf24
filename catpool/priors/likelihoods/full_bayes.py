"""Full Bayes without sampling: averages over a grid of the variance ratio, in place of its most likely value.

All that is unknown but the ratio lambda = between / within of the variances can be integrated out, exactly in the
normal family (with flat priors on the mean and on the logarithm of the variance within): there the restricted
likelihood *is* the likelihood of lambda. So with a prior on theta = sqrt(lambda), a half-t with 3 degrees of freedom,

    p(theta | y)  is proportional to  (1 + (theta / scale)^2 / 3)^-2  exp(-REML criterion / 2),

and every posterior is an average over a grid of theta. In the binomial family lambda is one over the strength, in the
Poisson family that over the mean (the squared coefficient of variation of the rates), and the prior mean is taken at
its generalized least squares, with its variance there. Many tables (folds, say) have their grids at once, and none of
them enters the numbers of another.

References
----------
A. Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1, 515-534.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.numerics.standard_normal import half_t_from_normal
from catpool.priors.prior import Prior, mean_of_categories, mean_variance, reliability

POINTS = 48  # of the grid; the trapezoidal rule on smooth densities needs no more
LOWEST, HIGHEST = -9.0, 15.0  # the standard normal values of the smallest and the largest theta
NEGLIGIBLE = 24.0  # log of the density, below its maximum, that leaves a point out of the support
ENOUGH = 30  # points within the support
ROUNDS = 12  # of zooming into the support, which is narrowed until it has enough points

LogLikelihood = Callable[[np.ndarray], np.ndarray]  # of theta, of shape (G, T)


def posterior_grid(log_likelihood: LogLikelihood, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A grid of theta over the support of its posterior, and the probabilities of the points, both of shape (G, T).

    Parameters
    ----------
    log_likelihood : callable
    scales : ndarray of shape (T,)
        Of each table's half-t prior.
    """
    line = np.linspace(0.0, 1.0, POINTS)[:, None]
    low, high = np.array([LOWEST]), np.array([HIGHEST])  # of all tables at first
    for _ in range(ROUNDS):
        z = low + line * (high - low)
        theta = half_t_from_normal(z, 1.0) * scales
        height = log_likelihood(theta) - z**2 / 2
        inside = height > height.max(axis=0) - NEGLIGIBLE
        wide = inside.sum(axis=0) >= ENOUGH
        if wide.all():
            break
        first, last = inside.argmax(axis=0), POINTS - 1 - inside[::-1].argmax(axis=0)
        step = (high - low) / (POINTS - 1)
        # a table that has enough points keeps them, so that others do not change its numbers
        low, high = (
            np.where(wide, low, low + step * np.maximum(first - 1, 0)),
            np.where(wide, high, low + step * np.minimum(last + 1, POINTS - 1)),
        )
    probability = np.exp(height - height.max(axis=0))
    return theta, probability / probability.sum(axis=0)


def mixture(
    probability: np.ndarray,
    means: np.ndarray,
    strength: np.ndarray,
    within: np.ndarray,
    fitted: Prior,
    some: np.ndarray,
) -> Prior:
    """The mixture of the priors of a grid, from their probabilities and parameters, of shape (G, T).

    Parameters
    ----------
    probability, means, strength, within : ndarray of shape (G, T)
    fitted : Prior of shape (T,)
        The priors by maximum likelihood, whose notes are kept.
    some : ndarray of bool of shape (T,)
        Which tables have a mixture; the others have the fitted prior, as a mixture whose first component has all the
        weight.
    """
    assert fitted.between is not None
    assert fitted.within is not None
    first = (np.arange(len(probability)) == 0).astype(float)[:, None]
    weight = np.where(some, probability, first)
    components = Prior(
        np.where(some, means, fitted.mean),
        np.where(some, strength, fitted.strength),
        np.where(some, within / strength, fitted.between),
        np.where(some, within, fitted.within),
    )
    assert components.between is not None
    assert components.within is not None
    with np.errstate(divide="ignore"):
        averaged = 1 / (probability * (1 / strength)).sum(axis=0)
    return Prior(
        mean=np.where(some, (weight * components.mean).sum(axis=0), fitted.mean),
        strength=np.where(some, averaged, fitted.strength),
        between=(weight * components.between).sum(axis=0),
        within=(weight * components.within).sum(axis=0),
        log_likelihood=None if fitted.log_likelihood is None else np.where(some, np.nan, fitted.log_likelihood),
        note=fitted.note,
        probability=weight,
        components=components,
    )


def integrate_strength(
    classes: Sequence[Moments],
    fitted: Sequence[Prior],
    some: np.ndarray,
    scales: np.ndarray,
    log_likelihood: Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray],
    variance: Callable[[np.ndarray], np.ndarray],
    curvature: float,
) -> list[Prior]:
    """The average over the strength that the classes share, with their means at generalized least squares.

    Parameters
    ----------
    classes : sequence of Moments of shape (T, K)
    fitted : sequence of Prior of shape (T,)
        The priors by maximum likelihood.
    some : ndarray of bool of shape (T,)
        Which tables are averaged.
    scales : ndarray of shape (T,)
        Of the half-t prior.
    log_likelihood : callable
        Of the means of the classes, each of shape (T,), and the strength, of shape (T,).
    variance : callable
        The variance of a row as a function of its mean.
    curvature : float
        Of that function.
    """

    def means_at(strength: np.ndarray) -> list[np.ndarray]:
        return [mean_of_categories(each, strength) for each in classes]

    def marginal(theta: np.ndarray) -> np.ndarray:
        """The log-likelihood with the means integrated out, by their variance, at one theta of each table."""
        strength = theta**-2.0
        means = means_at(strength)
        spread = np.maximum(_mean_variance(classes[0], strength, variance(means[0])), 1e-300)
        return log_likelihood(means, strength) + np.log(spread) / 2

    theta, probability = posterior_grid(lambda theta: np.array([marginal(each) for each in theta]), scales)
    strength = theta**-2.0
    means = np.array([means_at(each) for each in strength]).transpose(1, 0, 2)
    return [
        mixture(probability, own, strength, variance(own) * strength / (strength - curvature), prior, some)
        for own, prior in zip(means, fitted, strict=True)
    ]


def _mean_variance(moments: Moments, strength: np.ndarray, within: np.ndarray) -> np.ndarray:
    weight = reliability(moments.count, strength)
    return mean_variance(moments, strength, weight, within / strength, within)
