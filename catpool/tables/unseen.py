"""Warnings about columns whose categories were not there at fit, or are of another type."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from catpool.data.categories import Vocabulary
from catpool.data.crossed import Cells

FEWEST = 20  # unseen rows that can be more than new categories
SHARE = 0.5  # of the rows
NOTHING = 2  # slots of a vocabulary without categories

LookedUp = tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], list[Any]]]


class UnseenCategoriesWarning(UserWarning):
    """Most rows of a column have categories that were not there at fit, or that ``categories`` does not list.

    The rows get the prior mean, or what ``unknown`` says, so the feature has lost its information. Often the type of
    the column has changed: an encoder that was fitted to "17" does not know 17. There is a warning if at least 20 rows,
    and more than half of all, are unseen.

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
    rows, total = _count_unseen(codes, slots, vocabulary.size - 1, copies)
    if not rows or vocabulary.size == NOTHING:
        return
    if isinstance(vocabulary, Cells):
        for each, part, own in zip(label, vocabulary.paths.parts, values, strict=True):
            warn_of_unseen(each, each, part, own, part.look_up(own))
        return
    new, known = (
        each.item() if isinstance(each, np.generic) else each  # numbers of numpy are those of Python
        for each in (select(slots == vocabulary.size - 1)[0], vocabulary.categories.iloc[0])
    )
    warnings.warn(
        f"{rows} of {total} rows of column {column!r} hold categories that the encoder does not know, such as "
        f"{new!r}{_describe_types(known, new)}. They are encoded as unknown. Check the column, or fit again with these "
        "categories.",
        UnseenCategoriesWarning,
        stacklevel=2,
    )


def _count_unseen(codes: np.ndarray, slots: np.ndarray, unseen: int, copies: np.ndarray | None) -> tuple[int, int]:
    """The number of rows in the unseen slot, or 0 if they are few, and of all rows."""
    total = len(codes) if copies is None else int(copies.sum())
    if total < FEWEST or not (slots == unseen).any():
        return 0, total
    marked = (slots == unseen).take(codes)
    rows = int(np.count_nonzero(marked) if copies is None else copies[marked].sum())
    return (rows if rows >= FEWEST and rows > SHARE * total else 0), total


def _describe_types(known: Any, new: Any) -> str:
    names = type(known).__name__, type(new).__name__
    if names[0] == names[1]:
        return ""
    return f" of type {names[1]}, while {known!r} at fit has the type {names[0]}: convert the column"
