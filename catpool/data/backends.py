"""Frames of each kind: what a column is to pandas, and a table of numbers in the kind that is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

BACKENDS = ("pandas", "polars", "pyarrow")


def frame_like(source: Any, columns: dict[str, Any]) -> Any:
    """A frame of the source's kind, from arrays and from the source's own columns."""
    if isinstance(source, pd.DataFrame):  # the rows keep their index, the other columns their types
        arrays = {name: column if isinstance(column, np.ndarray) else column.array for name, column in columns.items()}
        return pd.DataFrame(arrays, index=source.index)
    import narwhals as nw  # which pandas goes without

    series = {
        name: nw.new_series(name, np.ascontiguousarray(column), backend=source.implementation)
        if isinstance(column, np.ndarray)
        else column
        for name, column in columns.items()
    }
    return nw.from_dict(series).to_native()


def as_pandas(column: Any) -> pd.Series:
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
        return column.to_native().to_pandas()  # narwhals loses missing values of pyarrow's here
    return pd.Series(arrow, dtype=pd.ArrowDtype(arrow.type))


def in_backend(frame: pd.DataFrame, backend: str) -> Any:
    """A pandas frame as one of another kind."""
    import narwhals as nw

    if backend not in BACKENDS:
        raise ValueError(f"`backend` must be one of {BACKENDS}. Got {backend!r}.")
    try:
        native = nw.from_native(frame)
        return frame if backend == "pandas" else native.to_polars() if backend == "polars" else native.to_arrow()
    except (TypeError, ValueError) as error:
        raise TypeError(f'Categories of several types have no column in {backend} ({error}). Pass "pandas".') from error
    except ImportError as error:
        raise ImportError(f'backend="{backend}" needs it and pyarrow: pip install "catpool[engines]".') from error
