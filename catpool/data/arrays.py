"""The door for arrays and lists of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array


def read_array(X: Any) -> np.ndarray:
    """Open a table of shape (n, p) that is no frame."""
    if isinstance(X, list | tuple) and X and all(isinstance(row, list | tuple) for row in X):
        X = _array_of_rows(X)
    array = check_array(X, dtype=None, ensure_all_finite=False)
    if array.dtype.kind == "V":
        raise ValueError(
            f"X must hold one value in a cell, but its cells are records, {array.dtype}. Split the fields."
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _array_of_rows(rows: Any) -> np.ndarray:
    """Rows of anything, even tuples, as an object array: numpy itself would look into the cells."""
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f"The rows of X must be equally long, but they have {sorted(widths)} cells.")
    array = np.empty((len(rows), widths.pop()), dtype=object)
    for position, column in enumerate(zip(*rows, strict=True)):
        array[:, position] = np.fromiter(column, dtype=object, count=len(rows))
    return array
