"""Several columns as one: paths of categories within categories, and cells of categories crossed with categories.

A path is a category within a path of the columns before. Paths are numbered by pairs of integers, the parent's number
and the category's slot, without building anything else; those of one length are kept in order and found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.categories import MISSING, Vocabulary, encode
from catpool.data.factorize import factorize_integers
from catpool.data.frames import Frame


@dataclass(frozen=True)
class Paths:
    """The paths that rows take through the categories of several columns.

    Parameters
    ----------
    parts : list of Vocabulary
        One a column.
    keys : list of ndarray
        For each column but the first, in order: parent's number times slots of the column, plus slot, of each path. The
        paths of the first column are its slots, the unseen one last.
    """

    parts: list[Vocabulary]
    keys: list[np.ndarray]

    @property
    def size(self) -> int:
        """How many paths lead to the last level."""
        return self.level_size(len(self.parts) - 1)

    def level_size(self, level: int) -> int:
        """How many paths lead to a level; a path never seen has this number, but on the first level one less."""
        return self.parts[0].size if level == 0 else len(self.keys[level - 1])

    def parents(self, level: int) -> np.ndarray:
        """The parent of each path that leads to a level but the first."""
        return self.keys[level - 1] // self.parts[level].size

    def slots(self, level: int) -> np.ndarray:
        """The slot of each path's own category."""
        return np.arange(self.parts[0].size) if level == 0 else self.keys[level - 1] % self.parts[level].size

    def ancestors(self, level: int) -> list[np.ndarray]:
        """The number of each path's ancestor on each level, from the first to the paths' own."""
        steps = [np.arange(self.level_size(level))]
        for each in range(level, 0, -1):
            steps.insert(0, self.parents(each)[steps[0]])
        return steps

    def part_slots(self, level: int) -> np.ndarray:
        """The slots of the categories of each path that leads to a level, of shape (paths, level + 1)."""
        return np.column_stack([self.slots(each)[step] for each, step in enumerate(self.ancestors(level))])

    def follow(self, slots: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The number of each row's path on each level, from the slots of its categories."""
        paths = [slots[0]]
        for keys, part, own in zip(self.keys, self.parts[1:], slots[1:], strict=True):
            wanted = paths[-1] * part.size + own
            place = np.searchsorted(keys, wanted)
            found = keys.take(place, mode="clip") == wanted
            paths.append(np.where(found, place, len(keys)))
        return paths


def encode_paths(columns: Sequence[Any]) -> tuple[list[np.ndarray], Paths]:
    """Number the paths of the rows.

    Parameters
    ----------
    columns : sequence of pandas.Series or ndarray of shape (n,)

    Returns
    -------
    codes : list of ndarray of shape (n,)
        One a level.
    paths : Paths
    """
    slots, parts = [], []
    for column in columns:
        codes, categories = encode(column)
        slots.append(codes)
        parts.append(Vocabulary(categories))
    return number_paths(slots, parts)


def number_paths(slots: Sequence[np.ndarray], parts: list[Vocabulary]) -> tuple[list[np.ndarray], Paths]:
    """The same, from the slots of the rows' categories, of shape (n,) a level."""
    paths, keys = [slots[0]], []
    for own, part in zip(slots[1:], parts[1:], strict=True):
        codes, found = _pairs(paths[-1], own, part.size)
        order = np.argsort(found)
        rank = np.empty(len(found), dtype=np.intp)
        rank[order] = np.arange(len(found))
        paths.append(rank.take(codes))
        keys.append(found[order])
    return paths, Paths(parts, keys)


def _pairs(parents: np.ndarray, own: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the pairs of a parent and a slot: by the slot, where each slot has one parent."""
    parent = np.full(size, -1)
    parent[own] = parents
    if (parent.take(own) != parents).any():
        return factorize_integers(parents * size + own)
    seen = np.flatnonzero(parent >= 0)
    rank = np.empty(size, dtype=np.intp)
    rank[seen] = np.arange(len(seen))
    return rank.take(own), parent[seen] * size + seen


@dataclass(frozen=True)
class Cells:
    """The categories of several columns taken together, numbered as those of one: a `Vocabulary` of tuples.

    A cell with a missing part is missing.

    Parameters
    ----------
    paths : Paths
    kept : ndarray of shape (K,)
        The paths of the last level without a missing part.
    """

    paths: Paths
    kept: np.ndarray

    @property
    def size(self) -> int:
        """How many slots there are: the missing cell's, one a cell, and one for the unseen."""
        return len(self.kept) + 2

    @cached_property
    def part_slots(self) -> np.ndarray:
        """The slots of each slot's parts, of shape (size, parts): noughts for the missing, the last for the unseen."""
        places = np.zeros((self.size, len(self.paths.parts)), dtype=np.intp)
        places[-1] = [part.size - 1 for part in self.paths.parts]
        places[1:-1] = self.paths.part_slots(len(self.paths.parts) - 1)[self.kept]
        return places

    @property
    def categories(self) -> pd.Series:
        parts = [
            part.categories.to_numpy(dtype=object)[self.part_slots[1:-1, level] - 1]
            for level, part in enumerate(self.paths.parts)
        ]
        cells = np.empty(len(self.kept), dtype=object)
        cells[:] = list(zip(*parts, strict=True))
        return pd.Series(cells, dtype=object)

    def row_part_slots(self, columns: Sequence[Any]) -> list[np.ndarray]:
        """The slots of the rows' categories in each column."""
        return [part.slots(column) for part, column in zip(self.paths.parts, columns, strict=True)]

    def find_slots(self, last: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """The slots of rows' cells, from their last path's numbers and whether a part is missing."""
        slot = np.full(self.paths.level_size(len(self.paths.parts) - 1) + 1, MISSING)
        slot[self.kept] = np.arange(1, len(self.kept) + 1)
        slot[-1] = self.size - 1
        return np.where(missing, MISSING, slot.take(last))

    def look_up(self, columns: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], list[Any]]]:
        """As `Vocabulary.look_up`, each row standing for itself."""
        slots = self.row_part_slots(columns)
        missing = np.any([own == MISSING for own in slots], axis=0)
        cells = self.find_slots(self.paths.follow(slots)[-1], missing)

        def named(rows: np.ndarray) -> list[Any]:
            return list(
                dict.fromkeys(zip(*(np.asarray(column, dtype=object)[rows] for column in columns), strict=True))
            )

        return np.arange(len(cells)), cells, named


def encode_cells(columns: Sequence[Any]) -> tuple[np.ndarray, Cells]:
    """Number the cells of the rows from 1, those with a missing part 0."""
    codes, paths = encode_paths(columns)
    return number_cells(paths, codes[-1])


def number_cells(paths: Paths, last: np.ndarray) -> tuple[np.ndarray, Cells]:
    """The same, from the numbers of the rows' paths."""
    missing = (paths.part_slots(len(paths.parts) - 1) == MISSING).any(axis=1)
    cells = Cells(paths, np.flatnonzero(~missing))
    return cells.find_slots(last, missing[last]), cells


def encode_column(label: Any, X: Frame) -> tuple[np.ndarray, Vocabulary | Cells]:
    """The codes and categories of a column, or of several that are taken together."""
    if label not in X.labels:
        return encode_cells([X.column(part) for part in label])
    codes, categories = encode(X.column(label))
    return codes, Vocabulary(categories)


def check_interaction(parts: tuple[Any, ...], X: Frame, name: str = "interactions") -> None:
    """Refuse an interaction that is not of several different columns of X."""
    absent = [part for part in parts if part not in X.labels]
    if len(set(parts)) < max(2, len(parts)) or absent:
        raise ValueError(
            f"`{name}` must take together two or more different columns of X, which are {X.labels}. Got {parts}."
        )
