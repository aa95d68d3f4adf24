"""A warning about known categories of which new rows say something else than the training rows did."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING
from catpool.data.columns.featured import FeaturedColumn, FeaturedVocabulary
from catpool.data.columns.traits import first_rows, take_values
from catpool.data.frames.dates import utc_time

NUMBERS = "biuf"  # kinds of dtypes
ROUNDING = 1e-6  # of numbers, relative to them: single precision in place of double
ZERO = 1e-12  # of numbers, relative to the largest: what sums leave in place of 0


def warn_of_changes(label: Any, vocabulary: FeaturedVocabulary, column: FeaturedColumn, slots: np.ndarray) -> None:
    """Warn if columns that features read differ from those at fit, in the first new row of some known category.

    Parameters
    ----------
    label : Any
        The label of the column that has the categories.
    vocabulary : FeaturedVocabulary
    column : FeaturedColumn
    slots : ndarray of shape (n,)
        The slot of each row's category.
    """
    if not vocabulary.reads:
        return
    known, rows = _known_categories(slots, vocabulary.size)
    changed, example = [], ""
    for trait in vocabulary.reads:
        every, new = vocabulary.traits[trait], take_values(column.traits[trait], rows)
        old = every[known]
        differs = np.flatnonzero(_differ(old, new, every))
        if len(differs):
            first = differs[:1]
            changed.append(trait)
            category = vocabulary.categories.iloc[known[first]].tolist()[0]
            pair = [pd.Series(values[first]).tolist()[0] for values in (new, old)]
            example = example or f"{trait!r} is {pair[0]!r} where {label!r} is {category!r}, but was {pair[1]!r}"
    if changed:
        warnings.warn(
            f"New rows say something else of known categories of column {label!r} than the training rows did, in the "
            f"columns {changed}: {example}. Known categories keep the features of their training rows. Fit again, or "
            "leave these columns as they were.",
            stacklevel=2,
        )


def _known_categories(slots: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the known categories that rows have, and the first row of each."""
    if len(slots) < size:
        found, rows = np.unique(slots, return_index=True)
    else:
        first = first_rows(slots, size)
        found = np.flatnonzero(first >= 0)
        rows = first[found]
    known = (found > MISSING) & (found < size - 1)
    return found[known] - 1, rows[known]


def _differ(old: np.ndarray, new: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Whether values say something else than the old ones, of every one at fit; a missing value says nothing."""
    differs = ~pd.isna(new)
    if old.dtype.kind in NUMBERS and new.dtype.kind in NUMBERS:
        zero = ZERO * float(np.nanmax(np.abs(every.astype(float)), initial=0.0))
        return differs & ~np.isclose(new.astype(float), old.astype(float), rtol=ROUNDING, atol=zero)
    both = differs & ~pd.isna(old)
    if old.dtype.kind == new.dtype.kind and old.dtype.kind in "mM":  # maybe of several units
        differs[both] = old[both] != new[both]
    elif "M" in (old.dtype.kind, new.dtype.kind):  # beside dates without a time, or of a zone
        differs[both] = [one != other for one, other in zip(_times(old[both]), _times(new[both]), strict=True)]
    else:
        differs[both] = [one != other for one, other in zip(old[both].tolist(), new[both].tolist(), strict=True)]
    return differs


def _times(values: np.ndarray) -> list[Any]:
    return [utc_time(value) for value in pd.Series(values).tolist()]
