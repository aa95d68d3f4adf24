"""Rows of shops by day, of which those from a moment on are changed: encodings of earlier rows must not notice."""

from typing import NamedTuple

import numpy as np
import pandas as pd


def as_kind(y, kind, *, above, edges):
    """Numbers as a target of some kind: whether they are above a number, or between which edges."""
    if kind == "binary":
        return (y > above).astype(int)
    if kind == "multiclass":
        return np.digitize(y, edges)
    return np.maximum(y, 0).astype(int) if kind == "count" else y


class Changed(NamedTuple):
    """Rows with other targets from a moment on, and with other shops and days of these, too."""

    later: np.ndarray
    now: np.ndarray  # the rows until the moment, with those of the moment itself
    y: np.ndarray
    X: pd.DataFrame


def changes(X, y, moments, rng):
    """The rows with changes from each moment on."""
    for moment in moments:
        later, now = (X["day"] >= moment).to_numpy(), (X["day"] <= moment).to_numpy()
        changed, other = y.copy(), X.copy()
        changed[later] = rng.permutation(y[later])
        other.loc[later, "shop"] = rng.choice(list("axyz"), later.sum())
        other.loc[later, "day"] += rng.integers(0, 9, later.sum()) ** 2
        yield Changed(later, now, changed, other)
