"""`Frame`: the columns of a table of any library by label, and the same table with some columns replaced."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frames.backends import (
    convert_column,
    decode_arrow,
    frame_of_block,
    infer_numbers,
    make_frame,
    read_array,
)
from catpool.data.frames.column_kinds import HEAD, column_kind, kind_of_head
from catpool.data.frames.header import Header, check_labels, name_columns
from catpool.data.frames.labels import checked_labels
from catpool.data.frozen import frozen

SEPARATOR = "_x_"  # between the names of the columns of an interaction
Features = Mapping[Any, tuple[list[str], np.ndarray]]  # names and values, of shape (n, features), by label of a column


@frozen
class Frame:
    """A table of any library, with its columns by label.

    Parameters
    ----------
    source : ndarray of shape (n, p), pandas.DataFrame or narwhals.DataFrame
        A pandas frame is used directly, because going through narwhals would take longer than encoding one row.
    labels : list
        The labels of a frame, or the positions of the columns of an array.
    framed : bool
        Whether the table is a frame.
    aside : sequence, default=()
        The columns that have another role, such as keys. They are only encoded if the user names them.
    numbered : mapping, default={}
        Columns whose values are numbered already, because several tables need them, by label.
    """

    source: Any
    labels: list[Any]
    framed: bool
    aside: Sequence[Any] = ()
    numbered: Mapping[Any, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.source.shape[0])

    def __contains__(self, label: Any) -> bool:
        """Whether there is a column of this label."""
        return label in self._positions

    @cached_property  # lists of thousands of labels are slow to search, once for each of them
    def _positions(self) -> dict[Any, int]:
        return {label: position for position, label in enumerate(self.labels)}

    @property
    def named(self) -> bool:
        """Whether the labels are strings, which scikit-learn takes as feature names."""
        return self.framed and isinstance(self.labels[0], str)

    @property
    def names(self) -> list[str]:
        """The names of the columns, for features."""
        return list(self.names_by_label.values())

    @cached_property
    def names_by_label(self) -> dict[Any, str]:
        """The names of the columns, for features, by label."""
        return name_columns(self.labels, named=self.named)

    @cached_property  # several parts of a fit ask, and few rows of frames of other libraries are converted to tell
    def kinds(self) -> dict[Any, str]:
        """The kind of each column, as `column_kind` has it, by label."""
        head = self.head(HEAD)
        return {label: kind_of_head(head.column(label)) or column_kind(self.column(label)) for label in self.labels}

    def require(self, labels: list[Any], name: str = "columns") -> None:
        """Raise an error if labels are not columns of X or occur twice, or if there are none."""
        if not labels:
            raise ValueError(f"`{name}` must name at least one column of X, which are {self.labels}.")
        nested = [label for label in labels if not isinstance(label, Hashable)]
        if nested:
            raise TypeError(
                f"`{name}` must name columns one by one, but it holds {nested}. Pass a flat list of labels."
            )
        absent = [label for label in labels if label not in self]
        if absent:
            raise ValueError(
                f"`{name}` names {absent}, which X does not have. Pass some of its columns, which are {self.labels}."
            )
        if len(set(labels)) < len(labels) or any(isinstance(label, bool | np.bool_) for label in labels):
            raise ValueError(f"`{name}` must name each column once, but it is {labels}. Pass names or positions.")

    def align(self, like: Header, required: list[Any], *, strict: bool) -> Frame:
        """Find the columns of fit in this table, by label if both are frames, otherwise by position.

        Parameters
        ----------
        like : Header
            The columns at fit.
        required : list
            The columns that this table must have.
        strict : bool
            Whether to raise an error for columns that were not there at fit.
        """
        # the same model may be fitted to a frame and serve arrays, as scikit-learn allows with a warning
        if not (self.framed and like.framed):
            return self._relabel(like)
        check_labels(self.labels, like, required, strict=strict)
        if not strict or like.labels == self.labels:
            return self
        return self._select(like.labels)

    def _relabel(self, like: Header) -> Frame:
        """Give the columns the labels that they had at fit."""
        if like.named:
            warnings.warn(
                f"X does not have valid feature names, but {like.owner} was fitted with feature names", stacklevel=5
            )
        elif self.named:
            warnings.warn(f"X has feature names, but {like.owner} was fitted without feature names", stacklevel=5)
        if len(like.labels) != len(self.labels):
            raise ValueError(
                f"X has {len(self.labels)} features, but {like.owner} is expecting {len(like.labels)} features as "
                "input. Pass the columns that were there at fit."
            )
        return replace(self, labels=like.labels, framed=like.framed)

    @property
    def native(self) -> Any:
        """The table as an object of its own library."""
        return self.source if isinstance(self.source, np.ndarray | pd.DataFrame) else self.source.to_native()

    @cached_property  # selectors of columns see it at each step of a fit
    def as_pandas(self) -> pd.DataFrame:
        """The table as a pandas frame, with the labels as its columns."""
        if isinstance(self.source, pd.DataFrame):
            return self.source
        if isinstance(self.source, np.ndarray):
            return pd.DataFrame(self.source, columns=self.labels).infer_objects()
        frame: pd.DataFrame = self.source.to_pandas()
        return frame

    def drop(self, labels: list[Any]) -> Frame:
        """Drop the columns with these labels, if there are any."""
        rest = [label for label in self.labels if label not in labels]
        if len(rest) == len(self.labels) or not self.framed:
            return self
        if not rest:
            raise ValueError(f"X must have columns to encode, but it only has {self.labels}, which have other roles.")
        return self._select(rest)

    def head(self, number: int) -> Frame:
        """The first rows, so many or all."""
        rows = self.source.iloc[:number] if isinstance(self.source, pd.DataFrame) else self.source[:number]
        return replace(self, source=rows)

    def every(self, step: int) -> Frame:
        """The first row, and each row that is `step` rows after another one of these."""
        if isinstance(self.source, pd.DataFrame):
            return replace(self, source=self.source.iloc[::step])
        rows = self.source[::step] if isinstance(self.source, np.ndarray) else self.source.gather_every(step)
        return replace(self, source=rows)

    def with_numbered(self, numbered: Mapping[Any, Any]) -> Frame:
        """The same table with some columns numbered, by label."""
        found = replace(self, numbered=numbered)
        vars(found)["kinds"] = self.kinds
        return found

    def _select(self, labels: list[Any]) -> Frame:
        positions = [self._positions[label] for label in labels]
        pandas = isinstance(self.source, pd.DataFrame)
        source = self.source.iloc[:, positions] if pandas else self.source[:, positions]
        return replace(self, source=source, labels=labels)

    def header(self, owner: str) -> Header:
        return Header(owner, self.labels, self.framed, self.named)

    def column(self, label: Hashable) -> pd.Series | np.ndarray:
        column = self._native_column(label)
        if isinstance(column, np.ndarray):
            return column
        column = column if isinstance(column, pd.Series) else convert_column(column)
        return decode_arrow(column) if isinstance(column.dtype, pd.ArrowDtype) else column

    def _native_column(self, label: Hashable) -> Any:
        pandas = isinstance(self.source, pd.DataFrame)
        if pandas and isinstance(label, str):
            return self.source[label]  # which is faster than a position
        position = self._positions[label]
        # by position, because pandas would take a label that is a tuple for levels of a MultiIndex
        return self.source.iloc[:, position] if pandas else self.source[:, position]

    def key_columns(self, key: Any) -> Any:
        """Look up the columns that `key` names, as a frame of shape (n, columns); return other keys unchanged."""
        names = [key] if isinstance(key, str) else key if isinstance(key, list) else []
        if not names or not all(isinstance(name, str) for name in names):
            return key
        absent = [name for name in names if name not in self]
        if not absent:
            return pd.DataFrame({name: np.asarray(self.column(name)) for name in names})
        if isinstance(key, str) or len(names) != len(self):
            raise ValueError(
                f"`key` names {absent}, which X does not have. Pass some of its columns, which are {self.labels}, or "
                "one key for each row."
            )
        return key  # a list of strings, one for each row

    def index(self) -> Any:
        """The index of a pandas frame, otherwise None."""
        return self.source.index if isinstance(self.source, pd.DataFrame) else None

    def replace_columns(self, features: Features, *, keep: bool) -> Any:
        """Replace columns by their features.

        Parameters
        ----------
        features : mapping
            From the label of a column to the names and values, of shape (n, features), of its features. Those with
            other keys, such as interactions, come after all columns.
        keep : bool
            Whether columns without features stay.

        Returns
        -------
        ndarray if the table is an array, otherwise a frame of the library of X
        """
        labels = [label for label in self.labels if keep or label in features]
        labels += [label for label in features if label not in self]
        if isinstance(self.source, np.ndarray):
            blocks = [self._block(label, features) for label in labels]
            return np.hstack(blocks) if blocks else np.empty((len(self), 0))
        names = self.names_by_label
        if len(labels) == 1 and labels[0] in features:
            return self._make_frame(*features[labels[0]])
        columns: dict[str, Any] = {}
        for label in labels:
            if label in features:
                columns.update(zip(features[label][0], features[label][1].T, strict=True))
            else:
                columns[names[label]] = self._native_column(label)
        return make_frame(self.source, columns)

    def _block(self, label: Any, features: Features) -> np.ndarray:
        """The features of a column of an array, or the column itself, of shape (n, columns)."""
        return features[label][1] if label in features else infer_numbers(self._native_column(label))[:, None]

    def _make_frame(self, names: list[str], values: np.ndarray) -> Any:
        """Make a frame of the features of one column; values are not copied for pandas."""
        if isinstance(self.source, pd.DataFrame):
            return frame_of_block(self.source, names, values)
        return make_frame(self.source, dict(zip(names, values.T, strict=True)))


def read_frame(X: Any) -> Frame:
    """Read a pandas frame, a frame of another library that narwhals supports, an array, or a list of rows."""
    if isinstance(X, pd.DataFrame):
        frame, labels = X, checked_labels(list(X.columns))
    else:
        import narwhals.stable.v2 as nw  # here, because its import is slow

        frame = nw.from_native(X, eager_only=True, pass_through=True)
        if not isinstance(frame, nw.DataFrame):
            array = read_array(X)
            return Frame(array, list(range(array.shape[1])), framed=False)
        labels = frame.columns
    if min(frame.shape) == 0:
        what = "sample(s)" if frame.shape[0] == 0 else "feature(s)"
        raise ValueError(f"Found array with 0 {what} (shape={frame.shape}) while a minimum of 1 is required.")
    return Frame(frame, labels, framed=True)


def column_name(label: Any, names: Mapping[Any, str]) -> str:
    """The name of a column, or of an interaction if `label` is a tuple of labels."""
    return names[label] if label in names else SEPARATOR.join(names[part] for part in label)


def select_columns(label: Any, X: Frame) -> Any:
    """A column, or a list of columns if `label` is a tuple of labels."""
    return _column_of(label, X) if label in X else [_column_of(part, X) for part in label]


def _column_of(label: Any, X: Frame) -> Any:
    return X.numbered[label] if label in X.numbered else X.column(label)
