"""`encoded_folds`: the folds of a cross-validation, encoded for a model that stops early."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.model_selection import BaseCrossValidator

from catpool.crossfit.past.earlier_rows import EarlierRows
from catpool.crossfit.times import Times
from catpool.data.frames.backends import take_rows
from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.encoders.encoder import Encoder
from catpool.engines.dispatch import read_in_memory
from catpool.evaluation.doors import read_beside, read_groups_beside, require_transformer
from catpool.evaluation.outer_splits import (
    Split,
    keep_groups_together,
    outer_splits,
    require_past,
    require_whole_groups,
    splits_by_time,
)

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


@frozen
class EncodedFold:
    """One fold of `encoded_folds`, which unpacks into its first four attributes.

    Attributes
    ----------
    train : frame or array
        The features of the training rows, encoded out of fold.
    y_train : array
        Their target.
    valid : frame or array
        The features of the validation rows, encoded from all training rows.
    y_valid : array
        Their target.
    train_rows, valid_rows : ndarray of int
        The positions of these rows in X.
    encoder : transformer
        As it was fitted to the training rows, for the rows of a test set.
    """

    train: Any
    y_train: Any
    valid: Any
    y_valid: Any
    train_rows: np.ndarray
    valid_rows: np.ndarray
    encoder: Any

    def __iter__(self) -> Iterator[Any]:
        return iter((self.train, self.y_train, self.valid, self.y_valid))


def encoded_folds(
    encoder: TransformerMixin,
    X: IntoFrame | ArrayLike,
    y: ArrayLike,
    cv: int | BaseCrossValidator | Iterable[Split] | None = 5,
    *,
    groups: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = 0,
    **row_values: ArrayLike | None,
) -> Iterator[EncodedFold]:
    """Encode the folds of a cross-validation, one after the other, each by an encoder of its own.

    A model that stops early needs its validation rows encoded, which a pipeline cannot do: it encodes what is passed to
    ``fit``, but not the ``eval_set``. In each fold a clone of the encoder is fitted to the training rows alone. These
    are encoded out of fold by ``fit_transform``, and the validation rows by ``transform``:

        train = clone.fit_transform(X[train rows], y[train rows]),    valid = clone.transform(X[validation rows]).

    Parameters
    ----------
    encoder : transformer
        An encoder of catpool, or another transformer of scikit-learn's interface. It is not changed.
    X : frame or array of shape (n, p)
    y : array of shape (n,) or (n, outputs), or a frame or series
        The target.
    cv : int, splitter or iterable of (train, test), default=5
        The folds: a number of random ones, which are stratified if y has two values or is not numeric; or a splitter of
        scikit-learn. None is 5. For an encoder with ``cv=EarlierRows(by=...)`` a number is one of blocks in the order
        of time, each with all rows that are earlier by more than the gap to train on.
    groups : array of shape (n,), default=None
        Group labels. The rows of a group stay together, both in these folds and in those of catpool's encoders, of
        which there are then no more than groups.
    random_state : int, RandomState or None, default=0
        The seed of random folds.
    **row_values : array of shape (n,)
        What ``fit_transform`` of the encoder takes for each row: ``sample_weight``, ``exposure`` or ``key``. Each fold
        passes on those of its training rows.

    Yields
    ------
    EncodedFold
        It unpacks into ``train, y_train, valid, y_valid``, of the kinds that the encoder and y are. `train_rows` and
        `valid_rows` are the positions of the rows in X, and `encoder` is the fitted clone.

    Raises
    ------
    TypeError
        If `encoder` is not a transformer, or X is a lazy table.
    ValueError
        If y, the groups or values of rows do not have one value for each row; if groups are missing; if a fold has rows
        of a group on both sides; or if the encoder has ``cv=EarlierRows`` and training rows of a fold are not earlier
        than its validation rows. Errors of the encoder are passed on.

    See Also
    --------
    compare_encoders : Scores of a model with several encoders.

    References
    ----------
    S. Kaufman, S. Rosset, C. Perlich, O. Stitelman (2012), Leakage in data mining: formulation, detection, and
    avoidance, ACM Transactions on Knowledge Discovery from Data 6(4).

    Examples
    --------
    >>> import lightgbm
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, encoded_folds
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 200, size=2000)
    >>> X = pd.DataFrame({"shop": shop.astype(str), "size": rng.normal(size=2000)})
    >>> y = rng.normal(size=200)[shop] + rng.normal(size=2000)
    >>> for train, y_train, valid, y_valid in encoded_folds(EmpiricalBayesEncoder(random_state=0), X, y, cv=3):
    ...     rows, stop = lightgbm.Dataset(train, y_train), lightgbm.early_stopping(20, verbose=False)
    ...     watched = [lightgbm.Dataset(valid, y_valid, reference=rows)]
    ...     model = lightgbm.train({"verbosity": -1}, rows, 1000, valid_sets=watched, callbacks=[stop])
    ...     print(len(train), len(valid), model.best_iteration < 100)
    1333 667 True
    1333 667 True
    1334 666 True
    """
    require_transformer(encoder, "`encoder`")
    frame = read_in_memory(X, "encoded_folds")
    labels = read_groups_beside(groups, frame)
    others = {name: read_beside(values, frame, name) for name, values in row_values.items() if values is not None}
    target = np.asarray(y)
    if target.shape[:1] != (len(frame),):
        raise ValueError(f"`y` must have a value for each of the {len(frame)} rows of X. Its shape is {target.shape}.")
    splits = _splits(encoder, frame, target, cv, labels, random_state)
    values = others if labels is None else others | {"groups": labels}
    return (_encode_fold(encoder, X, y, split, values) for split in splits)


def _splits(encoder: Any, frame: Frame, y: np.ndarray, cv: Any, groups: Any, random_state: Any) -> list[Split]:
    times = _times(encoder, frame)
    if times is not None and isinstance(cv, Integral | None):
        return splits_by_time(times, 5 if cv is None else int(cv))
    stratify = y.ndim == 1 and (y.dtype.kind not in "iuf" or len(np.unique(y)) == 2)
    splits = outer_splits(cv, np.empty((len(frame), 0)), y, stratify=stratify, groups=groups, random_state=random_state)
    if times is not None:
        require_past(times, splits)
    if groups is not None:
        require_whole_groups(groups, splits)
    return splits


def _times(encoder: Any, frame: Frame) -> Times | None:
    """The times of the rows, if the encoder learns from earlier rows only."""
    rule = encoder.cv if isinstance(encoder, Encoder) else None
    return rule.times(frame) if isinstance(rule, EarlierRows) else None


def _encode_fold(encoder: Any, X: Any, y: Any, split: Split, values: dict[str, np.ndarray]) -> EncodedFold:
    train, valid = split
    own = clone(encoder)
    beside = {name: each[train] for name, each in values.items()}
    if "groups" in beside:
        beside |= keep_groups_together(own, beside.pop("groups"))
    y_train, y_valid = (take_rows(y, rows) for rows in split)
    features = own.fit_transform(take_rows(X, train), y_train, **beside)
    return EncodedFold(features, y_train, own.transform(take_rows(X, valid)), y_valid, train, valid, own)
