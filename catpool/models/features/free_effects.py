"""Which free effects a table identifies: features that follow from others, or are more than its categories, are not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from catpool.models.features.feature_blocks import FeatureDesign
from catpool.moments.moments import Moments

SPARE = 2  # categories at least that must be left to tell variances from
LEAST = 1e-9  # of a feature's squares, that must be left once the features before it are known


def identified_effects(design: FeatureDesign, moments: Moments) -> np.ndarray:
    """Which effects the categories with rows identify, of shape (1 + Q,): all that are penalized, and some others.

    Parameters
    ----------
    design : FeatureDesign
    moments : Moments of shape (K,)
    """
    penalized = design.kinds >= 0
    if penalized[1:].all():
        return np.ones(len(penalized), dtype=bool)
    seen = design.values[moments.count > 0]
    return penalized | identified(seen.T @ seen, ~penalized, len(seen) - SPARE)


def identified(products: np.ndarray, free: np.ndarray, most: int) -> np.ndarray:
    """The free effects that are identified, by their place.

    Parameters
    ----------
    products : ndarray of shape (n, n)
        The sums of products of the features over categories; the first feature is a one.
    free : ndarray of bool of shape (n,)
    most : int
        How many free effects there can be.

    Returns
    -------
    ndarray of bool of shape (n,)
    """
    kept = np.zeros(len(free), dtype=bool)
    rest = products.astype(float)
    for place in np.flatnonzero(free):
        square = products[place, place]
        if rest[place, place] <= LEAST * square or np.count_nonzero(kept) >= most:
            continue
        kept[place] = True
        rest = rest - np.outer(rest[:, place], rest[place]) / rest[place, place]
    return kept


def with_zeros(kept: np.ndarray, effects: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The effects and their covariance, of shapes (n,) and (n, n), with zeros where effects are not kept.

    Parameters
    ----------
    kept : ndarray of bool of shape (n,)
    effects, covariance : ndarray
        Of the effects that are.
    """
    whole, variances = np.zeros(len(kept)), np.zeros((len(kept), len(kept)))
    whole[kept], variances[np.ix_(kept, kept)] = effects, covariance
    return whole, variances


def warn_of_dropped(design: FeatureDesign, dropped: Sequence[np.ndarray]) -> None:
    """Warn of features that some tables do without, from the places of those of each table."""
    number = sum(len(each) > 0 for each in dropped)
    if number:
        named = ", ".join(design.label(place) for place in np.unique(np.concatenate(dropped)))
        warnings.warn(
            f"{number} of {len(dropped)} sets of training rows cannot tell the effects of some features from those of "
            f"others, and do without them: {named}. Leave these out, or penalize their effects.",
            stacklevel=2,
        )
