"""`FeatureTable`: what is known of the categories of a column, one row for each, from a frame of any library."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frames.frame import Frame, read_frame
from catpool.data.frozen import frozen
from catpool.data.plain import as_series, plain_array, plain_series
from catpool.data.verify import require


@frozen
class FeatureTable:
    """A table as arrays.

    Parameters
    ----------
    index : ndarray of shape (m,)
        That of a pandas frame, or the positions of the rows.
    columns : dict of ndarray of shape (m,)
        By label.
    """

    index: np.ndarray
    columns: dict[Any, np.ndarray]

    @classmethod
    def read(cls, table: Any) -> FeatureTable:
        """The table of a frame of any library, or of an array."""
        frame = read_frame(table)
        index = frame.index()
        return cls(
            np.arange(len(frame)) if index is None else plain_array(index.to_series()),
            {label: plain_array(as_series(frame.column(label))) for label in frame.labels},
        )

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a table."""
        shape = np.shape(self.index)
        require(len(shape) == 1 and all(np.shape(each) == shape for each in self.columns.values()), "a ragged table")

    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame."""
        columns = {label: plain_series(column) for label, column in self.columns.items()}
        return pd.DataFrame(columns).set_axis(pd.Index(plain_series(self.index), tupleize_cols=False))

    def rows(self, categories: pd.Index) -> pd.DataFrame:
        """The features of categories of the column that their index is named after; missing for unknown ones."""
        last = vars(self).pop("_last", None)  # of the last call, as a fit asks twice
        if last is not None and last[0] is categories:
            found: pd.DataFrame = last[1]
            return found
        label = categories.name
        if label not in self._by_label:
            self._by_label[label] = self._keyed(label)
        rows = self._by_label[label].reindex(categories)
        vars(self)["_last"] = (categories, rows)
        return rows

    @cached_property
    def _by_label(self) -> dict[Any, pd.DataFrame]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """The arrays alone, so that pickles hold no frames."""
        return {"index": self.index, "columns": self.columns}

    def _keyed(self, label: Any) -> pd.DataFrame:
        """The features with the categories of a column as index: the column of this label, or the table's index."""
        columns = dict(self.columns)
        keys = columns.pop(label) if label in columns else self.index
        index = pd.Index(plain_series(keys).tolist(), dtype=object, tupleize_cols=False)
        _check_keys(index, label)
        if not columns:
            raise ValueError(
                f"The table in `prior_features` of column {label!r} must have features beside the categories, but it "
                "has no other column. Add some."
            )
        frame = pd.DataFrame(columns, index=index)
        if not (frame.dtypes == np.float64).all():
            return frame
        return pd.DataFrame(np.ascontiguousarray(frame), index, frame.columns, copy=False)  # rows are found faster so


def _check_keys(index: pd.Index, label: Any) -> None:
    """Raise an error unless each category has one row."""
    if not index.is_unique or index.hasnans:  # for which it makes the hashes that find categories, too
        what = "a missing value has one" if index.is_unique else f"{index[index.duplicated()][0]!r} has several"
        raise ValueError(
            f"The table in `prior_features` of column {label!r} must have one row for each category, in its column "
            f"{label!r} or, without one, as the index of a pandas frame, but {what}. Remove rows."
        )


def is_table(value: Any) -> bool:
    """Whether a value is a frame in memory."""
    if isinstance(value, pd.DataFrame):
        return True
    import narwhals.stable.v2 as nw  # here, because its import is slow

    return isinstance(nw.from_native(value, eager_only=True, pass_through=True), nw.DataFrame)


def table_of(result: Any, categories: pd.Index) -> pd.DataFrame:
    """What a function returned for categories, as a table with a row for each.

    Parameters
    ----------
    result : frame of any library, or array
    categories : pandas.Index
    """
    if len(getattr(result, "shape", ())) != 2:
        raise TypeError(
            f"The function in `prior_features` of column {categories.name!r} must return a table with a row for each "
            f"category. It returned a {type(result).__name__}. Return a frame, or pass features as `ordered()` does."
        )
    frame: Frame = read_frame(result)
    if len(frame) != len(categories):
        raise ValueError(
            f"The function in `prior_features` of column {categories.name!r} must return a table with a row for each "
            f"of the categories that it gets, of which there were {len(categories)}. It returned {len(frame)} rows."
        )
    columns = {label: plain_array(as_series(frame.column(label))) for label in frame.labels}
    return pd.DataFrame(columns, index=categories)
