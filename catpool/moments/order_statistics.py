"""Order statistics: the numbers at some ranks of many, without sorting all of them.

Numbers are counted in bins of equal width between two quantiles of a sample, and the bins that hold a wanted rank are
collected and sorted. Ranks are exact whatever the sample: if it is a poor one, only more numbers are sorted.
"""

from __future__ import annotations

import numpy as np

from catpool.data.blocks import ROWS, blocks_of

BINS = 1 << 12
SAMPLE = 1 << 12
FEW = 1 << 14  # numbers for which bins take longer than they save
MARGIN = 0.02  # of the numbers, beyond the lowest and highest rank, that the bins are to hold


def order_statistics(values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The numbers at some ranks, which are counted from 0 in rising order.

    Parameters
    ----------
    values : ndarray of shape (n,)
    ranks : ndarray of shape (m,)
        Integers.
    """
    low, high = _range(values, ranks) if len(values) > FEW else (0.0, 0.0)
    if not 0 < (high - low) / BINS < np.inf or not np.isfinite(BINS / (high - low)):
        return _sorted_at(values, ranks)
    bins, counts = _count(values, low, high)
    wanted = np.searchsorted(np.cumsum(counts), ranks, side="right")
    held = np.zeros(len(counts), dtype=bool)
    held[wanted] = True
    left_out = np.cumsum(np.where(held, 0, counts))
    return _sorted_at(values[held.take(bins)], ranks - left_out[wanted])


def _sorted_at(values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    return np.partition(values, np.unique(ranks))[ranks]


def _range(values: np.ndarray, ranks: np.ndarray) -> tuple[float, float]:
    """About the lowest and the highest of the numbers at these ranks."""
    shares = ranks.min() / len(values) - MARGIN, ranks.max() / len(values) + MARGIN
    low, high = np.quantile(values[:: len(values) // SAMPLE], np.clip(shares, 0.0, 1.0))
    return float(low), float(high)


def _count(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each number, and how many numbers each has; the first and the last are for those out of range."""
    bins, counts = np.empty(len(values), dtype=np.uint16), np.zeros(BINS + 2, dtype=int)
    for rows in blocks_of(len(values), ROWS // 2):
        places = values[rows] - low
        places *= BINS / (high - low)
        places += 1
        bins[rows] = np.clip(places, 0, BINS + 1, out=places)
        counts += np.bincount(bins[rows], minlength=len(counts))
    return bins, counts
