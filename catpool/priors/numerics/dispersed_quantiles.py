"""Quantiles of distributions on the numbers from zero on, which are known by their distribution function alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

STEPS = 60
CLOSE = 1e-8  # a probability that counts as none

Distribution = Callable[[np.ndarray], np.ndarray]  # from n values to the probabilities of at most these


def least_count(distribution: Distribution, quantile: float, most: np.ndarray) -> np.ndarray:
    """The least counts whose probabilities of not being exceeded reach `quantile`, shape (n,), by bisection.

    Parameters
    ----------
    distribution : callable
    quantile : float
    most : ndarray of shape (n,)
        Counts that are large enough.
    """
    low, high = np.full(len(most), -1.0), np.ceil(most)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        reached = distribution(middle) >= quantile
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return high


def least_amount(distribution: Distribution, quantile: float, most: np.ndarray) -> np.ndarray:
    """The quantiles of amounts, shape (n,), of which a share may be zero, by the Illinois method; as `least_count`."""
    low, high = np.zeros(len(most)), np.array(most)
    below, above = distribution(low) - quantile, distribution(high) - quantile
    none, found = below >= 0, np.zeros(len(most))
    below = np.minimum(below, -CLOSE)
    for _ in range(STEPS):
        found = high - above * (high - low) / np.maximum(above - below, CLOSE)
        here = distribution(found) - quantile
        if (none | (np.abs(here) <= CLOSE)).all():
            break
        left = here < 0
        # an end that stays counts for half, so that it does not stay for long
        below, above = np.where(left, here, below / 2), np.where(left, above / 2, here)
        low, high = np.where(left, found, low), np.where(left, high, found)
    return np.where(none, 0.0, found)
