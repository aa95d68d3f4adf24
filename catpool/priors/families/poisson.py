"""The Poisson family: counts, per exposure if there is one, with a gamma prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import gammaincinv, gammaln, xlogy

from catpool.moments.moments import Moments
from catpool.moments.unit import units_of
from catpool.priors.families.family import Family
from catpool.priors.likelihoods.gamma_poisson import CountsAboutMeans, gamma_poisson
from catpool.priors.likelihoods.marginal import poisson_marginal
from catpool.priors.likelihoods.newton import FAR, Likelihood, search_inside, starting_strength
from catpool.priors.likelihoods.strength_search import EDGE, average_over_strength, maximize_over_strength
from catpool.priors.numerics.link import Link
from catpool.priors.prior import NO_SPREAD, ONE_CATEGORY, Prior, choose_priors
from catpool.priors.uncertainty import is_averaged

EXPOSURES = 20  # binary digits of the largest exposure of a category, up to which it is its own unit


class LogLink(Link):
    """The linear predictor is the logarithm of the rate."""

    onnx_operator = "Exp"

    def mean(self, eta: np.ndarray) -> np.ndarray:
        return np.exp(eta)

    def variance(self, eta: np.ndarray) -> np.ndarray:
        return np.exp(eta)

    def skew(self, eta: np.ndarray) -> np.ndarray:
        return np.exp(eta)

    def log_likelihood(self, total: np.ndarray, count: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return total * eta - count * np.exp(eta)

    def constant(self, total: np.ndarray, count: np.ndarray) -> np.ndarray:
        return np.asarray(total * np.log(count) - gammaln(total + 1))

    def eta(self, mean: np.ndarray) -> np.ndarray:
        return np.log(mean)


class Poisson(Family):
    """Counts of events, at the rate of their category times the exposure."""

    name = "poisson"
    assumed = "count"
    kinds = ("count",)
    bounds = (0.0, np.inf)
    link = LogLink()

    def variance(self, moments: Moments) -> np.ndarray:
        return moments.mean

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> list[Prior]:
        return [self._fit(each.flatten()).reshape(each.count.shape[:-1]) for each in classes]

    def _fit(self, moments: Moments) -> Prior:
        """The prior of each table, of shape (T,), from moments of shape (T, K)."""
        unit = units_of(moments.count.max(axis=1), EXPOSURES)
        scaled = replace(moments, count=moments.count / unit[:, None])
        return _times_unit(self._fit_in_units(scaled.cache(mean=moments.mean * unit)), moments, unit)

    def _fit_in_units(self, moments: Moments) -> Prior:
        """The prior of each table, with exposures in their unit."""
        mean, events = moments.mean, moments.total
        score = ((events - mean[:, None] * moments.count) ** 2 - events).sum(axis=1)
        start = starting_strength([moments], self, score)
        far = FAR * moments.count.max(axis=1) * np.maximum(mean, 1.0)  # a rate beyond is an infinite strength
        pooled = xlogy(events.sum(axis=1), mean) - mean * moments.size
        single = (mean > 0) & (moments.categories == 1)

        def likelihood(tables: np.ndarray) -> Likelihood:
            return gamma_poisson(events[tables], moments.count[tables])

        wanted = (mean > 0) & ~single & ~np.isnan(start)
        first = np.column_stack([start * mean, start])
        inside, found, value = search_inside(wanted, first, far, pooled, likelihood)
        shape, rate = found.T
        inside &= rate <= far
        note = np.where(single, ONE_CATEGORY, NO_SPREAD)
        none = np.zeros_like(mean)
        edge = Prior(mean, none + np.inf, none, mean, np.where(single, np.nan, pooled), note)
        fitted = Prior(shape / rate, rate, shape / rate**2, shape / rate, value, np.zeros(len(mean), dtype="U1"))
        return choose_priors(inside, fitted, edge)

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float, if_uncertain: bool = False) -> list[Prior]:
        from catpool.priors.likelihoods.full_bayes import integrate_strength  # here, as few need it

        shape, flat = classes[0].mean.shape, [each.flatten() for each in classes]
        fitted = self.likelihood_prior(flat, reml=True)
        some = (flat[0].mean > 0) & is_averaged(fitted[0], flat[0], if_uncertain=if_uncertain)
        if not some.any():
            return [each.reshape(shape) for each in fitted]

        def log_likelihood(means: Sequence[np.ndarray], strength: np.ndarray) -> np.ndarray:
            return poisson_marginal(flat[0], Prior(means[0], strength)).sum(axis=-1)

        # theta is the coefficient of variation, whatever the unit of exposure
        scales = scale * np.sqrt(np.where(some, flat[0].mean, 1.0))
        priors = integrate_strength(flat, fitted, some, scales, log_likelihood, np.asarray, self.curvature)
        return [each.reshape(shape) for each in priors]

    def log_marginal(self, moments: Moments, prior: Prior) -> np.ndarray:
        return poisson_marginal(moments, prior)

    def stabilized(self, mean: np.ndarray, within: np.ndarray) -> np.ndarray:
        return 2 * np.sqrt(mean)

    def from_stabilized(self, value: np.ndarray, within: np.ndarray) -> np.ndarray:
        return (np.maximum(value, 0.0) / 2) ** 2

    def strength_given_means(
        self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray, *, pooled: bool = False, many: bool = False
    ) -> tuple[float, float]:
        model = _about_means(totals, counts, means, many)
        return (np.inf, model.pooled()) if pooled else maximize_over_strength(model, float(counts.max()))

    def strengths_given_means(
        self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray, scale: float
    ) -> tuple[np.ndarray, np.ndarray]:
        mean = float(totals.sum() / counts.sum())
        # as in `full_bayes_prior`, the coefficient of variation has the prior
        return average_over_strength(_about_means(totals, counts, means), scale * np.sqrt(mean or 1.0))

    def spread(self, mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """The variance of a gamma distribution."""
        return mean / weight

    def interval(self, mean: np.ndarray, sd: np.ndarray, interval: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends of an interval of the gamma distribution with this mean and sd."""
        certain = (sd == 0) | (mean <= 0)
        shape = np.where(certain, 1.0, (mean / np.where(certain, 1.0, sd)) ** 2)
        lower, upper = (mean / shape * gammaincinv(shape, end) for end in ((1 - interval) / 2, (1 + interval) / 2))
        return np.where(certain, mean, lower), np.where(certain, mean, upper)

    def draw(
        self, classes: Sequence[Moments], priors: Sequence[Prior], means: Sequence[np.ndarray], rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Draw from a gamma distribution."""
        strength = float(priors[0].strength)
        if np.isinf(strength):
            return self.draw_pooled(classes, means)
        return [
            rng.gamma(np.maximum(each.total + strength * mean, 1e-300)) / np.maximum(each.count + strength, 1e-300)
            for each, mean in zip(classes, means, strict=True)
        ]


def _times_unit(prior: Prior, moments: Moments, unit: np.ndarray) -> Prior:
    """The prior of each table in units of exposure, from that in another unit."""
    assert prior.between is not None
    assert prior.within is not None
    assert prior.log_likelihood is not None
    return replace(
        prior,
        mean=prior.mean / unit,
        strength=prior.strength * unit,
        between=prior.between / unit**2,
        within=prior.within / unit,
        log_likelihood=prior.log_likelihood - moments.total.sum(axis=1) * np.log(unit),
    )


def _about_means(totals: np.ndarray, counts: np.ndarray, means: np.ndarray, many: bool = False) -> CountsAboutMeans:
    seen = counts > 0
    return CountsAboutMeans(totals[0][seen], counts[seen], np.maximum(means[0][seen], EDGE), many)


POISSON = Poisson()
