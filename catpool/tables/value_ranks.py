"""`ValueRanks`: where a value stands among those of a category, and among all.

The rank of a value is the share of rows with smaller values, and half of those with the same. In category k of n_k rows
it is F_k, among all rows F; with the prior's strength s in rows,

    rank = (n_k F_k + s F) / (n_k + s),

which is the posterior mean of the category's distribution at this value under a Dirichlet process prior about the
distribution of all rows. Under it, the means of categories have the prior of this very strength, as s is the ratio of
the variance of a row within its category to the variance between categories.

References
----------
T. S. Ferguson (1973), A Bayesian analysis of some nonparametric problems, Annals of Statistics 1, 209-230.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from catpool.data.columns.row_values import RowValues, stable_order, starts_of_runs
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.moments.moments import TINY


@frozen
class ValueRanks:
    """The distinct values of a column, of all rows and of each category, with their weights.

    Parameters
    ----------
    values : ndarray of shape (U,)
        The distinct values of all rows, in rising order.
    below : ndarray of shape (U + 1,)
        The weight of the rows that have smaller values, and at the end that of all rows.
    cells : ndarray of shape (P,)
        The distinct pairs of a slot and a value, in rising order: slot times (U + 1), plus the position of the value.
    before : ndarray of shape (P + 1,)
        The weight of the rows of the pairs before each, and at the end that of all rows.
    size : int
        The number of slots.
    """

    values: np.ndarray
    below: np.ndarray
    cells: np.ndarray
    before: np.ndarray
    size: int

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be ranks."""
        number, pairs = len(self.values), len(self.cells)
        require(number > 0 and pairs > 0 and self.size > 0, "ranks of no values")
        require_numbers((number,), values=self.values)
        require_numbers((number + 1,), least=0.0, below=self.below)
        require_numbers((pairs + 1,), least=0.0, before=self.before)
        require(self.cells.dtype.kind == "i" and self.cells.ndim == 1, "pairs of values that are not integers")
        require(np.all(np.diff(self.values) > 0) and np.all(np.diff(self.cells) > 0), "values that do not rise")
        require(self.cells[0] >= 0 and self.cells[-1] < self.size * (number + 1), "pairs of other values")
        require(np.all(self.cells % (number + 1) < number), "pairs without a value")
        require(self.below[-1] > 0 and np.all(np.diff(self.below) >= 0), "weights that fall")
        require(np.all(np.diff(self.before) >= 0), "weights that fall")

    @cached_property
    def _starts(self) -> np.ndarray:
        """The weight of the rows of the slots before each slot, and at the end that of all rows."""
        first = np.searchsorted(self.cells, np.arange(self.size + 1) * (len(self.values) + 1))
        return self.before.take(first)

    def ranks(self, slots: np.ndarray, rows: RowValues, reliability: np.ndarray) -> np.ndarray:
        """The rank of the value of each row, of shape (n,); NaN without a value.

        Parameters
        ----------
        slots : ndarray of shape (n,)
        rows : RowValues
        reliability : ndarray of shape (size,)
            The weight of each category's own rows.
        """
        # in rising order, and by slot, what is looked up is next to what was looked up before
        place, same = _find(self.values, rows.values[rows.order])
        overall = _middle(self.below, place, same) / self.below[-1]
        grouped = stable_order(slots[rows.order], self.size)
        own = slots[rows.order[grouped]]
        cell, here = _find(self.cells, own.astype(np.int64) * (len(self.values) + 1) + place[grouped])
        total = np.maximum(np.diff(self._starts), TINY)
        within = (_middle(self.before, cell, here & same[grouped]) - self._starts.take(own)) / total.take(own)
        weight = reliability.take(own)
        result = np.full(len(slots), np.nan)
        result[rows.order[grouped]] = weight * within + (1 - weight) * overall[grouped]
        return result


def _find(ordered: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The position of each value among others, and whether it is one of them."""
    place = np.searchsorted(ordered, wanted)
    return place, ordered.take(place, mode="clip") == wanted


def _middle(sums: np.ndarray, place: np.ndarray, same: np.ndarray) -> np.ndarray:
    """The weight before a value, and half of its own."""
    before = sums.take(place)
    return before + np.where(same, (sums.take(place + 1, mode="clip") - before) / 2, 0.0)


class GroupedValues:
    """The rows that have a value and a weight, by the slot of their category and then in rising order of their values.

    Parameters
    ----------
    rows : RowValues
    slots : ndarray of shape (n,)
    size : int
        The number of slots.
    weights : ndarray of shape (n,) or None
    """

    def __init__(self, rows: RowValues, slots: np.ndarray, size: int, weights: np.ndarray | None) -> None:
        order = rows.order if weights is None else rows.order[weights[rows.order] > 0]
        self.values, self.size = rows.values[order], size
        self.weights = None if weights is None else weights[order]
        self.new = starts_of_runs(self.values)
        self.grouped = stable_order(slots[order], size)
        self.slots = slots[order[self.grouped]]
        self.places = (np.cumsum(self.new) - 1)[self.grouped]
        self.first = starts_of_runs(self.slots, self.places)

    def distinct(self) -> np.ndarray:
        """How many different values each slot has, of shape (size,)."""
        return np.bincount(self.slots[self.first], minlength=self.size).astype(float)

    def ranks(self) -> ValueRanks:
        """The distinct values of all rows and of each slot."""
        values = self.values[self.new]
        cells = self.slots[self.first].astype(np.int64) * (len(values) + 1) + self.places[self.first]
        own = None if self.weights is None else self.weights[self.grouped]
        return ValueRanks(values, _sums(self.new, self.weights), cells, _sums(self.first, own), self.size)


def _sums(first: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The weight of the rows before each run of rows, and at the end that of all rows."""
    starts = np.append(np.flatnonzero(first), len(first))
    return starts.astype(float) if weights is None else np.append(0.0, np.cumsum(weights))[starts]
