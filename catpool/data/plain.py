"""Values of a series as numpy has them, and back, for files and pickles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def plain_array(values: pd.Series) -> np.ndarray:
    """The values as numpy has them: numbers and dates without a zone as such, others as Python objects."""
    if isinstance(values.dtype, np.dtype):
        return values.to_numpy()
    return np.fromiter(values.tolist(), dtype=object, count=len(values))


def plain_series(values: np.ndarray) -> pd.Series:
    """The values from `plain_array`, of the same dtype, as pandas would not leave strings objects."""
    return pd.Series(values, dtype=values.dtype, copy=False)


def as_series(column: pd.Series | np.ndarray) -> pd.Series:
    """A column as a series, with the values as they are."""
    return column if isinstance(column, pd.Series) else plain_series(column)


def has_named_zone(dtype: Any) -> bool:
    """Whether values of a dtype have a time zone that pandas finds by the name of the dtype."""
    try:
        return isinstance(dtype, pd.DatetimeTZDtype) and pd.api.types.pandas_dtype(dtype.name) == dtype
    except TypeError:
        return False
