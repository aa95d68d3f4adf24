"""The training rows of pictures: their encodings, out of fold and from all rows, and their categories."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from catpool.data.fingerprint import TrainingRowsWarning
from catpool.data.frames.frame import Frame
from catpool.encoders.records import named_features
from catpool.engines.dispatch import read_in_memory
from catpool.tables.unseen import UnseenCategoriesWarning


def encode_both(encoder: Any, X: Any, y: Any, X_new: Any, column: Hashable) -> tuple[np.ndarray, np.ndarray, Any]:
    """The encodings of a column of training rows, out of fold, and of new rows; and the fitted clone."""
    own = clone(encoder)
    if hasattr(own, "levels"):
        own.set_params(emit="all")  # so that the levels above have encodings, too
    (train,) = encode_out_of_fold(own, X, y, column, 1)
    with warnings.catch_warnings():
        for category in (TrainingRowsWarning, UnseenCategoriesWarning):  # both are what the picture shows
            warnings.simplefilter("ignore", category)
        new = own.transform(X_new)
    return train, _columns(own, new, column, 1)[0], own


def encode_out_of_fold(encoder: Any, X: Any, y: Any, column: Hashable, number: int) -> list[np.ndarray]:
    """Fit an encoder; the first features of a column of its training rows, each of shape (n,)."""
    return _columns(encoder, encoder.fit_transform(X, y), column, number)


def _columns(encoder: Any, features: Any, column: Hashable, number: int) -> list[np.ndarray]:
    named = named_features(encoder._structure(), encoder._state)
    names = named.get(column)
    if not names:
        raise ValueError(f"`column` must be one of the encoded columns. Got {column!r}. Pass one of {list(named)}.")
    frame, known = read_in_memory(features, "A display"), list(encoder.get_feature_names_out())
    return [np.asarray(frame.column(frame.labels[known.index(name)]), dtype=float) for name in names[:number]]


def category_codes(encoder: Any, column: Hashable, frames: Sequence[Frame]) -> list[np.ndarray]:
    """The categories of the rows of some frames as integers, which are the same in all of them.

    Parameters
    ----------
    encoder : encoder of catpool
    column : str, int or tuple
        A level stands for its whole path. A tuple stands for the combinations of its columns, of which those with a
        missing part are one.
    frames : sequence of Frame
    """
    whole = np.zeros(sum(map(len, frames)), dtype=np.intp)
    missing = np.zeros(len(whole), dtype=bool)
    for part in _parts(encoder, column, frames[0].labels):
        values = pd.concat([pd.Series(np.asarray(frame.column(part), dtype=object)) for frame in frames])
        own = pd.factorize(values)[0] + 1
        whole, missing = pd.factorize(whole * (own.max(initial=0) + 1) + own)[0], missing | (own == 0)
    whole = whole if hasattr(encoder, "levels") else np.where(missing, -1, whole)
    return np.split(whole, np.cumsum([len(frame) for frame in frames])[:-1])


def _parts(encoder: Any, column: Any, labels: Sequence[Hashable]) -> list[Any]:
    """The columns whose values make a category."""
    if hasattr(encoder, "levels"):
        levels = list(encoder.levels)
        return levels[: levels.index(column) + 1]
    return list(column) if isinstance(column, tuple) and column not in labels else [column]
