"""Folds read from scikit-learn splitters and from (train, test) pairs, with the checks that they are folds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

MOST_FOLDS = 100  # also the label of rows that have no fold yet, so it must fit into uint8


def check_number_of_folds(number: int) -> None:
    if not 2 <= number <= MOST_FOLDS:
        raise ValueError(_describe_number(number))


def check_number_of_labels(number: int) -> None:
    """Raise an error if the rows have labels of too few or too many folds."""
    if not 2 <= number <= MOST_FOLDS:
        raise ValueError(_describe_number(number, "holds labels of"))


def _describe_number(k: int, verb: str = "asks for") -> str:
    reason = (
        "at least 2 are needed"
        if k < 2
        else (
            f"at most {MOST_FOLDS} are allowed, because encodings of small folds differ mostly by their own targets, "
            "which a tree could read off them"
        )
    )
    return f"`cv` {verb} {k} {'fold' if k == 1 else 'folds'}; {reason}. Pass cv=10, say."


def refuse_many(cv: Any, X: Any, y: Any, groups: Any) -> None:
    """Raise an error for a splitter of too many folds, before it makes them."""
    number = cv.get_n_splits(X, y, groups) if hasattr(cv, "get_n_splits") else None
    if number is not None and number > MOST_FOLDS:
        raise ValueError(_describe_number(number))


def read_splits(splits: Iterable[Any], n_rows: int) -> tuple[np.ndarray, int, list[np.ndarray] | None]:
    """Read (train, test) pairs into the labels, number and training rows of `catpool.crossfit.folds.Folds`.

    Parameters
    ----------
    splits : iterable of (train, test)
    n_rows : int
    """
    labels = np.full(n_rows, MOST_FOLDS, dtype=np.uint8)
    training = []
    all_others = True
    for fold, (train, test) in enumerate(splits):
        if fold == MOST_FOLDS:
            raise ValueError(_describe_number(MOST_FOLDS + 1))
        train, test = _read_indices(train, n_rows, fold), _read_indices(test, n_rows, fold)
        in_training = np.zeros(n_rows, dtype=bool)
        in_training[train] = True
        _check_split(labels, in_training, test, fold)
        labels[test] = fold
        training.append(train)
        # rows that are in training twice count twice, so such splits are kept as they are
        all_others &= len(train) == np.count_nonzero(in_training) == n_rows - len(test)
    if not training:
        raise ValueError("`cv` gives no (train, test) pair. A generator can be read only once: pass a list.")
    labels[labels == MOST_FOLDS] = len(training)
    return labels, len(training), (None if all_others and len(training) > 1 else training)


def _read_indices(rows: Any, n_rows: int, fold: int) -> np.ndarray:
    """Read the positions of rows, or a boolean mask, as an array of positions."""
    rows = np.asarray(rows)
    if rows.dtype == bool and rows.shape == (n_rows,):
        return np.flatnonzero(rows)
    rows = rows.astype(np.intp) if rows.size == 0 else rows
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or (rows.size and (rows.min() < 0 or rows.max() >= n_rows)):
        raise ValueError(
            f"Fold {fold} of `cv` must give rows by their positions, 0 to {n_rows - 1}, in arrays of integers. Convert "
            "index labels to positions."
        )
    return rows


def _check_split(labels: np.ndarray, in_training: np.ndarray, test: np.ndarray, fold: int) -> None:
    """Raise an error if a fold has no training rows, or test rows that are in training or in another fold."""
    if not in_training.any():
        raise ValueError(f"Fold {fold} of `cv` has no training rows. Leave the fold out.")
    if in_training[test].any():
        row = test[in_training[test]][0]
        raise ValueError(
            f"Fold {fold} of `cv` has row {row} both in training and in test, so the row's own target would "
            "reach its encoding. Take it out of one of the two."
        )
    ordered = np.sort(test)
    again = np.concatenate([test[labels[test] != MOST_FOLDS], ordered[1:][ordered[1:] == ordered[:-1]]])
    if len(again):
        raise ValueError(
            f"`cv` must put each row in at most one test fold, but row {again[0]} is in two. "
            "Pass KFold or another splitter without overlap."
        )
