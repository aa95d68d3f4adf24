"""New columns of categories that numbers fall into, beside the columns of a table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from catpool.data.columns.binning import Bins, as_numbers
from catpool.data.columns.rounding import Rounding
from catpool.data.frames.frame import Features, Frame
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.verify import require


@frozen
class BinnedColumn:
    """A column of numbers, and a rule that turns it into categories.

    Parameters
    ----------
    label : Any
    rule : Bins or Rounding
    """

    label: Any
    rule: Bins | Rounding


@frozen
class BinnedColumns:
    """The new columns of a table.

    Parameters
    ----------
    header : Header
        The columns of the table.
    columns : list of BinnedColumn
    """

    header: Header
    columns: list[BinnedColumn]

    def verify(self) -> None:
        """Raise an error if these cannot be new columns of a table."""
        absent = [each.label for each in self.columns if each.label not in self.header.labels]
        require(not absent, f"categories of the columns {absent}, which X did not have")
        self.names(list(self.header.names_by_label.values()))

    def names(self, columns: list[str]) -> list[str]:
        """The names of all columns, from those of the table; an error if two are the same."""
        own = dict(zip(self.header.labels, columns, strict=True))
        names = columns + [f"{own[each.label]}_{each.rule.suffix}" for each in self.columns]
        repeated = [name for name, times in Counter(names).items() if times > 1]
        if repeated:
            raise ValueError(f"Columns must have different names, but {repeated} would occur twice. Rename those of X.")
        return names

    def features(self, X: Frame) -> Features:
        """The new columns: strings where the table that they were learned from was a frame, otherwise numbers."""
        names = self.names(list(self.header.names_by_label.values()))[len(self.header.labels) :]
        return {each: ([name], self._values(each, X)[:, None]) for name, each in zip(names, self.columns, strict=True)}

    def _values(self, column: BinnedColumn, X: Frame) -> np.ndarray:
        numbers = as_numbers(X.column(column.label), column.label)
        if not self.header.framed:
            return column.rule.numbers(numbers)
        codes, names = column.rule.categories(numbers)
        return np.array(names, dtype=object).take(codes)
