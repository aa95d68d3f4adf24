"""Number the distinct integers of an array: by a table where they lie close together, else by their hashes."""

from __future__ import annotations

import numpy as np
import pandas as pd


def factorize_integers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Do as ``pandas.factorize`` does for integers, of shape (n,); close ones are numbered in their order.

    Returns
    -------
    codes : ndarray of shape (n,)
    integers : ndarray
    """
    if not len(values):
        return pd.factorize(values)
    low, high = values.min(), values.max()
    span = int(high) - int(low) + 1
    if span > len(values):
        return pd.factorize(values)
    places = np.subtract(values, low, dtype=np.intp, casting="unsafe")
    found = np.zeros(span, dtype=bool)
    found[places] = True
    codes = (np.cumsum(found) - 1).take(places, out=places, mode="clip")
    return codes, np.flatnonzero(found).astype(values.dtype) + low
