"""The sorted order of categories."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sort_categories(categories: pd.Series) -> np.ndarray:
    """The positions that sort the categories; those of mixed types, which have no order, stay as they are."""
    try:
        return categories.argsort(kind="stable").to_numpy()
    except TypeError:  # such as strings and numbers
        return np.arange(len(categories))
