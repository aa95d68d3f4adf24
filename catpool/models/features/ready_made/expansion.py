"""The Karhunen-Loève expansion of effects: the few functions that have most of their variance.

The covariance of effects at a few points is U diag(l) U', so functions U sqrt(l) with independent standard normal
coefficients have this very covariance, and the first of them have as much of it as so many functions can.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from scipy.linalg import eigh

from catpool.priors.numerics.blas import blas_threads

ROUNDING = 1e-12  # of variances, relative to the largest
MOST_KNOTS = 1024  # points at which functions are computed, which takes time in proportion to their cube


def check_rank(rank: Any) -> int:
    """The parameter `rank`, if it is a whole number from 1."""
    if isinstance(rank, bool) or not isinstance(rank, Integral) or rank < 1:
        raise ValueError(f"`rank` must be a whole number from 1, but it is {rank!r}. Pass the number of functions.")
    return int(rank)


def centered(covariance: np.ndarray) -> np.ndarray:
    """The covariance of effects about their mean over all points, of shape (m, m)."""
    mean = covariance.mean(axis=0)
    return covariance - mean - mean[:, None] + mean.mean()


def leading(covariance: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest variances and their directions: of shape (q,), in falling order, and of shape (m, q).

    Parameters
    ----------
    covariance : ndarray of shape (m, m)
    rank : int
        The largest number of directions; there are fewer if there is no variance in others.
    """
    number = len(covariance)
    with blas_threads(1):  # more of them disturb each other
        values, vectors = eigh(covariance, subset_by_index=(max(0, number - rank), number - 1))
    some = values > ROUNDING * max(values[-1], 0.0)
    return values[some][::-1], np.ascontiguousarray(vectors[:, some][:, ::-1])


def walk_covariance(distances: np.ndarray, own: np.ndarray, usual: float) -> np.ndarray:
    """The covariance, of shape (m, m), of a process whose variogram is the distance, about its mean over some knots.

    Parameters
    ----------
    distances : ndarray of shape (m, m)
        Between points.
    own : ndarray of shape (m,)
        The mean distance of each from the knots.
    usual : float
        The mean variance at the knots, which is the unit.
    """
    return (own[:, None] + own - distances) / (2 * usual) - 1


def spread(points: np.ndarray, most: int = MOST_KNOTS) -> np.ndarray:
    """Some of the points, each of which is in the middle of about as many of them; all if there are few.

    Parameters
    ----------
    points : ndarray of shape (m, d)
    most : int, default=1024
        The largest number of them.
    """
    points = points[np.lexsort(points.T[::-1])]  # so that the order that they come in does not matter
    if len(points) <= most:
        return points
    cells = [points]
    while 2 * len(cells) <= most:
        cells = [half for cell in cells for half in _halves(cell)]
    return np.array([_middle(cell) for cell in cells])


def _halves(points: np.ndarray) -> list[np.ndarray]:
    """Points in two halves, along the axis on which they lie the furthest apart."""
    axis = np.argmax(np.ptp(points, axis=0))
    return np.array_split(points[np.argsort(points[:, axis], kind="stable")], 2)


def _middle(points: np.ndarray) -> np.ndarray:
    return points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))]


def expand(covariance: np.ndarray, rank: int) -> np.ndarray:
    """The leading functions at the points, of shape (m, q), in a unit in which their mean variance is at most 1.

    Points that cannot be told apart have one function, which is 0.
    """
    values, vectors = leading(covariance, rank)
    if not len(values):
        return np.zeros((len(covariance), 1))
    return vectors * np.sqrt(values / np.trace(covariance) * len(covariance))
