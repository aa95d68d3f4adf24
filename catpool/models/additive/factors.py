"""`Factor`: a column or an interaction whose categories have effects, with what numbers its rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from catpool.data.columns.binning import Bins, count_numbers, make_bins
from catpool.data.columns.categories import Vocabulary, held, number
from catpool.data.columns.crossed import Cells, number_cells, number_paths
from catpool.data.frames.frame import Frame, column_name, select_columns
from catpool.data.frozen import frozen
from catpool.data.verify import require
from catpool.tables.policy import Policy, refuse_missing, refuse_unseen
from catpool.tables.unseen import warn_of_unseen

FINE, COARSE = 32, 8  # the most ranges of a number that is a factor by itself, and of one in an interaction


@frozen
class Factor:
    """A column or an interaction of columns.

    Parameters
    ----------
    label : Any
        The label of the column, or a tuple of labels.
    column : str
        Its name.
    vocabulary : Vocabulary or Cells
        Of categories, or of ranges of numbers.
    bins : dict of Bins
        The ranges of those of its columns that hold numbers, by label.
    """

    label: Any
    column: str
    vocabulary: Vocabulary | Cells
    bins: dict[Any, Bins]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a factor."""
        own = self.vocabulary
        vocabularies = own.paths.parts if isinstance(own, Cells) else [own]
        require(not isinstance(own, Cells) or isinstance(self.label, tuple), "cells of a single column")
        require(len(self.parts) == len(vocabularies), "cells of other columns")
        for label, bins in self.bins.items():
            require(label in self.parts, "ranges of another column")
            ranges = vocabularies[self.parts.index(label)].categories.to_numpy()
            known = ranges.dtype.kind in "iu" and bool(((ranges >= 0) & (ranges < len(bins.names))).all())
            require(known or not len(ranges), "ranges that are not there")

    @property
    def parts(self) -> tuple[Any, ...]:
        """The labels of its columns."""
        return self.label if isinstance(self.vocabulary, Cells) else (self.label,)

    @property
    def categories(self) -> list[Any]:
        """The categories; for numbers the names of their ranges, and None for missing ones."""
        return self._all_named(self.vocabulary.categories.tolist())

    def _all_named(self, own: Sequence[Any]) -> list[Any]:
        if isinstance(self.vocabulary, Cells):
            columns = [
                self._named(label, values) for label, values in zip(self.parts, zip(*own, strict=True), strict=True)
            ]
            return list(zip(*columns, strict=True))
        return self._named(self.label, own)

    def _named(self, label: Any, values: Sequence[Any]) -> list[Any]:
        return [self.bins[label].names[value] for value in values] if label in self.bins else list(values)

    def slots(self, X: Frame, policy: Policy, *, warn: bool) -> np.ndarray:
        """The slot of each row, of shape (n,); a warning if most are unseen, if asked for."""
        columns = [self._column(label, X) for label in self.parts]
        values = columns if isinstance(self.vocabulary, Cells) else columns[0]
        codes, slots, select = looked_up = self.vocabulary.look_up(values)
        if policy.missing == "error":
            refuse_missing(slots.take(codes), self.column)
        if policy.unknown == "error":
            unseen = held(codes, slots == self.vocabulary.size - 1)
            refuse_unseen(self.column, unseen, lambda rows: self._all_named(select(rows)))
        if warn and not self.bins:  # of ranges none is new, and other parts of cells are columns by themselves
            warn_of_unseen(self.column, self.label, self.vocabulary, values, looked_up)
        return slots.take(codes)

    def _column(self, label: Any, X: Frame) -> Any:
        return self.bins[label].ranges(X.column(label), label) if label in self.bins else select_columns(label, X)


class FactorMaker:
    """Makes factors of the columns of the training rows, and numbers their rows.

    Numbers are ranges, which are coarser in interactions. But a grid of numbers of few values each, as months and days,
    stands for something that trees need many splits to find, as dates: there each number is a category.

    Parameters
    ----------
    X : Frame
    weights : ndarray of shape (n,) or None
        What the rows count.
    numbers : sequence
        The labels of the columns that hold numbers.
    """

    def __init__(self, X: Frame, weights: np.ndarray | None, numbers: Sequence[Any]) -> None:
        self.X, self.weights = X, weights
        self.bins = {label: make_bins(X.column(label), weights, COARSE) for label in numbers}
        counts = {label: count_numbers(X.column(label), weights, FINE) for label in numbers}
        self._counts = {label: count for label, count in counts.items() if count}
        self._parts: dict[tuple[Any, bool], tuple[np.ndarray, Vocabulary]] = {}

    def grid(self, label: tuple[Any, ...]) -> set[Any]:
        """The numbers of an interaction that are categories: those of few values, if they have many combinations."""
        few = {part for part in label if part in self._counts}
        combined = prod(self._counts[part] for part in few)
        return few if len(few) > 1 and combined > COARSE ** len(few) else set()

    def single(self, label: Any) -> tuple[Factor, np.ndarray]:
        """The factor of a column, and the slots of the rows."""
        if label not in self.bins:
            codes, vocabulary = self.part(label)
            return Factor(label, self.X.names_by_label[label], vocabulary, {}), codes
        bins = make_bins(self.X.column(label), self.weights, FINE)
        codes, vocabulary = self._number(bins.ranges(self.X.column(label)), label)
        return Factor(label, self.X.names_by_label[label], vocabulary, {label: bins}), codes

    def crossed(self, label: tuple[Any, ...]) -> tuple[Factor, np.ndarray]:
        """The factor of an interaction, and the slots of the rows."""
        grid = self.grid(label)
        codes, parts = zip(*(self.part(part, exact=part in grid) for part in label), strict=True)
        paths_of_rows, paths = number_paths(codes, list(parts))
        cells_of_rows, cells = number_cells(paths, paths_of_rows[-1])
        bins = {part: self.bins[part] for part in label if part in self.bins and part not in grid}
        return Factor(label, column_name(label, self.X.names_by_label), cells, bins), cells_of_rows.astype(np.intp)

    def part(self, label: Any, *, exact: bool = False) -> tuple[np.ndarray, Vocabulary]:
        """The slots of the rows in a column that is part of an interaction, and its categories.

        Parameters
        ----------
        label : Any
        exact : bool
            Whether each number is a category, instead of ranges of numbers.
        """
        binned = label in self.bins and not exact
        if (label, binned) not in self._parts:
            values = self.bins[label].ranges(self.X.column(label)) if binned else select_columns(label, self.X)
            self._parts[label, binned] = self._number(values, label)
        return self._parts[label, binned]

    def _number(self, values: Any, label: Any) -> tuple[np.ndarray, Vocabulary]:
        numbered = number(values, label=label)
        return numbered.codes.astype(np.intp), numbered.vocabulary  # a type that numpy adds up twice as fast
