"""What the functions of evaluation accept, with errors that say so."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from catpool.data.frames.frame import Frame


def require_transformer(encoder: Any, name: str) -> None:
    """Raise an error unless an encoder can be cloned and fitted."""
    if isinstance(encoder, type) or not hasattr(encoder, "fit_transform") or not hasattr(encoder, "get_params"):
        raise TypeError(f"{name} must be a transformer, as MeanEncoder(). Got {encoder!r}.")


def require_model(estimator: Any) -> None:
    """Raise an error unless a model can be cloned and fitted."""
    if isinstance(estimator, type) or (not isinstance(estimator, BaseEstimator) and not hasattr(estimator, "predict")):
        raise TypeError(f"`estimator` must be a model of scikit-learn's interface, such as Ridge(). Got {estimator!r}.")


def read_beside(values: Any, frame: Frame, name: str) -> np.ndarray:
    """One value for each row, of shape (n,)."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (len(frame),):
        raise ValueError(
            f"`{name}` must have one value for each of the {len(frame)} rows of X, but its shape is {array.shape}."
        )
    return array


def read_groups_beside(groups: Any, frame: Frame) -> np.ndarray | None:
    """The group of each row, of shape (n,), without missing ones."""
    if groups is None:
        return None
    labels = read_beside(groups, frame, "groups")
    if pd.isna(labels).any():
        raise ValueError("`groups` must have no missing values, but it has some. Give each row a label.")
    return labels


def read_column_list(columns: Any) -> list[Any]:
    """The labels of columns."""
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise TypeError(f"`columns` must be a list of columns of X, as [{columns!r}]. Got {columns!r}.")
    return list(columns)


def require_positive(**numbers: Any) -> None:
    """Raise an error unless all are whole numbers of 1 or more."""
    for name, number in numbers.items():
        if not isinstance(number, Integral) or number < 1:
            raise ValueError(f"`{name}` must be a whole number of 1 or more. Got {number!r}.")
