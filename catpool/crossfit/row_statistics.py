"""Outputs that need the rows themselves, out of fold: each fold's come from its training rows alone.

So they are what a fit to these rows gives, and no target of the fold can reach them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.crossfit.folds import Folds
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counted
from catpool.data.targets import Target
from catpool.data.training import TrainingData
from catpool.moments.sorted_rows import SortedRows
from catpool.priors.families import FAMILIES
from catpool.priors.rules import PriorRule
from catpool.tables.row_tables import RowStatistics


@frozen
class CodedRows:
    """The training rows of a column, from which statistics of its categories are computed.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    size : int
        The number of codes.
    data : TrainingData
    rule : callable
        Learns the prior of the means.
    """

    codes: np.ndarray
    size: int
    data: TrainingData
    rule: PriorRule

    def sorted(self, target: Target) -> SortedRows:
        """The rows in the order of their categories and of the values of a target."""
        values, weights = target.values.astype(float, copy=False), self.data.weights.row
        return SortedRows.of(self.codes, values, weights, self.size)


def with_row_statistics(
    encodings: Sequence[Any], rows: CodedRows, statistics: RowStatistics, order: Sequence[str]
) -> list[Any]:
    """The encodings of a column from all rows, with the statistics of their targets among their outputs."""
    return [
        _add_tables(encoding, statistics.tables(rows.sorted(target), encoding.family), order) if target else encoding
        for encoding, target in _targets_of(encodings, rows.data.targets)
    ]


def add_row_statistics(
    column: OutOfFoldColumn, rows: CodedRows, statistics: RowStatistics, order: Sequence[str], folds: Folds
) -> OutOfFoldColumn:
    """A column with the statistics of its targets, out of fold and from all rows.

    Parameters
    ----------
    column : OutOfFoldColumn
    rows : CodedRows
    statistics : RowStatistics
    order : sequence of str
        The features of a target in their order, those that the column has among them.
    folds : Folds
    """
    values: list[np.ndarray] = []
    encodings, position = [], 0
    for encoding, target in _targets_of(column.encodings, rows.data.targets):
        own = dict(zip(encoding.values, column.values.T[position:], strict=False))
        position += len(encoding.values)
        if target is not None:
            ordered, family = rows.sorted(target), FAMILIES[target.family]
            own |= _encode_folds(rows, ordered, statistics, folds, family)
            own = {name: own[name] for name in order}
            encoding = _add_tables(encoding, statistics.tables(ordered, family), order)
        values += own.values()
        encodings.append(encoding)
    return OutOfFoldColumn(np.array(values).T, column.counts, encodings)


def _targets_of(encodings: Sequence[Any], targets: Sequence[Target]) -> list[tuple[Any, Target | None]]:
    """Each encoding with its target, or None where this is the shares of another one's rows."""
    owners = [None if target.shares else target for target in targets for _ in target.names]
    return list(zip(encodings, owners, strict=True))


def _add_tables(encoding: Any, tables: dict[str, np.ndarray], order: Sequence[str]) -> Any:
    values = encoding.values | tables
    return replace(encoding, values={name: values[name] for name in order})


def _encode_folds(
    rows: CodedRows, ordered: SortedRows, statistics: RowStatistics, folds: Folds, family: Any
) -> dict[str, np.ndarray]:
    """The statistics of each row from the training rows of its fold, of shape (n,), by feature; NaN in no fold."""
    found: dict[str, np.ndarray] = {}

    def encode_fold(fold: int) -> None:
        training = np.zeros(len(rows.codes), dtype=bool)
        training[folds.training_rows(fold)] = True
        test = np.flatnonzero(folds.labels == fold)
        for name, table in statistics.tables(ordered.among(training), family).items():
            found.setdefault(name, np.full(len(rows.codes), np.nan))[test] = table[rows.codes[test]]

    counted(encode_fold, range(folds.n_folds), FOLDS)
    return found
