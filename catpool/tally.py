"""Sums over rows that can be kept, carried and added up: all that a column's encoding is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from catpool.cells import Cells, encode_cells
from catpool.columns import MISSING, Vocabulary
from catpool.moments import Moments, sum_of_others
from catpool.targets import Target


@dataclass(frozen=True)
class Tally:
    """A column's categories, and the moments of each part of the rows in them.

    Parameters
    ----------
    vocabulary : Vocabulary or Cells
    moments : list of Moments of shape (P, size)
        One a class of each target; the parts are folds, or one where there are none.
    """

    vocabulary: Vocabulary | Cells
    moments: list[Moments]

    @property
    def parts(self) -> int:
        return len(self.moments[0].count)

    def __add__(self, other: Tally) -> Tally:
        vocabulary, *places = united(self.vocabulary, other.vocabulary)
        both = [
            [_spread(each, slots, vocabulary.size) for each in own.moments]
            for own, slots in zip((self, other), places, strict=True)
        ]
        return Tally(vocabulary, [_added(a, b) for a, b in zip(*both, strict=True)])

    def whole(self) -> list[Moments]:
        """Of all parts together, of shape (size,)."""
        return [each.merged() for each in self.moments]

    def outside(self) -> list[Moments]:
        """Of all parts but one, of shape (P, size)."""
        others = 1.0 - np.eye(self.parts)
        result = []
        for each in self.moments:
            size, mean, scatter = each.overall(others)
            count, total = each.count.astype(float), each.total.copy()
            sum_of_others(count)
            sum_of_others(total)
            rows = None if each.observed is None else others @ each.observed
            result.append(Moments(count, total, scatter, rows).knowing(size=size, mean=mean))
        return result


def _added(a: Moments, b: Moments) -> Moments:
    """Part by part."""
    sums = [one + other for one, other in zip(a.views(), b.views(), strict=True)]
    observed = None if a.observed is None and b.observed is None else np.stack([each.rows for each in sums])
    return Moments(
        np.stack([each.count for each in sums]),
        np.stack([each.total for each in sums]),
        np.stack([each.scatter for each in sums]),
        observed,
    )


def _spread(moments: Moments, slots: np.ndarray, size: int) -> Moments:
    """Moments whose categories are at other slots now."""
    wide = np.zeros((2, len(moments.count), size))
    wide[0][:, slots], wide[1][:, slots] = moments.count, moments.total
    return replace(moments, count=wide[0], total=wide[1], residual=None)


def united(a: Vocabulary | Cells, b: Vocabulary | Cells) -> tuple[Vocabulary | Cells, np.ndarray, np.ndarray]:
    """The categories of both, and where the slots of each are among them."""
    if isinstance(a, Cells) and isinstance(b, Cells):
        columns = [pd.concat(pair, ignore_index=True) for pair in zip(_parts(a), _parts(b), strict=True)]
        codes, cells = encode_cells(columns)
        return cells, _framed(codes[: len(a.kept)], cells.size), _framed(codes[len(a.kept) :], cells.size)
    assert isinstance(a, Vocabulary)
    assert isinstance(b, Vocabulary)
    found = a.slots(b.categories)[1:]
    new = found == a.size - 1
    found[new] += np.arange(np.count_nonzero(new))
    categories = pd.concat([a.categories, b.categories[new]], ignore_index=True) if new.any() else a.categories
    both = Vocabulary(categories)
    return both, _framed(np.arange(1, a.size - 1), both.size), _framed(found, both.size)


def _framed(slots: np.ndarray, size: int) -> np.ndarray:
    """The slots of the missing value, of categories and of the unseen."""
    return np.concatenate([[MISSING], slots, [size - 1]])


def _parts(cells: Cells) -> list[pd.Series]:
    """The category of each cell's parts."""
    return [part.categories.iloc[cells.places[1:-1, level] - 1] for level, part in enumerate(cells.paths.parts)]


def in_classes(moments: Sequence[Moments], old: Target, new: Target) -> list[Moments]:
    """Moments of a target's classes, as they are known where there are more classes.

    Parameters
    ----------
    moments : sequence of Moments
        One a class; of a binary target the second's alone.
    old, new : Target
    """
    if old.classes is None or new.classes is None or len(old.classes) == len(new.classes):
        return list(moments)
    if new.kind == "binary":  # all rows were of one class
        of_second = old.classes[0] == new.classes[1]
        return [replace(moments[0], total=moments[0].count.astype(float))] if of_second else list(moments)
    known = dict(zip(old.classes.tolist(), moments, strict=True))
    none = replace(moments[0], total=np.zeros_like(moments[0].total), scatter=np.zeros_like(moments[0].scatter))
    return [known.get(label, none) for label in new.classes.tolist()]
