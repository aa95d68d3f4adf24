"""Roots of many functions at once, by Newton's method in brackets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SMALLEST = 1e-16  # the low end of a bracket from zero, times its high end
NEAR = 1e-8  # the Newton step of a logarithm after which the next one would be lost in rounding
STEPS = 100


def rising_roots(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    low: np.ndarray,
    high: np.ndarray,
    at_low: np.ndarray,
    at_high: np.ndarray,
) -> np.ndarray:
    """Find where functions of a positive variable rise through zero; no root depends on another function.

    Parameters
    ----------
    function : callable
        From an array of shape (m,), one value for each function, to the values and the derivatives, of shape (m,).
    low, high : ndarray of shape (m,)
        The ends of a bracket of each root.
    at_low, at_high : ndarray of shape (m,)
        The functions there: negative, and zero or positive.

    Returns
    -------
    ndarray of shape (m,)
    """
    below, above = np.log(np.maximum(low, SMALLEST * high)), np.log(high)
    at = below + (above - below) * at_low / (at_low - at_high)
    open_ = np.ones(len(at), dtype=bool)
    for _ in range(STEPS):
        if not open_.any():
            break
        value, slope = function(np.exp(at))
        below, above = np.where(value < 0, at, below), np.where(value < 0, above, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = at - value / (slope * np.exp(at))
        inside = (below <= newton) & (newton <= above)
        tried = np.where(inside, newton, (below + above) / 2)
        done = (inside & (np.abs(tried - at) < NEAR)) | (value == 0)
        at = np.where(open_ & (value != 0), tried, at)  # a root that was found does not move on with the others
        open_ &= ~done
    return np.exp(at)
