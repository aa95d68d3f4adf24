"""`RowValues`: the values of rows with the order that sorts them, which is found once for all categories."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.sparse import csc_array

from catpool.data.factorize import narrowest


class RowValues:
    """The values of rows, numbers or codes.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Floats, with NaN for missing values, or codes from 1, with 0 for missing ones.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    @cached_property
    def order(self) -> np.ndarray:
        """The rows that have a value, in rising order of it, of shape (m,)."""
        if self.values.dtype.kind == "f":
            return np.argsort(self.values)[: np.count_nonzero(~np.isnan(self.values))]  # NaN comes last
        order = stable_order(self.values, int(self.values.max(initial=0)) + 1)
        return order[np.count_nonzero(self.values == 0) :]


def stable_order(codes: np.ndarray, size: int) -> np.ndarray:
    """The rows in rising order of their codes, 0 to size - 1, and in the order that they have among equal ones."""
    rows = np.arange(len(codes) + 1, dtype=narrowest(len(codes) + 1))
    # a matrix by column has one row of this in each; by row, scipy counts how many there are of each code
    marks = csc_array((np.ones(len(codes), dtype=np.int8), codes, rows), shape=(size, len(codes)))
    order: np.ndarray = marks.tocsr().indices
    return order


def starts_of_runs(*arrays: np.ndarray) -> np.ndarray:
    """Whether each row differs from the one before it in any of the arrays, of shape (n,)."""
    first = np.zeros(len(arrays[0]), dtype=bool)
    first[:1] = True
    for each in arrays:
        first[1:] |= each[1:] != each[:-1]
    return first
