"""Sums and encodings of each part of the rows from all other parts.

The obvious way to sum the other parts is to subtract each part from the sum of all. In floating-point numbers the
result then depends on the part itself by rounding, and with it an out-of-fold encoding on the row's own target. So
nothing is subtracted except integers. The two halves of the parts give each other their sums instead, and each half
passes on what it was given to its own halves: log2(parts) passes over the array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

from catpool.moments.moments import Moments
from catpool.moments.partition import ColumnView

BLOCK = 1 << 15  # categories summed at a time, so that they fit into the processor's cache
CELLS = 1 << 17  # parts times categories encoded at a time, for the same reason

Rule = Callable[[Sequence[Moments]], Sequence[Sequence[np.ndarray]]]


def sum_of_others(parts: np.ndarray) -> None:
    """Replace each part, in place, by the sum of all other parts, which rounding does not make depend on it.

    Parameters
    ----------
    parts : ndarray of shape (P, K)
    """
    for start in range(0, parts.shape[1], BLOCK):
        _share(parts[:, start : start + BLOCK], np.zeros(1, dtype=parts.dtype))


def _share(parts: np.ndarray, outside: np.ndarray) -> None:
    """Replace each of some parts by the sum of the others and of `outside`, the sum of the parts not among them."""
    if len(parts) == 1:
        parts[0] = outside
        return
    left, right = np.split(parts, [len(parts) // 2])
    # both sums are taken before either half is overwritten
    outside_left, outside_right = outside + right.sum(axis=0), outside + left.sum(axis=0)
    _share(left, outside_left)
    _share(right, outside_right)


class OutsideCounts:
    """The number of rows of each category outside each part, or the sum of their weights.

    Parameters
    ----------
    column : ColumnView
    """

    def __init__(self, column: ColumnView) -> None:
        self.column, self.shape = column, column.shape

    def __getitem__(self, parts: slice) -> np.ndarray:
        counts = self.column.counts
        if counts.dtype.kind == "i":  # integers are subtracted without rounding
            return (self.column.merged_counts - counts[parts]).astype(float)
        return self._weights[parts]

    @cached_property
    def _weights(self) -> np.ndarray:
        weights = self.column.counts.copy()
        sum_of_others(weights)
        return weights


def encode_outside(counts: OutsideCounts, parts: Sequence[Moments], rule: Rule, width: int) -> list[list[np.ndarray]]:
    """Encode each part from the moments of all other parts.

    Parameters
    ----------
    counts : OutsideCounts
    parts : sequence of Moments of shape (P, size)
        One for each class of the target. Their totals are overwritten, because a copy would be as large as the result.
    rule : callable
        From moments, one for each class, to the outputs of each class, all of shape (..., size).
    width : int
        The number of outputs.

    Returns
    -------
    list of list of ndarray of shape (P, size)
        The outputs of each class.
    """
    others = 1.0 - np.eye(counts.shape[0])
    overall = [each.overall(others) for each in parts]
    observed = None if parts[0].observed is None else others @ parts[0].observed
    for each in parts:
        sum_of_others(each.total)
    tables = [[each.total, *(np.empty(counts.shape) for _ in range(width - 1))] for each in parts]
    for block in _blocks(*counts.shape):
        count = counts[block]
        rows = None if observed is None else observed[block]
        visible = [
            Moments(count, each.total[block], scatter[block], rows).cache(size=size[block], mean=mean[block])
            for each, (size, mean, scatter) in zip(parts, overall, strict=True)
        ]
        for outputs, into in zip(rule(visible), tables, strict=True):
            for output, table in zip(outputs, into, strict=True):
                table[block] = output
    return tables


def _blocks(number: int, size: int) -> Iterator[slice]:
    """Slices of the parts, each of at most `CELLS` cells but at least one part."""
    step = max(1, CELLS // size)
    for start in range(0, number, step):
        yield slice(start, start + step)
