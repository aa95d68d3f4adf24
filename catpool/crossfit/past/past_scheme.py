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
from functools import cached_property, partial
from typing import Any

import numpy as np

from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.past.drifting_rows import DriftingRows, with_drift
from catpool.crossfit.past.half_life import learn_half_life
from catpool.crossfit.past.past_rows import PastPrior, PastRows
from catpool.crossfit.past.past_sums import PastSums, beyond_level, cut_prefixes, last_windows
from catpool.crossfit.past.row_posteriors import decay_weights
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.times import Times
from catpool.crossfit.training_rows import TrainingRows
from catpool.data.columns.listed import Unlisted
from catpool.data.targets.target import Target
from catpool.data.targets.weights import Weights
from catpool.data.training import TrainingData
from catpool.moments.moments import Moments
from catpool.moments.partition import Parts
from catpool.priors.posterior import posterior_sd, rounded_by_sd
from catpool.tables.encoding import Encoding, Rounding
from catpool.tables.learner import ColumnLearner, Learner


class PastScheme(Scheme):
    """The fold scheme of `EarlierRows`.

    Parameters
    ----------
    times : Times
    targets : list of Target
    weights : Weights
    relative : bool, default=False
        Whether means are relative to the level at the time of each row.
    names : sequence of str, default=()
        Those of the windows.
    drift : "auto" or float, optional
        The standard deviation of the change of effects in a unit of time.
    """

    def __init__(
        self,
        times: Times,
        targets: list[Target],
        weights: Weights,
        *,
        relative: bool = False,
        names: Sequence[str] = (),
        drift: Any = None,
    ) -> None:
        self.times, self.targets, self.weights, self.relative, self.names = times, targets, weights, relative, names
        self.drift = drift
        self.last_time = None if times.half_life is None else times.values.max()

    @cached_property
    def _rows(self) -> TrainingRows:
        """All rows, with the weights that the given half-life leaves of them."""
        return TrainingRows(self.targets, decay_weights(self.weights, self.times), Parts(None, 1))

    def learn(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, rows: TrainingRows, unlisted: Unlisted | None = None
    ) -> list[Any]:
        assert isinstance(learner, Learner)
        past = self._past(codes, unlisted)
        half_life = learn_half_life(learner, past.first()) if self.times.learns else None
        own = replace(learner, rounding=0.0) if self.relative else self._for_windows(learner)  # not relative yet
        learned: list[Encoding] = super().learn(own, codes, size, self._aged(half_life), unlisted)
        if self.times.learns:
            learned = [replace(each, half_life=self.times.as_duration(half_life)) for each in learned]
        if self.drift is not None:
            return self._drifting(learner, learned, past, size)
        return self._move(learned, learner, past, size)

    def _drifting(self, learner: Learner, learned: list[Encoding], rows: PastRows, size: int) -> list[Encoding]:
        """The encodings with effects as they are at the time of the last row."""
        found: list[Any] = []
        for position, target in enumerate(self.targets):
            own = DriftingRows.of(rows, position)
            model = own.learn(learner, rows.first(), self.drift)
            found += [None] * len(target.names) if model is None else own.drifted(model, size)
        if "sd" in learner.outputs and any(each is not None for each in found):
            self.last_time = self.times.values.max()
        return with_drift(learner, learned, found, self.weights.log_likelihood)

    def _move(self, learned: list[Encoding], learner: Learner, rows: PastRows, size: int) -> list[Encoding]:
        """The encodings with means relative to the level, and with those of windows until the last row."""
        if self.relative:
            learned = [replace(each, level=float(each.moments.mean)) for each in learned]
        if self.names:
            columns = [values for target in self.targets for values in target.columns()]
            learned = [
                replace(each, windows=last_windows(rows, values, size, self.names))
                for each, values in zip(learned, columns, strict=True)
            ]
        slots, share = np.arange(size), self._for_windows(learner).rounding
        rounds = [_rounding(each, share) if self.relative and share else None for each in learned]
        return [
            replace(each, values=each.moved(each.values, learner.policy, slots, rounding))
            for each, rounding in zip(learned, rounds, strict=True)
        ]

    def _aged(self, half_life: Any) -> TrainingRows:
        """All rows, with the weights that a half-life leaves of them, which was learned or is given."""
        if half_life is None:
            return self._rows
        self.last_time = self.times.values.max()
        weights = decay_weights(self.weights, self.times.with_half_life(half_life))
        return TrainingRows(self.targets, weights, Parts(None, 1))

    def _for_windows(self, learner: Learner) -> Learner:
        """The learner, without rounding where what it gives is compared with means in windows."""
        return replace(learner, rounding=0.0) if self.names else learner

    def _past(self, codes: np.ndarray, unlisted: Unlisted | None) -> PastRows:
        """The rows of a column in the order of time."""
        weights = self.weights if unlisted is None else self.weights.leave_out(unlisted.rows)
        return PastRows(codes, self.times, self.targets, weights, self.relative)

    def restrict(self, data: TrainingData) -> PastScheme:
        targets, weights = data.targets, data.weights
        return PastScheme(self.times, targets, weights, relative=self.relative, names=self.names, drift=self.drift)

    def encode(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool, unlisted: Unlisted | None = None
    ) -> OutOfFoldColumn:
        assert isinstance(learner, Learner)
        values, seen = encode_from_past(self._for_windows(learner), self._past(codes, unlisted), self.drift)
        # the codes are still intact: this scheme does not overwrite them
        return OutOfFoldColumn(values, seen, self.learn(learner, codes, size, self._rows, unlisted))


