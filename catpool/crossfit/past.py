"""`PastScheme`: encodings of each row from strictly earlier rows.

With the rows of a category sorted by time, the count and total of its first m rows are running sums. For each row, the
number m of earlier rows is found by bisection. With a half-life, the running sums are of weights that decay.

The prior must come from earlier rows as well, and learning one for each row would cost as much as n fits. So it is
learned from the first 1, 2, 4, 8, ... rows in the order of time, and each row has the prior from the longest of these
prefixes that is in its past. All prefixes together have fewer than 2 n rows, so they cost as much as two fits. A
half-life that is learned is learned from the same prefixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from catpool.crossfit.half_life import learn_half_life
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.past_rows import PastRows, encode_rows_after
from catpool.crossfit.row_posteriors import decay_weights
from catpool.crossfit.running_sums import RunningSums
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.times import Times
from catpool.crossfit.training_rows import TrainingRows
from catpool.data.listed import Unlisted
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.moments.moments import Moments
from catpool.moments.partition import Parts
from catpool.tables.learner import ColumnLearner, Learner


class PastScheme(Scheme):
    """The fold scheme of `EarlierRows`.

    Parameters
    ----------
    times : Times
    targets : list of Target
    weights : Weights
    """

    def __init__(self, times: Times, targets: list[Target], weights: Weights) -> None:
        self.times, self.targets, self.weights = times, targets, weights
        self.last_time = None if times.half_life is None else times.values.max()

    @cached_property
    def _rows(self) -> TrainingRows:
        """All rows, with the weights that the given half-life leaves of them."""
        return TrainingRows(self.targets, decay_weights(self.weights, self.times), Parts(None, 1))

    def learn(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, rows: TrainingRows, unlisted: Unlisted | None = None
    ) -> list[Any]:
        if not self.times.learns:
            return super().learn(learner, codes, size, self._rows, unlisted)
        assert isinstance(learner, Learner)
        half_life = learn_half_life(learner, self._past(codes, unlisted).first())
        if half_life is not None:
            self.last_time = self.times.values.max()
            weights = decay_weights(self.weights, self.times.with_half_life(half_life))
            rows = TrainingRows(self.targets, weights, Parts(None, 1))
        learned = super().learn(learner, codes, size, rows, unlisted)
        return [replace(each, half_life=self.times.as_duration(half_life)) for each in learned]

    def _past(self, codes: np.ndarray, unlisted: Unlisted | None) -> PastRows:
        """The rows of a column in the order of time."""
        weights = self.weights if unlisted is None else self.weights.leave_out(unlisted.rows)
        return PastRows(codes, self.times, self.targets, weights)

    def encode(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool, unlisted: Unlisted | None = None
    ) -> OutOfFoldColumn:
        assert isinstance(learner, Learner)
        values, seen = encode_from_past(learner, self._past(codes, unlisted))
        # the codes are still intact: this scheme does not overwrite them
        return OutOfFoldColumn(values, seen, self.learn(learner, codes, size, self._rows, unlisted))


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


def encode_from_past(learner: Learner, rows: PastRows) -> tuple[np.ndarray, np.ndarray]:
    """Encode each row from strictly earlier rows.

    Parameters
    ----------
    learner : Learner
    rows : PastRows

    Returns
    -------
    values : ndarray of shape (n, classes of all targets times outputs)
    counts : ndarray of shape (n,)
        The weight of the rows of its category that each row is encoded from.
    """
    earlier = rows.times.count_earlier(rows.order)
    prefixes = _prefixes(learner, rows, earlier)
    running = RunningSums(rows.codes, rows.times, rows.weights)
    count = _sum_past(running, None, prefixes)
    blocks = []
    for position, target in enumerate(rows.targets):
        center = rows.center(target)
        totals = [_sum_past(running, values - center, prefixes) + center * count for values in target.columns()]
        values = np.full((len(totals), len(learner.outputs), len(rows.codes)), rows.times.first)
        for past, users, half_life in prefixes:
            own = [Moments(count[users], total[users], np.array(0.0)) for total in totals]
            values[:, :, users] = encode_rows_after(learner, past, position, half_life, own, rows.codes[users])
        blocks.append(values.reshape(-1, len(rows.codes)).T)
    return np.hstack(blocks), np.where(earlier > 0, count, rows.times.first)


def _prefixes(learner: Learner, rows: PastRows, earlier: np.ndarray) -> list[Prefix]:
    """The prefixes that rows learn from, each row from the longest in its past, from the number of its earlier rows."""
    numbers = np.where(earlier > 0, 1 << np.log2(np.maximum(earlier, 1)).astype(np.int64), 0)
    prefixes = []
    for number in np.unique(numbers[numbers > 0]):
        past = rows.first(number)
        half_life = learn_half_life(learner, past) if rows.times.learns else rows.times.half_life
        prefixes.append(Prefix(past, np.flatnonzero(numbers == number), half_life))
    return prefixes


def _sum_past(running: RunningSums, values: np.ndarray | None, prefixes: Sequence[Prefix]) -> np.ndarray:
    """Sum over the earlier rows of each row's category, each with the half-life of its prefix."""
    result = np.zeros(len(running.codes))
    for half_life in {prefix.half_life for prefix in prefixes}:
        users = np.concatenate([prefix.users for prefix in prefixes if prefix.half_life == half_life])
        result[users] = running.sum_past(values, half_life)[users]
    return result
