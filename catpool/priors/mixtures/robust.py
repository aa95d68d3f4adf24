"""Priors that outliers and heavy tails do not mislead: mixtures of which each category has a component of its own.

`SCALE_MIXTURE` has conjugate components of one mean and of growing variances, among them 0: most categories may be
close to the mean, and a few far away, which are then pulled in little. `NPMLE` has components all over the range of the
categories' means, so that any distribution can be approached, such as several clusters. Their shares are the likeliest;
the mean of a scale mixture and the variance of a row are those of the fit by restricted maximum likelihood. Where that
finds no spread, or cannot tell it from noise, the prior is that fit.

References
----------
M. Stephens (2017), False discovery rates: a new deal, Biostatistics 18, 275-294.
J. Kiefer, J. Wolfowitz (1956), Consistency of the maximum likelihood estimator in the presence of infinitely many
incidental parameters, Annals of Mathematical Statistics 27, 887-906.
R. Koenker, I. Mizera (2014), Convex optimization, shape constraints, compound decisions, and empirical Bayes rules,
Journal of the American Statistical Association 109, 674-685.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.mixtures.condensed import EVEN, GROWING, Distances, condense
from catpool.priors.mixtures.mixture_shares import likeliest_shares
from catpool.priors.prior import NO_SPREAD, Prior
from catpool.priors.views import stack_views

SCALES = 24  # variances of a scale mixture, among them 0
NARROWEST = 1 / 16  # the least of the others, relative to the noise of a category of average size
WIDEST = 2.0  # the largest, relative to the largest squared distance of a category's mean
MOST = 0.9  # of the largest variance that values within bounds can have
SPACED, QUANTILES = 60, 40  # means of an NPMLE that lie evenly, and at quantiles of the categories' means
CLOSEST = 1e-3  # of these means to a bound, relative to the distance of the mean of all rows

Grid = tuple[np.ndarray, np.ndarray]  # the means and the variances of components, of shape (G,)


@frozen
class Robust:
    """A prior whose components are known and whose shares are estimated.

    Parameters
    ----------
    name : str
        Its name in `PRIORS`.
    grid : callable
        From moments of shape (K,) without empty categories, the prior by restricted maximum likelihood, and its family
        to the components.
    distances : Distances
        By which many categories are condensed if their rows have one variance.
    """

    name: str
    grid: Callable[[Moments, Prior, Family], Grid]
    distances: Distances

    def learn(self, moments: Sequence[Moments], family: Family) -> list[Prior]:
        """The prior of each class, of shape (...), from moments of shape (..., K)."""
        if len(moments) > 1 and not family.homoscedastic:
            raise ValueError(
                f"prior={self.name!r} is learned for each class by itself, and for each bin of a histogram, so the "
                f"encodings of {len(moments)} classes or bins would not add up to 1. Pass "
                'prior="reml", or for classes family="normal".'
            )
        fitted = family.likelihood_prior(moments, reml=True)
        return [self._fit_tables(*each, family) for each in zip(moments, fitted, strict=True)]

    def _fit_tables(self, moments: Moments, fitted: Prior, family: Family) -> Prior:
        flat = fitted.reshape((-1,))
        priors = [self._fit(own, flat.take(index), family) for index, own in enumerate(moments.flatten().views())]
        return stack_views(priors, moments.count.shape[:-1])

    def _fit(self, moments: Moments, fitted: Prior, family: Family) -> Prior:
        """The prior of one table, of shape ()."""
        if not 0 < fitted.strength < np.inf:
            return replace(fitted, log_likelihood=None)  # mixtures have none, and tables may be learned together
        seen = moments.subset(np.flatnonzero(moments.count))
        components = conjugate(*self.grid(seen, fitted, family), fitted, family)
        some, number = condense(seen, fitted, family, self.distances if family.homoscedastic else EVEN)
        shares = likeliest_shares(family.log_marginal(some, components).T, number)
        order = np.argsort(shares == 0, kind="stable")  # tables with few shares are soon averaged over
        return mixture_of_own(shares[order], components.take(order))


def conjugate(mean: np.ndarray, variance: np.ndarray, fitted: Prior, family: Family) -> Prior:
    """The conjugate priors of these means and variances, of shape (G,)."""
    row = _row_variance(mean, fitted, family)
    spread = variance > 0
    strength = np.where(spread, row / np.where(spread, variance, 1.0) + family.curvature, np.inf)
    return Prior(mean, strength, variance, row + family.curvature * variance)


def _row_variance(mean: np.ndarray, fitted: Prior, family: Family) -> np.ndarray:
    """The variance of a row in categories of these means."""
    assert fitted.within is not None
    weight = np.full_like(mean, 1 + max(family.curvature, 0.0))  # any with which a posterior has a variance
    return family.spread(mean, weight, fitted.within) * (weight - family.curvature)


def _largest_variance(mean: np.ndarray, fitted: Prior, family: Family) -> np.ndarray:
    """The largest variance between categories that components of these means have."""
    row = _row_variance(mean, fitted, family)
    return MOST * row / -family.curvature if family.curvature < 0 else np.full_like(row, np.inf)


def mixture_of_own(shares: np.ndarray, components: Prior) -> Prior:
    """The prior of shape () of which each category has one of the components, of shape (G,)."""
    assert components.between is not None
    assert components.within is not None
    mean, within = shares @ components.mean, shares @ components.within
    between = shares @ (components.between + (components.mean - mean) ** 2)
    spread = shares @ (components.between > 0) + np.ptp(components.mean[shares > 0]) > 0
    return Prior(
        mean=np.array(mean),
        strength=np.array(within / between if spread else np.inf),
        between=np.array(between if spread else 0.0),
        within=np.array(within),
        note=np.array("" if spread else NO_SPREAD),
        components=components,
        shares=shares,
    )


def _growing_variances(moments: Moments, fitted: Prior, family: Family) -> Grid:
    assert fitted.between is not None
    means = np.full(SCALES, fitted.mean)
    noise = _row_variance(means, fitted, family)[0] * len(moments.count) / moments.size
    farthest = np.square(moments.category_means - fitted.mean).max()
    high = min(WIDEST * max(farthest, fitted.between), _largest_variance(means, fitted, family)[0])
    low = NARROWEST * min(noise, fitted.between, high)
    return means, np.append(0.0, np.geomspace(low, high, SCALES - 1))


def _means_of_all_sizes(moments: Moments, fitted: Prior, family: Family) -> Grid:
    """Means over the whole range, each with a standard deviation of half its distance from its neighbours.

    Points would draw categories of many rows to the nearest of them.
    """
    own = moments.category_means
    even = np.linspace(own.min(), own.max(), SPACED)
    means = np.sort(np.append(even, np.quantile(own, (np.arange(QUANTILES) + 0.5) / QUANTILES)))
    low, high = (bound + CLOSEST * (moments.mean - bound) if np.isfinite(bound) else bound for bound in family.bounds)
    means = np.clip(means, low, high)
    return means, np.minimum((np.gradient(means) / 2) ** 2, _largest_variance(means, fitted, family))


SCALE_MIXTURE = Robust("scale_mixture", _growing_variances, GROWING)
NPMLE = Robust("npmle", _means_of_all_sizes, EVEN)
