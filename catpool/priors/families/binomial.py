"""The binomial family: shares of classes, with a beta prior, or for several classes a Dirichlet prior.

All classes of a target share one strength, so the encodings of a row add up to one. A binary target has one class: its
complement is added where the likelihood needs all classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, expit, xlogy

from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.likelihoods.dirichlet_multinomial import SharesAboutMeans, dirichlet_multinomial, tarone_score
from catpool.priors.likelihoods.marginal import binomial_marginal, dirichlet_marginal
from catpool.priors.likelihoods.newton import FAR, Likelihood, search_inside, starting_strength
from catpool.priors.likelihoods.strength_search import EDGE, average_over_strength, maximize_over_strength
from catpool.priors.numerics.link import Link
from catpool.priors.prior import (
    NO_NOISE,
    NO_SPREAD,
    ONE_CATEGORY,
    ONE_ROW_EACH,
    Prior,
    choose_priors,
    mean_of_categories,
)
from catpool.priors.uncertainty import is_averaged

LOGISTIC = np.pi**2 / 3  # variance of the standard logistic distribution


class LogitLink(Link):
    """The linear predictor is the logarithm of the odds."""

    most = 1 - 1e-9
    onnx_operator = "Sigmoid"

    def mean(self, eta: np.ndarray) -> np.ndarray:
        return np.asarray(expit(eta))

    def variance(self, eta: np.ndarray) -> np.ndarray:
        return np.asarray(expit(eta) * expit(-eta))

    def skew(self, eta: np.ndarray) -> np.ndarray:
        return np.asarray(self.variance(eta) * (1 - 2 * expit(eta)))

    def log_likelihood(self, total: np.ndarray, count: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return total * eta - count * np.logaddexp(0.0, eta)

    def eta(self, mean: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(mean / (1 - mean)))


class Binomial(Family):
    """Rows that are 1 with the probability of their category, else 0; one such column for each class."""

    name = "binomial"
    assumed = "classes"
    kinds = ("binary", "multiclass")
    bounds = (0.0, 1.0)
    curvature = -1.0
    link = LogitLink()

    def variance(self, moments: Moments) -> np.ndarray:
        return _bernoulli(moments.mean)

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> list[Prior]:
        shape = classes[0].count.shape[:-1]
        return [prior.reshape(shape) for prior in self._fit([each.flatten() for each in classes])]

    def _fit(self, classes: Sequence[Moments]) -> list[Prior]:
        """The priors of the classes, of shape (T,), from moments of shape (T, K)."""
        tables = ShareTables.of(classes)
        start = starting_strength(classes, self, tarone_score(tables.rows, tables.sizes))
        far, pooled = FAR * tables.sizes.max(axis=1), tables.pooled()
        strength, note = tables.boundary()
        wanted = (note == "") & ~np.isnan(start)
        first = np.where(tables.shares > 0, start[:, None] * tables.shares, 1.0)
        inside, a, value = search_inside(wanted, first, far, pooled, tables.likelihood)
        a = np.where(tables.shares > 0, a, 0.0)
        inside &= a.sum(axis=1) < far
        fitted = _fitted_priors(a, value)
        note = np.where(note == "", NO_SPREAD, note)
        edges = _boundary_priors(classes, tables.shares, strength, note, pooled)
        return [choose_priors(inside, *pair) for pair in zip(fitted, edges, strict=False)]

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float, if_uncertain: bool = False) -> list[Prior]:
        from catpool.priors.likelihoods.full_bayes import integrate_strength  # here, as few need it

        shape, flat = classes[0].mean.shape, [each.flatten() for each in classes]
        fitted = self.likelihood_prior(flat, reml=True)
        some = (np.count_nonzero(ShareTables.of(flat).shares, axis=1) > 1) & is_averaged(
            fitted[0], flat[0], if_uncertain=if_uncertain
        )
        if not some.any():
            return [each.reshape(shape) for each in fitted]

        def log_likelihood(means: Sequence[np.ndarray], strength: np.ndarray) -> np.ndarray:
            return dirichlet_marginal(flat, means, strength).sum(axis=-1)

        scales = np.full(len(some), scale)
        priors = integrate_strength(flat, fitted, some, scales, log_likelihood, _bernoulli, self.curvature)
        return [each.reshape(shape) for each in priors]

    def log_marginal(self, moments: Moments, prior: Prior) -> np.ndarray:
        return binomial_marginal(moments, prior)

    def stabilized(self, mean: np.ndarray, within: np.ndarray) -> np.ndarray:
        return 2 * np.arcsin(np.sqrt(np.clip(mean, 0.0, 1.0)))

    def from_stabilized(self, value: np.ndarray, within: np.ndarray) -> np.ndarray:
        return np.sin(np.clip(value, 0.0, np.pi) / 2) ** 2

    def strength_given_means(
        self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray, *, pooled: bool = False, many: bool = False
    ) -> tuple[float, float]:
        model, largest = _about_means(totals, counts, means, many), float(counts.max())
        if pooled or largest <= 1:
            return np.inf, model.pooled()
        return maximize_over_strength(model, largest)

    def strengths_given_means(
        self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray, scale: float
    ) -> tuple[np.ndarray, np.ndarray]:
        if counts.max() <= 1:  # categories of one row each say nothing of the strength
            return np.array([np.inf]), np.ones(1)
        return average_over_strength(_about_means(totals, counts, means), scale)

    def spread(self, mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """The variance of a beta distribution."""
        return np.maximum(_bernoulli(mean), 0.0) / (weight + 1)

    def capped(self, variance: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Variances of shares, which are at most those of zeros and ones."""
        return np.minimum(variance, np.maximum(_bernoulli(mean), 0.0))

    def interval(self, mean: np.ndarray, sd: np.ndarray, interval: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends of an interval of the beta distribution with this mean and sd."""
        certain = (sd == 0) | (mean <= 0) | (mean >= 1)
        weight = np.where(certain, 1.0, _bernoulli(mean) / np.where(certain, 1.0, sd) ** 2 - 1)
        weight = np.maximum(weight, 1e-6)  # no distribution on the unit interval is wider
        a, b = np.where(certain, 1.0, mean * weight), np.where(certain, 1.0, (1 - mean) * weight)
        ends = betaincinv(a, b, (1 - interval) / 2), betaincinv(a, b, (1 + interval) / 2)
        return np.where(certain, mean, ends[0]), np.where(certain, mean, ends[1])

    def draw(
        self, classes: Sequence[Moments], priors: Sequence[Prior], means: Sequence[np.ndarray], rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Draw from a Dirichlet distribution, whose strength all classes share."""
        strength = float(priors[0].strength)
        if np.isinf(strength):
            return self.draw_pooled(classes, means)
        return _draw_dirichlet(classes, strength, np.clip(means, 1e-12, 1 - 1e-12), rng)

    def latent_noise(self, scale: float) -> float:
        return LOGISTIC


def _bernoulli(mean: np.ndarray) -> np.ndarray:
    return mean * (1 - mean)


def _with_complement(classes: Sequence[Moments]) -> list[np.ndarray]:
    """The rows of each class in each category, and for one class those of its complement too."""
    rows = [each.total for each in classes]
    return [*rows, classes[0].count - rows[0]] if len(rows) == 1 else rows


class ShareTables(NamedTuple):
    """The rows of each class in each category of T tables, with the complement of a class that is the only one.

    Parameters
    ----------
    rows : ndarray of shape (T, C, K)
    sizes : ndarray of shape (T, K)
        The rows of each category.
    shares : ndarray of shape (T, C)
        Of each class in all rows.
    """

    rows: np.ndarray
    sizes: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, classes: Sequence[Moments]) -> ShareTables:
        """The tables of moments of shape (T, K), one for each class."""
        rows, sizes = np.stack(_with_complement(classes), axis=1), classes[0].count
        return cls(rows, sizes, rows.sum(axis=2) / sizes.sum(axis=1, keepdims=True))

    def likelihood(self, tables: np.ndarray) -> Likelihood:
        return dirichlet_multinomial(self.rows[tables], self.sizes[tables])

    def pooled(self) -> np.ndarray:
        """The log-likelihood of complete pooling, of shape (T,)."""
        return xlogy(self.rows.sum(axis=2), self.shares).sum(axis=1)

    def boundary(self) -> tuple[np.ndarray, np.ndarray]:
        """The strength where the likelihood has no maximum inside, and a note that says why, else empty."""
        alike = ((self.rows == 0) | (self.rows == self.sizes[:, None])).all(axis=(1, 2))
        reasons = {
            NO_SPREAD: np.count_nonzero(self.shares, axis=1) == 1,
            ONE_CATEGORY: np.count_nonzero(self.sizes, axis=1) == 1,
            ONE_ROW_EACH: (self.sizes <= 1).all(axis=1),
            NO_NOISE: alike,
        }
        note = np.select(list(reasons.values()), list(reasons), "")
        return np.where(note == NO_NOISE, 0.0, np.inf), note


