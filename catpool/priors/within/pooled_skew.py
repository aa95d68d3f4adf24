"""The skew of the rows of each category, pooled.

The skew of n_k rows is their adjusted third moment about their mean,

    g_k = n_k / ((n_k - 1) (n_k - 2)) * sum of ((y_i - mean) / spread_k)^3,

which two rows say nothing about. It is the mean of as many rows as its denominator says, w_k = (n_k - 1) (n_k - 2) /
n_k, and it is pooled as the mean of a normal target is. The spread is the pooled one.
"""

from __future__ import annotations

import numpy as np

from catpool.moments.moments import TINY, Moments
from catpool.moments.sorted_rows import SortedRows
from catpool.priors.families.normal import NORMAL
from catpool.priors.posterior import posterior_mean
from catpool.priors.rules import PriorRule

LITTLE = 1e-25  # of the largest spread; sixth powers of less would overflow


def pooled_skew(rows: SortedRows, spread: np.ndarray, rule: PriorRule) -> np.ndarray:
    """The skew of each category, of shape (size,).

    Parameters
    ----------
    rows : SortedRows
    spread : ndarray of shape (size,)
        The pooled standard deviation of each category.
    rule : callable
        Learns the prior.
    """
    count = rows.count
    known = (count > 2) & (spread > LITTLE * spread.max())
    weight = np.where(known, (count - 1) * (count - 2) / np.maximum(count, TINY), 0.0)
    if not weight.any():
        return np.zeros(rows.size)
    moments = _moments(rows, np.where(known, spread, np.inf), weight)
    (prior,) = rule([moments], NORMAL)
    return posterior_mean(moments, prior, NORMAL)


def _moments(rows: SortedRows, spread: np.ndarray, weight: np.ndarray) -> Moments:
    """The moments of cubes, in rows of which each category has its weight."""
    unit = np.ldexp(1.0, int(np.frexp(spread[weight > 0].max())[1]))  # so that no power overflows
    apart, scale = rows.residuals / unit, (unit / spread) ** 3
    cubes = apart * apart
    cubes *= apart
    total = rows.sum(cubes) * scale
    cubes *= cubes
    share = weight / np.maximum(rows.count, TINY)
    means = total / np.maximum(weight, TINY)
    squares = rows.sum(cubes) * scale * scale / np.where(share > 0, share, 1.0)
    mean = total.sum() / weight.sum()
    within = np.maximum(squares - weight * means**2, 0.0)
    return Moments(weight, total, np.asarray((within + weight * (means - mean) ** 2).sum()))
