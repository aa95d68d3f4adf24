"""The negative binomial family of one factor: counts that vary more than Poisson counts, with a beta prime prior.

With the dispersion d, a row of mean m has the variance m + d m^2. If d is known, this is a family with a conjugate
prior: d m is the odds of a beta variable, and the posterior mean is the average of the category's mean and the prior's.
A prior of mean m and strength s, in rows, has the variance (m + d m^2) / (s - d), so the strength is larger than d.

`Overdispersed` is the family of posteriors, which know the dispersion from their prior; `OfDispersion` is that of the
rules which learn a prior once `dispersion` has estimated d.

References
----------
C. N. Morris (1983), Natural exponential families with quadratic variance functions: statistical theory,
Annals of Statistics 11, 515-529.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import betaincinv, xlogy

from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.families.poisson import POISSON
from catpool.priors.likelihoods.beta_negative_binomial import beta_negative_binomial
from catpool.priors.likelihoods.marginal import negative_binomial_marginal, units_of_counts
from catpool.priors.likelihoods.newton import FAR, Likelihood, search_inside, starting_strength
from catpool.priors.prior import NO_SPREAD, ONE_CATEGORY, ONE_ROW_EACH, Prior
from catpool.priors.uncertainty import is_averaged

WIDEST = 1e3  # the largest squared coefficient of variation of a fitted prior
LEAST = 1e-9  # of the rows that a posterior is worth: the least part of them that is beyond the dispersion


class Overdispersed(Family):
    """Counts whose dispersion is in the prior of their category."""

    name = "negative_binomial"
    assumed = "count"
    kinds = ("count",)
    bounds = (0.0, np.inf)
    takes_exposure = False
    dispersed = True

    def knowing(self, prior: Prior) -> OfDispersion:
        assert prior.dispersion is not None
        return OfDispersion(prior.dispersion)

    def variance(self, moments: Moments) -> np.ndarray:
        raise ValueError(
            f'family="{self.name}" goes with EmpiricalBayesEncoder, which estimates the dispersion of rows, and with '
            'MixedModelEncoder. Pass family="poisson".'
        )

    def log_marginal(self, moments: Moments, prior: Prior) -> np.ndarray:
        return negative_binomial_marginal(moments, prior)

    def draw(
        self, classes: Sequence[Moments], priors: Sequence[Prior], means: Sequence[np.ndarray], rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Draw from a beta prime distribution, as a ratio of gamma variables."""
        drawn = POISSON.draw(classes, priors, means, rng)
        (moments,), (prior,) = classes, priors
        assert prior.dispersion is not None
        if np.isinf(prior.strength) or prior.dispersion == 0:
            return drawn
        weight = (moments.count + prior.strength) / prior.dispersion
        return [drawn[0] * weight / rng.gamma(weight + 1)]


class OfDispersion(Overdispersed):
    """Counts of a known dispersion.

    Parameters
    ----------
    dispersion : ndarray of shape (...)
        Of each table. Where priors are learned, of shape () and positive.
    """

    def __init__(self, dispersion: np.ndarray) -> None:
        self.dispersion = dispersion

    @property
    def curvature(self) -> float:  # type: ignore[override]
        return float(self.dispersion)

    def variance(self, moments: Moments) -> np.ndarray:
        return self.variance_at(moments.mean)

    def variance_at(self, mean: np.ndarray) -> np.ndarray:
        """The variance of a row of this mean."""
        return mean + self.dispersion * mean**2

    def spread(self, mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """The variance of a beta prime distribution."""
        dispersion = self.dispersion[..., None]
        return (mean + dispersion * mean**2) / np.maximum(weight - dispersion, LEAST * weight)

    def interval(self, mean: np.ndarray, sd: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends of an interval of the beta prime distribution with this mean and sd, of shape (K,)."""
        if self.dispersion == 0:
            return POISSON.interval(mean, sd, level)
        certain = (sd == 0) | (mean <= 0)
        center, width = np.where(certain, 1.0, mean), np.where(certain, 1.0, sd)
        weight = self.variance_at(center) / width**2 + self.dispersion
        a, b = weight * center, weight / self.dispersion + 1
        tails = (1 - level) / 2, (1 + level) / 2
        # the odds of a share, whose complement by itself is never rounded to nothing
        odds = [betaincinv(a, b, tail) / betaincinv(b, a, 1 - tail) for tail in tails]
        lower, upper = (np.where(certain, mean, each / self.dispersion) for each in odds)
        return lower, upper

    def log_marginal(self, moments: Moments, prior: Prior) -> np.ndarray:
        return negative_binomial_marginal(moments, replace(prior, dispersion=self.dispersion))

    def stabilized(self, mean: np.ndarray, within: np.ndarray) -> np.ndarray:
        root = np.sqrt(self.dispersion)
        return 2 / root * np.arcsinh(root * np.sqrt(mean))

    def from_stabilized(self, value: np.ndarray, within: np.ndarray) -> np.ndarray:
        root = np.sqrt(self.dispersion)
        return (np.sinh(root * np.maximum(value, 0.0) / 2) / root) ** 2

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> list[Prior]:
        (moments,) = classes
        none = np.zeros(())
        note = NO_SPREAD if moments.some_repeat else ONE_ROW_EACH
        note = ONE_CATEGORY if moments.categories == 1 else note
        pooled = Prior(moments.mean, none + np.inf, none, self.variance(moments), none, np.array(note))
        return [pooled if note != NO_SPREAD else self._fit(moments, pooled)]

    def _fit(self, moments: Moments, pooled: Prior) -> Prior:
        """The likeliest prior of a table of shape (K,), if it is likelier than complete pooling."""
        unit = units_of_counts(moments.mean, self.dispersion)
        table = moments.flatten().divide(unit[None])
        start = starting_strength([table], self, np.ones(1))
        first = np.column_stack([start * table.mean, np.maximum(start - self.dispersion, LEAST * start)])
        far = FAR * table.count.max(axis=1) * np.maximum(table.mean, 1.0)

        def likelihood(tables: np.ndarray) -> Likelihood:
            return beta_negative_binomial(table.total[tables], table.count[tables], self.curvature)

        inside, found, _ = search_inside(np.ones(1, dtype=bool), first, far, self._pooled(table), likelihood)
        a, beyond = (float(each) for each in found[0])
        if not inside[0] or beyond > far[0]:
            return pooled
        mean = np.asarray(unit * a / (beyond + self.curvature))
        beyond = max(beyond, float(self.variance_at(mean) / mean**2) / WIDEST)
        strength, between = np.array(beyond + self.curvature), self.variance_at(mean) / beyond
        return Prior(mean, strength, between, strength * between, np.zeros(()), np.array(""))

    def _pooled(self, table: Moments) -> np.ndarray:
        """The log-likelihood of complete pooling, of shape (1,), with the constant of `beta_negative_binomial`."""
        mean, size = table.mean, table.size / self.dispersion
        total = table.total_of_all
        return xlogy(total, mean) - (total + size) * np.log1p(self.dispersion * mean)

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float, if_uncertain: bool = False) -> list[Prior]:
        from catpool.priors.likelihoods.overdispersed_bayes import integrate_overdispersed  # here, as few need it

        (moments,) = classes
        (fitted,) = self.likelihood_prior(classes, reml=True)
        table, likeliest = moments.flatten(), fitted.reshape((1,))
        if not is_averaged(likeliest, table, if_uncertain=if_uncertain).all():
            return [fitted]
        return [integrate_overdispersed(table, likeliest, float(self.dispersion), scale)]


OVERDISPERSED = Overdispersed()
