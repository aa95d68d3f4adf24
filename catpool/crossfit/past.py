"""`PastScheme`: encodings of each row from strictly earlier rows.

With the rows of a category sorted by time, the count and total of its first m rows are running sums. For each row, the
number m of earlier rows is found by bisection. With a half-life, the running sums are of weights that decay.

The prior must come from earlier rows as well, and learning one for each row would cost as much as n fits. So it is
learned from the first 1, 2, 4, 8, ... rows in the order of time, and each row has the prior from the longest of these
prefixes that is in its past. All prefixes together have fewer than 2 n rows, so they cost as much as two fits.
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
from catpool.data.listed import Unlisted
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.moments.moments import Moments
from catpool.moments.partition import Parts
from catpool.priors.families import FAMILIES
from catpool.priors.family import Family
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.prior import Prior, mean_variance, reliability
from catpool.tables.learner import ColumnLearner, Learner

LEAST = 1e-40  # the least weight that decay leaves a row, so that no prefix weighs nothing
SPAN = 500  # half-lives that a running sum may extend over; 2^500 is far from overflow


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

    def age(self, weights: Weights) -> Weights:
        return decay_weights(weights, self.times)

    @cached_property
    def _all_rows(self) -> TrainingRows:
        return TrainingRows(self.targets, self.age(self.weights), Parts(None, 1))

    def encode(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool, unlisted: Unlisted | None = None
    ) -> OutOfFoldColumn:
        assert isinstance(learner, Learner)
        weights, rows = self.weights, self._all_rows
        if unlisted is not None:
            weights, rows = weights.leave_out(unlisted.rows), rows.without(unlisted)
        values, seen = encode_from_past(learner, codes, self.times, self.targets, weights)
        # the codes are still intact: this scheme does not overwrite them
        return OutOfFoldColumn(values, seen, learn(learner, codes, size, rows))


class RunningSums:
    """Sums over the earlier rows of each row's category.

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
        # the position, in the order, of the last earlier row; if its category differs, there is none
        self.last = np.searchsorted(ordered, keys + limit, side="left") - 1
        self.seen = (self.last >= 0) & (codes[self.order][self.last] == codes)
        self.codes = codes[self.order]

    def sum_past(self, values: np.ndarray | None) -> np.ndarray:
        """Sum weight times value over the earlier rows of each row's category, of shape (n,); None sums weights."""
        row = np.ones(len(self.order)) if self.weights.count_weights is None else self.weights.count_weights
        if values is not None:
            row = values if self.weights.row is None else values * self.weights.row
        row, at = row[self.order], self.times.values[self.order]
        sums = _sum_running(row, self.codes) if self.times.half_life is None else self._sum_decaying(row, at)
        past = np.where(self.seen, sums[self.last], 0.0)
        if self.times.half_life is None:
            return past
        age = (self.times.values - at[self.last]) / self.times.half_life
        return np.where(self.seen, past * np.exp2(-np.maximum(age, 0.0)), 0.0)

    def _sum_decaying(self, row: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Sum the rows of each category up to each row, each row decayed until the time of the last one summed.

        Within a span of time, rows are scaled by 2^(time / half_life), summed, and scaled back. The scale would
        overflow in long series, so each span starts anew and adds what is left of the span before it.
        """
        life = self.times.half_life
        span = ((at - at.min()) / life // SPAN).astype(np.int64)
        start = at.min() + span * SPAN * life
        within = _sum_running(row * np.exp2((at - start) / life), self.codes * (span.max() + 1) + span)
        here = within * np.exp2((start - at) / life)
        cell = self.codes.astype(np.int64) * (span.max() + 1) + span
        before = np.flatnonzero(np.diff(cell, prepend=-1))[1:]  # where the next span of a category begins
        for begin in before[self.codes[before] == self.codes[before - 1]]:
            end = np.searchsorted(cell, cell[begin], side="right")
            here[begin:end] += here[begin - 1] * np.exp2((at[begin - 1] - at[begin:end]) / life)
        return here


def _sum_running(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return pd.Series(values).groupby(groups).cumsum().to_numpy()


def encode_from_past(
    learner: Learner, codes: np.ndarray, times: Times, targets: list[Target], weights: Weights
) -> tuple[np.ndarray, np.ndarray]:
    """Encode each row from strictly earlier rows.

    Parameters
    ----------
    learner : Learner
    codes : ndarray of shape (n,)
    times : Times
    targets : list of Target
    weights : Weights

    Returns
    -------
    values : ndarray of shape (n, classes of all targets times outputs)
    counts : ndarray of shape (n,)
        The weight of the rows of its category that each row is encoded from.
    """
    running = RunningSums(codes, times, weights)
    counted = np.arange(len(codes)) if weights.row is None else np.flatnonzero(weights.row)
    order, earlier = counted[times.subset(counted).order], times.count_earlier(counted)
    prefixes = np.where(earlier > 0, 1 << np.log2(np.maximum(earlier, 1)).astype(np.int64), 0)
    count = running.sum_past(None)
    blocks = []
    for target in targets:
        family = FAMILIES[target.family]
        # sums of distances lose fewer digits; the first row is in the past of every row that has one
        center = 0.0 if target.whole else float(target.values[order[0]])
        totals = [running.sum_past(values - center) + center * count for values in target.columns()]
        values = np.full((len(totals), len(learner.outputs), len(codes)), times.first)
        for prefix in np.unique(prefixes[prefixes > 0]):
            rows = np.flatnonzero(prefixes == prefix)
            # numbered in the order of time, so that later categories do not change even the last digit
            past, slots = pd.factorize(codes[order[:prefix]])
            some = order[:prefix]
            seen = sum_decayed_rows(target, past, len(slots), weights, times, some, scatters=learner.scatters)
            own = [Moments(count[rows], total[rows], np.array(0.0)) for total in totals]
            priors = learner.priors_from(slots, [replace(each) for each in seen], family)
            values[:, :, rows] = encode_rows(learner, own, seen, priors, codes[rows], family)
        blocks.append(values.reshape(-1, len(codes)).T)
    return np.hstack(blocks), np.where(earlier > 0, count, times.first)


def decay_weights(weights: Weights, times: Times) -> Weights:
    """The weights that are left of the rows at the time of the last of them."""
    shares = times.decay(times.values.max())
    if shares is None:
        return weights
    shares = np.maximum(shares, LEAST)
    return replace(weights, row=shares if weights.row is None else shares * weights.row)


def sum_decayed_rows(
    target: Target,
    codes: np.ndarray,
    size: int,
    weights: Weights,
    times: Times,
    rows: np.ndarray,
    *,
    scatters: bool = False,
) -> list[Moments]:
    """The moments of some rows, whose codes these are, at the time of the last of them; one for each class."""
    own = decay_weights(weights.subset(rows), times.subset(rows))
    seen = TrainingRows([replace(target, values=target.values[rows])], own, Parts(None, 1))
    column = seen.column(codes, size)
    _, views = next(seen.views())
    moments = [column.merge(view, column.moments(view, scatters=scatters)) for view in views]
    return [replace(each, count=each.count.astype(float)) for each in moments]


def encode_rows(
    learner: Learner,
    rows: Sequence[Moments],
    seen: Sequence[Moments],
    priors: Sequence[Prior],
    codes: np.ndarray,
    family: Family,
) -> np.ndarray:
    """Compute the outputs of rows, of shape (C, outputs, m), where each row has moments of its own.

    Parameters
    ----------
    learner : Learner
    rows : sequence of Moments of shape (m,)
        The moments of each row's category that the row is encoded from, one for each of C classes.
    seen : sequence of Moments of shape (size,)
        The moments that the priors were learned from.
    priors : sequence of Prior
    codes : ndarray of shape (m,)
    family : Family
    """
    values = [
        learner.encode_rows(own, _expand_prior(prior, each, codes, family), codes, family)
        for own, prior, each in zip(rows, priors, seen, strict=True)
    ]
    return np.array(values).reshape(len(rows), len(learner.outputs), len(codes))


def _expand_prior(prior: Prior, moments: Moments, codes: np.ndarray, family: Family) -> Prior:
    """Expand a prior from categories to rows, with the variance of its mean given the moments it was learned from."""
    if prior.components is not None:
        names = '"full_bayes" does' if prior.shares is None else '"scale_mixture" and "npmle" do'
        raise ValueError(f'prior={names} not go with EarlierRows, which learns many priors. Pass prior="reml".')
    if prior.offset is not None and prior.offset_variance is not None:
        return replace(prior, offset=prior.offset[codes], offset_variance=prior.offset_variance[codes])
    known = knowing_variances(prior, moments, family)
    assert known.between is not None
    assert known.within is not None
    weight = reliability(moments.count, prior.strength)
    uncertain = mean_variance(moments, prior.strength, weight, known.between, known.within)
    variance = np.full(len(codes), float(uncertain))
    return replace(prior, between=known.between, within=known.within, offset_variance=variance)
