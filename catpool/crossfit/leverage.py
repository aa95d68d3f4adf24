"""Large categories, which have so many rows that no single row or group of rows matters to their encoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from catpool.data.factorize import factorize_integers

ROWS = 20  # a large category weighs at least as much as this many times its heaviest row or group


def heaviest_share(codes: np.ndarray, size: int, weights: np.ndarray | None, groups: np.ndarray | None) -> np.ndarray:
    """Compute the share of the heaviest row, or group of rows, in the weight of each category, of shape (size,).

    Parameters
    ----------
    codes : ndarray of shape (n,)
    size : int
    weights : ndarray of shape (n,), optional
    groups : ndarray of shape (n,), optional
        Integers. Rows of one group count as one row, because folds keep them together.
    """
    total = np.bincount(codes, weights, minlength=size).astype(float)
    heaviest = np.zeros(size)
    if groups is not None:
        cells = codes.astype(np.int64) * (int(groups.max()) + 1) + groups
        inverse, found = factorize_integers(cells)
        np.maximum.at(heaviest, found // (int(groups.max()) + 1), np.bincount(inverse, weights))
    elif weights is not None:
        np.maximum.at(heaviest, codes, weights)
    else:
        heaviest[:] = 1.0
    return np.divide(heaviest, total, out=np.ones(size), where=total > 0)  # a category without rows is never large


def refuse_partial(folds: Any) -> None:
    """Raise an error if folds are not encoded from all other rows; the encoding from all rows would undo that."""
    if folds.training is not None:
        raise ValueError(
            'crossfit="rare" goes with folds that learn from all other rows, but `cv` excludes some of them, such as '
            'later rows. Pass crossfit="all".'
        )


def is_large(share: np.ndarray, reliability: np.ndarray, least: float) -> np.ndarray:
    """Whether categories are large, judged by `heaviest_share` and their reliability."""
    return (share <= 1 / ROWS) & (reliability >= least)
