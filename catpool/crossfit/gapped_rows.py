"""Training rows of which some lack a target: each target is learned from the rows that have it, in the same folds.

A row without a value of an output has a weight of 0 in the sums of this output, and is encoded like any other row. So
each output has the encodings that it would have alone, with these weights. Which rows have a value is given, as weights
are: the values of a row's own fold change no bit of its encoding, but its gaps may change the last digit, as priors of
all folds are learned in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from catpool.crossfit.folds import Folds
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.training_rows import TrainingRows
from catpool.data.columns.listed import Unlisted
from catpool.data.targets.target import Target
from catpool.data.training import TrainingData
from catpool.moments.moments import Moments
from catpool.moments.partition import Parts
from catpool.tables.learner import ColumnLearner

Split = Sequence[tuple[list[int], TrainingData]]  # the positions of targets, and the rows that they are learned from


def split_by_gaps(data: TrainingData) -> Split:
    """The targets that are learned from the same rows: their positions, and the rows with weights of their own."""
    whole = [position for position, missing in enumerate(data.gaps) if missing is None]
    if len(whole) == len(data.gaps):
        return [(list(range(len(data.targets))), data)]
    if data.weights.precision:
        raise ValueError(
            "y must have no missing values where weights are precisions, because rows without a weight still count "
            'there. Pass weight_type="frequency", or fit an encoder for each output.'
        )
    parts = [(whole, data.select([data.targets[each] for each in whole], data.weights))] if whole else []
    for position, missing in enumerate(data.gaps):
        if missing is not None:
            weights, target = data.weights.leave_out(missing), data.targets[position]
            if weights.row is None or not weights.row.any():
                raise ValueError(
                    f"The output {target.name!r} of y must have values in rows with a weight, but there is none. Leave "
                    "it out of y."
                )
            parts.append(([position], data.select([target], weights)))
    return parts


class GappedRows:
    """The targets and weights of the training rows, in parts, as `TrainingRows` has them.

    Parameters
    ----------
    targets : list of Target
    split : Split
        As `split_by_gaps` makes it of the rows of these targets.
    parts : Parts
    """

    def __init__(self, targets: list[Target], split: Split, parts: Parts) -> None:
        self.targets = targets
        self.of_targets = [(positions, TrainingRows(own.targets, own.weights, parts)) for positions, own in split]

    def moments(self, codes: np.ndarray, size: int, unlisted: Unlisted | None, learner: ColumnLearner) -> list[Moments]:
        """The moments of a column in each part, one for each class of each target."""
        summed = []
        for positions, rows in self.of_targets:
            own = rows.without(unlisted)
            column = own.column(codes.copy() if len(self.of_targets) > 1 else codes, size)  # which overwrites them
            found = [
                column.moments(view, scatters=learner.of(target).scatters)
                for target, views in own.views()
                for view in views
            ]
            summed.append((positions, found))
        return _in_order(self.targets, summed)


def _check(rows: TrainingRows, unlisted: Unlisted | None) -> None:
    """Raise an error if a column learns from no row that has the target."""
    if unlisted is not None and rows.weights.row is not None and not rows.weights.row.any():
        unlisted.check(rows.weights)


def _in_order(targets: Sequence[Any], parts: Sequence[tuple[list[int], list[Any]]]) -> list[Any]:
    """What was found for each class of each target, in the order of the targets."""
    found: list[list[Any]] = [[] for _ in targets]
    for positions, items in parts:
        start = 0
        for position in positions:
            end = start + len(targets[position].names)
            found[position], start = items[start:end], end
    return list(chain.from_iterable(found))


class GappedScheme(Scheme):
    """A fold scheme of rows of which some lack a target: each target is encoded from the rows that have it.

    Parameters
    ----------
    whole : Scheme
        Of all rows.
    data : TrainingData
    """

    def __init__(self, whole: Scheme, data: TrainingData) -> None:
        self.whole, self.targets, split = whole, data.targets, split_by_gaps(data)
        self.parts = [(positions, whole.restrict(own)) for positions, own in split]
        self.rows = GappedRows(data.targets, split, Parts(None, 1))

    def learn(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, rows: TrainingRows, unlisted: Unlisted | None = None
    ) -> list[Any]:
        learned = []
        for (positions, scheme), (_, own) in zip(self.parts, self.rows.of_targets, strict=True):
            _check(own.without(unlisted), unlisted)
            learned.append((positions, scheme.learn(learner, codes, size, own, unlisted)))
        self._tell_last_time()
        return _in_order(self.targets, learned)

    def _tell_last_time(self) -> None:
        """Tell the scheme of all rows, which is asked for it, the last time that a part found to decay from."""
        for _, scheme in self.parts:
            if scheme.last_time is not None:
                self.whole.last_time = scheme.last_time

    def prepare(self) -> None:
        for positions, scheme in self.parts:
            try:
                scheme.prepare()
            except ValueError as error:  # as of folds outside which no row has the target
                names = [self.targets[position].name for position in positions]
                raise ValueError(f"In the output {names[0]!r} of y: {error}") from error

    def folds(self) -> Folds:
        return self.whole.folds()

    def finish(self) -> None:
        self.whole.finish()

    def encode(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool, unlisted: Unlisted | None = None
    ) -> OutOfFoldColumn:
        found, seen = list[tuple[list[int], OutOfFoldColumn]](), None
        for positions, scheme in self.parts:
            column = scheme.encode(learner, codes.copy(), size, counts=counts, unlisted=unlisted)
            found.append((positions, column))
            if column.counts is not None:
                seen = column.counts if seen is None else np.fmax(seen, column.counts)
        self._tell_last_time()
        classes = [sum(len(self.targets[position].names) for position in own) for own, _ in found]
        blocks = [(own, np.split(each.values, k, axis=1)) for k, (own, each) in zip(classes, found, strict=True)]
        encodings = _in_order(self.targets, [(own, each.encodings) for own, each in found])
        return OutOfFoldColumn(np.hstack(_in_order(self.targets, blocks)), seen, encodings)


def scheme_of_gaps(scheme: Scheme, data: TrainingData, *, rare: bool) -> Scheme:
    """The scheme itself, or one for rows that lack a target, which does not go with folds of rare categories alone."""
    if not data.has_gaps:
        return scheme
    if rare:
        raise ValueError('y must have no missing values with crossfit="rare". Pass crossfit="all".')
    return GappedScheme(scheme, data)
