"""Tables of each library as columns for pandas, and numbers as tables of each library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

BACKENDS = ("pandas", "polars", "pyarrow")


def read_array(X: Any) -> np.ndarray:
    """Read a table of shape (n, p) that is not a frame: an array, or a list of rows."""
    if isinstance(X, list | tuple) and X and all(isinstance(row, list | tuple) for row in X):
        X = _array_of_rows(X)
    array = check_array(X, dtype=None, ensure_all_finite=False)
    if array.dtype.kind == "V":
        raise ValueError(
            f"X must hold one value in a cell, but its cells are records, {array.dtype}. Split the fields."
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _array_of_rows(rows: Any) -> np.ndarray:
    """Rows of anything, even tuples, as an object array: numpy itself would look into the cells."""
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f"The rows of X must be equally long, but they have {sorted(widths)} cells.")
    array = np.empty((len(rows), widths.pop()), dtype=object)
    for position, column in enumerate(zip(*rows, strict=True)):
        array[:, position] = np.fromiter(column, dtype=object, count=len(rows))
    return array


def infer_numbers(column: np.ndarray) -> np.ndarray:
    """A column of an array, of shape (n,), as numbers where it holds numbers; else as objects."""
    if column.dtype.kind in "biuf":
        return column
    inferred = pd.Series(column, dtype=object).infer_objects()
    return inferred.to_numpy() if inferred.dtype.kind in "biuf" else inferred.to_numpy(dtype=object)


def make_frame(source: Any, columns: Mapping[str, Any]) -> Any:
    """A frame of the source's library, from arrays of numbers and from columns of the source."""
    if isinstance(source, pd.DataFrame):
        return _make_pandas(source, columns)
    import narwhals.stable.v2 as nw  # here, because a pandas frame does not need it

    series = [
        nw.new_series(name, np.ascontiguousarray(column), backend=source.implementation)
        if isinstance(column, np.ndarray)
        else column.alias(name)
        for name, column in columns.items()
    ]
    return source.select(*series).to_native() if series else source.select().to_native()


def _make_pandas(source: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """A frame with the rows' index; columns of the source keep their types and values."""
    arrays = list(columns.values())
    if arrays and all(isinstance(column, np.ndarray) for column in arrays):
        block = arrays[0][:, None] if len(arrays) == 1 else np.column_stack(arrays)
        return pd.DataFrame(block, index=source.index, columns=list(columns), copy=False)
    return pd.DataFrame(dict(columns), index=source.index)


def convert_column(column: Any) -> pd.Series:
    """A narwhals column for pandas, its integers still integers where some are missing."""
    if column.implementation.is_pandas_like():
        return column.to_pandas()
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            'Frames other than pandas\' need pyarrow: pip install "catpool[engines]", or pyarrow alone.'
        ) from error
    arrow = column.to_arrow()
    if pyarrow.types.is_dictionary(arrow.type):
        return column.to_native().to_pandas()  # narwhals loses missing values of arrow dictionaries
    return pd.Series(arrow, dtype=pd.ArrowDtype(arrow.type))


def to_backend(frame: Any, backend: str) -> Any:
    """A frame of any library as one of another library."""
    import narwhals.stable.v2 as nw

    if backend not in BACKENDS:
        raise ValueError(f"`backend` must be one of {BACKENDS}. Got {backend!r}.")
    try:
        native = nw.from_native(frame)
        converted = {"pandas": native.to_pandas, "polars": native.to_polars, "pyarrow": native.to_arrow}
        return frame if backend == native.implementation.value else converted[backend]()
    except (TypeError, ValueError) as error:
        raise TypeError(f'Columns of mixed types have no type in {backend} ({error}). Pass "pandas".') from error
    except ImportError as error:
        raise ImportError(
            f'backend="{backend}" needs {backend} and pyarrow: pip install "catpool[engines]".'
        ) from error
