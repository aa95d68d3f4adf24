"""`Tally`: the categories of a column with the moments of the rows grouped by them, which streams add up.

A tally is all that the encoding of a column is learned from. So rows that come in parts, in several processes or in a
lazy table give the encoding of all rows: each part is tallied, and the tallies are added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from catpool.data.columns.unions import Categories, unite
from catpool.data.frozen import frozen
from catpool.data.targets.target import Target
from catpool.data.verify import require
from catpool.moments.moments import Moments, stack_known
from catpool.moments.outside import OutsideMoments, sum_of_others


@frozen
class Tally:
    """The categories of a column, and the moments of each part of the rows.

    Parameters
    ----------
    vocabulary : Vocabulary, Cells or Paths
    moments : list of Moments of shape (P, size)
        One for each class of each target. The parts are folds; without folds there is one part.
    """

    vocabulary: Categories
    moments: list[Moments]

    @property
    def parts(self) -> int:
        """The number of parts, P."""
        return len(self.moments[0].count)

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a tally."""
        require(self.moments, "a tally without moments")
        first = np.shape(self.moments[0].count)
        require(len(first) == 2 and first[0] >= 1, "a tally without parts")
        for each in self.moments:
            require(np.shape(each.count) == (first[0], self.vocabulary.size), "sums that do not match their categories")

    def __add__(self, other: Tally) -> Tally:
        union, *slots = unite(self.vocabulary, other.vocabulary)
        mine, theirs = (
            [_move_categories(each, new, union.size) for each in tally.moments]
            for tally, new in zip((self, other), slots, strict=True)
        )
        return Tally(union, [_add_by_part(a, b) for a, b in zip(mine, theirs, strict=True)])

    def decay(self, factor: float, *, precision: bool) -> Tally:
        """The tally of the same rows, whose weights are multiplied by a factor."""
        return Tally(self.vocabulary, [_decay(each, factor, precision=precision) for each in self.moments])

    def weight_by_part(self) -> np.ndarray:
        """The weight of the rows of each part, of shape (P,)."""
        return self.moments[0].count.sum(axis=1)

    def merge(self) -> list[Moments]:
        """The moments of all rows, of shape (size,)."""
        return [each.merge() for each in self.moments]

    def merge_parts(self) -> Tally:
        """The tally of the same rows in one part."""
        return Tally(self.vocabulary, [add_part_axis(each) for each in self.merge()])

    def sum_others(self) -> list[Moments]:
        """The moments of the rows outside each part, of shape (P, size)."""
        first = self.moments[0].count
        if all(np.array_equal(each.count, first) for each in self.moments[1:]):
            return _sum_others(self.moments)
        return [_sum_others([each])[0] for each in self.moments]  # of targets that some rows lack


def _sum_others(moments: Sequence[Moments]) -> list[Moments]:
    """The moments of the rows outside each part, from those of the parts, which all have the same counts."""
    count = moments[0].count.astype(float)
    sum_of_others(count)
    return OutsideMoments(count, [replace(each, total=each.total.copy()) for each in moments])[:]


def add_part_axis(moments: Moments) -> Moments:
    """Moments of shape (size,) as those of a single part, of shape (1, size)."""
    observed = None if moments.observed is None else np.asarray(moments.observed)[None]
    scatter = np.asarray(moments.scatter)[None]
    scatters = None if moments.scatters is None else moments.scatters[None]
    return Moments(moments.count[None].astype(float), moments.total[None], scatter, observed, scatters=scatters)


def split_by_target(
    targets: Sequence[Target], moments: Sequence[Moments]
) -> Iterator[tuple[Target, Sequence[Moments]]]:
    """Iterate over the targets, each with the moments of its classes."""
    for target in targets:
        yield target, moments[: len(target.names)]
        moments = moments[len(target.names) :]


def _decay(moments: Moments, factor: float, *, precision: bool) -> Moments:
    """The moments of rows that have lost weight, but are as many if weights are precisions."""
    return Moments(
        moments.count * factor,
        moments.total * factor,
        moments.scatter * factor,
        moments.rows if precision else None,
        None if moments.residual is None else moments.residual * factor,
        None if moments.scatters is None else moments.scatters * factor,
    )


def _add_by_part(a: Moments, b: Moments) -> Moments:
    sums = [one + other for one, other in zip(a.views(), b.views(), strict=True)]
    observed = None if a.observed is None and b.observed is None else np.stack([each.rows for each in sums])
    return Moments(
        np.stack([each.count for each in sums]),
        np.stack([each.total for each in sums]),
        np.stack([each.scatter for each in sums]),
        observed,
        scatters=stack_known([each.scatters for each in sums]),
    )


def _move_categories(moments: Moments, slots: np.ndarray, size: int) -> Moments:
    """Moments of shape (P, size), each category moved to the slot given for it."""
    wide = np.zeros((3, len(moments.count), size))  # categories that this tally does not have are 0
    wide[0][:, slots], wide[1][:, slots] = moments.count, moments.total
    if moments.scatters is None:
        return replace(moments, count=wide[0], total=wide[1], residual=None)
    wide[2][:, slots] = moments.scatters
    return replace(moments, count=wide[0], total=wide[1], residual=None, scatters=wide[2])


def expand_classes(moments: Sequence[Moments], old: Target, new: Target) -> list[Moments]:
    """The moments of a target's classes after classes were added that none of the rows are in.

    Parameters
    ----------
    moments : sequence of Moments
        One for each class; for a binary target only that of the second class.
    old, new : Target
        The target before and after.
    """
    if old.classes is None or new.classes is None or len(old.classes) == len(new.classes):
        return list(moments)
    if new.kind == "binary":  # all rows so far were of one class; if it is the second now, each row adds its weight
        is_second = old.classes[0] == new.classes[1]
        return [replace(moments[0], total=moments[0].count.astype(float))] if is_second else list(moments)
    known = dict(zip(old.classes.tolist(), moments, strict=True))
    none = replace(moments[0], total=np.zeros_like(moments[0].total), scatter=np.zeros_like(moments[0].scatter))
    return [known.get(label, none) for label in new.classes.tolist()]
