"""What a nested or mixed model expects of its training rows, out of fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from catpool.crossfit.scheme import make_scheme
from catpool.data.frames.backends import take_rows
from catpool.data.training import read_training


def row_distributions(encoder: Any, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """What a model of several columns expects of its training rows: the distribution function of each, out of fold.

    Returns
    -------
    (ndarray, ndarray) of shape (n,)
        Just below the row's y and at it; NaN for rows in no fold, and where the encoder hides its encodings.
    """
    own = clone(encoder)
    structure = own._structure()
    data = structure.add_targets(read_training(X, y, own._reading(), structure.check))
    folds = make_scheme(own._splits(), data, own.random_state).folds()
    result = np.full((2, len(folds.labels)), np.nan)
    for fold in range(folds.n_folds):
        rows, train = np.flatnonzero(folds.labels == fold), folds.training_rows(fold)
        fitted = clone(own).set_params(**_without_folds(own)).fit(take_rows(X, train), take_rows(y, train))
        require_one_target(fitted)
        predictive, hidden = fitted._predictive(take_rows(X, rows))
        result[:, rows] = np.where(hidden, np.nan, predictive.distribution(_as_numbers(fitted, take_rows(y, rows))))
    return result[0], result[1]


def _without_folds(encoder: Any) -> dict[str, Any]:
    """Parameters of fits to part of the rows: folds of all rows do not fit them, and new categories are no error."""
    folds = {} if isinstance(encoder.cv, str) else {"cv": 2}
    return folds | ({"unknown": "prior"} if encoder.unknown == "error" else {})


def require_one_target(encoder: Any) -> None:
    """Refuse targets whose rows have no distribution function of one number."""
    kind = encoder.target_type_
    if kind not in ("continuous", "binary", "count"):
        raise ValueError(
            f"ResidualDisplay takes one column of numbers, counts or two classes as y. Got {kind!r}. Pass one output "
            "or class at a time."
        )


def _as_numbers(encoder: Any, y: Any) -> np.ndarray:
    """The values of y, of which the second class is 1."""
    values = np.asarray(y)
    return (values == encoder.classes_[1] if encoder.target_type_ == "binary" else values).astype(float)
