"""`SizeClasses`: the categories of tables grouped by size, because those of one size enter a likelihood as sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import TINY, Moments

LARGE = 4096  # rows; categories with more rarely share their size
FEW = 32  # categories, which are not worth grouping
COPIES = 8  # interleaved sums of each size, as the processor waits between two additions to one sum; a power of 2
BLOCK = 1 << 15  # tables times categories that are grouped at once


@frozen
class SizeClasses:
    """Categories of V tables, grouped by size: how many, and the sum and sum of squares of their means.

    Parameters
    ----------
    size : ndarray of shape (V, D)
    sums : ndarray of shape (V, D, 3)
        The number of categories of this size, the sum and the sum of squares of their means, which are distances from
        `center`.
    rows : ndarray of shape (V,)
        N, of all categories. The number of observations if weights are precisions.
    within, center : ndarray of shape (V,)
    """

    size: np.ndarray
    sums: np.ndarray
    rows: np.ndarray
    within: np.ndarray
    center: np.ndarray

    def take(self, tables: np.ndarray) -> SizeClasses:
        """Those of some tables, which may be repeated."""
        return SizeClasses(*(each[tables] for each in (self.size, self.sums, self.rows, self.within, self.center)))

    def stand_in(self, wanted: np.ndarray) -> SizeClasses:
        """Any tables to which the model can be fitted, in the place of those that are not wanted."""
        size = np.where(wanted[:, None], self.size, 1.0)
        sums = np.where(wanted[:, None, None], self.sums, 1.0)
        rows, within = (np.where(wanted, each, 4.0) for each in (self.rows, self.within))
        return SizeClasses(size, sums, rows, within, self.center)


def group_by_size(moments: Moments) -> tuple[SizeClasses, Moments]:
    """Group categories of one size, from moments of shape (..., K), whose leading axes become one.

    Fractional sizes and those of `LARGE` rows and more are not grouped, nor are few categories.

    Returns
    -------
    sizes : SizeClasses
    moments : Moments
        The same, with the scatter between categories and their number, which the groups tell in little time.
    """
    grouping = SizeGrouping(moments.flatten())
    size, sums = grouping.sum_by_size()
    if len(grouping.alone):
        size, sums = (
            np.hstack([size, grouping.flat.count[:, grouping.alone]]),
            np.hstack([sums, grouping.stand_alone()]),
        )
    shape = moments.mean.shape
    between, categories = np.einsum("vd,vd->v", size, sums[..., 2]), sums[..., 0].sum(axis=1).astype(np.intp)
    between, categories = moments.beyond_rounding(between.reshape(shape)), categories.reshape(shape)
    known = {"size": moments.size, "mean": moments.mean, "between": between, "categories": categories}
    same = replace(moments).cache(**known)
    tables = same.rows, same.within, same.mean
    return SizeClasses(size, sums, *(np.broadcast_to(each, shape).ravel() for each in tables)), same


class SizeGrouping:
    """Sums over categories of one size, of some tables at a time, so that these fit into the processor's cache.

    Parameters
    ----------
    flat : Moments of shape (V, K)

    Attributes
    ----------
    alone : ndarray
        The categories that are not grouped, because their size is fractional or large in some table.
    """

    def __init__(self, flat: Moments) -> None:
        number, self.largest = flat.count.shape[1], flat.count.max()
        self.flat, self.step = flat, max(1, BLOCK // number)
        shape = min(self.step, len(flat.count)), number
        self._cells, self._values = np.empty(shape, dtype=np.intp), np.empty(shape)  # new arrays would take longer
        self.alone = np.arange(number) if number <= FEW else np.flatnonzero(self._find_odd())

    def _blocks(self) -> Iterator[tuple[Moments, np.ndarray, np.ndarray]]:
        """Some tables at a time, with the sizes of their categories as whole numbers, and room for other numbers."""
        for start in range(0, len(self.flat.count), self.step):
            some = self.flat.take(slice(start, start + self.step))
            cells = self._cells[: len(some.count)]
            cells[...] = some.count
            if self.largest > LARGE:
                np.minimum(cells, LARGE, out=cells)
            yield some, cells, self._values[: len(some.count)]

    def _find_odd(self) -> np.ndarray:
        return np.any([(cells != some.count).any(axis=0) for some, cells, _ in self._blocks()], axis=0)

    def stand_alone(self) -> np.ndarray:
        """What `SizeClasses` has as sums, of the categories that are not grouped."""
        count, total = self.flat.count[:, self.alone], self.flat.total[:, self.alone]
        means = np.where(count > 0, total / np.maximum(count, TINY) - self.flat.mean[:, None], 0.0)
        return np.stack([count > 0, means, means**2], axis=-1)

    def sum_by_size(self) -> tuple[np.ndarray, np.ndarray]:
        """The sizes from 1 that occur in any table, (V, D), and the sums over the categories of each, (V, D, 3)."""
        tables, number = self.flat.count.shape
        if len(self.alone) == number:
            return np.zeros((tables, 0)), np.zeros((tables, 0, 3))
        bins = 1 + int(min(LARGE, self.largest))
        copies = COPIES if COPIES * bins < number else 1
        place = np.arange(0, len(self._cells) * copies * bins, copies * bins)[:, None]
        place = place + (np.arange(number) & (copies - 1)) * bins
        sums = np.concatenate([self._sum_block(*block, place, copies * bins) for block in self._blocks()], axis=1)
        sums = sums.reshape(3, tables, copies, bins).sum(axis=2)[:, :, 1:]
        occur = np.flatnonzero(sums[0].any(axis=0))
        return np.broadcast_to(occur + 1.0, (tables, len(occur))), sums[:, :, occur].transpose(1, 2, 0)

    def _sum_block(
        self, some: Moments, cells: np.ndarray, values: np.ndarray, place: np.ndarray, bins: int
    ) -> np.ndarray:
        """The number of categories of each size, and the sums of their distances and squares, (3, tables, bins)."""
        cells[:, self.alone] = 0
        cells += place[: len(cells)]
        np.add(some.count, TINY, out=values)
        np.divide(some.total, values, out=values)
        values -= some.mean[:, None]

        def total(weights: np.ndarray | None) -> np.ndarray:
            return np.bincount(cells.ravel(), weights, minlength=len(cells) * bins).reshape(-1, bins)

        return np.array([total(None), total(values.ravel()), total(np.square(values, out=values).ravel())])
