"""A table's columns by label, whatever library it came from, and the same table with some columns replaced."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.backends import convert_column, infer_numbers, make_frame, read_array

MISMATCH = "The feature names should match those that were passed during fit. "
SEPARATOR = "_x_"  # between the names of columns that are taken together
Features = Mapping[Any, tuple[list[str], np.ndarray]]  # names and values, of shape (n, features), by column


@dataclass(frozen=True)
class Frame:
    """The columns of a table, whatever library it came from.

    Parameters
    ----------
    source : ndarray of shape (n, p), pandas.DataFrame or narwhals.DataFrame
        A pandas frame is used without narwhals, which would take longer than encoding one row does.
    labels : list
        What a user calls the columns: a frame's labels, an array's positions.
    framed : bool
        Whether the labels are a frame's.
    aside : sequence, default=()
        Labels of columns that have another role, a key, say, and are not categories unless the user says so.
    """

    source: Any
    labels: list[Any]
    framed: bool
    aside: Sequence[Any] = ()

    def __len__(self) -> int:
        return int(self.source.shape[0])

    @property
    def named(self) -> bool:
        """Whether the columns have names, which are strings."""
        return self.framed and isinstance(self.labels[0], str)

    @property
    def names(self) -> list[str]:
        """The columns' names as features."""
        return list(self.names_by_label.values())

    @property
    def names_by_label(self) -> dict[Any, str]:
        """The columns' names by their labels."""
        return _name_columns(self.labels, named=self.named)

    def require(self, labels: list[Any], name: str = "columns") -> None:
        """Refuse labels of columns that X does not have, repeated labels, and an empty list."""
        if not labels:
            hint = " Pass None to encode all." if name == "columns" else ""
            raise ValueError(f"`{name}` must name at least one column.{hint}")
        absent = [label for label in labels if label not in self.labels]
        if absent:
            raise ValueError(
                f"`{name}` names {absent}, which X does not have. X has the columns {self.labels}. Pass some of them."
            )
        if len(set(labels)) < len(labels) or any(isinstance(label, bool | np.bool_) for label in labels):
            raise ValueError(f"`{name}` must name each column once, but it is {labels}. Pass names or positions.")

    def align(self, like: Header, required: list[Any], *, strict: bool) -> Frame:
        """Find the columns of fit again: by label where both tables are frames, else by position.

        Parameters
        ----------
        like : Header
            The columns at fit.
        required : list
            The columns that must be here now.
        strict : bool
            Whether a column that was not there at fit is an error.
        """
        if not (self.framed and like.framed):
            return self._at_positions(like)
        absent = [label for label in required if label not in self.labels]
        if absent:
            raise ValueError(f"{MISMATCH}Feature names seen at fit time, yet now missing: {absent}. Add them to X.")
        unseen = [label for label in self.labels if label not in like.labels]
        if unseen and strict:
            raise ValueError(f"{MISMATCH}Feature names unseen at fit time: {unseen}. Drop them from X.")
        if not strict or like.labels == self.labels:
            return self
        return self._selected(like.labels)

    def _at_positions(self, like: Header) -> Frame:
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
        """The table in its own library."""
        return self.source if isinstance(self.source, np.ndarray | pd.DataFrame) else self.source.to_native()

    def drop(self, labels: list[Any]) -> Frame:
        """The table without some columns, if it has them."""
        rest = [label for label in self.labels if label not in labels]
        if len(rest) == len(self.labels) or not self.framed:
            return self
        return self._selected(rest)

    def _selected(self, labels: list[Any]) -> Frame:
        """The frame with only some of its columns."""
        positions = [self.labels.index(label) for label in labels]
        pandas = isinstance(self.source, pd.DataFrame)
        source = self.source.iloc[:, positions] if pandas else self.source[:, positions]
        return replace(self, source=source, labels=labels)

    def header(self, owner: str) -> Header:
        return Header(owner, self.labels, self.framed, self.named)

    def column(self, label: Hashable) -> pd.Series | np.ndarray:
        column = self._native_column(label)
        return column if isinstance(column, np.ndarray | pd.Series) else convert_column(column)

    def _native_column(self, label: Hashable) -> Any:
        position = self.labels.index(label)
        pandas = isinstance(self.source, pd.DataFrame)
        return self.source.iloc[:, position] if pandas else self.source[:, position]

    def key_columns(self, key: Any) -> Any:
        """A key, of shape (n,) or (n, columns); strings name columns."""
        names = [key] if isinstance(key, str) else key if isinstance(key, list) else []
        if not names or not all(isinstance(name, str) for name in names):
            return key
        absent = [name for name in names if name not in self.labels]
        if not absent:
            return pd.DataFrame({name: np.asarray(self.column(name)) for name in names})
        if isinstance(key, str) or len(names) != len(self):
            raise ValueError(f"`key` names {absent}, which X does not have: {self.labels}. Pass names, or a key a row.")
        return key

    def index(self) -> Any:
        """The rows' labels, if there are any."""
        return self.source.index if isinstance(self.source, pd.DataFrame) else None

    def replace_columns(self, features: Features, *, keep: bool) -> Any:
        """Put encoded columns in the place of the columns they encode.

        Parameters
        ----------
        features : mapping
            From a column's label to the names and the values, of shape (n, features), of its encodings. Features
            under other keys come after all columns.
        keep : bool
            Whether the other columns stay.

        Returns
        -------
        ndarray for an array, else a frame of the library that X came from
        """
        labels = [label for label in self.labels if keep or label in features]
        labels += [label for label in features if label not in self.labels]
        if isinstance(self.source, np.ndarray):
            return np.hstack([self._block(label, features) for label in labels])
        names = self.names_by_label
        if len(labels) == 1 and labels[0] in features:
            return self._only(*features[labels[0]])
        columns: dict[str, Any] = {}
        for label in labels:
            if label in features:
                columns.update(zip(features[label][0], features[label][1].T, strict=True))
            else:
                columns[names[label]] = self._native_column(label)
        return make_frame(self.source, columns)

    def _block(self, label: Any, features: Features) -> np.ndarray:
        """Features or an untouched column of an array, of shape (n, columns)."""
        return features[label][1] if label in features else infer_numbers(self._native_column(label))[:, None]

    def _only(self, names: list[str], values: np.ndarray) -> Any:
        """A frame of the features of one column, without a copy for pandas."""
        if isinstance(self.source, pd.DataFrame):
            return pd.DataFrame(values, index=self.source.index, columns=names, copy=False)
        return make_frame(self.source, dict(zip(names, values.T, strict=True)))


