"""Folds: a partition of the rows, and the rows that each fold learns from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from catpool.crossfit.random_folds import Dealer
from catpool.crossfit.splitters import check_number_of_folds, read_splits, refuse_many
from catpool.data.training import read_groups, read_labels


@dataclass(frozen=True)
class Folds:
    """A partition of the rows, and the rows each fold learns from.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        The fold that each row is encoded in; `n_folds` for a row that is in none.
    n_folds : int
    training : list of ndarray, or None
        The rows that each fold learns from; None where it is all rows outside the fold.
    groups : ndarray of shape (n,), optional
        Integers; which rows were to stay together.
    """

    labels: np.ndarray
    n_folds: int
    training: list[np.ndarray] | None = None
    groups: np.ndarray | None = None

    def training_rows(self, fold: int) -> np.ndarray:
        """The rows that a fold learns from."""
        return np.flatnonzero(self.labels != fold) if self.training is None else self.training[fold]

    @property
    def n_parts(self) -> int:
        """How many sets of rows the labels tell apart."""
        return self.n_folds + bool((self.labels == self.n_folds).any())


def make_folds(
    cv: Any, X: Any, y: Any, *, n_rows: int, groups: Any = None, classes: Any = None, random_state: Any = None
) -> Folds:
    """Make folds as `cv` says.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), or array of n_rows labels
    X, y : Any
        Handed to a splitter as they are.
    n_rows : int
    groups : array of shape (n_rows,), optional
        Rows of one group stay together.
    classes : array of shape (n_rows,), optional
        Integers; where given, random folds get the same share of each.
    random_state : int, RandomState or None
        Only random folds use it.
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
            "`groups` goes with an integer `cv` or a splitter, but `cv` names the folds itself. "
            "Leave `groups` out, or pass cv=10."
        )
    entries = cv if hasattr(cv, "__len__") else list(cv)
    if _is_labels(entries):
        return _folds_of_labels(entries, n_rows)
    return Folds(*read_splits(entries, n_rows))


def check_cv(cv: Any) -> None:
    """Refuse what cannot make folds, whatever the rows."""
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
        raise ValueError(
            f"{type(cv).__name__} is refused: each row's encoding would differ from its category's only by "
            "the row's own target, which a tree reads off it. Pass cv=10."
        )


def _leaves_one_out(cv: Any) -> bool:
    from sklearn.model_selection import LeaveOneOut, LeavePOut

    return isinstance(cv, LeaveOneOut | LeavePOut)


def _random_folds(k: int, n_rows: int, groups: Any, classes: Any, random_state: Any) -> Folds:
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    dealer = Dealer(k, np.random.default_rng(seed))
    if groups is not None:
        codes, names = pd.factorize(groups)
        if len(names) < k:
            raise ValueError(f"cv={k} needs at least {k} groups, but `groups` has {len(names)}. Pass a smaller `cv`.")
        return Folds(dealer.deal_groups(codes, len(names)), k)
    if n_rows < k:
        raise ValueError(f"cv={k} needs at least {k} rows, but X has {n_rows}. Pass a smaller `cv`.")
    return Folds(dealer.deal(n_rows) if classes is None else dealer.deal_classes(classes), k)


def _is_labels(entries: Any) -> bool:
    """Whether `cv` holds a label for each row, not a pair of index arrays for each fold."""
    if hasattr(entries, "ndim"):
        return bool(entries.ndim == 1 and entries.dtype != object) or not any(map(_is_pair, entries))
    return len(entries) > 0 and not any(map(_is_pair, entries))


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple | list | np.ndarray) and len(entry) == 2


def _folds_of_labels(labels: Any, n_rows: int) -> Folds:
    codes, names = pd.factorize(read_labels(labels, n_rows, "cv"))
    check_number_of_folds(len(names))
    return Folds(codes.astype(np.uint8), len(names))


def refuse_weightless(folds: Folds, weights: np.ndarray | None) -> None:
    """Refuse a fold that learns from rows of no weight only."""
    if weights is None:
        return
    if folds.training is None:
        inside = np.bincount(folds.labels, weights, minlength=folds.n_folds)
        learned = np.array([np.delete(inside, fold).sum() for fold in range(folds.n_folds)])
    else:
        learned = np.array([weights[rows].sum() for rows in folds.training])
    if not learned.all():
        fold = int(np.argmin(learned))
        raise ValueError(
            f"The rows that fold {fold} learns from must have some weight, but all have a weight of 0. "
            "Pass other folds, or leave rows of no weight out."
        )


def warn_of_rows_in_no_fold(folds: Folds) -> None:
    left = int(np.count_nonzero(folds.labels == folds.n_folds))
    if left:
        warnings.warn(f"{left} rows are in no test fold of `cv`; their encodings are NaN.", UserWarning, stacklevel=5)
