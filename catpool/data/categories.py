"""A column as integer codes; missing and unseen values.

A column of K categories has K + 2 slots. Slot 0 is the missing value (None, NaN, NaT and pandas.NA are
one), slots 1 to K are the categories in order of appearance (or in
that of a categorical type, which may have some without rows), and slot K + 1 is for whatever was never
seen: a category with no rows. Categories are equal when Python says so: 1, 1.0 and True are one
category, 1 and "1" are two.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.factorize import factorize_integers, factorize_objects

MISSING = 0


@dataclass(frozen=True)
class Vocabulary:
    """The categories of a column and the slot of each.

    Parameters
    ----------
    categories : pandas.Series
        Of length K, without a missing value.
    """

    categories: pd.Series

    @property
    def size(self) -> int:
        """How many slots there are: the missing value's, one a category, and one for the unseen."""
        return len(self.categories) + 2

    @cached_property
    def _slots(self) -> dict[Hashable, int]:
        return {category: slot for slot, category in enumerate(self.categories.tolist(), start=1)}

    def find_slots(self, categories: pd.Series) -> np.ndarray:
        """The slots of other categories, some of which may be missing, with the missing value's before them."""
        slots = np.full(len(categories) + 1, MISSING)
        with _hashable():
            found = map(self._slots.get, categories.tolist(), repeat(self.size - 1))
            slots[1:] = np.fromiter(found, dtype=np.intp, count=len(categories))
        unseen = np.flatnonzero(slots == self.size - 1)
        if len(unseen):
            slots[unseen[pd.isna(categories.iloc[unseen - 1])]] = MISSING
        return slots

    def find_slot(self, value: Any) -> int:
        """The slot of one value."""
        with _hashable():
            slot = self._slots.get(value)
        if slot is not None:
            return slot
        missing = value is None or (not isinstance(value, tuple) and bool(pd.isna(value)))
        return MISSING if missing else self.size - 1

    def look_up(
        self, column: pd.Series | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], list[Any]]]:
        """Find the slots of a column's values.

        Returns
        -------
        codes : ndarray of shape (n,)
        slots : ndarray
            What the codes stand for.
        named : callable
            The categories, in order of appearance, at those of the slots that a boolean array marks.
        """
        codes, categories = encode(column, distinct=False)

        def named(marked: np.ndarray) -> list[Any]:
            return categories[marked[1:]].drop_duplicates().tolist()

        return codes, self.find_slots(categories), named

    def slots(self, column: pd.Series | np.ndarray) -> np.ndarray:
        """The slot of each row's category, of shape (n,)."""
        codes, slots, _ = self.look_up(column)
        return slots.take(codes)

    def __getstate__(self) -> dict[str, Any]:
        return {"categories": self.categories}


def encode(column: pd.Series | np.ndarray, *, distinct: bool = True) -> tuple[np.ndarray, pd.Series]:
    """Number the categories of a column from 1 in order of appearance, its missing values 0.

    Parameters
    ----------
    column : pandas.Series or ndarray of shape (n,)
    distinct : bool, default=True
        Whether equal categories must get one number, and missing ones 0; it takes longer.

    Returns
    -------
    codes : ndarray of shape (n,)
        A new array.
    categories : pandas.Series
        Of length K; without a missing value where they are distinct.
    """
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy(dtype=np.intp, copy=True)
        categories = column.cat.categories
    else:
        codes, categories = _factorize(column if isinstance(column, np.ndarray) else _values(column), distinct)
    codes += 1
    as_is = object if categories.dtype == object else None  # else strings would be looked for
    return codes, pd.Series(categories, dtype=as_is, copy=False)


def _factorize(values: Any, distinct: bool) -> tuple[np.ndarray, Any]:
    with _hashable():
        if values.dtype == object:
            return factorize_objects(values, distinct=distinct)
        if values.dtype.kind in "iu" and isinstance(values, np.ndarray):
            return factorize_integers(values)
        return pd.factorize(values)


@contextmanager
def _hashable() -> Iterator[None]:
    try:
        yield
    except (TypeError, NotImplementedError) as error:
        raise TypeError(
            f"A category must be hashable, as strings, numbers, dates and tuples are ({error}). Turn lists into tuples."
        ) from error


def _values(column: pd.Series) -> Any:
    """The column's own array: a pandas.Index would turn tuples into levels."""
    if pd.api.types.is_extension_array_dtype(column.dtype) and column.dtype.kind == "f":
        return column.to_numpy(dtype=column.dtype.numpy_dtype, na_value=np.nan)  # arrow would tell 0.0 from -0.0
    if pd.api.types.is_extension_array_dtype(column.dtype):
        whole = column.dtype.kind in "iu" and not column.hasnans
        return column.to_numpy(dtype=column.dtype.numpy_dtype) if whole else column.array
    return column.to_numpy().astype(column.dtype.newbyteorder("="), copy=False)
