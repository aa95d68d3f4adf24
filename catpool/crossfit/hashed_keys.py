"""Folds of rows that are known by keys: a row finds its own again, whenever and in whatever company it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def folds_of_keys(key: Any, n_rows: int, k: int) -> np.ndarray:
    """The fold of each row, of shape (n,), by a hash of its key that is the same in all processes.

    Parameters
    ----------
    key : array of shape (n,), or frame of shape (n, columns)
    n_rows : int
    k : int
        The number of folds.

    Raises
    ------
    ValueError
        Where there are too few keys or too many, or missing ones.
    TypeError
        For keys of several sorts, and broken numbers: 2 is a key like 2.0, and 2.5 is none.
    """
    table = pd.DataFrame(key.to_pandas() if hasattr(key, "to_pandas") else key)
    if len(table) != n_rows:
        raise ValueError(f"`key` must hold one key for each of the {n_rows} rows, but it holds {len(table)}.")
    if table.isna().any(axis=None):
        raise ValueError("`key` must have no missing values. Give each row a key.")
    plain = table.set_axis(range(table.shape[1]), axis=1).apply(_of_one_sort)
    return (pd.util.hash_pandas_object(plain, index=False).to_numpy() % k).astype(np.uint8)


def _of_one_sort(column: pd.Series) -> pd.Series:
    """The same keys in the same type, whatever frame they came from and whatever other keys came with them."""
    if column.dtype.kind in "iu" and isinstance(column.dtype, np.dtype):
        return column.astype(np.int64)
    values = column.astype(object).infer_objects()
    sort = pd.api.types.infer_dtype(values, skipna=False)
    if sort in ("datetime64", "datetime", "date"):
        return pd.to_datetime(values, utc=True).astype("datetime64[ns, UTC]").astype(np.int64)
    if sort in ("string", "bytes"):
        return values.astype(object)
    numbers = sort in ("integer", "boolean", "floating", "decimal", "mixed-integer-float")
    if numbers and (values == values.astype(np.int64)).all():
        return values.astype(np.int64)
    raise TypeError(f"`key` must hold whole numbers, strings or dates, a column of one sort, but one holds {sort}.")