def encode_from_past(learner: Learner, rows: PastRows, drift: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Encode each row from strictly earlier rows.

    Parameters
    ----------
    learner : Learner
    rows : PastRows
    drift : "auto" or float, optional
        As in `PastScheme`.

    Returns
    -------
    values : ndarray of shape (n, classes of all targets times outputs)
    counts : ndarray of shape (n,)
        The weight of the rows of its category that each row is encoded from.
    """
    earlier = rows.times.count_earlier(rows.order)
    prefixes = cut_prefixes(learner, rows, earlier)
    own = PastSums(rows, prefixes)
    whole = PastSums(replace(rows, codes=np.zeros_like(rows.codes)), prefixes) if rows.relative else None
    blocks = [_encode_target(learner, position, own, whole, drift) for position in range(len(rows.targets))]
    return np.hstack(blocks), np.where(earlier > 0, own.count, rows.times.first)


def _encode_target(
    learner: Learner, position: int, own: PastSums, whole: PastSums | None, drift: Any = None
) -> np.ndarray:
    """The encodings by one of the targets, of shape (n, classes times outputs); relative, if `whole` is given."""
    rows = own.rows
    target, width, windows = rows.targets[position], len(learner.outputs), len(rows.times.windows)
    totals = own.totals(target)
    levels = None if whole is None else whole.means(target)
    inside = own.windows(target) if windows else []
    if whole is not None:
        inside = list(map(beyond_level, inside, whole.windows(target)))
    values = np.full((len(totals), width + 2 * windows, len(rows.codes)), rows.times.first)
    drifting = None if drift is None else DriftingRows.of(rows, position)
    for past, users, half_life in own.prefixes:
        model = None if drifting is None else drifting.learn(learner, past, drift)
        if drifting is not None and model is not None:
            values[:, :, users] = drifting.encode(learner, model, users, own.count[users])
            continue
        learned, codes = PastPrior.learn(learner, past, position, half_life), rows.codes[users]
        moments = [Moments(own.count[users], total[users], np.array(0.0)) for total in totals]
        some = None if levels is None else [level[users] for level in levels]
        encoded = values[:, :width, users] = learned.encode(moments, codes, some)
        if windows:
            means = encoded[:, learner.outputs.index("mean")]
            values[:, width:, users] = learned.encode_windows(means, [_take(each, users) for each in inside], codes)
    return values.reshape(-1, len(rows.codes)).T


def _rounding(encoding: Encoding, share: float) -> Rounding:
    """The rounding of an encoding's means to a share of their posterior standard deviations."""
    return partial(rounded_by_sd, sd=posterior_sd(encoding.moments, encoding.prior, encoding.family), share=share)


def _take(windows: Sequence[Moments], rows: np.ndarray) -> list[Moments]:
    return [Moments(each.count[rows], each.total[rows], each.scatter) for each in windows]
