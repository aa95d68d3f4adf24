"""Columns that are constant within the categories of another one: their value for each category, of all rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING, Numbered, Vocabulary, number
from catpool.data.frames.backends import infer_exactly
from catpool.data.frames.frame import Frame
from catpool.data.plain import as_series, plain_array


def read_traits(
    codes: np.ndarray, vocabulary: Vocabulary, label: Any, columns: Iterable[Any], X: Frame
) -> dict[Any, np.ndarray]:
    """The values of columns in the rows of each category, of shape (K,), by label; missing for one without rows.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The slot of each row's category.
    vocabulary : Vocabulary
    label : Any
        The label of the column that has the categories, for messages.
    columns : iterable
        The labels of columns of X.
    X : Frame
    """
    columns = list(columns)
    rows = first_rows(codes, vocabulary.size) if columns else codes
    return {each: _read_trait(codes, vocabulary, rows, label, each, X) for each in columns}


def unite_traits(
    categories: pd.Series, label: Any, column: Any, parts: Sequence[np.ndarray], slots: Sequence[np.ndarray]
) -> np.ndarray:
    """The values of a column in the rows of each category, from those of parts of the rows, which must agree.

    Parameters
    ----------
    categories : pandas.Series of length K
        Of all rows.
    label, column : Any
        The label of the column that has the categories, and of the other one, for messages.
    parts : sequence of ndarray
        The values of each category of a part.
    slots : sequence of ndarray
        The slot in the union of each slot of a part.
    """
    united = np.full(len(categories), None, dtype=object)
    for part, own in zip(parts, slots, strict=True):
        new, places = part.astype(object), own[1:-1] - 1
        known = ~pd.isna(new)
        differs = known & ~pd.isna(united[places]) & (united[places] != new)
        if differs.any():
            first = int(np.argmax(differs))
            pair = united[places[first]], new[first]
            raise _varying(label, column, categories.tolist()[places[first]], pair)
        united[places[known]] = new[known]
    return plain_array(infer_exactly(pd.Series(united, dtype=object)))


def take_values(values: Any, rows: np.ndarray) -> np.ndarray:
    """The values of a column at some positions, as numpy has them."""
    if isinstance(values, Numbered):
        return values.values(rows)
    return plain_array(as_series(values).iloc[rows])


def first_rows(codes: np.ndarray, size: int) -> np.ndarray:
    """The position of the first row of each slot, of shape (size,); -1 without rows."""
    first = np.full(size, -1)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first


def _read_trait(
    codes: np.ndarray, vocabulary: Vocabulary, rows: np.ndarray, label: Any, column: Any, X: Frame
) -> np.ndarray:
    """The value of a column in the rows of each category, of shape (K,), which must be the same in all of them."""
    values = X.column(column)
    own = X.numbered[column].codes if column in X.numbered else number(values, label=column).codes
    differs = own != own[rows[codes]]
    differs &= (codes != MISSING) & (codes != vocabulary.size - 1)
    if differs.any():
        row = int(np.argmax(differs))
        pair = as_series(values).iloc[[rows[codes[row]], row]].tolist()
        raise _varying(label, column, vocabulary.categories.tolist()[codes[row] - 1], pair)
    return _values_of(values, rows[1:-1])


def _varying(label: Any, column: Any, category: Any, pair: Sequence[Any]) -> ValueError:
    """The error about a column that is not constant within a category."""
    return ValueError(
        f"`prior_features` of column {label!r} must read columns that are constant within a category, but {column!r} "
        f"is {pair[0]!r} and {pair[1]!r} where {label!r} is {category!r}. Remove {column!r} there, or pass a table "
        "with one row per category."
    )


def _values_of(values: Any, rows: np.ndarray) -> np.ndarray:
    """The values of a column at some positions, of which -1 is a missing value."""
    found = take_values(values, np.maximum(rows, 0))
    if not (rows < 0).any():
        return found
    found = found.astype(float if found.dtype.kind in "iuf" else object)
    found[rows < 0] = np.nan if found.dtype.kind == "f" else None
    return found
