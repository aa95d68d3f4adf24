"""`Folds`: a partition of the training rows, the rows that each fold is encoded from, and `cv` read into both."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from catpool.crossfit.hashed_keys import folds_of_keys, refuse_one_fold
from catpool.crossfit.random_folds import Dealer
from catpool.crossfit.splitters import check_number_of_folds, check_number_of_labels, read_splits, refuse_many
from catpool.data.frozen import frozen
from catpool.data.training import read_groups, read_labels

LEAVES_ONE_OUT = (
    "{} is refused: the encodings of a category's rows would differ only by each row's own target, and a tree could "
    "read it off them. Pass {}."
)


@frozen
class Folds:
    """A partition of the training rows, and the rows that each fold is encoded from.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        The fold of each row, 0 to n_folds - 1; `n_folds` for rows in no fold.
    n_folds : int
    training : list of ndarray, or None
        The positions of the rows that each fold is encoded from. None is all rows outside the fold.
    groups : ndarray of shape (n,), optional
        Integers. Rows of one group are in one fold.
    """

    labels: np.ndarray
    n_folds: int
    training: list[np.ndarray] | None = None
    groups: np.ndarray | None = None

    def training_rows(self, fold: int) -> np.ndarray:
        """The positions of the rows that a fold is encoded from."""
        return np.flatnonzero(self.labels != fold) if self.training is None else self.training[fold]

    @cached_property
    def n_parts(self) -> int:
        """The number of different labels: the folds, and one for rows in no fold."""
        return self.n_folds + bool((self.labels == self.n_folds).any())


def make_folds(
    cv: Any, X: Any, y: Any, *, n_rows: int, groups: Any = None, classes: Any = None, random_state: Any = None
) -> Folds:
    """Make the folds that `cv` describes.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), or array of n_rows labels
    X, y : Any
        Passed on to a splitter.
    n_rows : int
    groups : array of shape (n_rows,), optional
        Rows of one group stay together.
    classes : array of shape (n_rows,), optional
        Integers. Random folds are stratified by them.
    random_state : int, RandomState or None
        Seed of random folds.
    """
    check_cv(cv)
    groups = read_groups(groups, n_rows)
    together = None if groups is None else pd.factorize(groups)[0]
    if isinstance(cv, Integral):
        return replace(_random_folds(int(cv), n_rows, groups, classes, random_state), groups=together)
    if hasattr(cv, "split"):
        refuse_many(cv, X, y, groups)
        return replace(Folds(*read_splits(cv.split(X, y, groups), n_rows)), groups=together)
    if groups is not None:
        raise ValueError(
            "`groups` goes with an integer `cv` or a splitter, but `cv` holds the fold of each row already. "
            "Leave `groups` out, or pass cv=10."
        )
    entries = cv if hasattr(cv, "__len__") else list(cv)  # a generator can be read only once
    if _is_labels(entries):
        return _read_fold_labels(entries, n_rows)
    return Folds(*read_splits(entries, n_rows))


def make_folds_of_keys(key: Any, n_rows: int, k: int) -> Folds:
    """Make the folds that hashes of the rows' keys decide."""
    codes, found = pd.factorize(folds_of_keys(key, n_rows, k))
    refuse_one_fold(len(found), k)
    if len(found) == n_rows > 2:
        raise ValueError(
            f"`key` puts each of the {n_rows} rows into a fold of its own. "
            + LEAVES_ONE_OUT.format("This", "fewer folds, such as cv=2")
        )
    return Folds(codes.astype(np.uint8), len(found))


def check_cv(cv: Any) -> None:
    """Raise an error if `cv` cannot be a fold scheme of any rows."""
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        check_number_of_folds(int(cv))
        return
    if isinstance(cv, type | str) or not (hasattr(cv, "split") or isinstance(cv, Iterable)):
        raise ValueError(
            "`cv` must be a number of folds, a scikit-learn splitter, an iterable of (train, test), an array with a "
            "fold label for each row, the name of a column of such labels, or a scheme such as EarlierRows. "
            f"Got {cv!r}. Pass cv=10, say."
        )
    if hasattr(cv, "split") and _leaves_one_out(cv):
        raise ValueError(LEAVES_ONE_OUT.format(type(cv).__name__, "cv=10"))


def _leaves_one_out(cv: Any) -> bool:
    from sklearn.model_selection import LeaveOneOut, LeavePOut

    return isinstance(cv, LeaveOneOut | LeavePOut)


