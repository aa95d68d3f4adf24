"""Categories so well filled that no row, and no group of rows, matters to their encoding."""

from __future__ import annotations

from typing import Any

import numpy as np

from catpool.data.factorize import factorize_integers

ROWS = 20  # as heavy as the heaviest row or group; with fewer, one of them matters


def heaviest_share(codes: np.ndarray, size: int, weights: np.ndarray | None, groups: np.ndarray | None) -> np.ndarray:
    """The share of its category's weight that the heaviest row, or group of rows, has, of shape (size,).

    Parameters
    ----------
    codes : ndarray of shape (n,)
    size : int
    weights : ndarray of shape (n,), optional
    groups : ndarray of shape (n,), optional
        Integers; rows of one group stand or fall together.
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
    return np.divide(heaviest, total, out=np.ones(size), where=total > 0)


def refuse_partial(folds: Any) -> None:
    """Refuse folds that keep some of the other rows from a row, which the encoding of all rows would bring back."""
    if folds.training is not None:
        raise ValueError(
            'crossfit="rare" goes with folds that learn from all other rows, but `cv` keeps some from them '
            '(the future, say). Pass crossfit="all".'
        )


def negligible(share: np.ndarray, reliability: np.ndarray, least: float) -> np.ndarray:
    """Whether no row and no group matters to a category, from `heaviest_share` and the category's reliability."""
    return (share <= 1 / ROWS) & (reliability >= least)
