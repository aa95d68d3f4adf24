"""`PastSums`: the moments of each row's past; and the prefixes that its prior and half-life are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from catpool.crossfit.past.half_life import learn_half_life
from catpool.crossfit.past.past_rows import PastRows
from catpool.crossfit.past.running_sums import RunningSums
from catpool.crossfit.spans import before
from catpool.data.targets.target import Target
from catpool.moments.moments import TINY, Moments
from catpool.tables.learner import Learner


class Prefix(NamedTuple):
    """The first rows in the order of time, and the rows whose prior and half-life are learned from them.

    Parameters
    ----------
    past : PastRows
        These rows.
    users : ndarray of shape (m,)
    half_life : float or int, or None
    """

    past: PastRows
    users: np.ndarray
    half_life: Any


def cut_prefixes(learner: Learner, rows: PastRows, earlier: np.ndarray) -> list[Prefix]:
    """The prefixes that rows learn from, each row from the longest in its past, from the number of its earlier rows."""
    numbers = np.where(earlier > 0, 1 << np.log2(np.maximum(earlier, 1)).astype(np.int64), 0)
    prefixes = []
    for number in np.unique(numbers[numbers > 0]):
        past = rows.first(number)
        half_life = learn_half_life(learner, past) if rows.times.learns else rows.times.half_life
        prefixes.append(Prefix(past, np.flatnonzero(numbers == number), half_life))
    return prefixes


class PastSums:
    """Sums over the earlier rows of each row's category, each row with the half-life of its prefix."""

    def __init__(self, rows: PastRows, prefixes: Sequence[Prefix]) -> None:
        self.rows, self.prefixes = rows, prefixes
        self.running = RunningSums(rows.codes, rows.times, rows.weights)
        self.users = {
            half_life: np.concatenate([each.users for each in prefixes if each.half_life == half_life])
            for half_life in {each.half_life for each in prefixes}
        }
        self.count = self._sum(None)

    def totals(self, target: Target) -> list[np.ndarray]:
        """The totals of each class of a target, of shape (n,)."""
        center = self.rows.center(target)
        return [self._sum(values - center) + center * self.count for values in target.columns()]

    def means(self, target: Target) -> list[np.ndarray]:
        """The means of each class of a target, of shape (n,)."""
        return [total / (self.count + TINY) for total in self.totals(target)]

    def _sum(self, values: np.ndarray | None) -> np.ndarray:
        result = np.zeros(len(self.rows.codes))
        for half_life, users in self.users.items():
            result[users] = self.running.sum_past(values, half_life)[users]
        return result

    def windows(self, target: Target) -> list[list[Moments]]:
        """The moments of each window, for each class of a target, of shape (n,)."""
        center, counts = self.rows.center(target), self.running.sum_windows(None)
        return [
            [
                Moments(count, total + center * count, np.array(0.0))
                for count, total in zip(counts, self.running.sum_windows(values - center), strict=True)
            ]
            for values in target.columns()
        ]


def beyond_level(own: Sequence[Moments], everything: Sequence[Moments]) -> list[Moments]:
    """Moments of categories in windows, relative to the mean of all rows in the same window."""
    return [
        replace(each, total=each.total - each.count * whole.total / (whole.count + TINY))
        for each, whole in zip(own, everything, strict=True)
    ]


def last_windows(rows: PastRows, values: np.ndarray, size: int, names: Sequence[str]) -> dict[str, Moments]:
    """The moments of the categories, of shape (size,), in the windows that end with the last row, by name."""
    found = {}
    for name, length in zip(names, rows.times.windows, strict=True):
        last = np.flatnonzero(rows.times.values > before(rows.times.values.max(keepdims=True), length))
        codes, weights = rows.codes[last], rows.weights.subset(last)
        row = values[last] if weights.row is None else values[last] * weights.row
        count = np.bincount(codes, weights.count_weights, size).astype(float)
        own = Moments(count, np.bincount(codes, row, size), np.array(0.0))
        whole = Moments(count.sum(keepdims=True), own.total.sum(keepdims=True), own.scatter)
        found[name] = beyond_level([own], [whole])[0] if rows.relative else own
    return found
