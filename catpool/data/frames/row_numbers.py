"""Numbers that users pass for the rows of X, such as weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from catpool.data.frames.backends import unmask


def read_row_numbers(values: Any, n_rows: int, name: str, each: str, kinds: str) -> np.ndarray:
    """Read the argument of a name, which holds one number for each row, as floats of shape (n,).

    Parameters
    ----------
    values : array-like
    n_rows : int
    name : str
        The name of the argument.
    each : str
        What one of the numbers is called.
    kinds : str
        The kinds of numpy's dtypes that are allowed.
    """
    numbers = np.asarray(unmask(values, gap=np.nan))
    if numbers.shape != (n_rows,):
        raise ValueError(
            f"`{name}` must hold one {each} for each of the {n_rows} rows of X, but it has the shape {numbers.shape}."
        )
    if numbers.dtype.kind not in kinds:
        raise ValueError(f"`{name}` must be finite numbers, but its dtype is {numbers.dtype}. Convert it to floats.")
    return numbers.astype(float)