def _random_folds(k: int, n_rows: int, groups: Any, classes: Any, random_state: Any) -> Folds:
    # a RandomState gives one number only, so that each call advances it by the same amount whatever the rows
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    rng = np.random.default_rng(seed)
    if groups is not None:
        codes, names = pd.factorize(groups)
        k = _limit_to_groups(k, len(names))
        return Folds(Dealer(k, rng).deal_groups(codes, len(names)), k)
    if n_rows < k:
        raise ValueError(f"cv={k} needs at least {k} rows, but X has {n_rows}. Pass a smaller `cv`.")
    dealer = Dealer(k, rng)
    return Folds(dealer.deal(n_rows) if classes is None else dealer.deal_classes(classes), k)


def _limit_to_groups(k: int, n_groups: int) -> int:
    """The number of folds, which is that of the groups if these are fewer."""
    if n_groups < 2:
        raise ValueError("`groups` must hold at least 2 groups, but all rows are in one. Leave `groups` out.")
    if n_groups < k:
        warnings.warn(
            f"`groups` has {n_groups} groups, which are fewer than cv={k} folds, so each group is a fold. Pass "
            f"cv={n_groups} to say so.",
            UserWarning,
            stacklevel=2,
        )
    return min(k, n_groups)


def _is_labels(entries: Any) -> bool:
    """Whether `cv` holds a label for each row, not a pair of index arrays for each fold."""
    if hasattr(entries, "ndim"):
        return bool(entries.ndim == 1 and entries.dtype != object) or not any(map(_is_pair, entries))
    return len(entries) > 0 and not any(map(_is_pair, entries))


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple | list | np.ndarray) and len(entry) == 2


def _read_fold_labels(labels: Any, n_rows: int) -> Folds:
    codes, names = pd.factorize(read_labels(labels, n_rows, "cv"))
    if len(names) == n_rows > 2:
        raise ValueError(
            "`cv` has a fold of its own for each row, which leaves one out. " + LEAVES_ONE_OUT.format("This", "cv=10")
        )
    check_number_of_labels(len(names))
    return Folds(codes.astype(np.uint8), len(names))  # one byte a row; there are at most 100 folds


def refuse_weightless(folds: Folds, weights: np.ndarray | None, column: str | None = None) -> None:
    """Raise an error if a fold is encoded from rows of weight 0 only; `column` is the one that they are weights of."""
    if weights is None:
        return
    if folds.training is None:
        inside = np.bincount(folds.labels, weights, minlength=folds.n_folds)
        check_weight_outside(inside, range(folds.n_folds), column)
    else:
        _check_learned([weights[rows].sum() for rows in folds.training], range(folds.n_folds), column)


def check_weight_outside(inside: np.ndarray, names: Sequence[Any], column: str | None = None) -> None:
    """Raise an error if all rows outside a fold have a weight of 0.

    Parameters
    ----------
    inside : ndarray of shape (parts,)
        The weight of each part of the rows: of all folds, and of rows in no fold.
    names : sequence
        The name of each fold, for messages.
    column : str, optional
        The name of the column, if it has weights of its own because some of its categories are not listed.
    """
    _check_learned([np.delete(inside, fold).sum() for fold in range(len(names))], names, column)


def _check_learned(learned: Sequence[float], names: Sequence[Any], column: str | None) -> None:
    """Raise an error if the rows that a fold is encoded from have no weight; `learned` is their weight, by fold."""
    weightless = np.flatnonzero(np.asarray(learned) == 0)
    if len(weightless) and column is not None:
        raise ValueError(
            f"The rows that fold {names[weightless[0]]} is encoded from must have some categories of column {column!r} "
            "that `categories` lists, but they have none. Pass other folds, or list more categories."
        )
    if len(weightless):
        raise ValueError(
            f"The rows that fold {names[weightless[0]]} is encoded from must have some weight, but all have a weight "
            "of 0. Pass other folds, or drop rows of weight 0."
        )


def warn_of_rows_in_no_fold(folds: Folds) -> None:
    """Warn if there are rows in no fold, which have no encodings."""
    if folds.n_parts > folds.n_folds:
        left = np.count_nonzero(folds.labels == folds.n_folds)
        warnings.warn(
            f"{left} rows are in no test fold of `cv`; their encodings are NaN. Drop these rows before a model learns "
            "from them, or pass a `cv` that tests each row.",
            UserWarning,
            stacklevel=6,
        )
