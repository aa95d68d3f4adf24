"""`Factor`: a column or an interaction whose categories have effects, with what numbers its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from catpool.data.binning import Bins, make_bins
from catpool.data.categories import Vocabulary, encode
from catpool.data.crossed import Cells, number_cells, number_paths
from catpool.data.frames import Frame, column_name
from catpool.data.frozen import frozen

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

    @property
    def parts(self) -> tuple[Any, ...]:
        """The labels of its columns."""
        return self.label if isinstance(self.vocabulary, Cells) else (self.label,)

    def slots(self, X: Frame) -> np.ndarray:
        """The slot of each row, of shape (n,)."""
        columns = [self._column(label, X) for label in self.parts]
        codes, slots, _ = self.vocabulary.look_up(columns if isinstance(self.vocabulary, Cells) else columns[0])
        return slots.take(codes)

    def _column(self, label: Any, X: Frame) -> Any:
        column = X.column(label)
        return self.bins[label].ranges(column) if label in self.bins else column


class FactorMaker:
    """Makes factors of the columns of the training rows, and numbers their rows.

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
        self._parts: dict[Any, tuple[np.ndarray, Vocabulary]] = {}

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
        codes, parts = zip(*(self.part(part) for part in label), strict=True)
        paths_of_rows, paths = number_paths(codes, list(parts))
        cells_of_rows, cells = number_cells(paths, paths_of_rows[-1])
        bins = {part: self.bins[part] for part in label if part in self.bins}
        return Factor(label, column_name(label, self.X.names_by_label), cells, bins), cells_of_rows.astype(np.intp)

    def part(self, label: Any) -> tuple[np.ndarray, Vocabulary]:
        """The slots of the rows in a column that is part of an interaction, and its categories."""
        if label not in self._parts:
            column = self.X.column(label)
            values = self.bins[label].ranges(column) if label in self.bins else column
            self._parts[label] = self._number(values, label)
        return self._parts[label]

    def _number(self, values: Any, label: Any) -> tuple[np.ndarray, Vocabulary]:
        codes, categories = encode(values, label=label)
        return codes.astype(np.intp), Vocabulary(categories)  # a type that numpy adds up twice as fast
