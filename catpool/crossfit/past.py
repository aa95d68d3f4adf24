"""Time order: each row learns from strictly earlier rows only.

Within a category, in the order of time, count and total of the earlier rows are running sums; the rows that a row may
see end at a place that bisection finds. The prior, its strength included, is learned from the first 1, 2, 4, 8, ...
rows in the order of time, and a row has that of the largest such beginning in its past: all of them together cost as
much as two fits. With forgetting, running sums fade as time goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.times import Times
from catpool.crossfit.training_rows import TrainingRows, learn
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.moments.moments import Moments
from catpool.moments.partition import Parts
from catpool.priors.families import FAMILIES
from catpool.priors.family import Family
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.prior import Prior, mean_variance, reliability
from catpool.tables.learner import ColumnLearner, Learner

LEAST = 1e-40  # of what is left of a row's weight
SPAN = 500  # half-lives that a running sum can hold without overflow


class PastScheme(Scheme):
    """Each row learns from strictly earlier rows.

    Parameters
    ----------
    times : Times
    targets : list of Target
    weights : Weights
    """

    def __init__(self, times: Times, targets: list[Target], weights: Weights) -> None:
        self.times, self.targets, self.weights = times, targets, weights
        self.last_time = None if times.half_life is None else times.values.max()

    def age(self, weights: Weights) -> Weights:
        return aged(weights, self.times)

    @cached_property
    def _all_rows(self) -> TrainingRows:
        return TrainingRows(self.targets, self.age(self.weights), Parts(None, 1))

    def encode(self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool) -> OutOfFoldColumn:
        assert isinstance(learner, Learner)
        values, seen = encode_by_past(learner, codes, size, self.times, self.targets, self.weights)
        return OutOfFoldColumn(values, seen, learn(learner, codes, size, self._all_rows))


class Running:
    """Running sums within categories, and what each row sees of them.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    times : Times
    weights : Weights
    """

    def __init__(self, codes: np.ndarray, times: Times, weights: Weights) -> None:
        self.times, self.weights = times, weights
        distinct, rank = np.unique(times.values, return_inverse=True)
        self.order = np.lexsort((times.values, codes))
        keys = codes.astype(np.int64) * (len(distinct) + 1)
        ordered = (keys + rank)[self.order]
        limit = np.searchsorted(distinct, times.values - times.gap, side="left")
        self.last = np.searchsorted(ordered, keys + limit, side="left") - 1  # in the order; before it, the past
        self.seen = (self.last >= 0) & (codes[self.order][self.last] == codes)
        self.codes = codes[self.order]

    def past(self, values: np.ndarray | None) -> np.ndarray:
        """Sum of weight times value over the rows of its category that each row sees, of shape (n,)."""
        row = np.ones(len(self.order)) if self.weights.count_weights is None else self.weights.count_weights
        if values is not None:
            row = values if self.weights.row is None else values * self.weights.row
        row, at = row[self.order], self.times.values[self.order]
        sums = _running(row, self.codes) if self.times.half_life is None else self._fading(row, at)
        past = np.where(self.seen, sums[self.last], 0.0)
        if self.times.half_life is None:
            return past
        age = (self.times.values - at[self.last]) / self.times.half_life
        return np.where(self.seen, past * np.exp2(-np.maximum(age, 0.0)), 0.0)

    def _fading(self, row: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Running sums of what is left of each row at the time of the last one summed."""
        life = self.times.half_life
        span = ((at - at.min()) / life // SPAN).astype(np.int64)
        start = at.min() + span * SPAN * life
        within = _running(row * np.exp2((at - start) / life), self.codes * (span.max() + 1) + span)
        here = within * np.exp2((start - at) / life)
        cell = self.codes.astype(np.int64) * (span.max() + 1) + span
        before = np.flatnonzero(np.diff(cell, prepend=-1))[1:]  # where a category's next span begins
        for begin in before[self.codes[before] == self.codes[before - 1]]:
            end = np.searchsorted(cell, cell[begin], side="right")
            here[begin:end] += here[begin - 1] * np.exp2((at[begin - 1] - at[begin:end]) / life)
        return here


def _running(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return pd.Series(values).groupby(groups).cumsum().to_numpy()


def encode_by_past(
    learner: Learner, codes: np.ndarray, size: int, times: Times, targets: list[Target], weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """Encode each row from its past.

    Parameters
    ----------
    learner : Learner
    codes : ndarray of shape (n,)
    size : int
    times : Times
    targets : list of Target
    weights : Weights

    Returns
    -------
    values : ndarray of shape (n, classes of all targets times outputs)
    counts : ndarray of shape (n,)
        The weight of the rows of its category that a row's encoding rests on.
    """
    running = Running(codes, times, weights)
    counted = np.arange(len(codes)) if weights.row is None else np.flatnonzero(weights.row)
    order, ends = counted[times.subset(counted).order], times.ends(counted)
    beginnings = np.where(ends > 0, 1 << np.log2(np.maximum(ends, 1)).astype(np.int64), 0)
    count = running.past(None)
    blocks = []
    for target in targets:
        family = FAMILIES[target.family]
        center = 0.0 if target.whole else float(target.values[order[0]])
        totals = [running.past(values - center) + center * count for values in target.columns()]
        values = np.full((len(totals), len(learner.outputs), len(codes)), times.first)
        for beginning in np.unique(beginnings[beginnings > 0]):
            rows = np.flatnonzero(beginnings == beginning)
            seen = first_rows(target, codes, size, weights, times, order[:beginning])
            own = [Moments(count[rows], total[rows], np.array(0.0)) for total in totals]
            priors = learner.rule([replace(each) for each in seen], family)
            values[:, :, rows] = encode_rows(learner, own, seen, priors, codes[rows], family)
        blocks.append(values.reshape(-1, len(codes)).T)
    return np.hstack(blocks), np.where(ends > 0, count, times.first)


def aged(weights: Weights, times: Times) -> Weights:
    """The weights that rows have at the time of the last of them."""
    faded = times.weights(times.values.max())
    if faded is None:
        return weights
    faded = np.maximum(faded, LEAST)
    return replace(weights, row=faded if weights.row is None else faded * weights.row)


def first_rows(
    target: Target, codes: np.ndarray, size: int, weights: Weights, times: Times, rows: np.ndarray
) -> list[Moments]:
    """The moments of some rows, one a class, at the time of the last of them."""
    own = aged(weights.subset(rows), times.subset(rows))
    seen = TrainingRows([replace(target, values=target.values[rows])], own, Parts(None, 1))
    column = seen.column(codes[rows], size)
    _, views = next(seen.views())
    moments = [column.merge(view, column.moments(view)) for view in views]
    return [replace(each, count=each.count.astype(float)) for each in moments]


def encode_rows(
    learner: Learner,
    rows: Sequence[Moments],
    seen: Sequence[Moments],
    priors: Sequence[Prior],
    codes: np.ndarray,
    family: Family,
) -> np.ndarray:
    """The outputs of rows, of shape (C, outputs, m), from what each sees of its category, and from the priors."""
    values = [
        learner.encode_rows(own, _of_rows(prior, each, codes, family), codes, family)
        for own, prior, each in zip(rows, priors, seen, strict=True)
    ]
    return np.array(values).reshape(len(rows), len(learner.outputs), len(codes))


def _of_rows(prior: Prior, moments: Moments, codes: np.ndarray, family: Family) -> Prior:
    """A prior of categories as one of rows, its mean's uncertainty reckoned from what it was learned from."""
    if prior.components is not None:
        raise ValueError(
            'prior="full_bayes" does not go with EarlierRows, which learns priors all the time. Pass "reml".'
        )
    if prior.offset is not None and prior.offset_variance is not None:
        return replace(prior, offset=prior.offset[codes], offset_variance=prior.offset_variance[codes])
    known = knowing_variances(prior, moments, family)
    assert known.between is not None
    assert known.within is not None
    weight = reliability(moments.count, prior.strength)
    uncertain = mean_variance(moments, prior.strength, weight, known.between, known.within)
    variance = np.full(len(codes), float(uncertain))
    return replace(prior, between=known.between, within=known.within, offset_variance=variance)
