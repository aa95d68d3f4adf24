"""`GroupTable` and `GroupTables`: other columns within the categories of grouping columns, and their features."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING, Vocabulary
from catpool.data.columns.crossed import Cells
from catpool.data.columns.finite_numbers import finite_numbers
from catpool.data.columns.row_values import RowValues
from catpool.data.columns.sorted_categories import sort_categories
from catpool.data.frames.backends import infer_exactly
from catpool.data.frames.frame import Features, Frame, column_name, select_columns
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.verify import require
from catpool.tables.group_statistics import GroupStatistics
from catpool.tables.unseen import warn_of_unseen


@frozen
class GroupTable:
    """What is known of columns within the categories of a grouping column.

    Parameters
    ----------
    label : Any
        The label of the grouping column; a tuple of labels for a combination.
    vocabulary : Vocabulary or Cells
    sizes : ndarray of shape (size,)
        The weight of the rows of each slot.
    statistics : list of GroupStatistics
    """

    label: Any
    vocabulary: Vocabulary | Cells
    sizes: np.ndarray
    statistics: list[GroupStatistics]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a table."""
        require(self.statistics, "a table without statistics")
        require(np.shape(self.sizes) == (self.vocabulary.size,), "sizes of other categories")
        require(self.sizes.dtype.kind in "fiu" and np.all(self.sizes >= 0), "sizes that are not numbers")
        for each in self.statistics:
            each.verify_size(self.vocabulary.size)

    @property
    def required(self) -> list[Any]:
        """The columns that features are made of, the own values of rows among them."""
        parts = list(self.label) if isinstance(self.vocabulary, Cells) else [self.label]
        return [*parts, *(each.label for each in self.statistics if each.reads_values)]

    def names(self, columns: Mapping[Any, str]) -> list[str]:
        """The names of the features, from those of the columns by label."""
        group = column_name(self.label, columns)
        return [f"{columns[each.label]}_{output}_by_{group}" for each in self.statistics for output in each.outputs]

    def slots(self, X: Frame, columns: Mapping[Any, str]) -> np.ndarray:
        """Find the slot of each row's category, of shape (n,)."""
        column = select_columns(self.label, X)
        codes, slots, select = self.vocabulary.look_up(column, self.label)
        name = column_name(self.label, columns)
        warn_of_unseen(name, self.label, self.vocabulary, column, (codes, slots, select))
        return slots.take(codes)

    def block(self, rows: int) -> np.ndarray:
        """Room for the features of rows, of shape (n, features)."""
        return np.empty((rows, sum(len(each.outputs) for each in self.statistics)), order="F")

    def tasks(
        self, slots: np.ndarray, values: Mapping[Any, RowValues], block: np.ndarray
    ) -> Iterator[Callable[[], None]]:
        """Functions that each write some features of rows into a block.

        Parameters
        ----------
        slots : ndarray of shape (n,)
        values : mapping of RowValues
            The rows' own values, by label.
        block : ndarray of shape (n, features)
        """
        slots = slots.astype(np.intp, copy=False)  # of narrow ones, numpy would make a wide copy for each feature
        start = 0
        for each in self.statistics:
            end = start + len(each.outputs)
            yield partial(each.fill, slots, values.get(each.label), block[:, start:end])
            start = end

    def frame(self) -> pd.DataFrame:
        """Make a frame with a row for each described column and category, sorted, without those that have no rows."""
        categories = pd.Series([None, *self.vocabulary.categories.tolist()], dtype=object)
        rows = np.append(sort_categories(self.vocabulary.categories) + 1, MISSING)
        rows = rows[self.sizes[rows] > 0]
        table = pd.concat([each.frame(categories).iloc[rows] for each in self.statistics], ignore_index=True)
        return table.assign(category=infer_exactly(table["category"]))

    def summary(self, columns: Mapping[Any, str]) -> list[dict[str, Any]]:
        """The rows of ``summary_``, one for each described column."""
        seen = int(np.count_nonzero(self.sizes))
        group = column_name(self.label, columns)
        return [{"column": group, "categories": seen, **each.summary()} for each in self.statistics]


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=2)


@frozen
class GroupTables:
    """The new columns of a table.

    Parameters
    ----------
    header : Header
        The columns of the table.
    tables : list of GroupTable
    roles : list of str
        The columns of the training table that hold weights.
    """

    header: Header
    tables: list[GroupTable]
    roles: list[str]

    def verify(self) -> None:
        """Raise an error if these cannot be new columns of a table."""
        require(self.tables, "no tables")
        used = dict.fromkeys([*self.required, *self.described])
        absent = [label for label in used if label not in self.header.labels]
        require(not absent, f"features of the columns {absent}, which X did not have")

    @property
    def described(self) -> dict[Any, None]:
        """The labels of the described columns, in their order."""
        return dict.fromkeys(each.label for table in self.tables for each in table.statistics)

    @property
    def required(self) -> list[Any]:
        """The columns that features are made of."""
        return list(dict.fromkeys(label for table in self.tables for label in table.required))

    def names(self, columns: Mapping[Any, str], *, keep: bool) -> list[str]:
        """The names of all columns, from those of the table by label; an error if two are the same."""
        names = list(columns.values()) if keep else []
        names += [name for table in self.tables for name in table.names(columns)]
        repeated = sorted(name for name, times in Counter(names).items() if times > 1)
        if repeated:
            raise ValueError(f"Columns must have different names, but {repeated} would occur twice. Rename those of X.")
        return names

    def warn_of_gaps(self) -> None:
        """Warn of described columns for which some categories have no ratio, or rows no z-score."""
        for table in self.tables:
            group = column_name(table.label, self.header.names_by_label)
            for each in table.statistics:
                if "ratio" in each.outputs and (near := int(np.count_nonzero(np.isnan(each.divisors)))):
                    _warn(
                        f"The mean of column {each.label!r} is 0 in {near} categories of {group!r}, where its ratio is "
                        'NaN. Pass "zscore" in its place.'
                    )
                if "zscore" in each.outputs and (odd := each.categories_without_spread):
                    _warn(
                        f"Column {each.label!r} does not vary within {odd} categories of {group!r}, whose mean is "
                        "another one once it is pooled, so that their zscore is NaN. Leave it out of `output`."
                    )

    def values(self, X: Frame) -> dict[Any, RowValues]:
        """The rows' own values that features depend on, by label."""
        read = dict.fromkeys(s.label for table in self.tables for s in table.statistics if s.reads_values)
        return {label: RowValues(finite_numbers(X.column(label), label)) for label in read}

    def place(self, blocks: list[np.ndarray]) -> Features:
        """The features of each table with their names, in the form that `Frame.replace_columns` takes."""
        columns = self.header.names_by_label
        return {each: (each.names(columns), block) for each, block in zip(self.tables, blocks, strict=True)}
