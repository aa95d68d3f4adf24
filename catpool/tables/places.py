"""What the prior means of categories follow from: the parts of a cell, or the features of a category."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from catpool.data.columns.crossed import Cells
from catpool.data.columns.featured import FeaturedVocabulary
from catpool.data.columns.unions import Categories
from catpool.moments.moments import Moments


def place_widths(vocabulary: Categories) -> list[int] | None:
    """The number of slots of each part, or of numbers in each block of features; None if there are neither."""
    if isinstance(vocabulary, Cells):
        return [part.size for part in vocabulary.paths.parts]
    return vocabulary.widths if isinstance(vocabulary, FeaturedVocabulary) else None


def slot_places(vocabulary: Categories, moments: Moments) -> np.ndarray:
    """The slots of the parts of each cell, or the features of each category, of shape (size, ...).

    Parameters
    ----------
    vocabulary : Cells or FeaturedVocabulary
    moments : Moments of shape (size,)
    """
    assert isinstance(vocabulary, Cells | FeaturedVocabulary)
    return vocabulary.part_slots if isinstance(vocabulary, Cells) else np.hstack(_blocks(vocabulary, moments))


def _blocks(vocabulary: FeaturedVocabulary, moments: Moments) -> list[np.ndarray]:
    """The features of the slots, where some follow from the weight of their rows and the row that is encoded."""
    return [
        fitted.of_counts(moments.count, moments.row_weight) if hasattr(fitted, "of_counts") else block
        for fitted, block in zip(vocabulary.fitted, vocabulary.blocks, strict=True)
    ]


def row_places(vocabulary: Categories, columns: Any, rows: np.ndarray) -> np.ndarray:
    """The slots of the parts of the cell, or the features of the category, of some rows, of shape (m, ...)."""
    if isinstance(vocabulary, Cells):
        return np.column_stack([own[rows] for own in vocabulary.row_part_slots(columns)])
    assert isinstance(vocabulary, FeaturedVocabulary)
    return vocabulary.row_basis(columns, rows)


def distinct_places(vocabulary: Categories, columns: Any, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of those of some rows that differ, of shape (d, ...), and the number of the place of each row."""
    if isinstance(vocabulary, FeaturedVocabulary):
        return vocabulary.distinct_basis(columns, rows)
    places, number = np.unique(row_places(vocabulary, columns, rows), axis=0, return_inverse=True)
    return places, number.ravel()


class JointPlaces(NamedTuple):
    """The features of categories, of which the last have no rows.

    Parameters
    ----------
    basis : ndarray of shape (m, functions)
    roots : dict of list of ndarray
        By the place of the number that stands for what the functions of a block leave: roots of its covariance between
        the last categories, or vectors of standard deviations, for some of these at a time.
    """

    basis: np.ndarray
    roots: dict[int, list[np.ndarray]]


def with_roots(places: np.ndarray, vocabulary: Categories, columns: Any, rows: np.ndarray) -> np.ndarray | JointPlaces:
    """Places, the last of which are the distinct ones of some rows, with the covariance of what functions leave."""
    if not isinstance(vocabulary, FeaturedVocabulary):
        return places
    return JointPlaces(places, vocabulary.left_roots(columns, rows))
