"""Lengths of time between rows, which may be too long for the integers that count the nanoseconds of dates."""

from __future__ import annotations

from typing import Any

import numpy as np


def since(later: Any, earlier: Any) -> np.ndarray:
    """How long after others some times are, as floats; 0 where they are not.

    Parameters
    ----------
    later, earlier : ndarray of shape (n,) or number
    """
    lengths = np.subtract(later, earlier)
    if lengths.dtype.kind == "i":
        lengths = lengths.view(np.uint64)  # the sign is wrong where the difference is too large, its digits are not
    return np.where(later > earlier, lengths, 0).astype(float)


def before(times: np.ndarray, length: Any) -> np.ndarray:
    """The times that are a length before others; the first of all times where these would be earlier still.

    Parameters
    ----------
    times : ndarray of shape (n,)
    length : number
    """
    if times.dtype.kind != "i":
        return times - length
    first = int(np.iinfo(times.dtype).min)
    return np.where(times < first + length, first, times - length)
