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
    """
    table = pd.DataFrame(key.to_pandas() if hasattr(key, "to_pandas") else key)
    if len(table) != n_rows:
        raise ValueError(f"`key` must hold one key for each of the {n_rows} rows, but it holds {len(table)}.")
    if table.isna().any(axis=None):
        raise ValueError("`key` must have no missing values. Give each row a key.")
    plain = table.set_axis(range(table.shape[1]), axis=1).apply(_of_one_sort)
    return (pd.util.hash_pandas_object(plain, index=False).to_numpy() % k).astype(np.uint8)


def _of_one_sort(column: pd.Series) -> pd.Series:
    """The same keys in the same type, whatever frame they came from."""
    column = column.astype(object).infer_objects()
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.astype(np.int64)
    return column if pd.api.types.is_float_dtype(column.dtype) else column.astype(object)
