"""`RunningSums`: sums over the earlier rows of each row's category, with weights that decay or not."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.spans import before, since
from catpool.crossfit.times import Times
from catpool.data.targets.weights import Weights

SPAN = 500  # half-lives that a running sum may extend over; 2^500 is far from overflow


class RunningSums:
    """Sums over the earlier rows of each row's category.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    times : Times
    weights : Weights
    """

    def __init__(self, codes: np.ndarray, times: Times, weights: Weights) -> None:
        self.times, self.weights = times, weights
        distinct, rank = np.unique(times.values, return_inverse=True)
        self.order = np.lexsort((times.values, codes))
        keys = codes.astype(np.int64) * (len(distinct) + 1)
        self.distinct, self.keys, self.ordered = distinct, keys, (keys + rank)[self.order]
        # the position, in the order, of the last earlier row; if its category differs, there is none
        self.last = self._count_before(before(times.values, times.gap)) - 1
        self.seen = (self.last >= 0) & (codes[self.order][self.last] == codes)
        self.codes = codes[self.order]

    def _count_before(self, moments: np.ndarray) -> np.ndarray:
        """Count the rows, in the order, before a moment for each row: those of its category, and of lower codes."""
        return np.searchsorted(self.ordered, self.keys + np.searchsorted(self.distinct, moments, side="left"), "left")

    def _weighted(self, values: np.ndarray | None) -> np.ndarray:
        """Weight times value of each row, in the order; without values, the weight."""
        row = np.ones(len(self.order)) if self.weights.count_weights is None else self.weights.count_weights
        if values is not None:
            row = values if self.weights.row is None else values * self.weights.row
        return row[self.order]

    def sum_windows(self, values: np.ndarray | None) -> list[np.ndarray]:
        """Sum, for each window, over those earlier rows of each row's category that are no earlier than its begin."""
        sums = np.append(_sum_running(self._weighted(values), self.codes), 0.0)
        return [np.where(self.seen, sums[self.last] - sums[before], 0.0) for before in self._before_windows]

    @cached_property
    def _before_windows(self) -> list[np.ndarray]:
        """The position, for each window, of the last row of each row's category before it; -1 where there is none."""
        found = []
        for length in self.times.windows:
            # a window that holds no row begins behind the last earlier one
            begins = before(before(self.times.values, self.times.gap), length)
            place = np.minimum(self._count_before(begins) - 1, self.last)
            same = (place >= 0) & (self.codes[place] == self.codes[self.last])
            found.append(np.where(same, place, -1))
        return found

    def sum_past(self, values: np.ndarray | None, half_life: Any) -> np.ndarray:
        """Sum weight times value over the earlier rows of each row's category, of shape (n,).

        Parameters
        ----------
        values : ndarray of shape (n,) or None
            None sums weights.
        half_life : float or int, or None
        """
        row, at = self._weighted(values), self.times.values[self.order]
        sums = _sum_running(row, self.codes) if half_life is None else self._sum_decaying(row, at, half_life)
        past = np.where(self.seen, sums[self.last], 0.0)
        if half_life is None:
            return past
        age = since(self.times.values, at[self.last]) / half_life
        return np.where(self.seen, past * np.exp2(-age), 0.0)

    def _sum_decaying(self, row: np.ndarray, at: np.ndarray, life: Any) -> np.ndarray:
        """Sum the rows of each category up to each row, each row decayed until the time of the last one summed.

        Within a span of time, rows are scaled by 2^(time / half_life), summed, and scaled back. The scale would
        overflow in long series, so each span starts anew and adds what is left of the span before it.
        """
        elapsed = since(at, at.min())
        span = (elapsed / life // SPAN).astype(np.int64)
        scale = np.exp2(elapsed / life - span * SPAN)
        here = _sum_running(row * scale, self.codes * (span.max() + 1) + span) / scale
        cell = self.codes.astype(np.int64) * (span.max() + 1) + span
        begins = np.flatnonzero(np.diff(cell, prepend=-1))[1:]  # where the next span of a category begins
        for begin in begins[self.codes[begins] == self.codes[begins - 1]]:
            end = np.searchsorted(cell, cell[begin], side="right")
            here[begin:end] += here[begin - 1] * np.exp2(-since(at[begin:end], at[begin - 1]) / life)
        return here


def _sum_running(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return pd.Series(values).groupby(groups).cumsum().to_numpy()