def _boundary_priors(
    classes: Sequence[Moments], shares: np.ndarray, strength: np.ndarray, note: np.ndarray, pooled: np.ndarray
) -> list[Prior]:
    """The priors of the classes at strengths of 0 or infinity, of shape (T,)."""
    likelihood = np.where((note == ONE_CATEGORY) | (note == ONE_ROW_EACH), np.nan, pooled)
    priors = []
    for each, variance in zip(classes, _bernoulli(shares).T, strict=False):
        between = np.where(strength > 0, 0.0, variance)
        mean = mean_of_categories(each, strength)
        priors.append(Prior(mean, strength, between, variance - between, likelihood, note))
    return priors


def _fitted_priors(a: np.ndarray, likelihood: np.ndarray) -> list[Prior]:
    """The priors of all classes from their parameters, of shape (T, C), which are 0 for classes that do not occur."""
    strength = a.sum(axis=1)
    means = a.T / strength
    between, note = _bernoulli(means) / (strength + 1), np.zeros(len(a), dtype="U1")
    return [
        Prior(mean, strength, apart, strength * apart, likelihood, note)
        for mean, apart in zip(means, between, strict=True)
    ]


def _draw_dirichlet(
    classes: Sequence[Moments], strength: float, means: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw the shares as gamma variables over their sum."""
    means = means / means.sum(axis=0) if len(classes) > 1 else np.concatenate([means, 1 - means])
    totals = _with_complement(classes)
    a = np.array([each + strength * mean for each, mean in zip(totals, means, strict=True)])
    a = np.maximum(a, 1e-9 * means.reshape(len(means), -1))
    # on the log scale, as a gamma variable of a small shape would underflow
    draws = np.log(rng.gamma(a + 1)) + np.log(1 - rng.random(a.shape)) / a
    draws = np.exp(draws - draws.max(axis=0))
    return list((draws / draws.sum(axis=0))[: len(classes)])


def _about_means(totals: np.ndarray, counts: np.ndarray, means: np.ndarray, many: bool = False) -> SharesAboutMeans:
    """The likelihood of the strength; the one class of a binary target stands for both."""
    seen = counts > 0
    totals, counts, means = totals[:, seen], counts[seen], np.maximum(means[:, seen], EDGE)
    if len(totals) == 1:
        totals, means = np.vstack([totals, counts - totals]), np.vstack([means, 1 - means])
    return SharesAboutMeans(totals, np.clip(means, EDGE, 1 - EDGE), counts, many)


BINOMIAL = Binomial()
