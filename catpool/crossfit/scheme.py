"""The fold scheme: `cv` read into one interface that says which rows each training row may learn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from numbers import Integral
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from catpool.crossfit.folds import Folds, check_cv, make_folds, refuse_weightless, warn_of_rows_in_no_fold
from catpool.crossfit.hashed_keys import folds_of_keys
from catpool.crossfit.out_of_fold import OutOfFold, OutOfFoldColumn
from catpool.data.frames import Frame
from catpool.data.training import TrainingData
from catpool.data.weights import Weights
from catpool.tables.learner import ColumnLearner


class Scheme(ABC):
    """Which rows each of the training rows may learn from."""

    last_time: Any = None  # of the training rows, where their weight fades

    def age(self, weights: Weights) -> Weights:
        """The weights that rows have once all of them are known."""
        return weights

    @abstractmethod
    def encode(self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool) -> OutOfFoldColumn:
        """Encode a column of the training rows, each from the rows it may learn from, and learn it from all rows.

        Parameters
        ----------
        learner : ColumnLearner
        codes : ndarray of shape (n,)
            Overwritten.
        size : int
            How many codes there are.
        counts : bool
            Whether to count the rows that each row's encoding rests on.
        """

    def folds(self) -> Folds:
        """The folds, for models that are fitted fold by fold."""
        raise ValueError(f"{type(self).__name__} has no folds. Pass cv=10, say.")

    def finish(self) -> None:
        """Warn of rows that were not encoded; by default there are none."""
        return


@runtime_checkable
class SchemeRule(Protocol):
    """What `cv` may be beside numbers, splitters and labels: a rule that makes a scheme of the training rows."""

    @property
    def reads(self) -> Sequence[Any]:
        """The columns of X that it reads; they pass through and are not encoded."""
        ...

    @property
    def past_only(self) -> bool:
        """Whether some rows outside of a row's fold are kept from it, as later rows are."""
        ...

    def scheme(self, data: TrainingData) -> Scheme: ...

    def fade(self, X: Frame, last_time: Any) -> np.ndarray | None:
        """What is left of the training rows' weight when new rows are encoded, of shape (n,); None for all."""
        ...


def is_rule(cv: Any) -> TypeGuard[SchemeRule]:
    return isinstance(cv, SchemeRule) and not isinstance(cv, type)


def reads(cv: Any) -> list[Any]:
    """The columns of X that a scheme reads."""
    return list(cv.reads) if is_rule(cv) else []


def is_past_only(cv: Any) -> bool:
    return is_rule(cv) and cv.past_only


class FoldScheme(Scheme):
    """Folds of any kind, made when they are first asked for.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), or array of shape (n,)
    data : TrainingData
    random_state : int, RandomState or None
    """

    def __init__(self, cv: Any, data: TrainingData, random_state: Any) -> None:
        self.cv, self.data, self.random_state = cv, data, random_state

    @cached_property
    def _folds(self) -> Folds:
        data = self.data
        folds = make_folds(
            self.cv if data.key is None else self._hashed(),
            data.X.native,
            data.y,
            n_rows=len(data),
            groups=data.groups,
            classes=data.classes,
            random_state=self.random_state,
        )
        refuse_weightless(folds, data.weights.row)
        return folds

    def _hashed(self) -> np.ndarray:
        """The fold of each row by a hash of its key."""
        if not isinstance(self.cv, Integral) or self.data.groups is not None:
            raise ValueError(
                "`key` needs a number of folds and no `groups`: rows of one key stay together. "
                f"Got cv={self.cv!r}. Pass cv=10, say."
            )
        return folds_of_keys(self.data.key, len(self.data), int(self.cv))

    @cached_property
    def _out_of_fold(self) -> OutOfFold:
        return OutOfFold(self._folds, self.data.targets, self.data.weights)

    def folds(self) -> Folds:
        return self._folds

    def encode(self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool) -> OutOfFoldColumn:
        return self._out_of_fold.encode(learner, codes, size, counts=counts)

    def finish(self) -> None:
        warn_of_rows_in_no_fold(self._folds)


def make_scheme(cv: Any, data: TrainingData, random_state: Any) -> Scheme:
    """Read `cv`, and refuse what cannot be a fold scheme.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), array of shape (n,), name of a column, or rule
        As the encoders document it. The values of a column are in `data`.
    data : TrainingData
    random_state : int, RandomState or None
        For random folds.
    """
    if is_rule(cv):
        return cv.scheme(data)
    cv = cv if data.folds is None else data.folds
    check_cv(cv)
    return FoldScheme(cv, data, random_state)
