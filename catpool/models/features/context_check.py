"""The check that features of a user's own say the same of a category, whatever categories it comes with.

New categories come alone, and known ones in the company of other rows. So numbers that depend on it, as ranks and
standardized numbers do, would mean one thing in a fit and another after it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from catpool.data.columns.feature_bases import checked_basis, has_left, left_variance
from catpool.data.columns.featured import FeaturedVocabulary
from catpool.data.targets.target import LARGEST
from catpool.models.features.ready_made.linear import LinearNumbers

PACKAGE = __name__.partition(".")[0]
MOST = 100  # categories, about, that features are made of once more
SLIGHT = 1e-3  # of the range of a feature: by less than this, models in half precision differ, too
ROUNDING = 1e-9  # of its magnitude
NOISE = 1e-13  # of the largest range of numbers: a product of matrices that is 0 but for rounding


def check_context(vocabulary: FeaturedVocabulary) -> None:
    """Raise an error if features that a user has written give some categories other numbers without the others."""
    for place, features in enumerate(vocabulary.features):
        if _is_of_user(features) and len(vocabulary.categories) > 1:
            _check(vocabulary, place)


def _is_of_user(features: Any) -> bool:
    ready_made = type(features).__module__.partition(".")[0] == PACKAGE
    return not ready_made or getattr(features, "function", None) is not None


def _check(vocabulary: FeaturedVocabulary, place: int) -> None:
    frame, fitted, features = vocabulary.frames[place], vocabulary.fitted[place], vocabulary.features[place]
    # not the first ones, whose ranks are the same without the others, and not in their order
    some = np.arange(1, len(frame), max(2, len(frame) // MOST))[::-1]
    alone = checked_basis(fitted(frame.iloc[some]), len(some), features, vocabulary.label)
    whole = vocabulary.blocks[place][1:-1]
    if has_left(fitted):
        alone = np.column_stack([alone, left_variance(fitted, frame.iloc[some])])
        whole = np.column_stack([whole[:, :-1], left_variance(fitted, frame)])
    differs = _differ(whole[some], alone, np.where(_is_noise(fitted, whole.shape[1]), LARGEST, _tolerance(whole)))
    if differs.any():
        category = frame.index[some[int(np.argmax(differs))]]
        raise ValueError(
            f"`prior_features` of column {vocabulary.label!r} must say the same of a category, whatever categories it "
            f"comes with, but {features!r} gave {category!r} other numbers among {len(some)} categories than among "
            f"all {len(frame)}. Learn what depends on the others, such as ranks and means, from a table beforehand, or "
            "in `fit` of features of your own."
        )


def _differ(one: np.ndarray, other: np.ndarray, tolerance: np.ndarray) -> np.ndarray:
    """The rows of two bases that differ by more than rounding; all if the numbers of columns do."""
    if one.shape != other.shape:
        return np.ones(len(one), dtype=bool)
    return ~np.isclose(one, other, rtol=0, atol=tolerance, equal_nan=True).all(axis=1)


def _tolerance(basis: np.ndarray) -> np.ndarray:
    """The differences of each number that are due to rounding, of shape (q,)."""
    known = basis[~np.isnan(basis).any(axis=1)]
    if not len(known):
        return np.zeros(basis.shape[1])
    return SLIGHT * np.ptp(known, axis=0) + ROUNDING * np.abs(known).max(axis=0)


def _is_noise(fitted: Any, width: int) -> np.ndarray:
    """Which numbers are standardized from rounding errors alone, of shape (width,)."""
    noise, numbers = np.zeros(width, dtype=bool), getattr(fitted, "numbers", None)
    if isinstance(numbers, LinearNumbers):
        noise[: len(numbers.scale)] = numbers.scale < NOISE * numbers.scale.max(initial=0.0)
    return noise
