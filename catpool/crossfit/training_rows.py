"""`TrainingRows`: the targets and weights of the training rows in parts, and columns learned from all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.data.columns.listed import Unlisted
from catpool.data.targets.target import Target
from catpool.data.targets.weights import Weights
from catpool.moments.partition import ColumnView, Parts, TargetView
from catpool.tables.learner import ColumnLearner

HELD = 1 << 24  # the most numbers, of all targets, that are held; more are computed anew for each column


class TrainingRows:
    """The targets and weights of the training rows, in parts.

    Parameters
    ----------
    targets : list of Target
    weights : Weights
    parts : Parts
    """

    def __init__(self, targets: list[Target], weights: Weights, parts: Parts) -> None:
        self.targets, self.weights, self.parts = targets, weights, parts
        self.width = sum(len(target.names) for target in targets)
        self.observed = _count_rows(weights, parts)
        held = self.width * len(targets[0].values) <= HELD
        self._held = [list(self._make_views(target)) for target in targets] if held else None

    def views(self) -> Iterator[tuple[Target, Iterator[TargetView]]]:
        """Iterate over the targets, each with its columns: one, or one for each class."""
        for position, target in enumerate(self.targets):
            yield target, self._make_views(target) if self._held is None else iter(self._held[position])

    def _make_views(self, target: Target) -> Iterator[TargetView]:
        for values in target.columns():
            yield TargetView(values, self.weights.row, self.parts, exact=target.whole)

    def column(self, codes: np.ndarray | list[np.ndarray], size: int) -> ColumnView:
        """A column of X with these codes, or several, which are overwritten if there are several parts."""
        return ColumnView(codes, size, self.weights.count_weights, self.parts, self.observed)

    def outputs(self, learner: ColumnLearner) -> int:
        """The number of outputs of all classes of all targets."""
        return sum(len(learner.of(target).outputs) * len(target.names) for target in self.targets)

    def without(self, unlisted: Unlisted | None) -> TrainingRows:
        """The same rows, of which a column must not learn from some."""
        if unlisted is None:
            return self
        return TrainingRows(self.targets, self.weights.leave_out(unlisted.rows), self.parts)

    def subset(self, rows: np.ndarray) -> TrainingRows:
        """Select some of the rows, as one part."""
        targets = [replace(target, values=target.values[rows]) for target in self.targets]
        return TrainingRows(targets, self.weights.subset(rows), Parts(None, 1))


def _count_rows(weights: Weights, parts: Parts) -> np.ndarray | None:
    """Count the rows of each part, of shape (P,), if weights are precisions; otherwise the weights are the counts."""
    if not weights.precision or weights.row is None:
        return None
    labels = np.zeros(len(weights.row), dtype=int) if parts.labels is None else parts.labels
    return np.bincount(labels, weights.row > 0, minlength=parts.number)


def learn(learner: ColumnLearner, codes: np.ndarray, size: int, rows: TrainingRows) -> list[Any]:
    """Learn a column from all rows; return one encoding for each class of each target."""
    column = rows.column(codes, size)
    encodings = []
    for target, views in rows.views():
        own = learner.of(target)
        moments = [column.merge(view, column.moments(view, scatters=own.scatters)) for view in views]
        encodings += own.encodings(target, moments, rows.weights.log_likelihood)
    return encodings
