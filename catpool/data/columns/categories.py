"""The categories of a column and their integer codes, with a code for missing values and one for unseen categories.

A column of K categories has K + 2 slots:

- slot 0 for missing values (None, NaN, NaT and pandas.NA are the same);
- slots 1 to K for the categories in order of appearance, or in the order of a categorical dtype, which may have
  categories without rows;
- slot K + 1 for categories that were not seen at fit. They are a category without rows, so every formula gives them the
  prior, without a special case.

Categories are equal if Python says so: 1, 1.0 and True are one category, 1 and "1" are two.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.factorize import (
    NARROW,
    are_arrow_strings,
    factorize_integers,
    factorize_objects,
    factorize_strings,
    narrowest,
)
from catpool.data.frozen import frozen
from catpool.data.plain import has_named_zone, plain_array, plain_series
from catpool.data.verify import require

MISSING = 0
FEW = 16  # rows that are looked up one by one, as numbering them would take longer


@frozen
class Vocabulary:
    """The categories of a column and the slot of each.

    Parameters
    ----------
    categories : pandas.Series
        Of length K, without a missing value.
    """

    categories: pd.Series

    @cached_property
    def size(self) -> int:
        """The number of slots: K categories, missing, and unseen."""
        return len(self.categories) + 2

    def equals(self, other: Vocabulary) -> bool:
        """Whether another vocabulary has the same categories in the same slots."""
        return self.size == other.size and bool((self.find_slots(other.categories) == np.arange(self.size - 1)).all())

    @cached_property
    def _slots(self) -> dict[Hashable, int]:
        return {category: slot for slot, category in enumerate(self.categories.tolist(), start=1)}

    @cached_property
    def _slots_of_tuples(self) -> dict[Hashable, int]:
        """The slots of tuples, with one NaN for all, because each NaN equals only itself as an object."""
        if self.categories.dtype != object:
            return {}
        return {_with_one_nan(each): slot for each, slot in self._slots.items() if isinstance(each, tuple)}

    def find_slots(self, categories: pd.Series, label: Any = None) -> np.ndarray:
        """Find the slots of distinct values; slot 0 is put before them, because codes of values start from 1.

        Parameters
        ----------
        categories : pandas.Series of length m
            As `encode` returns them. Some may be missing values.
        label : Any, optional
            The label of the column, for messages.

        Returns
        -------
        ndarray of shape (m + 1,)
        """
        slots = np.full(len(categories) + 1, MISSING)
        with _hashable(label):
            found = map(self._slots.get, categories.tolist(), repeat(self.size - 1))
            slots[1:] = np.fromiter(found, dtype=np.intp, count=len(categories))
        # missing values are looked for only among values not found, which are few; NaN equals nothing, itself included
        unseen = np.flatnonzero(slots == self.size - 1)
        if len(unseen):
            rest = categories.iloc[unseen - 1]
            if self._slots_of_tuples:
                slots[unseen] = [self._slots_of_tuples.get(_with_one_nan(value), self.size - 1) for value in rest]
            slots[unseen[pd.isna(rest)]] = MISSING
        return slots

    def find_slot(self, value: Any, label: Any = None) -> int:
        """Find the slot of one value of a column."""
        with _hashable(label):
            slot = self._slots.get(value)
        if slot is not None:
            return slot
        if isinstance(value, tuple):  # of which pandas.isna would be an array
            return self._slots_of_tuples.get(_with_one_nan(value), self.size - 1)
        return MISSING if value is None or bool(pd.isna(value)) else self.size - 1

    def look_up(
        self, column: pd.Series | np.ndarray | Numbered, label: Any = None
    ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], list[Any]]]:
        """Find the slots of the values of a column, which `label` names in messages.

        Returns
        -------
        codes : ndarray of shape (n,)
        slots : ndarray
            The slot of each code.
        select : callable
            From a boolean array, as long as `slots`, to the list of the categories that it marks, for messages.
        """
        if isinstance(column, Numbered):
            categories = column.vocabulary.categories
            return column.codes.astype(np.intp), column.slots_in(self), _selector(categories)
        if len(column) <= FEW:
            codes = np.arange(1, len(column) + 1)
            categories = column if isinstance(column, pd.Series) else _series(column)
        else:
            codes, categories = encode(column, distinct=False, label=label)
            codes = codes.astype(np.intp)  # which indexes twice as fast
        return codes, self.find_slots(categories, label), _selector(categories)

    def slots(self, column: pd.Series | np.ndarray | Numbered, label: Any = None) -> np.ndarray:
        """Find the slot of each row's category, of shape (n,)."""
        codes, slots, _ = self.look_up(column, label)
        return slots.take(codes)

    def __getstate__(self) -> dict[str, Any]:
        """An array in place of the series, so that pickles depend on no version of pandas, and no cache."""
        categories = self.categories
        if has_named_zone(categories.dtype):
            return {"categories": categories.dt.tz_convert(None).to_numpy(), "zoned": categories.dtype.name}
        return {"categories": plain_array(categories)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        categories = plain_series(state["categories"])
        if "zoned" in state:
            categories = categories.dt.tz_localize("UTC").astype(state["zoned"])
        vars(self).update(categories=categories)

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be categories."""
        require(not self.categories.isna().any(), "categories with missing values")
        _ = self._slots  # refuses what is not hashable


@frozen
class Numbered:
    """A column whose values are numbered, for all tables that look it up.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    vocabulary : Vocabulary
        The value of each code from 1.
    """

    codes: np.ndarray
    vocabulary: Vocabulary

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def _found(self) -> dict[int, np.ndarray]:
        return {}

    def slots_in(self, vocabulary: Vocabulary) -> np.ndarray:
        """The slot of each code in another vocabulary, which is looked up once."""
        key = id(vocabulary)  # interactions have the very vocabularies of their columns
        if key not in self._found:
            self._found[key] = vocabulary.find_slots(self.vocabulary.categories)
        return self._found[key]

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The values of some rows as objects, for messages."""
        return np.append([None], plain_array(self.vocabulary.categories)).take(self.codes[rows])


def number(column: pd.Series | np.ndarray | Numbered, *, distinct: bool = True, label: Any = None) -> Numbered:
    """Number the values of a column, as `encode` does, unless they are."""
    if isinstance(column, Numbered):
        return column
    codes, categories = encode(column, distinct=distinct, label=label)
    return Numbered(codes, Vocabulary(categories))


def _selector(categories: pd.Series) -> Callable[[np.ndarray], list[Any]]:
    def select(marked: np.ndarray) -> list[Any]:
        return categories[marked[1:]].drop_duplicates().tolist()

    return select


def _with_one_nan(value: Any) -> Any:
    """The value, with the same NaN object wherever a tuple has NaN."""
    if isinstance(value, tuple):
        return tuple(_with_one_nan(item) for item in value)
    return np.nan if isinstance(value, float | complex | np.inexact) and value != value else value


def _unite_tuples(codes: np.ndarray, categories: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give tuples one code that differ only in their NaN, of which pandas knows Python's own alone."""
    if not pd.api.types.infer_dtype(categories, skipna=False).startswith("mixed"):  # as it calls tuples
        return codes, categories
    united, distinct = pd.factorize(np.fromiter(map(_with_one_nan, categories), dtype=object, count=len(categories)))
    return (codes, categories) if len(distinct) == len(categories) else (np.append(united, -1)[codes], distinct)


def encode(column: pd.Series | np.ndarray, *, distinct: bool = True, label: Any = None) -> tuple[np.ndarray, pd.Series]:
    """Number the categories of a column from 1 in order of appearance, and missing values 0.

    Parameters
    ----------
    column : pandas.Series or ndarray of shape (n,)
    distinct : bool, default=True
        Whether equal categories must have the same code. Without it, equal objects may have several codes, and missing
        values codes other than 0, which is faster.
    label : Any, optional
        The label of the column, for messages.

    Returns
    -------
    codes : ndarray of shape (n,)
        A new array, which callers may overwrite.
    categories : pandas.Series
        The category of each code from 1, without missing values if they are distinct.
    """
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.CategoricalDtype):
        codes, categories = column.cat.codes.to_numpy().astype(NARROW), column.cat.categories
    else:
        codes, categories = _factorize(column if isinstance(column, np.ndarray) else _values(column), distinct, label)
        codes = codes.astype(narrowest(len(categories) + 2), copy=False)
    codes += 1
    return codes, _series(categories)


def _series(values: Any) -> pd.Series:
    as_is = object if values.dtype == object else None  # otherwise pandas would infer a string dtype
    try:
        return pd.Series(values, dtype=as_is, copy=False)
    except UnicodeEncodeError:  # a string dtype has no lone surrogates
        return pd.Series(values, dtype=object)


def held(codes: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Those of the marked codes that a row has, as a categorical dtype has levels without rows.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    marked : ndarray of bool
        By code.
    """
    return marked & (np.bincount(codes, minlength=len(marked)) > 0) if marked.any() else marked


def _factorize(values: Any, distinct: bool, label: Any) -> tuple[np.ndarray, Any]:
    with _hashable(label):
        if values.dtype == object:
            found = factorize_objects(values, distinct=distinct)
            return _unite_tuples(*found) if distinct else found
        if values.dtype.kind in "iu" and isinstance(values, np.ndarray):
            return factorize_integers(values)
        return factorize_strings(values) if are_arrow_strings(values.dtype) else pd.factorize(values)


@contextmanager
def _hashable(label: Any = None) -> Iterator[None]:
    try:
        yield
    except (TypeError, NotImplementedError) as error:
        subject = "Categories" if label is None else f"The categories of column {label!r}"
        raise TypeError(
            f"{subject} must be hashable, as strings, numbers and tuples are ({error}). Convert lists to tuples."
        ) from error


def _values(column: pd.Series) -> Any:
    """The values of a column as an array, because a pandas.Index would turn tuples into levels."""
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.sparse.to_dense()
    if pd.api.types.is_extension_array_dtype(column.dtype) and column.dtype.kind == "f":
        return column.to_numpy(dtype=column.dtype.numpy_dtype, na_value=np.nan)  # arrow has two zeros
    if pd.api.types.is_extension_array_dtype(column.dtype):
        whole = column.dtype.kind in "iu" and not column.hasnans
        return column.to_numpy(dtype=column.dtype.numpy_dtype) if whole else column.array
    return column.to_numpy().astype(column.dtype.newbyteorder("="), copy=False)
