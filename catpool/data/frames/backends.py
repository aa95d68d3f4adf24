"""Conversion between frames of pandas, polars, pyarrow and other libraries, arrays, and pandas columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

from catpool.data.frames.arrow_dictionary import read_dictionary

BACKENDS = ("pandas", "polars", "pyarrow")
UNKNOWN_TO_ARROW = ("Object", "Int128", "UInt128")  # types of polars, which arrow would take for bytes or refuse
LARGE = 1 << 24  # numbers of a frame that are not copied into one block


def read_array(X: Any) -> np.ndarray:
    """Read an array or a list of rows as an array of shape (n, p)."""
    if isinstance(X, list | tuple) and X and all(isinstance(row, list | tuple) for row in X):
        X = _stack_rows(X)
    array = check_array(unmask(X), dtype=None, ensure_all_finite=False)
    if array.dtype.kind == "V":
        raise ValueError(
            f"X must hold one value in each cell, but its cells are records of dtype {array.dtype}. Pass each field as "
            "a column."
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)  # pandas hashes the native byte order alone


def unmask(values: Any, gap: Any = None) -> Any:
    """Put a gap in the place of each value that a mask of numpy hides; `np.asarray` would uncover them."""
    if not isinstance(values, np.ma.MaskedArray):
        return values
    data = values.data.astype(object) if gap is None else values.data
    return np.where(np.ma.getmaskarray(values), gap, data) if np.ma.is_masked(values) else values.data


def _stack_rows(rows: Any) -> np.ndarray:
    """Stack rows of any objects into an object array; numpy itself would unpack cells that are tuples."""
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f"The rows of X must be equally long, but they have {sorted(widths)} cells. Fill them up.")
    array = np.empty((len(rows), widths.pop()), dtype=object)
    for position, column in enumerate(zip(*rows, strict=True)):
        array[:, position] = np.fromiter(column, dtype=object, count=len(rows))
    return array


def infer_numbers(column: np.ndarray) -> np.ndarray:
    """Convert a column of an array, of shape (n,), to numbers if all its values are numbers, otherwise to objects."""
    if column.dtype.kind in "biuf":
        return column
    inferred = infer(pd.Series(column, dtype=object))
    return inferred.to_numpy() if inferred.dtype.kind in "biuf" else inferred.to_numpy(dtype=object)


def infer(objects: pd.Series) -> pd.Series:
    """Convert objects to the dtype that pandas infers; text with lone surrogates, which has none, stays objects."""
    try:
        return objects.infer_objects()
    except UnicodeEncodeError:
        return objects


def infer_exactly(objects: pd.Series) -> pd.Series:
    """Convert objects to the dtype that pandas infers, unless integers would be rounded to floats."""
    inferred = infer(objects)
    exact = inferred.dtype.kind != "f" or ((inferred == objects) | inferred.isna()).all()
    return inferred if exact else objects


def take_rows(table: Any, rows: np.ndarray) -> Any:
    """Some rows of a frame, series or array of any library, by their positions."""
    if isinstance(table, pd.DataFrame | pd.Series):
        return table.iloc[rows]
    import narwhals.stable.v2 as nw  # here, because its import is slow

    native = nw.from_native(table, eager_only=True, allow_series=True, pass_through=True)
    return nw.to_native(native[rows]) if isinstance(native, nw.DataFrame | nw.Series) else np.asarray(table)[rows]


def make_frame(source: Any, columns: Mapping[str, Any]) -> Any:
    """Make a frame of the library of `source` from columns of `source` and arrays of numbers or strings, by name."""
    if isinstance(source, pd.DataFrame):
        return _make_pandas(source, columns)
    series = [
        _make_series(name, column, source.implementation) if isinstance(column, np.ndarray) else column.alias(name)
        for name, column in columns.items()
    ]
    # without columns, frames of other libraries have no rows either, so an array keeps their number
    return source.select(*series).to_native() if series else np.empty((source.shape[0], 0))


def _make_series(name: str, column: np.ndarray, library: Any) -> Any:
    """Make a narwhals column of numbers, or of strings or None if the array holds objects."""
    import narwhals.stable.v2 as nw

    if column.dtype == object:
        return nw.new_series(name, column.tolist(), nw.String(), backend=library)
    return nw.new_series(name, np.ascontiguousarray(column), backend=library)


def _make_pandas(source: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Make a pandas frame with the index of `source`; columns of `source` keep their dtypes."""
    arrays = list(columns.values())
    if arrays and all(isinstance(column, np.ndarray) for column in arrays):
        if sum(column.size for column in arrays) > LARGE:  # a copy of all would take as much memory again
            return pd.DataFrame(dict(columns), index=source.index, copy=False)
        # pandas takes a single block as it is, with columns as rows, but copies a dictionary of arrays one by one
        return frame_of_block(source, list(columns), np.vstack(arrays).T)
    return pd.DataFrame(dict(columns), index=source.index)


