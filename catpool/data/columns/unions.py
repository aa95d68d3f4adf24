"""Unions of categories: those of two parts of the rows as one vocabulary, and the new slots of each part's categories.

The categories of the first part keep their slots, and the new ones of the second part follow. Paths and cells are
numbered again from the united vocabularies of their columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING, Vocabulary
from catpool.data.columns.crossed import Cells, Paths, number_cells, number_paths
from catpool.data.columns.featured import FeaturedVocabulary, unite_featured

NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
Categories = Vocabulary | Cells | Paths  # of a column, an interaction, or nested levels


def unite(a: Categories, b: Categories) -> tuple[Categories, np.ndarray, np.ndarray]:
    """Unite the categories of two parts of the rows.

    Parameters
    ----------
    a, b : Vocabulary, Cells or Paths
        Both of one class.

    Returns
    -------
    union : Vocabulary, Cells or Paths
    slots_a, slots_b : ndarray of shape (size,)
        The slot in the union of each slot of `a` and of `b`.
    """
    if isinstance(a, Paths) and isinstance(b, Paths):
        return _unite_paths(a, b)
    if isinstance(a, Cells) and isinstance(b, Cells):
        return _unite_cells(a, b)
    assert isinstance(a, Vocabulary)
    assert isinstance(b, Vocabulary)
    union, *slots = _unite_vocabularies(a, b)
    if isinstance(a, FeaturedVocabulary) and isinstance(b, FeaturedVocabulary):
        union = unite_featured(union.categories, [a, b], slots)
    return union, slots[0], slots[1]


def check_same_types(label: Any, a: Categories, b: Categories) -> None:
    """Raise an error if a column holds strings in one part of the rows and numbers in another."""
    others = vocabularies(label, b)
    for column, vocabulary in vocabularies(label, a).items():
        pair = vocabulary.categories, others[column].categories
        types = [pd.api.types.infer_dtype(each, skipna=False) for each in pair]
        if ("string" in types) and any(each in NUMBERS for each in types):
            examples = [each.iloc[0] for each in pair]
            raise ValueError(
                f"Column {column!r} must hold categories of one type in each part, but it holds {examples[0]!r} in one "
                f"and {examples[1]!r} in another, which are different categories. Convert the column."
            )


def vocabularies(label: Any, categories: Categories) -> dict[Any, Vocabulary]:
    """The vocabulary of a column, or of each column of an interaction or path, by the label of the column."""
    if isinstance(categories, Vocabulary):
        return {label: categories}
    parts = categories.parts if isinstance(categories, Paths) else categories.paths.parts
    return dict(zip(label, parts, strict=True))


def _unite_vocabularies(a: Vocabulary, b: Vocabulary) -> tuple[Vocabulary, np.ndarray, np.ndarray]:
    found = a.find_slots(b.categories)[1:]
    new = found == a.size - 1  # the slot of unseen categories, where the new ones begin
    found[new] += np.arange(np.count_nonzero(new))
    union = Vocabulary(_concatenate(a.categories, b.categories[new]) if new.any() else a.categories)
    return union, _add_outer_slots(np.arange(1, a.size - 1), union.size), _add_outer_slots(found, union.size)


def _unite_cells(a: Cells, b: Cells) -> tuple[Cells, np.ndarray, np.ndarray]:
    paths, paths_a, paths_b = _unite_paths(a.paths, b.paths)
    slots, union = number_cells(paths, np.concatenate([paths_a[a.kept], paths_b[b.kept]]))
    slots_a, slots_b = np.split(slots, [len(a.kept)])
    return union, _add_outer_slots(slots_a, union.size), _add_outer_slots(slots_b, union.size)


def _unite_paths(a: Paths, b: Paths) -> tuple[Paths, np.ndarray, np.ndarray]:
    last = len(a.parts) - 1
    vocabularies = [_unite_vocabularies(*pair) for pair in zip(a.parts, b.parts, strict=True)]
    own_a, own_b = a.part_slots(last).T, b.part_slots(last).T
    slots = [
        np.concatenate([slots_a[own_a[level]], slots_b[own_b[level]]])
        for level, (_, slots_a, slots_b) in enumerate(vocabularies)
    ]
    codes, union = number_paths(slots, [vocabulary for vocabulary, *_ in vocabularies])
    return union, codes[-1][: a.size], codes[-1][a.size :]


def _concatenate(a: pd.Series, b: pd.Series) -> pd.Series:
    """Append one series to another; as objects if their types differ, because a common type could round them."""
    series = [a, b] if a.dtype == b.dtype else [a.astype(object), b.astype(object)]
    return pd.concat(series, ignore_index=True)


def _add_outer_slots(slots: np.ndarray, size: int) -> np.ndarray:
    """Put the slot of the missing value before those of the categories, and that of unseen ones after them."""
    return np.concatenate([[MISSING], slots, [size - 1]])
