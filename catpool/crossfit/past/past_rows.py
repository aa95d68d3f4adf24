"""`PastRows`: the rows of a column in the order of time; and `PastPrior`, with which later rows are encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.past.row_posteriors import encode_rows, sum_decayed_rows
from catpool.crossfit.times import Times
from catpool.data.frozen import frozen
from catpool.data.targets.target import Target
from catpool.data.targets.weights import Weights
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.priors.posterior import rounded_by_sd
from catpool.priors.prior import Prior
from catpool.tables.learner import Learner
from catpool.tables.windows import window_values


@frozen
class PastRows:
    """The rows of a column, with their times.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    times : Times
    targets : list of Target
    weights : Weights
    relative : bool
        Whether means are relative to the level at the time of each row.
    """

    codes: np.ndarray
    times: Times
    targets: list[Target]
    weights: Weights
    relative: bool

    @cached_property
    def order(self) -> np.ndarray:
        """The positions of the rows that have weight, in the order of time."""
        row = self.weights.row
        counted = np.arange(len(self.codes)) if row is None else np.flatnonzero(row)
        return counted[self.times.subset(counted).order]

    def first(self, number: int | None = None) -> PastRows:
        """The first rows, or all, in the order of time, so that later ones do not change even the last digit.

        With the last of so many rows come all others of its time, among which there is no order.
        """
        rows = self.order
        if number is not None:
            times = self.times.values[rows]
            rows = rows[: np.searchsorted(times, times[number - 1], side="right")] if number else rows[:0]
        targets = [replace(each, values=each.values[rows]) for each in self.targets]
        return PastRows(self.codes[rows], self.times.subset(rows), targets, self.weights.subset(rows), self.relative)

    def center(self, target: Target) -> float:
        """A number that loses few digits where totals are sums of distances from it: y of the first row."""
        # the first row is in the past of every row that has one
        return 0.0 if target.whole else float(target.values[self.order[0]])


@frozen
class PastPrior:
    """What some past rows say of a target: their moments, and the prior of each class.

    Parameters
    ----------
    learner : Learner
    seen : list of Moments of shape (k,)
        Of the categories that they have, one for each class.
    priors : sequence of Prior
    family : Family
    """

    learner: Learner
    seen: list[Moments]
    priors: Sequence[Prior]
    family: Family

    @classmethod
    def learn(cls, learner: Learner, past: PastRows, position: int, half_life: Any) -> PastPrior:
        """Learn from some rows in the order of time; `position` is that of the target among theirs."""
        target = past.targets[position]
        family = FAMILIES[target.family]
        # numbered in the order of time, so that later categories do not change even the last digit
        known, slots = pd.factorize(past.codes)
        times, scatters = past.times.with_half_life(half_life), learner.scatters
        seen = sum_decayed_rows(target, known, len(slots), past.weights, times, scatters=scatters)
        priors = learner.priors_from(slots, [replace(each) for each in seen], family)
        return cls(learner, seen, priors, family)

    def encode(
        self, own: Sequence[Moments], codes: np.ndarray, levels: Sequence[np.ndarray] | None = None
    ) -> np.ndarray:
        """Encode later rows, each by its own moments: values of shape (classes, outputs, m).

        Parameters
        ----------
        own : sequence of Moments of shape (m,)
            Of each row's category, one for each class.
        codes : ndarray of shape (m,)
        levels : sequence of ndarray of shape (m,), optional
            The mean of all earlier rows, one for each class, if means are to be relative to it.
        """
        values = encode_rows(self.learner, own, self.seen, self.priors, codes, self.family)
        if levels is not None and "mean" in self.learner.outputs:
            values[:, self.learner.outputs.index("mean")] = self._relative(own, codes, levels)
        return values

    def _relative(self, own: Sequence[Moments], codes: np.ndarray, levels: Sequence[np.ndarray]) -> np.ndarray:
        """Means minus the level at the time of each row, from the moments as if the level had never moved."""
        here = [float(each.mean) for each in self.seen]
        still = [
            Moments(each.count, each.total - (level - mean) * each.count, each.scatter)
            for each, level, mean in zip(own, levels, here, strict=True)
        ]
        means = self._one_output("mean", still, codes) - np.array(here)[:, None]
        share = self.learner.rounding
        return rounded_by_sd(means, self._one_output("sd", own, codes), share) if share else means

    def _one_output(self, name: str, own: Sequence[Moments], codes: np.ndarray) -> np.ndarray:
        """An output of rows, not rounded, of shape (classes, m)."""
        learner = replace(self.learner, outputs=(name,), rounding=0.0)
        return encode_rows(learner, own, self.seen, self.priors, codes, self.family)[:, 0]

    def encode_windows(
        self, means: np.ndarray, windows: Sequence[Sequence[Moments]], codes: np.ndarray
    ) -> list[list[np.ndarray]]:
        """The outputs of windows for later rows, for each class.

        Parameters
        ----------
        means : ndarray of shape (classes, m)
        windows : sequence of sequence of Moments of shape (m,)
            Of each row's category, for each class and window.
        codes : ndarray of shape (m,)
        """
        policy = self.learner.policy
        return [
            window_values(mean, own, prior, policy, codes)
            for mean, own, prior in zip(means, windows, self.priors, strict=True)
        ]
