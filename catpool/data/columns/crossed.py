"""Several columns as one: `Paths` of categories within categories, and `Cells` of categories crossed with each other.

A path is a category within the path of the columns before it. So a path is identified by two integers, the number of
its parent and the slot of its own category, combined into one key:

    key = parent * size + slot.

The keys of a level are sorted, and a path is found by bisection. No tuples or strings are built, which would take far
longer than the sums over rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.blocks import blocks_of, look_up
from catpool.data.columns.categories import MISSING, Numbered, Vocabulary, number
from catpool.data.factorize import factorize_integers, narrowest
from catpool.data.frames.frame import Frame, select_columns
from catpool.data.frozen import frozen
from catpool.data.verify import require


@frozen
class Paths:
    """The distinct paths of the rows through the categories of several columns.

    Parameters
    ----------
    parts : list of Vocabulary
        One for each column; a column is a level.
    keys : list of ndarray
        The sorted keys of the paths to each level except the first. The paths to the first level are the slots of its
        column, so they include one for unseen categories.
    """

    parts: list[Vocabulary]
    keys: list[np.ndarray]

    @property
    def size(self) -> int:
        """The number of paths to the last level."""
        return self.level_size(len(self.parts) - 1)

    def level_size(self, level: int) -> int:
        """The number of paths to a level. An unseen path has this number, on the first level this number minus 1."""
        return self.parts[0].size if level == 0 else len(self.keys[level - 1])

    def parents(self, level: int) -> np.ndarray:
        """The parent of each path to a level, which must not be the first."""
        return self.keys[level - 1] // self.parts[level].size

    def slots(self, level: int) -> np.ndarray:
        """The slot of the last category of each path to a level."""
        return np.arange(self.parts[0].size) if level == 0 else self.keys[level - 1] % self.parts[level].size

    def ancestors(self, level: int) -> list[np.ndarray]:
        """The number of each path's ancestor on each level, from the first to `level`, where it is the path itself."""
        ancestors = [np.arange(self.level_size(level))]
        for each in range(level, 0, -1):
            ancestors.insert(0, self.parents(each)[ancestors[0]])
        return ancestors

    def part_slots(self, level: int) -> np.ndarray:
        """The slots of all categories of each path to a level, of shape (paths, level + 1)."""
        return np.column_stack([self.slots(each)[above] for each, above in enumerate(self.ancestors(level))])

    def follow(self, slots: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Find the number of each row's path on each level, from the slots of its categories."""
        paths = [slots[0]]
        for keys, part, own in zip(self.keys, self.parts[1:], slots[1:], strict=True):
            wanted = paths[-1] * part.size + own
            place = np.searchsorted(keys, wanted)
            found = keys.take(place, mode="clip") == wanted
            paths.append(np.where(found, place, len(keys)))  # one number for all unseen paths, whose own are unseen too
        return paths

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be paths."""
        require(self.parts and len(self.keys) == len(self.parts) - 1, "levels without their keys")
        for level, keys in enumerate(self.keys, start=1):
            require(keys.dtype.kind == "i" and keys.ndim == 1, "keys of paths that are not integers")
            require(np.all(keys[:1] >= 0) and np.all(np.diff(keys) > 0), "keys of paths that are not sorted")
            require(np.all(self.parents(level) < self.level_size(level - 1)), "paths without a parent")


def encode_paths(columns: Mapping[Any, Any]) -> tuple[list[np.ndarray], Paths]:
    """Number the paths of the rows on each level.

    Parameters
    ----------
    columns : mapping of label to pandas.Series, ndarray or Numbered, of shape (n,)

    Returns
    -------
    codes : list of ndarray of shape (n,)
        One for each level.
    paths : Paths
    """
    parts = [number(column, label=label) for label, column in columns.items()]
    return number_paths([part.codes for part in parts], [part.vocabulary for part in parts])


def number_paths(slots: Sequence[np.ndarray], parts: list[Vocabulary]) -> tuple[list[np.ndarray], Paths]:
    """Number the paths of the rows as `encode_paths` does, from the slots of each row's categories.

    Parameters
    ----------
    slots : sequence of ndarray of shape (n,)
        One for each level.
    parts : list of Vocabulary
    """
    paths, keys = [slots[0]], list[np.ndarray]()
    above = parts[0].size  # the number of paths to the level above
    for own, part in zip(slots[1:], parts[1:], strict=True):
        codes, found = _number_pairs(paths[-1], own, part.size)
        order = np.argsort(found)[np.count_nonzero(found < 0) :]  # sorted keys are found by bisection
        rank = np.empty(len(found), dtype=narrowest(len(found)))
        rank[order] = np.arange(len(order))
        paths.append(np.empty(len(codes), dtype=rank.dtype))
        look_up(rank, codes, paths[-1])
        keys.append(found[order].astype(narrowest(above * part.size)))
        above = len(order)
    return paths, Paths(parts, keys)


def _number_pairs(parents: np.ndarray, own: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the pairs of a parent and a slot; by slot, which is faster, if each slot has only one parent.

    Returns
    -------
    codes : ndarray of shape (n,)
    keys : ndarray
        The key of each code; -1 for a code that no row has.
    """
    parent = np.full(size, -1)
    for rows in blocks_of(len(own)):
        parent[own[rows]] = parents[rows]
    if any((parent.take(own[rows]) != parents[rows]).any() for rows in blocks_of(len(own))):
        return factorize_integers(np.multiply(parents, size, dtype=np.intp) + own)
    return own, np.where(parent >= 0, parent * size + np.arange(size), -1)


@frozen
class Cells:
    """The combinations of categories of several columns, as the `Vocabulary` of one column whose values are tuples.

    A cell is missing if the category of any column is missing.

    Parameters
    ----------
    paths : Paths
    kept : ndarray of shape (K,)
        The numbers of the paths to the last level without a missing category.
    """

    paths: Paths
    kept: np.ndarray

    @property
    def size(self) -> int:
        """The number of slots: K cells, missing, and unseen."""
        return len(self.kept) + 2

    @property  # not cached, because it would be the largest array of a table
    def part_slots(self) -> np.ndarray:
        """The slots of each cell's categories, of shape (size, columns); 0 for the missing cell."""
        slots = np.zeros((self.size, len(self.paths.parts)), dtype=np.intp)
        slots[-1] = [part.size - 1 for part in self.paths.parts]
        slots[1:-1] = self.paths.part_slots(len(self.paths.parts) - 1)[self.kept]
        return slots

    @property
    def categories(self) -> pd.Series:
        """The cells as tuples."""
        slots = self.part_slots[1:-1] - 1
        parts = [
            part.categories.to_numpy(dtype=object)[own] for part, own in zip(self.paths.parts, slots.T, strict=True)
        ]
        cells = np.empty(len(self.kept), dtype=object)  # filled below, because numpy.array would unpack the tuples
        cells[:] = list(zip(*parts, strict=True))
        return pd.Series(cells, dtype=object)

    def row_part_slots(self, columns: Sequence[Any], label: Sequence[Any] | None = None) -> list[np.ndarray]:
        """Find the slot of each row's category in each column; `label` has their labels, for messages."""
        labels = [None] * len(columns) if label is None else label
        return [part.slots(*own) for part, *own in zip(self.paths.parts, columns, labels, strict=True)]

    def find_slots(self, last: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Find the slots of rows' cells.

        Parameters
        ----------
        last : ndarray of shape (n,)
            The number of each row's path on the last level.
        missing : ndarray of shape (n,)
            Whether any of the row's categories is missing.
        """
        slot = np.full(self.paths.level_size(len(self.paths.parts) - 1) + 1, MISSING, dtype=narrowest(self.size))
        slot[self.kept] = np.arange(1, len(self.kept) + 1)  # a path that is not kept has a missing category
        slot[-1] = self.size - 1
        return np.where(missing, MISSING, slot.take(last))

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be cells."""
        paths = self.paths.level_size(len(self.paths.parts) - 1)
        require(self.kept.dtype.kind == "i" and self.kept.ndim == 1, "numbers of cells that are not integers")
        require(np.all(self.kept[:1] >= 0) and np.all(self.kept[-1:] < paths), "cells that are no paths")
        require(np.all(np.diff(self.kept) > 0), "cells that are not sorted")
        slots, sizes = self.part_slots[1:-1], np.array([part.size for part in self.paths.parts])
        require(np.all((slots != MISSING) & (slots < sizes - 1)), "cells without a category")

    def look_up(
        self, columns: Sequence[Any], label: Sequence[Any] | None = None
    ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], list[Any]]]:
        """Find the slots of the rows' cells, as `Vocabulary.look_up` does; the code of a row is its position."""
        slots = self.row_part_slots(columns, label)
        missing = np.any([own == MISSING for own in slots], axis=0)
        cells = self.find_slots(self.paths.follow(slots)[-1], missing)

        def select(rows: np.ndarray) -> list[Any]:
            return list(dict.fromkeys(zip(*(_values(column, rows) for column in columns), strict=True)))

        return np.arange(len(cells)), cells.astype(np.intp), select  # which indexes twice as fast


