"""What an encoder tells of its folds in its parameters, for `catpool.check_no_leak`."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.past.earlier_rows import EarlierRows


def _schemes(encoder: Any) -> Iterator[Any]:
    for name, value in encoder.get_params().items():
        if name.endswith(("cv", "n_splits", "n_folds")):
            yield value


def declared_folds(encoder: Any, X: pd.DataFrame) -> int | None:
    """The largest number of folds that a parameter of an encoder names."""
    return max((_number_of_folds(scheme, X) for scheme in _schemes(encoder)), default=0) or None


def label_columns(encoder: Any, X: pd.DataFrame) -> list[Any]:
    """The columns of X that hold fold labels."""
    return [scheme for scheme in _schemes(encoder) if isinstance(scheme, str) and scheme in X]


def learns_from_the_past(encoder: Any) -> bool:
    """Whether rows are encoded from earlier rows, so that they cannot be compared with their copies."""
    return any(isinstance(scheme, EarlierRows) for scheme in _schemes(encoder))


def _number_of_folds(cv: Any, X: pd.DataFrame) -> int:
    """The number of folds of one partition; 0 if it is unknown."""
    if isinstance(cv, Integral):
        return int(cv)
    if isinstance(cv, str) and cv in X:
        return int(X[cv].nunique())
    if isinstance(cv, np.ndarray):
        return len(np.unique(cv))
    folds = getattr(cv, "n_splits", 0)
    return int(folds) if isinstance(folds, Integral) else 0
