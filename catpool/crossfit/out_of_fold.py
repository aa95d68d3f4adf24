"""Out-of-fold encodings of the training rows.

If each fold is encoded from all rows outside it, one pass over the rows gives the moments of all folds, and sums of
these are the moments outside each fold. The rows are summed anew for each fold only if a splitter excludes some of the
other rows, or if the tables of all folds would not fit into memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from catpool.crossfit.folds import Folds
from catpool.crossfit.training_rows import TrainingRows, learn
from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counted
from catpool.data.targets.target import Target
from catpool.data.targets.weights import Weights
from catpool.moments.moments import Moments
from catpool.moments.outside import OutsideCounts, Refine, encode_outside
from catpool.moments.partition import Parts
from catpool.priors.families.by_name import FAMILIES
from catpool.tables.learner import ColumnLearner

CELLS = 1 << 27  # the most numbers, of all classes, folds and categories, that are held in memory at once


@frozen
class OutOfFoldColumn:
    """A column of the training rows, encoded out of fold and from all rows.

    Parameters
    ----------
    values : ndarray of shape (n, classes of all targets times outputs)
        The out-of-fold encodings; NaN for rows in no fold.
    counts : ndarray of shape (n,) or None
        The weight of the rows of its category that each row is encoded from.
    encodings : list
        The encodings from all rows, one for each class of each target.
    """

    values: np.ndarray
    counts: np.ndarray | None
    encodings: list[Any]

    def use_all_rows(self, codes: np.ndarray, large: Sequence[np.ndarray], everywhere: np.ndarray) -> None:
        """Replace, in place, the encodings of rows of large categories by those from all rows.

        Parameters
        ----------
        codes : ndarray of shape (n,)
        large : sequence of ndarray of shape (size,)
            Whether each category is large, one array for each column of the values.
        everywhere : ndarray of shape (size,)
            Whether each category is large in all columns.
        """
        tables = [table for encoding in self.encodings for table in encoding.values.values()]
        for values, table, own in zip(self.values.T, tables, large, strict=True):
            self._replace(values, np.flatnonzero(own[codes]), table, codes)
        if self.counts is not None:
            self._replace(self.counts, np.flatnonzero(everywhere[codes]), self.encodings[0].moments.count, codes)

    @staticmethod
    def _replace(values: np.ndarray, rows: np.ndarray, table: np.ndarray, codes: np.ndarray) -> None:
        rows = rows[~np.isnan(values[rows])]  # rows in no fold stay NaN
        values[rows] = table.take(codes[rows])

    def fill(self, value: float) -> None:
        """Set all values and counts to one number."""
        self.values[:] = value
        if self.counts is not None:
            self.counts[:] = value


class OutOfFold:
    """Encodes columns of the training rows out of fold.

    Parameters
    ----------
    folds : Folds
    targets : list of Target
    weights : Weights
    """

    def __init__(self, folds: Folds, targets: list[Target], weights: Weights) -> None:
        self.folds = folds
        others = folds.training is None
        self.rows = TrainingRows(targets, weights, Parts(folds.labels, folds.n_parts) if others else Parts(None, 1))

    def encode(self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool) -> OutOfFoldColumn:
        """Encode a column out of fold and from all rows.

        Parameters
        ----------
        learner : ColumnLearner
        codes : ndarray of shape (n,)
            Overwritten, to save memory.
        size : int
            The number of codes.
        counts : bool
            Whether to return the weight of the rows that each row is encoded from.
        """
        # columns are written one by one, so each is contiguous
        values = np.empty((len(codes), self.rows.outputs(learner)), order="F")
        result = OutOfFoldColumn(values, np.empty(len(codes)) if counts else None, [])
        widest = max(len(target.names) for target in self.rows.targets)
        if self.folds.training is not None or self.folds.n_parts * size * widest > CELLS:
            self._encode_each_fold(learner, codes, size, result)
        else:
            self._encode_all_folds(learner, codes, size, result)
        return result

    def _encode_each_fold(self, learner: ColumnLearner, codes: np.ndarray, size: int, result: OutOfFoldColumn) -> None:
        """Sum the rows anew for each fold."""
        result.fill(np.nan)

        def encode_fold(fold: int) -> None:
            test = np.flatnonzero(self.folds.labels == fold)
            learned = learn(learner, codes[self._training[fold]], size, self._subsets[fold])
            tables = [table for encoding in learned for table in encoding.values.values()]
            for position, table in enumerate(tables):
                result.values[test, position] = table.take(codes[test])
            if result.counts is not None:
                result.counts[test] = learned[0].moments.count.take(codes[test])

        counted(encode_fold, range(self.folds.n_folds), FOLDS)
        whole = TrainingRows(self.rows.targets, self.rows.weights, Parts(None, 1))
        result.encodings.extend(learn(learner, codes, size, whole))

    @cached_property
    def _training(self) -> list[np.ndarray]:
        return [self.folds.training_rows(fold) for fold in range(self.folds.n_folds)]

    @cached_property
    def _subsets(self) -> list[TrainingRows]:
        return [self.rows.subset(rows) for rows in self._training]

    def _encode_all_folds(self, learner: ColumnLearner, codes: np.ndarray, size: int, result: OutOfFoldColumn) -> None:
        """Sum the rows once for all folds."""
        column = self.rows.column(codes, size)
        outside = OutsideCounts(column)
        position = 0
        for target, views in self.rows.views():
            own = learner.of(target)
            pairs = [(view, column.moments(view, scatters=own.scatters)) for view in views]
            whole = [column.merge(view, each) for view, each in pairs]  # first, because totals are overwritten below
            parts = [each for _, each in pairs]
            normal = FAMILIES[target.family].homoscedastic
            refine = [partial(column.with_residual_outside, view) for view, _ in pairs] if normal else []
            position = self._write_outside(own, outside, target, parts, refine, result, position)
            del parts, pairs  # frees the largest arrays before those of the next target are made
            result.encodings.extend(own.encodings(target, whole, self.rows.weights.log_likelihood))
        if result.counts is not None:
            table = outside[:]
            table[self.folds.n_folds :] = np.nan  # the part of rows in no fold
            column.look_up(table, result.counts)

    def _write_outside(
        self,
        learner: ColumnLearner,
        outside: OutsideCounts,
        target: Target,
        parts: list[Moments],
        refine: Sequence[Refine],
        result: OutOfFoldColumn,
        position: int,
    ) -> int:
        """Write the outputs of a target into the columns of the result from `position` on; return the next position."""
        if not learner.outputs:
            return position
        rule = partial(learner.encode, family=FAMILIES[target.family])
        for tables in encode_outside(outside, parts, rule, len(learner.outputs), refine):
            for table in tables:
                table[self.folds.n_folds :] = np.nan
                outside.column.look_up(table, result.values[:, position])
                position += 1
        return position