@dataclass(frozen=True)
class Header:
    """What an encoder keeps of the columns it was fitted with, as `Frame` has them."""

    owner: str
    labels: list[Any]
    framed: bool
    named: bool

    @property
    def names_by_label(self) -> dict[Any, str]:
        """The columns' names by their labels."""
        return _name_columns(self.labels, named=self.named)


def _name_columns(labels: list[Any], *, named: bool) -> dict[Any, str]:
    """Names of columns as features: x0, x1, ... where they have none."""
    return {label: label if named else f"x{position}" for position, label in enumerate(labels)}


def read_frame(X: Any) -> Frame:
    """Read a table: a pandas frame, another eager frame that narwhals knows, an array, or a list of rows."""
    if isinstance(X, pd.DataFrame):
        frame, labels = X, _checked_labels(list(X.columns))
    else:
        import narwhals.stable.v2 as nw  # here, because scikit-learn 1.6 has not loaded it and it takes a while

        frame = nw.from_native(X, eager_only=True, pass_through=True)
        if not isinstance(frame, nw.DataFrame):
            array = read_array(X)
            return Frame(array, list(range(array.shape[1])), framed=False)
        labels = frame.columns
    if min(frame.shape) == 0:
        what = "sample(s)" if frame.shape[0] == 0 else "feature(s)"
        raise ValueError(f"Found array with 0 {what} (shape={frame.shape}) while a minimum of 1 is required.")
    return Frame(frame, labels, framed=True)


def _checked_labels(labels: list[Any]) -> list[Any]:
    strings = [isinstance(label, str) for label in labels]
    if any(strings) and not all(strings):
        raise TypeError(
            f"Feature names are only supported if all input features have string names, but X has {labels}. "
            "Convert them with X.columns = X.columns.astype(str)."
        )
    repeated = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if repeated:
        raise ValueError(
            f"The columns of X must have different names, but {repeated} occur more than once. Rename them."
        )
    return labels


def column_name(label: Any, names: Mapping[Any, str]) -> str:
    """The name of a column, or of several that are taken together."""
    return names[label] if label in names else SEPARATOR.join(names[part] for part in label)


def select_columns(label: Any, X: Frame) -> Any:
    """A column, or a list of several that are taken together."""
    return X.column(label) if label in X.labels else [X.column(part) for part in label]
