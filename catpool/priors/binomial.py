"""The binomial family: shares of classes, with a beta prior, or for several classes a Dirichlet prior.

All classes of a target share one strength, so the encodings of a row add up to one. A binary target has one class: its
complement is added where the likelihood needs all classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, expit

from catpool.moments.moments import Moments
from catpool.priors.dirichlet_multinomial import SharesAboutMeans, dirichlet_multinomial, tarone_score
from catpool.priors.family import Family
from catpool.priors.link import Link
from catpool.priors.newton import FAR, ROUNDING, maximize, starting_strength
from catpool.priors.prior import (
    NO_NOISE,
    NO_SPREAD,
    ONE_CATEGORY,
    ONE_ROW_EACH,
    Prior,
    boundary_prior,
    fitted_prior,
)
from catpool.priors.strength_search import EDGE, maximize_over_strength
from catpool.priors.views import fit_views

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

    def start(self, mean: float) -> float:
        return float(np.log(mean / (1 - mean)))


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
        return fit_views(classes, self._fit)

    def _fit(self, tables: Sequence[Sequence[Moments]]) -> list[list[Prior]]:
        """The priors of the classes of each of some tables."""
        searched = {position: start for position, table in enumerate(tables) if (start := self._start(table))}
        found = _search(list(searched.values()))
        answers = dict(zip(searched, found, strict=True))
        return [_priors(table, *answers.get(position, (None, -np.inf))) for position, table in enumerate(tables)]

    def _start(self, classes: Sequence[Moments]) -> Search | None:
        """The search of a table's strength, or None if the likelihood has no maximum inside."""
        shares, rows, sizes = _shares_of(classes)
        if _boundary(rows, sizes) is not None:
            return None
        start = starting_strength(classes, self, tarone_score(rows, sizes))
        if start is None:
            return None
        every = _with_complement(classes)
        return Search((every, sizes), np.where(shares > 0, start * shares, 1.0), FAR * float(sizes.max()))

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float) -> list[Prior]:
        from catpool.priors.full_bayes import integrate_strength  # here, as few need it

        (fitted,) = self._fit([classes])
        if len(_shares_of(classes)[1]) == 1:
            return fitted
        likelihood = dirichlet_multinomial([(_with_complement(classes), classes[0].count)])

        def log_likelihood(means: np.ndarray, strength: float) -> float:
            means = np.append(means, 1 - means) if len(means) == 1 else means
            return float(likelihood(np.maximum(strength * means, 1e-300)[None])[0][0])

        return integrate_strength(classes, fitted, scale, log_likelihood, _bernoulli, self.curvature)

    def strength_given_means(self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray) -> tuple[float, float]:
        seen = counts > 0
        totals, counts, means = totals[:, seen], counts[seen], np.maximum(means[:, seen], EDGE)
        if len(totals) == 1:
            totals, means = np.vstack([totals, counts - totals]), np.vstack([means, 1 - means])
        model = SharesAboutMeans(totals, np.clip(means, EDGE, 1 - EDGE), counts)
        largest = float(counts.max())
        if largest <= 1:
            return np.inf, model.pooled()
        return maximize_over_strength(model, largest)

    def spread(self, mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """The variance of a beta distribution."""
        return np.maximum(_bernoulli(mean), 0.0) / (weight + 1)

    def capped(self, variance: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Variances of shares, which are at most those of zeros and ones."""
        return np.minimum(variance, np.maximum(_bernoulli(mean), 0.0))

    def interval(self, mean: np.ndarray, sd: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends of an interval of the beta distribution with this mean and sd."""
        certain = (sd == 0) | (mean <= 0) | (mean >= 1)
        weight = np.where(certain, 1.0, _bernoulli(mean) / np.where(certain, 1.0, sd) ** 2 - 1)
        weight = np.maximum(weight, 1e-6)  # no distribution on the unit interval is wider
        a, b = np.where(certain, 1.0, mean * weight), np.where(certain, 1.0, (1 - mean) * weight)
        ends = betaincinv(a, b, (1 - level) / 2), betaincinv(a, b, (1 + level) / 2)
        return np.where(certain, mean, ends[0]), np.where(certain, mean, ends[1])

    def draw(
        self, classes: Sequence[Moments], priors: Sequence[Prior], means: Sequence[float], rng: np.random.Generator
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


def _shares_of(classes: Sequence[Moments]) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """The share of each class, the rows of the classes that occur, and the rows of each category."""
    sizes, rows = classes[0].count, _with_complement(classes)
    shares = np.array([float(each.sum() / sizes.sum()) for each in rows])
    return shares, [each for each, share in zip(rows, shares, strict=True) if share > 0], sizes


class Search(NamedTuple):
    """The search of the strength of a table: the rows of its classes and categories, the start, and the largest a."""

    table: tuple[list[np.ndarray], np.ndarray]
    start: np.ndarray
    far: float


def _search(searches: Sequence[Search]) -> list[tuple[np.ndarray | None, float]]:
    """The a of each table, and the log-likelihood; None where it is largest for an infinite strength."""
    if not searches:
        return []
    start, far = np.array([each.start for each in searches]), np.array([each.far for each in searches])
    found, value = maximize(dirichlet_multinomial([each.table for each in searches]), start, far)
    present = np.array([[rows.any() for rows in each.table[0]] for each in searches])
    found = np.where(present, found, 0.0)
    inside = found.sum(axis=1) < far
    return [(a if near else None, float(each)) for a, near, each in zip(found, inside, value, strict=True)]


def _priors(classes: Sequence[Moments], a: np.ndarray | None, likelihood: float) -> list[Prior]:
    """The priors of the classes of a table, from the answer of its search."""
    shares, rows, sizes = _shares_of(classes)
    pooled = float(sum(each.sum() * np.log(each.sum() / sizes.sum()) for each in rows))
    odd = _boundary(rows, sizes)
    if odd is None and a is not None and likelihood > pooled + ROUNDING * abs(pooled):
        return _fitted_priors(a, likelihood)[: len(classes)]
    return _boundary_priors(classes, shares, *(odd or (np.inf, NO_SPREAD)), pooled)


def _boundary(rows: list[np.ndarray], sizes: np.ndarray) -> tuple[float, str] | None:
    """The strength and a note where the likelihood has no maximum inside, else None."""
    if len(rows) == 1:
        return np.inf, NO_SPREAD
    if np.count_nonzero(sizes) == 1:
        return np.inf, ONE_CATEGORY
    if (sizes <= 1).all():
        return np.inf, ONE_ROW_EACH
    if all(((each == 0) | (each == sizes)).all() for each in rows):
        return 0.0, NO_NOISE
    return None


def _boundary_priors(
    classes: Sequence[Moments], shares: np.ndarray, strength: float, note: str, pooled: float
) -> list[Prior]:
    variance = _bernoulli(shares)
    between = np.zeros_like(variance) if strength > 0 else variance
    likelihood = np.nan if note in (ONE_CATEGORY, ONE_ROW_EACH) else pooled
    return [
        boundary_prior(each, strength, apart, own - apart, likelihood, note)
        for each, own, apart in zip(classes, variance, between, strict=False)
    ]


def _fitted_priors(a: np.ndarray, likelihood: float) -> list[Prior]:
    """The priors of all classes from their parameters, which are 0 for classes that do not occur."""
    strength = float(a.sum())
    means = a / strength
    between = _bernoulli(means) / (strength + 1)
    return [
        fitted_prior(mean, strength, apart, strength * apart, likelihood)
        for mean, apart in zip(means, between, strict=True)
    ]


def _draw_dirichlet(
    classes: Sequence[Moments], strength: float, means: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw the shares as gamma variables over their sum."""
    means = means / means.sum() if len(classes) > 1 else np.append(means, 1 - means)
    totals = _with_complement(classes)
    a = np.array([each + strength * mean for each, mean in zip(totals, means, strict=True)])
    a = np.maximum(a, 1e-9 * means[:, None])
    # on the log scale, as a gamma variable of a small shape would underflow
    draws = np.log(rng.gamma(a + 1)) + np.log(1 - rng.random(a.shape)) / a
    draws = np.exp(draws - draws.max(axis=0))
    return list((draws / draws.sum(axis=0))[: len(classes)])


BINOMIAL = Binomial()
