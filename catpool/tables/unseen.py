"""Warnings about columns whose categories were not there at fit, or are of another type."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from catpool.data.columns.categories import Vocabulary
from catpool.data.columns.crossed import Cells
from catpool.data.columns.featured import FeaturedColumn, FeaturedVocabulary
from catpool.data.columns.listed import Unlisted
from catpool.data.plain import as_series

FEWEST = 20  # unseen rows that can be more than new categories
SHARE = 0.5  # of the rows
NOTHING = 2  # slots of a vocabulary without categories

LookedUp = tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], list[Any]]]


class UnseenCategoriesWarning(UserWarning):
    """Most rows of a column have categories that were not there at fit, or that ``categories`` does not list.

    The rows get the prior mean, or what ``unknown`` says, so the feature has lost its information. Often the type of
    the column has changed: an encoder that was fitted to "17" does not know 17. There is a warning if at least 20 rows,
    and more than half of all, are unseen. Categories with ``prior_features`` have a prior mean of their own, and do not
    count.

    A lazy table warns only where ``transform`` has to ask its engine for the categories anyway: where their type is not
    the one of fit, and for interactions, nested levels, dates and floats. Strings in a column that held strings at fit,
    and integers in one that held integers, are joined without a query, so nobody counts the unseen rows among them.

    Examples
    --------
    Silence the warning, where most categories are new and that is expected:

    >>> import warnings
    >>> from catpool import MeanEncoder, UnseenCategoriesWarning
    >>> encoder = MeanEncoder().fit([["17"], ["18"]], [1.0, 2.5])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", UnseenCategoriesWarning)
    ...     encoder.transform([[17]] * 20)[0].tolist()
    [1.75]
    """


def warn_of_unseen(
    column: str,
    label: Any,
    vocabulary: Vocabulary | Cells,
    values: Any,
    looked_up: LookedUp,
    copies: np.ndarray | None = None,
) -> None:
    """Warn if most rows are unseen; for an interaction, if the categories of one of its columns are.

    Parameters
    ----------
    column : str
        The name of the column, or of the interaction.
    label : Any
        The label of the column, or those of the columns of an interaction.
    vocabulary : Vocabulary or Cells
    values : Any
        The column, or the columns of an interaction.
    looked_up : tuple
        What ``vocabulary.look_up(values)`` returned.
    copies : ndarray of shape (n,), optional
        How many rows each value stands for; by default one.
    """
    codes, slots, select = looked_up
    unseen = slots == vocabulary.size - 1
    rows, total = _count_unseen(unseen.take(codes), copies) if unseen.any() else (0, 0)
    if not rows or vocabulary.size == NOTHING:
        return
    if isinstance(vocabulary, Cells):
        for each, part, own in zip(label, vocabulary.paths.parts, values, strict=True):
            warn_of_unseen(each, each, part, own, part.look_up(own))
        return
    if isinstance(values, FeaturedColumn) and isinstance(vocabulary, FeaturedVocabulary):
        marked = _without_features(values, vocabulary, unseen.take(codes))
        rows, total = _count_unseen(marked, copies)
        unseen = np.bincount(codes, marked, len(slots)) > 0
        if not rows:
            return
    warnings.warn(
        f"{rows} of {total} rows of column {column!r} hold categories that the encoder does not know, such as "
        f"{_describe(select(unseen)[0], vocabulary, 'at fit')}. They are encoded as unknown. Check the column, or fit "
        "again with these categories.",
        UnseenCategoriesWarning,
        stacklevel=2,
    )


def warn_of_unlisted(vocabulary: Vocabulary, values: Any, unlisted: Unlisted, copies: np.ndarray | None = None) -> None:
    """Warn if most of the training rows have categories that ``categories`` does not list.

    Parameters
    ----------
    vocabulary : Vocabulary
    values : pandas.Series or ndarray of shape (n,)
        The column.
    unlisted : Unlisted
    copies : ndarray of shape (n,), optional
        How many rows each value stands for; by default one.
    """
    rows, total = _count_unseen(unlisted.rows, copies)
    if rows:
        example = as_series(values)[unlisted.rows].iloc[0]
        warnings.warn(
            f"{rows} of {total} rows of column {unlisted.column!r} hold categories that `categories` does not list, "
            f"such as {_describe(example, vocabulary, 'in the list')}. The column does not learn from them. Check the "
            "column, or list these categories.",
            UnseenCategoriesWarning,
            stacklevel=2,
        )


def _without_features(column: FeaturedColumn, vocabulary: FeaturedVocabulary, unseen: np.ndarray) -> np.ndarray:
    """Those of the unseen rows whose category has no features, either, of shape (n,)."""
    rows = np.flatnonzero(unseen)
    unknown = np.isnan(vocabulary.row_basis(column, rows)).all(axis=1)
    return np.isin(np.arange(len(unseen)), rows[unknown])


def _count_unseen(marked: np.ndarray, copies: np.ndarray | None) -> tuple[int, int]:
    """The number of rows that are marked, or 0 if they are few, and of all rows."""
    total = len(marked) if copies is None else int(copies.sum())
    rows = int(np.count_nonzero(marked) if copies is None else copies[marked].sum())
    return (rows if rows >= FEWEST and rows > SHARE * total else 0), total


def _describe(new: Any, vocabulary: Vocabulary, where: str) -> str:
    """A new category and, if it is of another type than the known ones, both types."""
    new, known = (
        each.item() if isinstance(each, np.generic) else each  # numbers of numpy are those of Python
        for each in (new, vocabulary.categories.iloc[0])
    )
    names = type(known).__name__, type(new).__name__
    if names[0] == names[1]:
        return repr(new)
    return f"{new!r} of type {names[1]}, while {known!r} {where} has the type {names[0]}: convert the column"
