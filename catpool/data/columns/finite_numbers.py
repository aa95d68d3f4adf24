"""Numbers of a column that statistics are taken of: those that are infinite, or whose squares are, are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from catpool.data.columns.binning import as_numbers
from catpool.data.targets.target import LARGEST, SMALLEST


def finite_numbers(column: Any, label: Any) -> np.ndarray:
    """A column of numbers as floats, with NaN for missing values.

    Parameters
    ----------
    column : Series or ndarray of shape (n,)
    label : Any
        The label of the column, for messages.

    Raises
    ------
    ValueError
        If it holds other values, or numbers that are infinite or out of range.
    """
    numbers = as_numbers(column, label)
    check_range(np.fmin.reduce(numbers, initial=0.0), np.fmax.reduce(numbers, initial=0.0), label)
    return numbers


def check_range(least: float, most: float, label: Any) -> None:
    """Refuse a column whose least and largest numbers are infinite, or of a size whose square is."""
    largest = max(most, -least)
    if largest == 0 or SMALLEST < largest < LARGEST:
        return
    raise ValueError(
        f"Column {label!r} must be finite, and its largest magnitude between {SMALLEST:g} and {LARGEST:g}, but it is "
        f"{largest} ({'infinity' if np.isinf(largest) else 'out of range'}). Make these values missing, or rescale it."
    )


def are_numbers_or_missing(rows: np.ndarray) -> np.ndarray:
    """Whether each row of shape (q,) has numbers in range throughout, or NaN throughout, of shape (m,)."""
    with np.errstate(over="ignore"):
        fine = np.einsum("kq,kq->k", rows, rows) < LARGEST  # in one pass, if they are of usual size
    others = rows[~fine]
    fine[~fine] = (np.abs(others) < LARGEST).all(axis=1) | np.isnan(others).all(axis=1)
    return fine