def _values(column: Any, rows: np.ndarray) -> np.ndarray:
    return column.values(rows) if isinstance(column, Numbered) else np.asarray(column, dtype=object)[rows]


def number_cells(paths: Paths, last: np.ndarray) -> tuple[np.ndarray, Cells]:
    """Number the cells of the rows from 1, and missing cells 0, from each row's path on the last level."""
    missing = (paths.part_slots(len(paths.parts) - 1) == MISSING).any(axis=1)
    cells = Cells(paths, np.flatnonzero(~missing).astype(narrowest(len(missing))))
    return cells.find_slots(last, missing[last]), cells


def encode_column(label: Any, X: Frame) -> tuple[np.ndarray, Vocabulary | Cells]:
    """Number the categories of a column, or the cells of several columns if `label` is a tuple of labels."""
    if label in X:
        own = _number(label, X)
        return own.codes.copy() if label in X.numbered else own.codes, own.vocabulary
    parts = [_number(part, X) for part in label]
    paths_of_rows, paths = number_paths([part.codes for part in parts], [part.vocabulary for part in parts])
    return number_cells(paths, paths_of_rows[-1])


def _number(label: Any, X: Frame) -> Numbered:
    return number(select_columns(label, X), label=label)


def number_shared(
    labels: Sequence[Any],
    X: Frame,
    *,
    distinct: bool,
    apply: Callable[[Callable[[Any], Numbered], Sequence[Any]], Iterable[Numbered]] = map,
) -> Frame:
    """The table with those columns numbered that are encoded more than once, alone or in interactions.

    Parameters
    ----------
    labels : sequence
        What is encoded; a tuple of labels of X is an interaction.
    X : Frame
    distinct : bool
        Whether equal values must have the same code, as at fit.
    apply : callable, default=map
        How a function is applied to each column.
    """
    counts = Counter(chain.from_iterable([label] if label in X else label for label in labels))
    shared = [column for column, times in counts.items() if times > 1]
    if not shared:
        return X
    numbers = apply(lambda label: number(X.column(label), distinct=distinct, label=label), shared)
    return replace(X, numbered=dict(zip(shared, numbers, strict=True)))


def check_interaction(parts: tuple[Any, ...], X: Frame, name: str = "interactions") -> None:
    """Raise an error unless the interaction is of two or more different columns of X."""
    absent = [part for part in parts if part not in X]
    if len(set(parts)) < max(2, len(parts)) or absent:
        cause = f"X has no column {absent}" if absent else "fewer than two columns differ"
        raise ValueError(
            f"`{name}` must combine two or more different columns of X, which are {X.labels}. Got {parts}: {cause}."
        )