def frame_of_block(source: pd.DataFrame, names: list[str], block: np.ndarray) -> pd.DataFrame:
    """Make a pandas frame of an array, which is not copied, with the index of `source`."""
    # a view, because users may name the columns of their frame
    return pd.DataFrame(block, index=source.index, columns=_column_index(tuple(names)).view(), copy=False)


@lru_cache(maxsize=64)  # pandas takes longer to make one than catpool to encode a row
def _column_index(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names)


def convert_column(column: Any) -> pd.Series:
    """Convert a narwhals column to pandas, without turning integers into floats if some are missing."""
    if column.implementation.is_pandas_like():
        return column.to_pandas()
    native = column.to_native()
    # by name, because narwhals would hash all levels of an Enum to find its own type
    if column.implementation.is_polars() and native.dtype.base_type().__name__ in UNKNOWN_TO_ARROW:
        return pd.Series(column.to_list(), dtype=object)
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            'Frames of other libraries than pandas need pyarrow. Run: pip install "catpool[engines]"'
        ) from error
    # of arrow's own columns, narwhals would copy all chunks into one
    arrow = native if isinstance(native, pyarrow.ChunkedArray) else column.to_arrow()
    if pyarrow.types.is_dictionary(arrow.type):
        enum = column.implementation.is_polars() and native.dtype.base_type().__name__ == "Enum"
        return read_dictionary(arrow, ordered=arrow.type.ordered or enum)  # which older versions do not tell arrow
    return pd.Series(arrow, dtype=pd.ArrowDtype(arrow.type))


def decode_arrow(column: pd.Series) -> pd.Series:
    """Convert a pandas column of an arrow type whose values arrow cannot number or compare."""
    import pyarrow
    from pyarrow import compute, types

    kind, array = column.dtype.pyarrow_dtype, column.array.__arrow_array__()
    if types.is_dictionary(kind):
        return read_dictionary(array, ordered=kind.ordered)
    if types.is_run_end_encoded(kind):
        array = compute.run_end_decode(array)
    elif types.is_string_view(kind) or types.is_binary_view(kind):
        array = array.cast(pyarrow.large_string() if types.is_string_view(kind) else pyarrow.large_binary())
    elif types.is_interval(kind):
        return pd.Series(array.to_pylist(), dtype=object)
    else:
        return column
    return pd.Series(array, dtype=pd.ArrowDtype(array.type))


def to_backend(frame: Any, backend: str) -> Any:
    """Convert a frame of any library to a frame of "pandas", "polars" or "pyarrow"."""
    import narwhals.stable.v2 as nw

    if backend not in BACKENDS:
        raise ValueError(f"`backend` must be one of {BACKENDS}. Got {backend!r}.")
    try:
        native = nw.from_native(frame)
        converted = {"pandas": native.to_pandas, "polars": native.to_polars, "pyarrow": native.to_arrow}
        return frame if backend == native.implementation.value else converted[backend]()
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"A column of mixed types cannot be converted to {backend} ({error}). Convert it to strings before fit, or "
            "ask for pandas."
        ) from error
    except ImportError as error:
        raise ImportError(
            f'backend="{backend}" needs {backend} and pyarrow. Run: pip install "catpool[engines]"'
        ) from error
