"""Folds by a hash of each row's key, so that a row is in the same fold whenever and with whatever rows it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def folds_of_keys(key: Any, n_rows: int, k: int, *, mixed: bool = True) -> np.ndarray:
    """Compute the fold of each row, of shape (n,), from a hash of its key that is the same in all processes.

    Parameters
    ----------
    key : array of shape (n,), or frame of shape (n, columns)
    n_rows : int
    k : int
        The number of folds.
    mixed : bool, default=True
        Whether the hash of several columns is mixed once more. Files that were written before this was done need
        their rows in the folds of then.

    Raises
    ------
    ValueError
        If there is not one key for each row, if keys are missing, and for integers of more than 64 bits, dates that
        nanoseconds do not reach, and text with lone surrogates.
    TypeError
        For keys of mixed types, and for numbers that are not integers. The keys 2 and 2.0 are the same.
    """
    try:
        return (_hash_keys(key, n_rows, mixed=mixed) % k).astype(np.uint8)
    except (UnicodeEncodeError, OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.IntCastingNaNError) as error:
        raise ValueError(
            "`key` must hold integers of 64 bits, dates from 1678 to 2261, or text without lone surrogates, but it "
            f"holds others ({error}). Convert them to plain strings."
        ) from error


def refuse_one_fold(folds: int, k: int) -> None:
    """Raise an error if all keys fell into one fold, of which no other fold could teach anything."""
    if folds < 2:
        raise ValueError(
            f"`key` must put the rows into at least 2 folds, but all keys fall into one of the {k} folds by their "
            "hashes. Pass a key with more distinct values, or another number of folds as `cv`."
        )


def has_several_columns(key: Any) -> bool:
    """Whether a key is made of several columns."""
    return key is not None and _table(key).shape[1] > 1


def _table(key: Any) -> pd.DataFrame:
    return pd.DataFrame(key.to_pandas() if hasattr(key, "to_pandas") else key)


def _hash_keys(key: Any, n_rows: int, *, mixed: bool) -> np.ndarray:
    """The hash of each row's key, of shape (n,)."""
    table = _table(key)
    if len(table) != n_rows:
        raise ValueError(
            f"`key` must hold one key for each of the {n_rows} rows of X, but it holds {len(table)}. Pass as many."
        )
    refuse_missing_keys(bool(table.isna().any(axis=None)))
    # pandas' hashes depend on the dtype, and columns of one name cannot be told apart
    places = table.set_axis(range(table.shape[1]), axis=1)
    plain = places.apply(lambda column: _normalize(column, table.columns[column.name]))
    hashes = pd.util.hash_pandas_object(plain, index=False).to_numpy()
    return _mix(hashes) if mixed and plain.shape[1] > 1 else hashes


def _mix(hashes: np.ndarray) -> np.ndarray:
    """Let each bit depend on all bits, because pandas makes the lowest bit of two equal columns the same in all rows.

    These are the last steps of splitmix64.
    """
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def refuse_missing_keys(found: bool) -> None:
    """Raise an error if missing keys were found."""
    if found:
        raise ValueError("`key` must have no missing values, but it has some. Give each row a key.")


def _normalize(column: pd.Series, label: Any) -> pd.Series:
    """Convert keys to a dtype that depends neither on the library they come from nor on the other keys."""
    if column.dtype.kind in "iu" and isinstance(column.dtype, np.dtype):
        return column.astype(np.int64)
    values = column.astype(object).infer_objects()
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    sort = pd.api.types.infer_dtype(values, skipna=False)
    if sort in ("datetime64", "datetime", "date"):
        return pd.to_datetime(values, utc=True).astype("datetime64[ns, UTC]").astype(np.int64)
    if sort in ("string", "bytes"):
        return values.astype(object)
    numbers = sort in ("integer", "boolean", "floating", "decimal", "mixed-integer-float")
    if numbers and (values == values.astype(np.int64)).all():
        return values.astype(np.int64)
    raise TypeError(
        f"`key` must hold integers, strings or dates, each column of one sort, but column {label!r} holds values of "
        f"type {sort}. Convert them to strings."
    )
