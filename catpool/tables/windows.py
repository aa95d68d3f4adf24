"""Means of categories in windows of time, each pooled towards that of the next longer window, and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING
from catpool.moments.moments import Moments
from catpool.priors.prior import Prior, reliability
from catpool.tables.outputs import MEAN
from catpool.tables.policy import Policy


def window_names(windows: Sequence[Any] | None) -> list[str]:
    """The names of windows, the shortest first."""
    if windows is None:
        return []
    try:
        if not isinstance(windows, list | tuple) or not windows:  # files have no arrays
            raise TypeError("no list")
        named = {_name(each): _length(each) for each in windows}
    except (TypeError, ValueError) as error:
        raise ValueError(
            '`windows` must be a list of lengths of time, as ["30D", "180D"], or [30, 180] where times are numbers. '
            f"Got {windows!r}."
        ) from error
    if len(set(named.values())) < len(windows):
        raise ValueError(f"`windows` must have different lengths. Got {list(windows)!r}.")
    return sorted(named, key=lambda name: named[name])


def _length(window: Any) -> float:
    if window is None or isinstance(window, bool):
        raise TypeError("no length")
    return float(window) if _is_number(window) else pd.Timedelta(window) / pd.Timedelta(1, "D")


def _is_number(window: Any) -> bool:
    return isinstance(window, Real) and not isinstance(window, np.timedelta64)  # which numpy takes for an integer


def _name(window: Any) -> str:
    if isinstance(window, str):
        return window
    return f"{window:.15g}" if _is_number(window) else f"{_length(window):g}D"


def window_outputs(names: Sequence[str]) -> list[str]:
    """The names of the outputs of windows: their means, and the differences of each from the next longer."""
    pairs = zip(names, [*names[1:], "all"], strict=True)
    return [*names, *(f"{short}_minus_{long}" for short, long in pairs)] if names else []


def window_values(
    mean: np.ndarray, windows: Sequence[Moments], prior: Prior, policy: Policy, slots: np.ndarray
) -> list[np.ndarray]:
    """The outputs of windows, in the order of `window_outputs`.

    Parameters
    ----------
    mean : ndarray of shape (m,)
        From all rows, after the policy was applied. What is NaN in it stays so.
    windows : sequence of Moments of shape (m,)
        Of the rows of each window, the shortest first.
    prior : Prior
        Of which the strength is that of pooling.
    policy : Policy
    slots : ndarray of shape (m,)
    """
    pooled = slots == MISSING if policy.missing == "prior" else np.zeros(len(slots), dtype=bool)
    values = [mean]
    for own in reversed(windows):
        weight = np.where(pooled, 0.0, reliability(own.count, prior.strength))
        values.append(weight * own.category_means + (1 - weight) * values[-1])
    values.reverse()
    return [*values[:-1], *(short - long for short, long in pairwise(values))]


def check_windows(windows: Sequence[str], outputs: Sequence[str]) -> None:
    """Raise an error for windows without means to take in them."""
    if windows and MEAN.name not in outputs:
        raise ValueError(f'`windows` are of means, but `output` has none: {tuple(outputs)}. Add "mean" to it.')
