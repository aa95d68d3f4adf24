"""`Scheme`: the interface of fold schemes, which decide the rows that each training row is encoded from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from numbers import Integral
from typing import Any, Protocol, TypeGuard

import numpy as np

from catpool.crossfit.folds import (
    Folds,
    check_cv,
    make_folds,
    make_folds_of_keys,
    refuse_weightless,
    warn_of_rows_in_no_fold,
)
from catpool.crossfit.joint import CodedColumn, batch_columns, encode_together, learns_at_once
from catpool.crossfit.out_of_fold import OutOfFold, OutOfFoldColumn
from catpool.crossfit.times import Fade
from catpool.crossfit.training_rows import TrainingRows, learn
from catpool.data.columns.listed import Unlisted
from catpool.data.frames.frame import Frame
from catpool.data.training import TrainingData
from catpool.tables.learner import ColumnLearner


class Scheme(ABC):
    """The rows that each training row is encoded from."""

    last_time: Any = None  # the time of the last training row, if weights decay with time

    def learn(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, rows: TrainingRows, unlisted: Unlisted | None = None
    ) -> list[Any]:
        """Learn the encodings of a column from all rows, for new ones; other parameters are as in `encode`."""
        return learn(learner, codes, size, rows.without(unlisted))

    def prepare(self) -> None:
        """Make what all columns share, before several threads ask for it; by default nothing."""
        return

    @abstractmethod
    def encode(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool, unlisted: Unlisted | None = None
    ) -> OutOfFoldColumn:
        """Encode a column of the training rows by this scheme, and from all rows.

        Parameters
        ----------
        learner : ColumnLearner
        codes : ndarray of shape (n,)
            Overwritten.
        size : int
            The number of codes.
        counts : bool
            Whether to count the rows that each row is encoded from.
        unlisted : Unlisted, optional
            The rows that the column must not learn from.
        """

    def batches(self, columns: Sequence[CodedColumn]) -> list[list[int]]:
        """The columns that are encoded together, as the positions of each batch; by default each by itself."""
        return [[position] for position in range(len(columns))]

    def encode_batch(self, columns: Sequence[CodedColumn], *, counts: bool) -> list[OutOfFoldColumn]:
        """Encode the columns of a batch."""
        return [
            self.encode(each.learner, each.codes, each.size, counts=counts, unlisted=each.unlisted) for each in columns
        ]

    def folds(self) -> Folds:
        """The folds, for models that are fitted to one fold after the other."""
        raise ValueError(
            f"`cv` must give folds, but its scheme, a {type(self).__name__}, has none. Pass a number, such as cv=10."
        )

    def finish(self) -> None:
        """Warn if there are rows that were not encoded; by default all are."""
        return

    def restrict(self, data: TrainingData) -> Scheme:
        """The same scheme for some of the targets, with weights of their own."""
        raise ValueError(
            f"y must have no missing values for the scheme of `cv`, a {type(self).__name__}, which cannot leave rows "
            "out of some outputs. Fit an encoder for each output, with a weight of 0 for rows that lack it."
        )


class SchemeRule(Protocol):
    """A value of `cv` that makes a scheme from the training rows, such as `EarlierRows`."""

    @property
    def reads(self) -> Sequence[Any]:
        """The columns of X that the scheme reads. They are not encoded and pass through."""
        ...

    @property
    def past_only(self) -> bool:
        """Whether a row is encoded from earlier rows only, and not from all rows outside its fold."""
        ...

    def scheme(self, data: TrainingData) -> Scheme:
        """The scheme of these training rows."""
        ...

    def fade(self, X: Frame, last_time: Any) -> Fade:
        """The share of the training rows' weight that is left for each row of X, of shape (n,); None is 1.

        Or the ages of the rows, from which each column computes its share.
        """
        ...


def is_rule(cv: Any) -> TypeGuard[SchemeRule]:
    # isinstance of a protocol would take longer than encoding a row does
    return hasattr(cv, "scheme") and hasattr(cv, "fade") and not isinstance(cv, type)


def reads(cv: Any) -> list[Any]:
    """The columns of X that `cv` reads as a rule; those of other schemes are none."""
    return list(cv.reads) if is_rule(cv) else []


def names_of_windows(cv: Any) -> list[str]:
    """The names of the windows of time in which `cv` encodes rows as well."""
    return list(getattr(cv, "window_names", ())) if is_rule(cv) else []


def drifts(cv: Any) -> bool:
    """Whether effects drift under `cv`."""
    return is_rule(cv) and getattr(cv, "drift", None) is not None


def is_past_only(cv: Any) -> bool:
    return is_rule(cv) and cv.past_only


class FoldScheme(Scheme):
    """Folds of any kind, made when they are first asked for.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), or array of shape (n,)
    data : TrainingData
    random_state : int, RandomState or None
    whole : FoldScheme, optional
        The scheme that has made the folds already.
    """

    def __init__(self, cv: Any, data: TrainingData, random_state: Any, whole: FoldScheme | None = None) -> None:
        self.cv, self.data, self.random_state, self.whole = cv, data, random_state, whole

    @cached_property  # because `fit` does not need folds
    def _folds(self) -> Folds:
        if self.whole is not None:
            folds = self.whole.folds()
        else:
            folds = self._make_folds() if self.data.key is None else self._hash_keys()
        refuse_weightless(folds, self.data.weights.row)
        return folds

    def _make_folds(self) -> Folds:
        data = self.data
        return make_folds(
            self.cv,
            data.X.native,
            data.y,
            n_rows=len(data),
            groups=data.groups,
            classes=data.classes,
            random_state=self.random_state,
        )

    def _hash_keys(self) -> Folds:
        if not isinstance(self.cv, Integral) or self.data.groups is not None:
            raise ValueError(
                "`key` needs a number of folds and no `groups`, because rows of one key stay together. "
                f"Got cv={self.cv!r}. Pass a number, such as cv=10, and leave `groups` out."
            )
        return make_folds_of_keys(self.data.key, len(self.data), int(self.cv))

    @cached_property
    def _out_of_fold(self) -> OutOfFold:
        return OutOfFold(self._folds, self.data.targets, self.data.weights)

    def prepare(self) -> None:
        _ = self._out_of_fold  # two threads that make random folds at once would make different ones

    def folds(self) -> Folds:
        return self._folds

    def encode(
        self, learner: ColumnLearner, codes: np.ndarray, size: int, *, counts: bool, unlisted: Unlisted | None = None
    ) -> OutOfFoldColumn:
        rows = self._out_of_fold if unlisted is None else self._without(unlisted)
        return rows.encode(learner, codes, size, counts=counts)

    def batches(self, columns: Sequence[CodedColumn]) -> list[list[int]]:
        return super().batches(columns) if self._tables is None else batch_columns(columns, self._tables)

    def encode_batch(self, columns: Sequence[CodedColumn], *, counts: bool) -> list[OutOfFoldColumn]:
        if self._tables is None or (len(columns) == 1 and not learns_at_once(columns[0], self._tables)):
            return super().encode_batch(columns, counts=counts)
        return encode_together(self._out_of_fold, columns, counts=counts)

    @cached_property
    def _tables(self) -> int | None:
        """The tables of a column that are held at once; None if folds are not encoded from all other rows."""
        widest = max(len(target.names) for target in self.data.targets)
        return None if self._folds.training is not None else self._folds.n_parts * widest

    def _without(self, unlisted: Unlisted) -> OutOfFold:
        weights = self.data.weights.leave_out(unlisted.rows)
        refuse_weightless(self._folds, weights.row, unlisted.column)
        return OutOfFold(self._folds, self.data.targets, weights)

    def finish(self) -> None:
        warn_of_rows_in_no_fold(self._folds)

    def restrict(self, data: TrainingData) -> FoldScheme:
        return FoldScheme(self.cv, data, self.random_state, self)


def make_scheme(cv: Any, data: TrainingData, random_state: Any) -> Scheme:
    """Read `cv` into a fold scheme.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test), array of shape (n,), name of a column, or rule
        As the encoders document it. If it names a column, the values of the column are in `data`.
    data : TrainingData
    random_state : int, RandomState or None
        Seed of random folds.
    """
    if is_rule(cv):
        return cv.scheme(data)
    cv = cv if data.folds is None else data.folds
    check_cv(cv)
    return FoldScheme(cv, data, random_state)
