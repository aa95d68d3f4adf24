"""`learn_half_life`: how fast rows should lose weight, from how well later rows are predicted.

Of some rows in the order of time, the later half is predicted by posterior means, twice: each row from all strictly
earlier rows, as training rows are encoded, and from the earlier half alone, as ``transform`` encodes new rows. The
prior is that of the earlier half, for cells of interactions by the method of moments. The half-lives that are tried are
powers of two, from about a sixty-fourth of the span of the times to all of it, and infinity. With n rows predicted,
their deviance, as of normal errors of unknown variance, is

    n * log(sum of weight * (y - prediction)^2),

summed over both predictions and the outputs of y. The half-life of the least deviance is taken if it explains more than
none does, by more than chance (a difference of 20, as the best of several is tried anew at each doubling) and by a
fifth of what the categories explain at all; and if the same is true of the earlier half of the rows. For a half-life
that comes and goes costs a model more than one wins where effects hardly drift.

Where means are relative to the level of all categories, so are the errors, to their mean in each sixteenth of the rows:
a level that moves tells nothing of how fast categories do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.past.past_rows import PastPrior, PastRows
from catpool.crossfit.past.running_sums import RunningSums
from catpool.crossfit.spans import since
from catpool.crossfit.times import Times
from catpool.data.frozen import frozen
from catpool.moments.moments import TINY, Moments
from catpool.priors.method_of_moments import moments_prior
from catpool.priors.rules import CellRule
from catpool.tables.learner import Learner
from catpool.tables.policy import Policy

FEWEST = 64  # rows, below which no half-life is learned
SHORTEST = 6  # powers of two below the span
BLOCKS = 16  # of the rows that are predicted
CHANCE = 20.0  # of the deviance
SHARE = 0.2  # of what the categories explain


def learn_half_life(learner: Learner, rows: PastRows) -> Any:
    """Learn the half-life from some rows, and from nothing else; None if weights are better kept.

    Parameters
    ----------
    learner : Learner
    rows : PastRows
        In the order of time.
    """
    rule = moments_prior if isinstance(learner.rule, CellRule) else learner.rule  # the fit of main effects is dear
    plain = Learner(rule, Policy("prior", "category"), ("mean",))
    before = _best_half_life(plain, rows.first(len(rows.codes) // 2))
    return None if before is None else _best_half_life(plain, rows)


def _best_half_life(learner: Learner, rows: PastRows) -> Any:
    """The half-life that explains enough more than none does, or None."""
    if len(rows.codes) < FEWEST:
        return None
    halves = Halves.split(rows)
    if not len(halves.later):
        return None
    tried = _half_lives(rows.times)
    kept, level = halves.deviance(learner, None), halves.deviance_of_level()
    with np.errstate(all="ignore"):  # hardly any weight may be left of the earlier half
        fits = [halves.deviance(learner, half_life) for half_life in tried]
    fits = [fit if np.isfinite(fit) else np.inf for fit in fits]
    enough = kept - max(CHANCE, SHARE * (level - kept))
    return tried[int(np.argmin(fits))] if min(fits, default=np.inf) < enough else None


def _half_lives(times: Times) -> list[Any]:
    """The half-lives that are tried, which do not depend on where the times begin."""
    span = float(since(times.values[-1:], times.values[:1])[0]) / times.unit
    if span <= 0:
        return []
    longest = int(np.floor(np.log2(span)))
    return [times.unit * 2.0**power for power in range(longest - SHORTEST, longest + 1)]


@frozen
class Halves:
    """Rows in the order of time: the earlier half, and the rows of the later half whose category it has.

    Parameters
    ----------
    rows, earlier : PastRows
    later, places : ndarray of shape (m,)
        The positions of later rows, and those of their categories among the earlier ones, in the order of time.
    """

    rows: PastRows
    earlier: PastRows
    later: np.ndarray
    places: np.ndarray

    @cached_property
    def running(self) -> RunningSums:
        return RunningSums(self.rows.codes, self.rows.times, self.rows.weights)

    @classmethod
    def split(cls, rows: PastRows) -> Halves:
        earlier = rows.first(len(rows.codes) // 2)
        half = len(earlier.codes)
        places = pd.Index(pd.unique(earlier.codes)).get_indexer(rows.codes[half:])
        return cls(rows, earlier, half + np.flatnonzero(places >= 0), places[places >= 0])

    def deviance(self, learner: Learner, half_life: Any) -> float:
        """The deviance of the later rows under a half-life, whether predicted from all earlier rows or half of them."""
        result = 0.0
        for position in range(len(self.rows.targets)):
            prior = PastPrior.learn(learner, self.earlier, position, half_life)
            for own in (self._next(position, half_life), self._ahead(prior.seen, half_life)):
                result += self._deviance(position, prior.encode(own, self.rows.codes[self.later])[:, 0])
        return result

    def _next(self, position: int, half_life: Any) -> list[Moments]:
        """The moments of each later row's category in all earlier rows."""
        target = self.rows.targets[position]
        count, center = self.running.sum_past(None, half_life), self.rows.center(target)
        totals = [self.running.sum_past(each - center, half_life) + center * count for each in target.columns()]
        return [Moments(count[self.later], total[self.later], np.array(0.0)) for total in totals]

    def _ahead(self, seen: Sequence[Moments], half_life: Any) -> list[Moments]:
        """The moments of each later row's category in the earlier half, at the time of the later row."""
        times = self.rows.times.with_half_life(half_life).subset(self.later)
        fade = 1.0 if half_life is None else times.fade(self.earlier.times.values[-1])
        places = self.places
        return [Moments(each.count[places] * fade, each.total[places] * fade, each.scatter) for each in seen]

    def deviance_of_level(self) -> float:
        """The deviance of the later rows where each has the mean of the earlier half, counted twice as well."""
        result, weights = 0.0, self.earlier.weights.count_weights
        for position in range(len(self.rows.targets)):
            columns = self._rates(self.earlier, slice(None), position)
            mean = np.array([[np.average(each, weights=weights)] for each in columns])
            result += 2 * self._deviance(position, mean)
        return result

    def _deviance(self, position: int, predictions: np.ndarray) -> float:
        weights = self.rows.weights.subset(self.later).count_weights
        errors: Sequence[np.ndarray] = self._rates(self.rows, self.later, position) - predictions
        if self.rows.relative:
            errors = [_within_blocks(each, weights) for each in errors]
        squares = float(np.average(np.square(errors).sum(axis=0), weights=weights))
        return float(len(self.later) * np.log(max(squares, TINY)))

    def _rates(self, rows: PastRows, some: Any, position: int) -> np.ndarray:
        """The columns of a target, of shape (classes, m); counts are divided by their exposure."""
        columns = np.array([values[some] for values in rows.targets[position].columns()])
        exposure = rows.weights.exposure
        return columns if exposure is None else columns / exposure[some]


def _within_blocks(errors: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Errors, in the order of time, minus their mean in each of some blocks, so that the level may move."""
    blocks = np.arange(len(errors)) * BLOCKS // len(errors)
    own = np.ones(len(errors)) if weights is None else weights
    means = np.bincount(blocks, own * errors, BLOCKS) / np.maximum(np.bincount(blocks, own, BLOCKS), TINY)
    return errors - means[blocks]
