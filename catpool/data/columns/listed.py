"""Categories that the user lists: the vocabulary of a column, which is known before any row is seen.

A category that is listed may have no rows, as an unused level of a pandas categorical has none. A row whose
category is not listed has the slot of unseen categories, and no weight in its column. So the column learns as if the
row were not there, and the row gets what an unseen category gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING, Vocabulary, encode, held
from catpool.data.columns.unions import Categories
from catpool.data.frames.backends import infer_exactly, unmask
from catpool.data.frozen import frozen
from catpool.data.targets.weights import Weights

AUTO = "auto"  # the categories are those of the rows
SHOWN = 5  # categories in a message


@frozen
class Unlisted:
    """The rows of a column whose category is not listed.

    Parameters
    ----------
    rows : ndarray of bool of shape (n,)
    column : str
        The name of the column, for messages.
    """

    rows: np.ndarray
    column: str

    def check(self, weights: Weights) -> None:
        """Raise an error if no other row has a weight."""
        if self.rows.all() or (weights.row is not None and not weights.row[~self.rows].any()):
            refuse_no_rows(self.column)


class Coded(NamedTuple):
    """A column of the training rows as codes.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    vocabulary : Vocabulary, Cells or Paths
    unlisted : Unlisted or None
        The rows that the column must not learn from; None if there are none.
    """

    codes: np.ndarray
    vocabulary: Categories
    unlisted: Unlisted | None = None


def refuse_no_rows(column: str) -> None:
    """Raise an error because no row has a category that is listed."""
    raise ValueError(
        f"`categories` must list some of the categories of column {column!r}, but no row with a weight has one of "
        "them. Compare their types: 1 and '1' are two categories."
    )


def read_categories(categories: Any, labels: Sequence[Any]) -> dict[Any, Vocabulary]:
    """Read the parameter `categories` as the vocabularies of the encoded columns, by label; none for "auto".

    Parameters
    ----------
    categories : "auto", or list of arrays
    labels : sequence
        The labels of the encoded columns, without interactions.
    """
    if isinstance(categories, str) and categories == AUTO:
        return {}
    if not isinstance(categories, list) or len(categories) != len(labels):
        got = f"a list of {len(categories)}" if isinstance(categories, list) else repr(categories)
        raise ValueError(
            f'`categories` must be "auto", or a list with an array of categories for each of the {len(labels)} encoded '
            f"columns, which are {list(labels)}. Got {got}."
        )
    return {label: _read_vocabulary(values, label) for label, values in zip(labels, categories, strict=True)}


def _read_vocabulary(values: Any, label: Any) -> Vocabulary:
    """The vocabulary of a column, in the order in which its categories are listed."""
    listed = _read_column(values, label)
    try:
        codes, found = encode(listed)
    except TypeError as error:
        raise TypeError(f"`categories` of column {label!r} cannot be read: {error}") from error
    twice = listed[np.bincount(codes, minlength=1).take(codes) > 1]
    if len(twice):
        raise ValueError(
            f"`categories` must list each category once, but column {label!r} has {twice.unique().tolist()[:SHOWN]} "
            "several times. Remove the repetitions."
        )
    categories = found.iloc[codes[codes != MISSING] - 1].reset_index(drop=True)  # numbers are found in sorted order
    if not len(categories):
        raise ValueError(
            f"`categories` must list at least one category of column {label!r}, but there is none. Leave the column "
            "out of `columns`, or list some."
        )
    inferred = infer_exactly(categories) if categories.dtype == object else categories
    return Vocabulary(inferred if inferred.dtype.kind in "biuf" else categories)


def _read_column(values: Any, label: Any) -> pd.Series:
    """The listed values as a column; of objects where they come from a list, because numpy would unite their types."""
    known = isinstance(values, np.ndarray | pd.Series | pd.Index | pd.api.extensions.ExtensionArray)
    for convert in ("to_pylist", "to_list"):  # of arrow and of polars
        if not known and hasattr(values, convert):
            values = getattr(values, convert)()
    if isinstance(values, list | tuple):
        return pd.Series(np.fromiter(values, dtype=object, count=len(values)), dtype=object)
    if not known or values.ndim != 1:
        raise ValueError(
            f"`categories` must hold an array of categories for column {label!r}, such as ['a', 'b'], but it holds "
            f"{values!r}."
        )
    values = unmask(values)
    return pd.Series(values, dtype=object if values.dtype.kind in "OU" else None).reset_index(drop=True)


def encode_listed(column: Any, vocabulary: Vocabulary, name: str, *, strict: bool) -> Coded:
    """Number the categories of a column by a vocabulary that is listed.

    Parameters
    ----------
    column : pandas.Series or ndarray of shape (n,)
    vocabulary : Vocabulary
    name : str
        The name of the column, for messages.
    strict : bool
        Whether categories that are not listed raise an error.
    """
    places, slots, select = vocabulary.look_up(column, name)
    codes = slots.take(places)
    rows = codes == vocabulary.size - 1
    if not rows.any():
        return Coded(codes, vocabulary)
    if strict:
        unlisted = select(held(places, slots == vocabulary.size - 1))
        raise ValueError(
            f"Column {name!r} must hold categories that `categories` lists, but {len(unlisted)} are not among them, "
            f'such as {unlisted[:SHOWN]}. List them, or pass unknown="prior".'
        )
    return Coded(codes, vocabulary, Unlisted(rows, name))
