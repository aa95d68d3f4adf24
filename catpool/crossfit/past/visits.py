"""`make_visits`: the rows of a column, those of one category and time as one visit."""

from __future__ import annotations

import numpy as np

from catpool.crossfit.past.past_rows import PastRows
from catpool.crossfit.spans import since
from catpool.data.targets.target import Target
from catpool.priors.drifting.local_level import Visits


def make_visits(rows: PastRows, target: Target, numbers: np.ndarray, center: float) -> Visits:
    """The visits of all rows that have weight.

    Parameters
    ----------
    rows : PastRows
    target : Target
        One of theirs.
    numbers : ndarray of shape (m,)
        Those of the categories of the rows that have weight, in the order of time.
    center : float
        What the means are less.
    """
    by_category = np.argsort(numbers, kind="stable")
    some, numbers = rows.order[by_category], numbers[by_category]
    weights, times = rows.weights.subset(some), rows.times.values[some]
    begins = (np.diff(numbers, prepend=-1) != 0) | (np.diff(times, prepend=times[:1]) != 0)
    visit = np.cumsum(begins) - 1
    own = np.ones(len(some)) if weights.count_weights is None else weights.count_weights
    count = np.bincount(visit, own)
    rates = np.array([_rates(each[some], weights.exposure) - center for each in target.columns()])
    means = np.array([np.bincount(visit, own * each) for each in rates]) / count
    scatters = np.array([np.bincount(visit, each) for each in own * (rates - means[:, visit]) ** 2])
    number = None if weights.precision or weights.row is None else weights.row
    category, time = numbers[begins], times[begins]
    again = np.diff(category, prepend=-1) == 0
    elapsed = np.where(again, since(time, np.append(time[:1], time[:-1])), 0.0) / rows.times.unit
    return Visits(category, time, elapsed, count, means, scatters, np.bincount(visit, number).astype(float))


def _rates(values: np.ndarray, exposure: np.ndarray | None) -> np.ndarray:
    return values if exposure is None else values / exposure
