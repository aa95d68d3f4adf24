"""Covariates that hold categories, and products of covariates, as columns of numbers.

A category becomes an indicator of each level but the first, the reference (treatment contrasts, as in R). A product of
columns is the product of their numbers and indicators. It comes with its margins: beside ("sex", "price") there is a
slope of the price that all have in common, as its coefficients are differences from the reference level.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING, Vocabulary, encode, held
from catpool.data.frames.column_kinds import CATEGORY, column_kind
from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_labels

NUMBER = 0  # in the place of a level, of which the first has the slot 1
FIRST = 2  # the slot of the first level with an indicator
MOST = 1000  # levels, each of which is a coefficient

Term = Any  # the label of a column, or a tuple of labels, for their product
Column = tuple[tuple[Any, int], ...]  # the factors of a product: a label, and the slot of a level or NUMBER


@frozen
class Contrasts:
    """The columns of covariates, and the levels of those that hold categories.

    Parameters
    ----------
    columns : list
        The labels of all of their columns, some of which may be tuples.
    labels : list
        The labels of those that hold categories.
    vocabularies : list of Vocabulary
        The levels of each of these, the reference first.
    """

    columns: list[Any]
    labels: list[Any]
    vocabularies: list[Vocabulary]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be contrasts."""
        require_labels(self.columns)
        require(len(self.labels) == len(self.vocabularies), "covariates without their levels")
        require(all(label in self.columns for label in self.labels), "levels of other covariates")
        require(all(vocabulary.size > 3 for vocabulary in self.vocabularies), "covariates of one level")

    def __contains__(self, label: Any) -> bool:
        return label in self.labels

    def __getitem__(self, label: Any) -> Vocabulary:
        return self.vocabularies[self.labels.index(label)]

    def expand(self, terms: Sequence[Term]) -> list[Column]:
        """The columns of terms and of their margins, each once."""
        margins = {product_key(part): part for term in terms for part in self._margins(parts_of(term, self.columns))}
        return [
            tuple(zip(part, slots, strict=True))
            for part in margins.values()
            for slots in product(*(self._slots(label) for label in part))
        ]

    def _margins(self, part: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """The products of the numbers of a term with some of its categories, from none to all."""
        categories = [label for label in part if label in self]
        for size in range(len(categories) + 1):
            for chosen in combinations(categories, size):
                margin = tuple(label for label in part if label in chosen or label not in self)
                if margin:
                    yield margin

    def _slots(self, label: Any) -> list[int]:
        return list(range(FIRST, self[label].size - 1)) if label in self else [NUMBER]

    def name(self, column: Column, names: Mapping[Any, str]) -> str:
        """The name of a column, as "sex[male]:price"."""
        return ":".join(names[label] + self._level(label, slot) for label, slot in column)

    def _level(self, label: Any, slot: int) -> str:
        return "" if slot == NUMBER else f"[{self[label].categories.iloc[slot - 1]}]"

    def values(self, columns: Sequence[Column], X: Frame) -> np.ndarray:
        """The columns of the rows of X, shape (n, columns).

        Raises
        ------
        ValueError
            If numbers are not finite, or categories are missing or were not there at fit.
        """
        labels = dict.fromkeys(label for column in columns for label, _ in column)
        read = {label: self._slots_of(label, X) if label in self else finite_numbers(X, label) for label in labels}
        result = np.ones((len(X), len(columns)))
        with np.errstate(over="ignore"):
            for position, column in enumerate(columns):
                for label, slot in column:
                    result[:, position] *= read[label] if slot == NUMBER else read[label] == slot
        if not np.isfinite(result).all():
            raise ValueError("Products of covariates must be finite. Rescale the largest covariates.")
        return result

    def _slots_of(self, label: Any, X: Frame) -> np.ndarray:
        codes, slots, named = self[label].look_up(X.column(label), label)
        _refuse_missing(label, slots.take(codes))
        unseen = held(codes, slots == self[label].size - 1)
        if unseen.any():
            raise ValueError(
                f"The covariate {label!r} has the levels {named(unseen)[:5]}, which were not there at fit, so they "
                "have no coefficients. Fit to rows that have them, combine levels, or name the column in `groups`, "
                "where a new level has the effect zero."
            )
        return slots.take(codes)


def parts_of(term: Term, columns: Container[Any]) -> tuple[Any, ...]:
    """The labels of the columns of a term, of which a tuple may also be the label of one."""
    return term if isinstance(term, tuple) and term not in columns else (term,)


def product_key(part: tuple[Any, ...]) -> frozenset[tuple[Any, int]]:
    """What is the same for products that differ in the order of their columns."""
    return frozenset(Counter(part).items())


def read_contrasts(X: Frame, labels: list[Any]) -> Contrasts:
    """Find out which columns hold categories, and their levels in sorted order, or in that of an ordered dtype."""
    own = [label for label in labels if column_kind(X.column(label)) == CATEGORY]
    return Contrasts(labels, own, [_read_levels(label, X.column(label)) for label in own])


def _read_levels(label: Any, column: pd.Series | np.ndarray) -> Vocabulary:
    codes, categories = encode(column, label=label)
    _refuse_missing(label, codes)
    seen = categories[np.bincount(codes, minlength=len(categories) + 1)[1:] > 0]
    if not 1 < len(seen) <= MOST:
        raise ValueError(
            f"The covariate {label!r} must have from two to {MOST} levels, but it has {len(seen)}. Leave it out, or "
            "name it in `groups`."
        )
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        return Vocabulary(seen.reset_index(drop=True))
    try:
        return Vocabulary(pd.Series(sorted(seen.tolist()), dtype=seen.dtype))
    except TypeError as error:
        raise ValueError(
            f"The levels of the covariate {label!r} have no order ({error}). Convert them to strings."
        ) from error


def _refuse_missing(label: Any, slots: np.ndarray) -> None:
    if (slots == MISSING).any():
        raise ValueError(
            f"The covariate {label!r} must have no missing values. Impute them, or give them a level, as "
            f'X[{label!r}].fillna("missing") does.'
        )


def finite_numbers(X: Frame, label: Any, role: str = "covariate") -> np.ndarray:
    """A column of finite numbers, shape (n,).

    Raises
    ------
    ValueError
        If the column is not numeric, or has missing or infinite values.
    """
    column = X.column(label)
    try:
        if getattr(column.dtype, "kind", "O") in "mM":  # dates would silently become nanoseconds
            raise TypeError(f"they are {column.dtype}")
        numbers = np.asarray(column, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The {role} {label!r} must be numbers ({error}), unless it is a covariate of categories at fit. Convert "
            "it, or name it in `groups`."
        ) from error
    if not np.isfinite(numbers).all():
        raise ValueError(f"The {role} {label!r} must be finite, but it has missing or infinite values. Impute them.")
    return numbers
