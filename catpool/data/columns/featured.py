"""`FeaturedVocabulary`: the categories of a column with features of each, from which its prior mean follows.

Features are made once, from the categories of all training rows, and never from the target. So all folds share them.
The columns of X that they read are constant within a category, so that a category has one value of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from catpool.data.columns.categories import Vocabulary, number
from catpool.data.columns.feature_bases import (
    CategoryFeatures,
    all_columns,
    checked_basis,
    has_left,
    left_roots,
    left_variance,
    mean_of_known,
    read_columns,
    with_rest,
)
from catpool.data.columns.sorted_categories import sort_categories
from catpool.data.columns.traits import read_traits, take_values, unite_traits
from catpool.data.frames.frame import Frame, select_columns
from catpool.data.frozen import frozen
from catpool.data.plain import plain_series
from catpool.data.verify import require


class FeaturedColumn(NamedTuple):
    """A column, and the columns that its features read, by label."""

    values: Any
    traits: dict[Any, Any]

    def __len__(self) -> int:
        return len(self.values)


@frozen
class FeaturedVocabulary(Vocabulary):
    """The categories of a column, and the features of each.

    Parameters
    ----------
    categories : pandas.Series
        Of length K, without a missing value.
    label : Any
        The label of the column.
    traits : dict of ndarray of shape (K,)
        What the columns of X that features read hold in the rows of each category, by label.
    features : list of CategoryFeatures
    fitted : list of callables
        What the features learned from the categories. Each gives one block of the basis.
    """

    label: Any
    traits: dict[Any, np.ndarray]
    features: list[Any]
    fitted: list[Any]

    @classmethod
    def fit(
        cls, categories: pd.Series, label: Any, traits: dict[Any, np.ndarray], features: Sequence[CategoryFeatures]
    ) -> FeaturedVocabulary:
        """Fit features to categories, in their sorted order if they have one, whatever the order of the rows."""
        order = sort_categories(categories)
        frames = _frames_of(_frame_of(categories.tolist(), traits, label).iloc[order], features)
        fitted = [each.fit(frame) for each, frame in zip(features, frames, strict=True)]
        found = cls(categories, label, traits, list(features), fitted)
        vars(found)["blocks"] = [_by_slot(each, order) for each in found._bases(frames)]
        return found

    @property
    def reads(self) -> list[Any]:
        """The labels of the columns of X that features read."""
        return list(self.traits)

    @cached_property
    def blocks(self) -> list[np.ndarray]:
        """The basis of each of the features by slot, of shape (size, q); NaN for the slots of no category."""
        return [_by_slot(each, np.arange(len(each))) for each in self._bases(self.frames)]

    @cached_property
    def left(self) -> list[float]:
        """The variance that the functions of each of the features leave of the known categories, on average."""
        return [
            mean_of_known(left_variance(fitted, frame)) for fitted, frame in zip(self.fitted, self.frames, strict=True)
        ]

    @property
    def frames(self) -> list[pd.DataFrame]:
        """The known categories with the columns that each of the features reads."""
        return _frames_of(_frame_of(self.categories.tolist(), self.traits, self.label), self.features)

    @property
    def widths(self) -> list[int]:
        """The number of functions of each block."""
        return [each.shape[1] for each in self.blocks]

    @property
    def basis(self) -> np.ndarray:
        """The blocks side by side, of shape (size, functions)."""
        return np.hstack(self.blocks)

    def _bases(self, frames: Sequence[pd.DataFrame]) -> list[np.ndarray]:
        """The basis of each of the features at known categories, from frames with the columns that it reads."""
        return [
            with_rest(checked_basis(fitted(frame), len(frame), each, self.label), fitted, np.zeros(len(frame)))
            for each, fitted, frame in zip(self.features, self.fitted, frames, strict=True)
        ]

    def _new_bases(self, frames: Sequence[pd.DataFrame]) -> list[np.ndarray]:
        """The same at new categories."""
        return [
            with_rest(
                checked_basis(fitted(frame), len(frame), each, self.label), fitted, left_variance(fitted, frame) - usual
            )
            for each, fitted, frame, usual in zip(self.features, self.fitted, frames, self.left, strict=True)
        ]

    def row_basis(self, column: FeaturedColumn, rows: np.ndarray) -> np.ndarray:
        """The basis of some rows of new categories, of shape (m, functions), from their own category and columns."""
        basis, number = self.distinct_basis(column, rows)
        return basis[number]

    def distinct_basis(self, column: FeaturedColumn, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The basis of rows of new categories that differ in these or in columns, and the number of these of each row.

        Parameters
        ----------
        column : FeaturedColumn
        rows : ndarray of shape (m,)
            Positions.
        """
        frames, inverse = self._distinct_frames(column, rows)
        return np.hstack(self._new_bases(frames)), inverse

    def left_roots(self, column: FeaturedColumn, rows: np.ndarray) -> dict[int, list[np.ndarray]]:
        """Roots of the covariance of what functions leave of the effects of these, by its place in the basis."""
        frames, _ = self._distinct_frames(column, rows)
        ends = np.cumsum(self.widths)
        return {
            int(end) - 1: left_roots(fitted, frame, usual)
            for fitted, frame, usual, end in zip(self.fitted, frames, self.left, ends, strict=True)
            if has_left(fitted)
        }

    def _distinct_frames(self, column: FeaturedColumn, rows: np.ndarray) -> tuple[list[pd.DataFrame], np.ndarray]:
        """Rows that differ, with the columns that each of the features reads, and the number of these of each row."""
        values = {self.label: take_values(column.values, rows)} | {
            label: take_values(column.traits[label], rows) for label in self.reads
        }
        codes = [number(each, label=label).codes for label, each in values.items()]
        first, inverse = _distinct(codes)
        kept = {label: each[first] for label, each in values.items()}
        frame = _frame_of(plain_series(kept.pop(self.label)).tolist(), kept, self.label)
        return _frames_of(frame, self.features), inverse

    def look_up(
        self, column: Any, label: Any = None
    ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], list[Any]]]:
        """Find the slots of the values of a column, which may have the columns beside it that its features read."""
        return super().look_up(column.values if isinstance(column, FeaturedColumn) else column, label)

    def __getstate__(self) -> dict[str, Any]:
        own = {name: vars(self)[name] for name in ("label", "traits", "features", "fitted")}
        return super().__getstate__() | own

    def __setstate__(self, state: dict[str, Any]) -> None:
        own = {name: state[name] for name in ("label", "traits", "features", "fitted")}
        super().__setstate__({name: each for name, each in state.items() if name not in own})
        vars(self).update(own)

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be categories with features."""
        super().verify()
        require(self.features and len(self.features) == len(self.fitted), "features that are not fitted")
        require(all_columns(self.features) == self.reads, "features of other columns")
        require(
            all(np.shape(each) == (len(self.categories),) for each in self.traits.values()),
            "columns that do not match their categories",
        )
        _ = self.blocks


def with_features(
    codes: np.ndarray, vocabulary: Vocabulary, label: Any, X: Frame, features: Sequence[CategoryFeatures]
) -> FeaturedVocabulary:
    """The vocabulary of a column with features, from training rows.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    vocabulary : Vocabulary
    label : Any
        The label of the column.
    X : Frame
    features : sequence of CategoryFeatures
    """
    traits = read_traits(codes, vocabulary, label, all_columns(features), X)
    return FeaturedVocabulary.fit(vocabulary.categories, label, traits, features)


def unite_featured(
    categories: pd.Series, parts: Sequence[FeaturedVocabulary], slots: Sequence[np.ndarray]
) -> FeaturedVocabulary:
    """The vocabulary of the categories of parts of the rows, to which the features are fitted again.

    Parameters
    ----------
    categories : pandas.Series
    parts : sequence of FeaturedVocabulary
    slots : sequence of ndarray of shape (size,)
        The slot in the union of each slot of each part.
    """
    first = parts[0]
    traits = {
        each: unite_traits(categories, first.label, each, [part.traits[each] for part in parts], slots)
        for each in first.traits
    }
    return FeaturedVocabulary.fit(categories, first.label, traits, first.features)


def select_featured(label: Any, vocabulary: Any, X: Frame) -> Any:
    """A column, or a list of columns if `label` is a tuple of labels; with those that its features read, if any."""
    column = select_columns(label, X)
    if not isinstance(vocabulary, FeaturedVocabulary):
        return column
    return FeaturedColumn(column, {each: X.column(each) for each in vocabulary.reads})


def _distinct(codes: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each distinct combination of codes, and the number of the combination of each row."""
    stacked = np.column_stack(codes)
    _, first, inverse = np.unique(stacked, axis=0, return_index=True, return_inverse=True)
    return first, inverse.ravel()


def _frame_of(categories: list[Any], traits: Mapping[Any, np.ndarray], label: Any) -> pd.DataFrame:
    """Categories as the index of a frame of the columns that features read."""
    index = pd.Index(categories, dtype=object, name=label, tupleize_cols=False)
    return pd.DataFrame(dict(traits), index=index)


def _frames_of(frame: pd.DataFrame, features: Sequence[CategoryFeatures]) -> list[pd.DataFrame]:
    """The columns of a frame that each of the features reads."""
    return [frame[list(read_columns(each))] for each in features]


def _by_slot(basis: np.ndarray, order: np.ndarray) -> np.ndarray:
    """A basis by slot, from that of categories in some order; NaN for the slots of no category."""
    result = np.empty((len(basis) + 2, basis.shape[1]))
    result[order + 1] = basis
    result[[0, -1]] = np.nan
    return result
