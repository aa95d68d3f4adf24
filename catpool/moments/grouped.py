"""Sums over rows that can be kept, carried and added up: all that a column's encoding is learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from catpool.data.categories import MISSING, Vocabulary
from catpool.data.crossed import Cells, Paths, in_cells, number_paths
from catpool.data.targets import Target
from catpool.moments.moments import Moments, sum_of_others

Categories = Vocabulary | Cells | Paths  # of a column, of an interaction, of nested levels


@dataclass(frozen=True)
class Tally:
    """A column's categories, and the moments of each part of the rows in them.

    Parameters
    ----------
    vocabulary : Vocabulary, Cells or Paths
    moments : list of Moments of shape (P, size)
        One a class of each target; the parts are folds, or one where there are none.
    """

    vocabulary: Categories
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

    def together(self) -> Tally:
        """The same without parts."""
        return Tally(self.vocabulary, [as_one_part(each) for each in self.whole()])

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


def as_one_part(moments: Moments) -> Moments:
    """Moments of shape (size,) as those of shape (1, size)."""
    observed = None if moments.observed is None else np.asarray(moments.observed)[None]
    scatter = np.asarray(moments.scatter)[None]
    return Moments(moments.count[None].astype(float), moments.total[None], scatter, observed)


def by_target(targets: Sequence[Target], moments: Sequence[Moments]) -> Iterator[tuple[Target, Sequence[Moments]]]:
    """Each target and the moments of its classes."""
    for target in targets:
        yield target, moments[: len(target.names)]
        moments = moments[len(target.names) :]


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


def united(a: Categories, b: Categories) -> tuple[Categories, np.ndarray, np.ndarray]:
    """The categories of both, and where the slots of each are among them."""
    if isinstance(a, Paths) and isinstance(b, Paths):
        return _united_paths(a, b)
    if isinstance(a, Cells) and isinstance(b, Cells):
        paths, mine, theirs = _united_paths(a.paths, b.paths)
        slots, cells = in_cells(paths, np.concatenate([mine[a.kept], theirs[b.kept]]))
        return cells, _framed(slots[: len(a.kept)], cells.size), _framed(slots[len(a.kept) :], cells.size)
    assert isinstance(a, Vocabulary)
    assert isinstance(b, Vocabulary)
    return _united_vocabularies(a, b)


def _united_vocabularies(a: Vocabulary, b: Vocabulary) -> tuple[Vocabulary, np.ndarray, np.ndarray]:
    found = a.slots(b.categories)[1:]
    new = found == a.size - 1
    found[new] += np.arange(np.count_nonzero(new))
    both = Vocabulary(_concatenated(a.categories, b.categories[new]) if new.any() else a.categories)
    return both, _framed(np.arange(1, a.size - 1), both.size), _framed(found, both.size)


def _concatenated(a: pd.Series, b: pd.Series) -> pd.Series:
    """One after the other, as objects where a type in common would round them."""
    series = [a, b] if a.dtype == b.dtype else [a.astype(object), b.astype(object)]
    return pd.concat(series, ignore_index=True)


def _framed(slots: np.ndarray, size: int) -> np.ndarray:
    """The slots of the missing value, of categories and of the unseen."""
    return np.concatenate([[MISSING], slots, [size - 1]])


def _united_paths(a: Paths, b: Paths) -> tuple[Paths, np.ndarray, np.ndarray]:
    """The paths of both, and the numbers of each one's among them."""
    last, vocabularies = len(a.parts) - 1, [_united_vocabularies(*pair) for pair in zip(a.parts, b.parts, strict=True)]
    mine, theirs = a.places(last).T, b.places(last).T
    slots = [
        np.concatenate([of_a[mine[level]], of_b[theirs[level]]]) for level, (_, of_a, of_b) in enumerate(vocabularies)
    ]
    codes, paths = number_paths(slots, [both for both, *_ in vocabularies])
    return paths, codes[-1][: a.size], codes[-1][a.size :]


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
