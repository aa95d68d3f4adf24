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

from catpool.data.columns.finite_numbers import are_numbers_or_missing
from catpool.data.targets.target import LARGEST

AT_ONCE = 2048  # new categories whose draws know of each other
ROUNDING = 1e-10  # of variances

# Maybe with a method `left`: from the same to the variance that the numbers leave, of shape (m,); and with a method
# `left_covariance` to its covariance, of shape (m, m)
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


def has_left(fitted: Basis) -> bool:
    """Whether functions say what variance of effects they leave."""
    return getattr(fitted, "left", None) is not None


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
    if not has_left(fitted):
        return basis
    rest = np.where(np.isnan(basis[:, 0]), np.nan, np.sqrt(np.maximum(variance, 0.0)))
    return np.column_stack([basis, rest])


def left_roots(fitted: Basis, frame: pd.DataFrame, usual: float) -> list[np.ndarray]:
    """Roots of the covariance of what functions leave of the effects of categories, of some categories at a time.

    A vector is the standard deviations of independent effects. Variances are those beyond the usual one.
    """
    if getattr(fitted, "left_covariance", None) is None:
        variance = np.nan_to_num(left_variance(fitted, frame))
        return [np.sqrt(np.maximum(variance - usual, 0.0))]
    parts = np.array_split(np.arange(len(frame)), len(frame) // AT_ONCE + 1)
    return [_root(fitted, frame.iloc[part], usual) for part in parts]


def _root(fitted: Any, frame: pd.DataFrame, usual: float) -> np.ndarray:
    """The Cholesky root of a covariance whose variances are reduced by the usual one, and its correlations kept."""
    covariance = np.nan_to_num(np.asarray(fitted.left_covariance(frame), dtype=float))
    if covariance.shape != (len(frame), len(frame)):
        raise _no_covariance(fitted, len(frame), f"has the shape {covariance.shape}")
    own = np.maximum(np.diagonal(covariance), 0.0)
    share = np.sqrt(np.maximum(own - usual, 0.0) / np.where(own > 0, own, 1.0))
    reduced = share[:, None] * covariance * share
    np.fill_diagonal(reduced, np.diagonal(reduced) + ROUNDING * (1 + own.max(initial=0.0)))
    try:
        return np.linalg.cholesky(reduced)
    except np.linalg.LinAlgError as error:
        raise _no_covariance(fitted, len(frame), "is not positive semidefinite") from error


def _no_covariance(fitted: Any, size: int, fault: str) -> ValueError:
    return ValueError(
        f"`left_covariance` of the features {fitted!r} must give a covariance matrix of shape ({size}, {size}), but "
        f"what it gave {fault}. Mend it, or leave it out for independent effects."
    )


def checked_basis(basis: Any, rows: int, features: Any, label: Any) -> np.ndarray:
    """A basis of floats, with a row for each category that is either finite or NaN throughout."""
    basis = np.asarray(basis, dtype=float)
    ok = basis.ndim == 2 and len(basis) == rows and basis.shape[1] > 0
    if not ok or not are_numbers_or_missing(basis).all():
        raise ValueError(
            f"The features {features!r} of column {label!r} must give an array of shape ({rows}, q), with rows of "
            f"numbers below {LARGEST:g} or of NaN throughout. They gave an array of shape {basis.shape}. Mend what "
            "`fit` returns."
        )
    return basis
