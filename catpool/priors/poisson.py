"""The Poisson family: counts, per exposure if there is one, with a gamma prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import gammaincinv, gammaln

from catpool.moments.moments import Moments
from catpool.moments.unit import unit_of
from catpool.priors.family import Family
from catpool.priors.gamma_poisson import CountsAboutMeans, gamma_poisson
from catpool.priors.link import Link
from catpool.priors.newton import FAR, ROUNDING, maximize, starting_strength
from catpool.priors.prior import NO_SPREAD, ONE_CATEGORY, Prior, boundary_prior, fitted_prior
from catpool.priors.strength_search import EDGE, maximize_over_strength
from catpool.priors.views import fit_views

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

    def start(self, mean: float) -> float:
        return float(np.log(mean))


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
        return [fit_views([each], self._fit)[0] for each in classes]

    def _fit(self, tables: Sequence[Sequence[Moments]]) -> list[list[Prior]]:
        """The prior of each of some tables of one class."""
        units = [unit_of(moments.count, EXPOSURES) for (moments,) in tables]
        scaled = [
            moments if unit == 1 else replace(moments, count=moments.count / unit)
            for (moments,), unit in zip(tables, units, strict=True)
        ]
        found = self._fit_in_units(scaled)
        return [[_times_unit(*each)] for each in zip(found, scaled, units, strict=True)]

    def _fit_in_units(self, tables: Sequence[Moments]) -> list[Prior]:
        """The prior of each table, with exposures in their unit."""
        starts = {position: start for position, table in enumerate(tables) if (start := self._start(table))}
        answers = dict(zip(starts, _search([tables[each] for each in starts], list(starts.values())), strict=True))
        return [_prior(table, *answers.get(position, (None, -np.inf))) for position, table in enumerate(tables)]

    def _start(self, moments: Moments) -> float | None:
        """The strength that a search starts from, or None if the likelihood has no maximum inside."""
        mean, seen = float(moments.mean), moments.count > 0
        if mean == 0 or moments.categories == 1:
            return None
        events, exposure = moments.total[seen], moments.count[seen]
        return starting_strength([moments], self, float(((events - mean * exposure) ** 2 - events).sum()))

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float) -> list[Prior]:
        return [self._integrate(moments, scale) for moments in classes]

    def _integrate(self, moments: Moments, scale: float) -> Prior:
        from catpool.priors.full_bayes import integrate_strength  # here, as few need it

        ((fitted,),) = self._fit([[moments]])
        if moments.total.sum() == 0:
            return fitted
        likelihood = gamma_poisson([(moments.total, moments.count)])

        def log_likelihood(means: np.ndarray, strength: float) -> float:
            return float(likelihood(np.maximum(np.array([[strength * means[0], strength]]), 1e-300))[0][0])

        unit = float(np.sqrt(moments.mean))  # theta is the coefficient of variation, whatever the unit of exposure
        (prior,) = integrate_strength([moments], [fitted], scale * unit, log_likelihood, np.asarray, self.curvature)
        return prior

    def strength_given_means(self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray) -> tuple[float, float]:
        seen = counts > 0
        model = CountsAboutMeans(totals[0][seen], counts[seen], np.maximum(means[0][seen], EDGE))
        largest = float(counts[seen].max())
        return maximize_over_strength(model, largest)

    def spread(self, mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """The variance of a gamma distribution."""
        return mean / weight

    def interval(self, mean: np.ndarray, sd: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends of an interval of the gamma distribution with this mean and sd."""
        certain = (sd == 0) | (mean <= 0)
        shape = np.where(certain, 1.0, (mean / np.where(certain, 1.0, sd)) ** 2)
        lower, upper = (mean / shape * gammaincinv(shape, end) for end in ((1 - level) / 2, (1 + level) / 2))
        return np.where(certain, mean, lower), np.where(certain, mean, upper)

    def draw(
        self, classes: Sequence[Moments], priors: Sequence[Prior], means: Sequence[float], rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Draw from a gamma distribution."""
        strength = float(priors[0].strength)
        if np.isinf(strength):
            return self.draw_pooled(classes, means)
        return [
            rng.gamma(np.maximum(each.total + strength * mean, 1e-300)) / np.maximum(each.count + strength, 1e-300)
            for each, mean in zip(classes, means, strict=True)
        ]


def _search(tables: Sequence[Moments], starts: Sequence[float]) -> list[tuple[np.ndarray, float]]:
    """The shape and the rate of each table with the largest likelihood, and that likelihood."""
    if not tables:
        return []
    first = np.array([[start * float(table.mean), start] for table, start in zip(tables, starts, strict=True)])
    likelihood = gamma_poisson([(table.total, table.count) for table in tables])
    found, value = maximize(likelihood, first, np.array([_far(table) for table in tables]))
    return [(parameters, float(each)) for parameters, each in zip(found, value, strict=True)]


def _far(moments: Moments) -> float:
    """The rate beyond which a prior counts as infinitely strong."""
    return FAR * float(moments.count.max() * max(float(moments.mean), 1.0))


def _prior(moments: Moments, found: np.ndarray | None, likelihood: float) -> Prior:
    """The prior of a table, from the shape and the rate that its search found, if there was one."""
    mean, exposure = float(moments.mean), float(moments.count.sum())
    if mean == 0:
        return boundary_prior(moments, np.inf, 0.0, 0.0, 0.0, NO_SPREAD)
    if moments.categories == 1:
        return boundary_prior(moments, np.inf, 0.0, mean, np.nan, ONE_CATEGORY)
    pooled = float(moments.total.sum() * np.log(mean) - mean * exposure)
    if found is None or likelihood <= pooled + ROUNDING * abs(pooled) or found[1] > _far(moments):
        return boundary_prior(moments, np.inf, 0.0, mean, pooled, NO_SPREAD)
    shape, rate = (float(each) for each in found)
    return fitted_prior(shape / rate, rate, shape / rate**2, shape / rate, float(likelihood))


def _times_unit(prior: Prior, moments: Moments, unit: float) -> Prior:
    """The prior of a table in units of exposure, from that in another unit."""
    if unit == 1:
        return prior
    assert prior.between is not None
    assert prior.within is not None
    assert prior.log_likelihood is not None
    return replace(
        prior,
        mean=prior.mean / unit,
        strength=prior.strength * unit,
        between=prior.between / unit**2,
        within=prior.within / unit,
        log_likelihood=prior.log_likelihood - moments.total.sum() * np.log(unit),
    )


POISSON = Poisson()
