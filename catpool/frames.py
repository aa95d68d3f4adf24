"""The door for X: a table's columns by name or position, and the same table with some of them replaced."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

MISMATCH = "The feature names should match those that were passed during fit. "


@dataclass(frozen=True)
class Columns:
    """The columns of a table, whatever holds it.

    Parameters
    ----------
    source : ndarray of shape (n, p) or narwhals.DataFrame
    labels : list
        What a user calls the columns: their names, or else their positions.
    named : bool
        Whether the labels are names.
    """

    source: Any
    labels: list[Any]
    named: bool

    def __len__(self) -> int:
        return int(self.source.shape[0])

    @property
    def names(self) -> list[str]:
        """The columns' names as features: arrays have x0, x1, ..."""
        return self.labels if self.named else [f"x{position}" for position in range(len(self.labels))]

    def require(self, labels: list[Any]) -> None:
        """Refuse labels that are none of the columns', that come twice, or that are none at all."""
        if not labels:
            raise ValueError("`columns` must name at least one column. Pass None to encode all.")
        absent = [label for label in labels if label not in self.labels]
        if absent:
            raise ValueError(f"`columns` names {absent}, which X does not have. X has the columns {self.labels}.")
        if len(set(labels)) < len(labels):
            raise ValueError(f"`columns` must name each column once, but it is {labels}.")

    def aligned(self, labels: list[Any], required: list[Any], *, named: bool, strict: bool, reader: str) -> Columns:
        """Find again the columns of fit: by name where both tables have names, else by position.

        Parameters
        ----------
        labels : list
            The columns at fit, in their order.
        required : list
            Those that must be here now.
        named : bool
            Whether the columns had names at fit.
        strict : bool
            Whether a column that was not there at fit is an error.
        reader : str
            Who asks, for messages.
        """
        if not (self.named and named):
            return self._at_positions(labels, named, reader)
        absent = [label for label in required if label not in self.labels]
        if absent:
            raise ValueError(f"{MISMATCH}Feature names seen at fit time, yet now missing: {absent}. Add them to X.")
        unseen = [label for label in self.labels if label not in labels]
        if unseen and strict:
            raise ValueError(f"{MISMATCH}Feature names unseen at fit time: {unseen}. Drop them from X.")
        if not strict or labels == self.labels:
            return self
        return Columns(self.source[:, [self.labels.index(label) for label in labels]], labels, named=True)

    def _at_positions(self, labels: list[Any], named: bool, reader: str) -> Columns:
        if named:
            warnings.warn(
                f"X does not have valid feature names, but {reader} was fitted with feature names", stacklevel=4
            )
        elif self.named:
            warnings.warn(f"X has feature names, but {reader} was fitted without feature names", stacklevel=4)
        if len(labels) != len(self.labels):
            raise ValueError(
                f"X has {len(self.labels)} features, but {reader} is expecting {len(labels)} features as input. "
                "Pass the columns that were there at fit."
            )
        return Columns(self.source, labels, named=named)

    def column(self, label: Hashable) -> pd.Series | np.ndarray:
        position = self.labels.index(label)
        column = self.source[:, position]
        if isinstance(column, np.ndarray):
            return column if column.dtype != object else pd.Series(column, dtype=object).infer_objects()
        return column.to_pandas()

    def replaced(self, features: Mapping[Any, tuple[list[str], np.ndarray]], *, keep: bool) -> Any:
        """Put encoded columns in the place of those they encode.

        Parameters
        ----------
        features : mapping
            From a column's label to the names and the values, of shape (n, T), of its encodings.
        keep : bool
            Whether the other columns stay.

        Returns
        -------
        ndarray, or a frame of the kind that came in where some of its other columns stay
        """
        if not keep or len(features) == len(self.labels):
            return _side_by_side([features[label][1] for label in self.labels if label in features])
        if isinstance(self.source, np.ndarray):
            source = self.source if self.source.dtype.kind in "biuf" else self.source.astype(object)
            return _side_by_side(
                [
                    features[label][1] if label in features else source[:, [position]]
                    for position, label in enumerate(self.labels)
                ]
            )
        return self._frame(features)

    def _frame(self, features: Mapping[Any, tuple[list[str], np.ndarray]]) -> Any:
        import narwhals as nw

        backend = nw.get_native_namespace(self.source)
        series = []
        for position, label in enumerate(self.labels):
            if label in features:
                names, values = features[label]
                series += [
                    nw.new_series(name, np.ascontiguousarray(column), backend=backend.__name__)
                    for name, column in zip(names, values.T, strict=True)
                ]
            else:
                series.append(self.source[:, position])
        if backend is pd:  # the rows keep their index, the other columns their types
            columns = {item.name: item.to_native().array for item in series}
            return pd.DataFrame(columns, index=self.source.to_native().index)
        return nw.from_dict({item.name: item for item in series}).to_native()


def _side_by_side(blocks: list[np.ndarray]) -> np.ndarray:
    return blocks[0] if len(blocks) == 1 else np.hstack(blocks)


def read_columns(X: Any) -> Columns:
    """Open a table: a pandas or other eager frame that narwhals knows, an array, a list of lists."""
    import narwhals as nw

    pandas_labels = _labels(list(X.columns)) if isinstance(X, pd.DataFrame) else None
    if isinstance(X, list | tuple):
        X = np.array(X, dtype=object)  # a list of mixed rows would else become strings
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        array = check_array(X, dtype=None, ensure_all_finite=False)
        return Columns(array, list(range(array.shape[1])), named=False)
    if min(frame.shape) == 0:
        what = "sample(s)" if frame.shape[0] == 0 else "feature(s)"
        raise ValueError(f"Found array with 0 {what} (shape={frame.shape}) while a minimum of 1 is required.")
    return Columns(frame, *(pandas_labels or _labels(frame.columns)))


def _labels(names: list[Any]) -> tuple[list[Any], bool]:
    """The columns' labels, and whether they are names: strings are, the integers of a bare frame are not."""
    strings = [isinstance(name, str) for name in names]
    if not any(strings):
        return list(range(len(names))), False
    if not all(strings):
        raise TypeError(
            f"The columns of X must all have strings for names, or none; they are {names}. "
            "Convert them with X.columns = X.columns.astype(str)."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"The columns of X must have different names, but {twice} occur more than once.")
    return names, True
