"""What features of categories are, and the numbers that they give.

The effect of a new category on a map or in an order is not the sum of its functions alone: between the known places, a
process goes its own way. What the functions leave of its variance, beyond what they leave of that of known categories,
is the square of one more number, which is zero for all of these. Nothing is learned of its effect, which so keeps the
variance of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
import pandas as pd

from catpool.data.targets import LARGEST

# Maybe with a method `left`: from the same to the variance that the numbers leave, of shape (m,)
Basis = Callable[[pd.DataFrame], np.ndarray]  # from categories to numbers of shape (m, q); a row of NaN has no features


class CategoryFeatures(Protocol):
    """What makes features of categories; `columns` and `penalized` are optional."""

    def fit(self, categories: pd.DataFrame) -> Basis:
        """Learn from categories, which are the index, and from columns of X what the features of others are."""
        ...


def read_columns(features: CategoryFeatures) -> Sequence[Any]:
    """The columns of X that features read."""
    return getattr(features, "columns", ())


def all_columns(features: Iterable[CategoryFeatures]) -> list[Any]:
    """The columns of X that some features read, each once."""
    return list(dict.fromkeys(chain.from_iterable(read_columns(each) for each in features)))


def is_penalized(features: CategoryFeatures) -> bool:
    """Whether the coefficients of features have a variance of their own, to which they are shrunk."""
    return bool(getattr(features, "penalized", True))


def left_variance(fitted: Basis, frame: pd.DataFrame) -> np.ndarray:
    """The variance of effects that functions leave, in units of that of their coefficients, of shape (m,)."""
    left = getattr(fitted, "left", None)
    return np.zeros(len(frame)) if left is None else left(frame)


def mean_of_known(numbers: np.ndarray) -> float:
    """The mean of numbers that are not NaN; 0 if all are."""
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else 0.0


def with_rest(basis: np.ndarray, fitted: Basis, variance: np.ndarray) -> np.ndarray:
    """A basis, and the number whose square is the variance that it leaves, if it can leave some."""
    if getattr(fitted, "left", None) is None:
        return basis
    rest = np.where(np.isnan(basis[:, 0]), np.nan, np.sqrt(np.maximum(variance, 0.0)))
    return np.column_stack([basis, rest])


def checked_basis(basis: Any, rows: int, features: Any, label: Any) -> np.ndarray:
    """A basis of floats, with a row for each category that is either finite or NaN throughout."""
    basis = np.asarray(basis, dtype=float)
    finite = np.abs(basis) < LARGEST
    ok = basis.ndim == 2 and len(basis) == rows and basis.shape[1] > 0
    if not ok or not (finite.all(axis=1) | np.isnan(basis).all(axis=1)).all():
        raise ValueError(
            f"The features {features!r} of column {label!r} must give an array of shape ({rows}, q), with rows of "
            f"numbers below {LARGEST:g} or of NaN throughout. They gave an array of shape {basis.shape}. Mend what "
            "`fit` returns."
        )
    return basis
