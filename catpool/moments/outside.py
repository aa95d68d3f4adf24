"""Sums and encodings of each part of the rows from all other parts.

The obvious way to sum the other parts is to subtract each part from the sum of all. In floating-point numbers the
result then depends on the part itself by rounding, and with it an out-of-fold encoding on the row's own target. So
nothing is subtracted except integers. The two halves of the parts give each other their sums instead, and each half
passes on what it was given to its own halves: log2(parts) passes over the array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

from catpool.moments.moments import Moments, merge_scatters
from catpool.moments.partition import ColumnView

BLOCK = 1 << 15  # categories summed at a time, so that they fit into the processor's cache
CELLS = 1 << 17  # tables times categories encoded at a time, for the same reason

Rule = Callable[[Sequence[Moments]], Sequence[Sequence[np.ndarray]]]
Refine = Callable[[Moments, int], Moments]  # moments of some tables, and the place of the first of them among all


def sum_of_others(parts: np.ndarray) -> None:
    """Replace each part, in place, by the sum of all other parts, which rounding does not make depend on it.

    Parameters
    ----------
    parts : ndarray of shape (P, ..., K)
    """
    for start in range(0, parts.shape[-1], BLOCK):
        _share(parts[..., start : start + BLOCK], np.zeros(1, dtype=parts.dtype))


def _share(parts: np.ndarray, outside: np.ndarray) -> None:
    """Replace each of some parts by the sum of the others and of `outside`, the sum of the parts not among them."""
    if len(parts) == 1:
        parts[0] = outside
        return
    left, right = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    # both sums are taken before either half is overwritten
    outside_left, outside_right = outside + right.sum(axis=0), outside + left.sum(axis=0)
    _share(left, outside_left)
    _share(right, outside_right)


def scatter_of_others(parts: Moments) -> np.ndarray:
    """The scatter within each category of the rows outside each part, of shape (..., P, K), as `sum_of_others` sums."""
    assert parts.scatters is not None
    own = (np.asarray(each, dtype=float) for each in (parts.count, parts.scatters, parts.category_means))
    triples = np.stack([np.moveaxis(each, -2, 0) for each in own], axis=1)
    _share_scatters(triples, np.zeros_like(triples[:1]))
    return np.moveaxis(triples[:, 1], 0, -2)


def _share_scatters(parts: np.ndarray, outside: np.ndarray) -> None:
    """Replace the count, scatter and mean of each part by those of the others and of `outside`, as `_share` does."""
    if len(parts) == 1:
        parts[:] = outside
        return
    left, right = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    beside = [_merge_triples(np.concatenate([outside, half])) for half in (right, left)]
    _share_scatters(left, beside[0])
    _share_scatters(right, beside[1])


def _merge_triples(parts: np.ndarray) -> np.ndarray:
    return np.stack(merge_scatters(*np.moveaxis(parts, 1, 0)))[None]


class OutsideCounts:
    """The number of rows of each category outside each part, or the sum of their weights, of shape (tables, K).

    The tables are the parts, and for several columns the parts of one column after the other.

    Parameters
    ----------
    column : ColumnView
    """

    def __init__(self, column: ColumnView) -> None:
        self.column, self.shape = column, (math.prod(column.shape[:-1]), column.shape[-1])

    def __getitem__(self, tables: slice) -> np.ndarray:
        counts = self.column.counts
        if counts.dtype.kind != "i":
            return self._weights[tables]
        whole = self.column.merged_counts
        if counts.ndim == 2:
            return np.subtract(whole, counts[tables], dtype=float)  # of integers, which rounds nothing
        return np.subtract(whole[:, None], counts, dtype=float).reshape(self.shape)[tables]

    @cached_property
    def _weights(self) -> np.ndarray:
        weights = self.column.counts.copy()
        sum_of_others(np.moveaxis(weights, -2, 0))
        return weights.reshape(self.shape)


class OutsideMoments:
    """The moments of the rows outside each part, as many tables as there are parts, of each column.

    Parameters
    ----------
    counts : OutsideCounts, or ndarray of shape (P, size)
        The weights of the categories outside each part.
    parts : sequence of Moments of shape (P, size) or (C, P, size)
        One for each class of the target. Their totals are overwritten, because a copy would be as large as the result.
    """

    def __init__(self, counts: OutsideCounts | np.ndarray, parts: Sequence[Moments]) -> None:
        others = 1.0 - np.eye(parts[0].count.shape[-2])
        self.counts = counts
        self.overall = [[each.ravel() for each in own.overall(others)] for own in parts]
        observed = parts[0].observed
        self.observed = None if observed is None else (observed @ others).ravel()
        # first, because totals are overwritten
        outside = [None if each.scatters is None else scatter_of_others(each) for each in parts]
        self.scatters = [None if each is None else each.reshape(counts.shape) for each in outside]
        for each in parts:
            sum_of_others(np.moveaxis(each.total, -2, 0))
        self.totals = [each.total.reshape(counts.shape) for each in parts]

    def __getitem__(self, tables: slice) -> list[Moments]:
        """The moments of some tables, of shape (tables, size), of each class."""
        count = self.counts[tables]
        rows = None if self.observed is None else self.observed[tables]
        return [
            Moments(
                count, total[tables], scatter[tables], rows, scatters=None if scatters is None else scatters[tables]
            ).cache(size=size[tables], mean=mean[tables])
            for total, scatters, (size, mean, scatter) in zip(self.totals, self.scatters, self.overall, strict=True)
        ]


def encode_outside(
    counts: OutsideCounts, parts: Sequence[Moments], rule: Rule, width: int, refine: Sequence[Refine] = ()
) -> list[list[np.ndarray]]:
    """Encode each part from the moments of all other parts.

    Parameters
    ----------
    counts : OutsideCounts
    parts : sequence of Moments of shape (P, size)
        One for each class of the target. Their totals are overwritten.
    rule : callable
        From moments, one for each class, to the outputs of each class, all of shape (..., size).
    width : int
        The number of outputs.
    refine : sequence of callable, default=()
        What is done to the moments of each class first.

    Returns
    -------
    list of list of ndarray of shape (P, size)
        The outputs of each class.
    """
    outside = OutsideMoments(counts, parts)
    tables = [[total, *(np.empty(counts.shape) for _ in range(width - 1))] for total in outside.totals]
    for block in _blocks(*counts.shape):
        moments = outside[block]
        if refine:
            moments = [each(own, block.start) for each, own in zip(refine, moments, strict=True)]
        for outputs, into in zip(rule(moments), tables, strict=True):
            for output, table in zip(outputs, into, strict=True):
                table[block] = output
    return tables


def _blocks(number: int, size: int) -> Iterator[slice]:
    """Slices of the tables, each of at most `CELLS` cells but at least one table."""
    step = max(1, CELLS // size)
    for start in range(0, number, step):
        yield slice(start, start + step)
