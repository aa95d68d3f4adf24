"""Outputs that need the rows themselves, out of fold: each fold's come from its training rows alone.

So they are what a fit to these rows gives, and no target of the fold can reach them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.crossfit.folds import Folds
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.data.blocks import look_up_each
from catpool.data.factorize import narrowest
from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counted
from catpool.data.targets.target import Target
from catpool.data.training import TrainingData
from catpool.moments.sorted_rows import SortableRows
from catpool.priors.families.family import Family
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
        Makes the rule that learns the prior of the means, which takes time for interactions.
    """

    codes: np.ndarray
    size: int
    data: TrainingData
    rule: Callable[[], PriorRule]

    def sorted(self, target: Target) -> SortableRows:
        """The rows in the order of their categories and of the values of a target."""
        return SortableRows(self.codes, target.rising, target.rising_values, self.data.weights.row, self.size)

    def cells(self, folds: Folds) -> np.ndarray:
        """Fold times size, plus category, of each row."""
        cells = np.multiply(folds.labels, self.size, dtype=narrowest((folds.n_folds + 1) * self.size))
        cells += self.codes.astype(cells.dtype, copy=False)
        return cells


def with_row_statistics(
    encodings: Sequence[Any], rows: CodedRows, statistics: RowStatistics, order: Sequence[str]
) -> list[Any]:
    """The encodings of a column from all rows, with the statistics of their targets among their outputs."""

    def complete(encoding: Any, target: Target | None) -> Any:
        if target is None:
            return encoding
        return _add_tables(encoding, statistics.tables(rows.sorted(target).all(), encoding.family), order)

    return [complete(*pair) for pair in _targets_of(encodings, rows.data.targets)]


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
    encodings, tables = [], []
    for encoding, target in _targets_of(column.encodings, rows.data.targets):
        own: dict[str, np.ndarray] = {}
        if target is not None:
            ordered = rows.sorted(target)
            own = _learn_folds(ordered, statistics, folds, encoding.family)
            encoding = _add_tables(encoding, statistics.tables(ordered.all(), encoding.family), order)
        encodings.append(encoding)
        tables += [own.get(name) for name in encoding.values]
    return OutOfFoldColumn(_fill_in(column.values, tables, rows.cells(folds)), column.counts, encodings)


def _fill_in(known: np.ndarray, tables: Sequence[np.ndarray | None], cells: np.ndarray) -> np.ndarray:
    """The values of rows, of shape (n, tables): what each table has for the cells of the rows; None is the next known.

    Parameters
    ----------
    known : ndarray of shape (n, k)
        In the order of the tables that are None.
    tables : sequence of ndarray or None
    cells : ndarray of shape (n,)
    """
    values, columns = np.empty((len(cells), len(tables)), order="F"), iter(known.T)
    looked_up = []
    for into, table in zip(values.T, tables, strict=True):
        if table is None:
            into[:] = next(columns)
        else:
            looked_up.append((table, into))
    look_up_each(looked_up, cells)
    return values


def _targets_of(encodings: Sequence[Any], targets: Sequence[Target]) -> list[tuple[Any, Target | None]]:
    """Each encoding with its target, or None where this is the shares of another one's rows."""
    owners = [None if target.shares else target for target in targets for _ in target.names]
    return list(zip(encodings, owners, strict=True))


def _add_tables(encoding: Any, tables: dict[str, np.ndarray], order: Sequence[str]) -> Any:
    values = encoding.values | tables
    return replace(encoding, values={name: values[name] for name in order})


def _learn_folds(
    ordered: SortableRows, statistics: RowStatistics, folds: Folds, family: Family
) -> dict[str, np.ndarray]:
    """The statistics from the training rows of each fold, of shape (folds + 1) * size, by feature; the last are NaN."""
    labels = folds.labels[ordered.order]

    def learn_fold(fold: int) -> dict[str, np.ndarray]:
        return statistics.tables(ordered.among(_trains(folds, fold, labels, ordered.order)), family)

    tables = counted(learn_fold, range(folds.n_folds), FOLDS)
    nowhere = np.full(len(ordered.numbers), np.nan)  # what rows in no fold have
    return {name: np.concatenate([*(table[name] for table in tables), nowhere]) for name in tables[0]}


def _trains(folds: Folds, fold: int, labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Whether each row, in an order in which rows have these labels, is a training row of a fold."""
    if folds.training is None:
        return labels != fold
    rows = np.zeros(len(folds.labels), dtype=bool)
    rows[folds.training[fold]] = True
    return rows[order]
