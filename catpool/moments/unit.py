"""The unit in which numbers of extreme size are fitted."""

from __future__ import annotations

import numpy as np

LARGEST_EXPONENT = 64  # values beyond this power of two, or below its inverse, get a unit other than one


def unit_of(values: np.ndarray) -> float:
    """A power of two by which squares of values neither overflow nor underflow; one for values of usual size.

    Dividing by a power of two is exact, so the unit carries nothing of a row's own target into its encoding.

    Parameters
    ----------
    values : ndarray
    """
    return float(units_of(np.abs(values).max()))


def units_of(largest: np.ndarray, beyond: int = LARGEST_EXPONENT) -> np.ndarray:
    """The unit of several sets of values, as `unit_of` has it, from the largest of each.

    Parameters
    ----------
    largest : ndarray of shape (...)
    beyond : int, default=64
        The exponent up to which sizes are usual.
    """
    exponent = np.frexp(largest)[1]
    return np.where(np.abs(exponent) > beyond, np.ldexp(1.0, exponent), 1.0)
