"""`DriftingRows`: rows whose categories have effects that drift, each encoded from its category's past.

The variances are learned by `fit_drift` from the rows that the prior is learned from, and the Kalman filter with these
runs over all of the past. A category's effect starts at its first row. So what is known of a category is that of its
last row, and its variance grows with the time since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.past.past_rows import PastRows
from catpool.crossfit.past.visits import make_visits
from catpool.crossfit.spans import before, since
from catpool.crossfit.times import AUTO
from catpool.data.frozen import frozen
from catpool.moments.moments import Moments
from catpool.priors.drifting.drift import LocalLevel, fit_drift
from catpool.priors.drifting.local_level import Visits, filter_levels, steady_half_life
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.priors.posterior import rounded_by_sd
from catpool.priors.prior import Prior
from catpool.priors.rules import ColumnRule
from catpool.tables.drifted import Drifted, Posterior
from catpool.tables.encoding import Encoding
from catpool.tables.learner import Learner
from catpool.tables.outputs import MEAN, OUTPUTS, TargetOutput

FEWEST = 64  # rows, below which nothing drifts


@frozen
class DriftingRows:
    """The visits of the rows of a column, numbered by when their categories first appear, for one target.

    Parameters
    ----------
    rows : PastRows
    visits : Visits
        Of all rows with weight. Means are less the center.
    numbers : ndarray of shape (codes,)
        The number of each code's category; -1 without rows.
    center : float
    family : Family
    """

    rows: PastRows
    visits: Visits
    numbers: np.ndarray
    center: float
    family: Family

    @classmethod
    def of(cls, rows: PastRows, position: int) -> DriftingRows:
        """The visits of some rows, for one of their targets."""
        target, order = rows.targets[position], rows.order
        found, codes = pd.factorize(rows.codes[order])
        numbers = np.full(rows.codes.max() + 1, -1)
        numbers[codes] = np.arange(len(codes))
        center = rows.center(target)
        visits = make_visits(rows, target, found, center)
        return cls(rows, visits, numbers, center, FAMILIES[target.family])

    def learn(self, learner: Learner, past: PastRows, drift: Any) -> LocalLevel | None:
        """Learn the variances from the first rows, which are those of `past`; None if nothing drifts."""
        if len(past.codes) < FEWEST:
            return None
        assert isinstance(learner.rule, ColumnRule)
        restricted, variance = bool(learner.rule.restricted), None if drift == AUTO else float(drift) ** 2
        return fit_drift(self.visits.subset(self.visits.time <= past.times.values[-1]), restricted, variance)

    def last_visits(self, codes: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """The last visit of each code's category before a moment, of shape (m,); -1 if there is none."""
        times, rank = np.unique(self.visits.time, return_inverse=True)
        keys = self.visits.category.astype(np.int64) * (len(times) + 1) + rank
        own = np.where(codes < len(self.numbers), self.numbers[np.minimum(codes, len(self.numbers) - 1)], -1)
        until = own.astype(np.int64) * (len(times) + 1) + np.searchsorted(times, moments, side="left")
        last = np.searchsorted(keys, until, side="left") - 1
        return np.where((last >= 0) & (own >= 0) & (self.visits.category[last] == own), last, -1)

    def posteriors(self, model: LocalLevel, last: np.ndarray, at: np.ndarray) -> list[Posterior]:
        """What is known of each class at some times, of shape (m,), after the last visit of each row's category."""
        seen = last >= 0
        latest = self.visits.time[last[seen]].max(initial=self.visits.time[0])
        some = self.visits.time <= latest
        place = (np.cumsum(some) - 1)[last]
        visits = self.visits.subset(some)
        filtered = filter_levels(visits, model.start, model.rate, model.shock)
        means = visits.means - filtered.left * filtered.errors(model.mean)
        share = np.where(seen, (filtered.share * filtered.left)[place], 1.0)
        age = np.where(seen, since(at, visits.time[place]) / self.rows.times.unit, 0.0)
        spread = np.where(seen, (filtered.ahead * filtered.left)[place] + model.rate * age, model.start)
        return [
            Posterior(
                self.center + np.where(seen, mean[place], prior_mean),
                np.sqrt(noise * spread + share**2 * uncertain),
                1 - share,
            )
            for mean, prior_mean, noise, uncertain in zip(
                means, model.mean, model.noise, model.mean_variance, strict=True
            )
        ]

    def encode(self, learner: Learner, model: LocalLevel, users: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The outputs of some rows, of shape (classes, outputs, m), from the weight of the rows before each."""
        times = self.rows.times.values[users]
        codes = self.rows.codes[users]
        own = Moments(counts, np.zeros(len(users)), np.array(0.0))
        posteriors = self.posteriors(model, self.last_visits(codes, before(times, self.rows.times.gap)), times)
        return np.array(
            [
                [
                    learner.policy.apply_to_rows(output, values, own, prior, codes)
                    for output, values in _outputs(learner, posterior, self.family)
                ]
                for posterior, prior in zip(posteriors, self.priors(model), strict=True)
            ]
        )

    def priors(self, model: LocalLevel) -> list[Prior]:
        """The prior of each class of categories that have not begun to drift."""
        strength = np.array(1 / model.start if model.start else np.inf)
        return [
            Prior(np.array(self.center + mean), strength, noise * model.start, noise, likelihood)
            for mean, noise, likelihood in zip(model.mean, model.noise, model.log_likelihood, strict=True)
        ]

    def drifted(self, model: LocalLevel, size: int) -> list[tuple[Drifted, Prior]]:
        """The effects of all slots at the time of the last row, and the prior, for each class."""
        last = self.last_visits(np.arange(size), np.full(size, np.inf))
        now = np.full(size, self.rows.times.values.max())
        half_life = steady_half_life(self.visits, model.rate, model.shock)
        found = []
        for each, own in zip(self.posteriors(model, last, now), model.noise, strict=True):
            rate, shock = model.rate * float(own), model.shock * float(own)
            found.append(Drifted(rate, shock, half_life, each.mean, each.sd**2, each.reliability))
        return list(zip(found, self.priors(model), strict=True))


def _outputs(learner: Learner, posterior: Posterior, family: Family) -> list[tuple[TargetOutput, np.ndarray]]:
    """The outputs, before the policy is applied to them."""
    sd = np.sqrt(family.capped(posterior.sd**2, posterior.mean))
    mean = rounded_by_sd(posterior.mean, sd, learner.rounding) if learner.rounding else posterior.mean.copy()
    values = {MEAN.name: mean, "sd": sd, "reliability": posterior.reliability.copy()}
    return [(OUTPUTS[name], values[name]) for name in learner.outputs]  # type: ignore[misc]


def with_drift(
    learner: Learner, learned: Sequence[Encoding], found: Sequence[tuple[Drifted, Prior] | None], log_likelihood: float
) -> list[Encoding]:
    """The encodings of each class, with the effects that drift in the place of those that stay; None if none drift."""
    return [
        replace(each, drift=0.0) if own is None else _drifting(learner, each, *own, log_likelihood)
        for each, own in zip(learned, found, strict=True)
    ]


def _drifting(learner: Learner, encoding: Encoding, drifted: Drifted, prior: Prior, log_likelihood: float) -> Encoding:
    posterior = Posterior(drifted.mean, np.sqrt(drifted.variance), drifted.reliability)
    values = {
        output.name: learner.policy.apply(output, own, encoding.moments, prior)
        for output, own in _outputs(learner, posterior, encoding.family)
    }
    assert prior.log_likelihood is not None
    prior = replace(prior, log_likelihood=np.asarray(prior.log_likelihood + log_likelihood))
    return replace(encoding, prior=prior, values=values, drift=float(np.sqrt(drifted.rate)), drifted=drifted)
