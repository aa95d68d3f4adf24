"""Small columns that are learned together: one call of numpy serves the tables of all of them.

The time of a small column is that of calling numpy, whatever the number of categories. So the columns are filled up
with categories without rows to one size, and the parts of all columns, together with the whole columns, are given to
the learner in one call. No table enters the numbers of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from catpool.crossfit.out_of_fold import OutOfFold, OutOfFoldColumn
from catpool.data.columns.listed import Unlisted
from catpool.data.frozen import frozen
from catpool.data.targets.target import Target
from catpool.moments.outside import OutsideCounts, OutsideMoments
from catpool.moments.partition import ColumnView, TargetView
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.rules import ColumnRule
from catpool.tables.learner import ColumnLearner, Learned, Learner

SMALL = 1 << 14  # cells of all classes, parts and columns up to which filling up costs less than separate calls
CELLS = 1 << 18  # the most cells of columns that are learned together; beyond, they would not fit into the cache


@frozen
class CodedColumn:
    """A column of the training rows as the codes of its categories, and how it is learned.

    Parameters
    ----------
    learner : ColumnLearner
    codes : ndarray of shape (n,)
        Overwritten, to save memory.
    size : int
        The number of codes.
    unlisted : Unlisted, optional
        The rows that the column must not learn from.
    """

    learner: ColumnLearner
    codes: np.ndarray
    size: int
    unlisted: Unlisted | None = None


def batch_columns(columns: Sequence[CodedColumn], tables: int) -> list[list[int]]:
    """Choose the columns that are learned together: the positions of each batch, those of similar size in one.

    Parameters
    ----------
    columns : sequence of CodedColumn
    tables : int
        The number of parts, times that of the classes of the target, which are held at once.
    """
    batches: list[Batch] = []
    growing: list[Batch] = []  # the last batch of each kind of learner
    for position in sorted(range(len(columns)), key=lambda position: columns[position].size):
        column = columns[position]
        batch = next((each for each in growing if each.takes(column, tables)), None)
        if batch is None:
            batch = Batch(column)
            batches.append(batch)
            growing = [each for each in growing if not _alike(each.first, column)] + [batch]
        batch.add(position, column)
    return [batch.positions for batch in batches]


class Batch:
    """Some columns that are learned together, the smallest first."""

    def __init__(self, first: CodedColumn) -> None:
        self.first, self.size = first, 0
        self.positions: list[int] = []

    def takes(self, column: CodedColumn, tables: int) -> bool:
        """Whether a column, which is not smaller than those of the batch, may join it."""
        filled, cells = (self.size + column.size) * tables, (len(self.positions) + 1) * column.size * tables
        return cells <= min(CELLS, max(SMALL, 2 * filled)) and _alike(self.first, column)

    def add(self, position: int, column: CodedColumn) -> None:
        self.positions.append(position)
        self.size += column.size


def _alike(one: CodedColumn, other: CodedColumn) -> bool:
    """Whether two columns have learners that may learn from both at once."""
    if not isinstance(one.learner, Learner) or not one.learner.joins(other.learner):
        return False
    bounds = one.learner.rule.bounds if isinstance(one.learner.rule, ColumnRule) else ()
    alike = all((one.size < bound) == (other.size < bound) for bound in bounds)
    return alike and one.unlisted is other.unlisted is None


def learns_at_once(column: CodedColumn, tables: int) -> bool:
    """Whether the parts of a column and the whole column are learned in one call; `tables` as for `batch_columns`."""
    return _alike(column, column) and column.size * tables <= CELLS


def encode_together(rows: OutOfFold, columns: Sequence[CodedColumn], *, counts: bool) -> list[OutOfFoldColumn]:
    """Encode columns out of fold and from all rows, as `OutOfFold.encode` does one after the other.

    Parameters
    ----------
    rows : OutOfFold
        Whose folds are encoded from all other rows.
    columns : sequence of CodedColumn
        Whose learners are alike.
    counts : bool
        Whether to return the weight of the rows that each row is encoded from.
    """
    learner = columns[0].learner
    assert isinstance(learner, Learner)
    sizes = [column.size for column in columns]
    view = rows.rows.column([column.codes for column in columns], max(sizes))
    outside, n_folds, position = OutsideCounts(view), rows.folds.n_folds, 0
    values = np.empty((len(columns), rows.rows.outputs(learner), len(columns[0].codes)))
    encodings: list[list[Any]] = [[] for _ in columns]
    for target, views in rows.rows.views():
        own_learner = learner.of(target)
        learned = _learn(own_learner, view, outside, target, list(views))
        for output in chain.from_iterable(each.outputs for each in learned):
            _look_up(view, output, n_folds, values[:, position])
            position += 1
        for number, (own, size) in enumerate(zip(encodings, sizes, strict=True), start=1):
            tables = [each.table(number * view.shape[1] - 1, size) for each in learned]
            own += own_learner.name(target, tables, rows.rows.weights.log_likelihood)
    seen = np.empty((len(columns), len(columns[0].codes))) if counts else None
    if seen is not None:
        _look_up(view, outside[:], n_folds, seen)
    return [
        OutOfFoldColumn(own.T, None if seen is None else seen[number], encodings[number])
        for number, own in enumerate(values)
    ]


def _learn(
    learner: Learner, view: ColumnView, outside: OutsideCounts, target: Target, views: Sequence[TargetView]
) -> list[Learned]:
    """Learn each class, for each column: one table outside each part, and last one of all rows."""
    visible = OutsideMoments(outside, [view.moments(each, scatters=learner.scatters) for each in views])[:]
    moments = [view.with_residual_outside(*each) for each in zip(views, visible, strict=True)]
    return learner.learn(moments, FAMILIES[target.family])


def _look_up(view: ColumnView, tables: np.ndarray, n_folds: int, result: np.ndarray) -> None:
    """Write the values of the rows of each column, of shape (C, n), from the tables of their parts."""
    values = tables.reshape(view.shape)
    if view.shape[1] > n_folds + 1:  # the part of rows in no fold
        values = values.copy()
        values[:, n_folds] = np.nan
    view.look_up(values, result)
