"""The sums of rows by category that columns are described from, and their values in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.crossfit.threads import in_threads
from catpool.data.columns.categories import number
from catpool.data.columns.crossed import encode_column, number_shared
from catpool.data.columns.finite_numbers import finite_numbers
from catpool.data.columns.row_values import RowValues
from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.moments.partition import ColumnView, Parts, TargetView
from catpool.tables.group_statistics import NEED_ROWS, OF_CATEGORIES, OF_VARIANCES, GroupStatistics
from catpool.tables.group_table import GroupTable
from catpool.tables.value_ranks import GroupedValues

ALL = Parts(None, 1)


class DescribedColumn:
    """A column of the rows, with the sums that do not depend on a grouping column.

    Parameters
    ----------
    label : Any
    outputs : tuple of str
    X : Frame
    weights : ndarray of shape (n,) or None

    Attributes
    ----------
    weights : ndarray of shape (n,) or None
        0 for rows whose value is missing.
    rows : RowValues
        The numbers; of a column of categories, their codes.
    target : TargetView or None
        Of the numbers, with 0 for missing ones.
    """

    def __init__(self, label: Any, outputs: tuple[str, ...], X: Frame, weights: np.ndarray | None) -> None:
        self.label, self.outputs, self.weights = label, outputs, weights
        self.target = None
        if set(outputs) <= set(OF_CATEGORIES):
            self.rows = RowValues(number(X.column(label), label=label).codes)
            return
        numbers = finite_numbers(X.column(label), label)
        missing = np.isnan(numbers)
        if missing.any():
            self.weights = np.where(missing, 0.0, 1.0 if weights is None else weights)
        self.rows = RowValues(numbers)
        self.target = TargetView(np.where(missing, 0.0, numbers), self.weights, ALL, exact=False)


class GroupedRows:
    """The rows by the categories of a grouping column.

    Parameters
    ----------
    label : Any
    X : Frame
    weights : ndarray of shape (n,) or None

    Attributes
    ----------
    codes : ndarray of shape (n,)
    vocabulary : Vocabulary or Cells
    sizes : ndarray of shape (size,)
        The weight of the rows of each slot.
    """

    def __init__(self, label: Any, X: Frame, weights: np.ndarray | None) -> None:
        self.label = label
        self.codes, self.vocabulary = encode_column(label, X)
        self.size = self.vocabulary.size
        self._whole = ColumnView(self.codes, self.size, weights, ALL), weights
        self.sizes = self._whole[0].counts[0].astype(float)

    def view(self, weights: np.ndarray | None) -> ColumnView:
        """The sums of weights; those of described columns without missing values are the same."""
        whole, own = self._whole
        return whole if weights is own else ColumnView(self.codes, self.size, weights, ALL)


@frozen
class SummedRows:
    """What is known of rows before anything is pooled.

    Parameters
    ----------
    tables : list of GroupTable
        With sums, but without priors.
    slots : list of ndarray of shape (n,)
        The slot of each row's category, of each table.
    values : dict of RowValues
        The values of the described columns, by label.
    """

    tables: list[GroupTable]
    slots: list[np.ndarray]
    values: dict[Any, RowValues]


def sum_rows_by_group(
    groups: Sequence[Any],
    described: Mapping[Any, tuple[str, ...]],
    X: Frame,
    weights: np.ndarray | None,
    n_jobs: int | None,
) -> SummedRows:
    """Sum columns by the categories of others.

    Parameters
    ----------
    groups : sequence
        The labels of the grouping columns.
    described : mapping
        The outputs of each described column by its label.
    X : Frame
    weights : ndarray of shape (n,) or None
    n_jobs : int or None
    """
    X, rows = number_shared(groups, X, distinct=True), len(X)

    def describe(label: Any) -> DescribedColumn:
        return DescribedColumn(label, described[label], X, weights)

    columns = in_threads(describe, described, n_jobs, rows * len(described))
    grouped = in_threads(lambda label: GroupedRows(label, X, weights), groups, n_jobs, rows * len(groups))
    pairs = [(group, each) for group in grouped for each in columns if each.label != group.label]
    summed = in_threads(lambda pair: _describe(*pair), pairs, n_jobs, rows * len(pairs))
    statistics: dict[Any, list[GroupStatistics]] = {label: [] for label in groups}
    for (group, _), own in zip(pairs, summed, strict=True):
        statistics[group.label].append(own)
    tables = [GroupTable(each.label, each.vocabulary, each.sizes, statistics[each.label]) for each in grouped]
    return SummedRows(tables, [each.codes for each in grouped], {each.label: each.rows for each in columns})


def _describe(group: GroupedRows, column: DescribedColumn) -> GroupStatistics:
    """The sums of a described column by a grouping column, and its distinct values if they are asked for."""
    own = GroupStatistics(column.label, column.outputs)
    if column.target is not None:
        view, scatters = group.view(column.weights), not set(OF_VARIANCES).isdisjoint(column.outputs)
        moments = view.moments(column.target, scatters=scatters).table(0, group.size)
        own = replace(own, moments=replace(moments, residual=view.sum_residual(column.target, moments)))
    if set(NEED_ROWS).isdisjoint(column.outputs):
        return own
    values = GroupedValues(column.rows, group.codes, group.size, column.weights)
    distinct = values.distinct() if "nunique" in column.outputs else None
    return replace(own, distinct=distinct, ranks=values.ranks() if "rank" in column.outputs else None)
