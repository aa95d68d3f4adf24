"""Sums and counts of many rows by code, which several threads can run at once.

``numpy.bincount`` looks for the least and the greatest code first, and holds Python's global lock. The same sums are
the product of a sparse matrix that has one column with the number 1, which scipy computes faster and without the lock:

    sum_k = sum over i of values_i [codes_i = k] 1.

Both add up the rows in their order, so they agree to the last bit.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array

from catpool.data.factorize import NARROW

PORTION = 1 << 10  # rows that are added up one after the other
FEW = 1 << 14  # rows for which making a matrix would take longer than the sums


def sum_by_code(codes: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Sum the values of the rows of each code, of shape (size,)."""
    if not _are_many(codes):
        return np.bincount(codes, values, minlength=size)
    return _sum_column(codes, np.asarray(values, dtype=float), size)


def count_by_code(codes: np.ndarray, size: int) -> np.ndarray:
    """Count the rows of each code, of shape (size,)."""
    if not _are_many(codes):
        return np.bincount(codes, minlength=size)
    return _sum_column(codes, np.ones(len(codes), dtype=NARROW), size)


def sum_rows(values: np.ndarray) -> np.ndarray:
    """Sum the values of each column of shape (n, q), portion by portion, so that few digits are lost."""
    return np.sum([part.sum(axis=0) for part in _portions(values)], axis=0)


def mean_and_sd(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of each column of values of shape (n, q)."""
    number = max(len(values), 1)
    mean = sum_rows(values) / number
    rests = (part - mean for part in _portions(values))  # which stay in the processor's cache
    return mean, np.sqrt(np.sum([np.einsum("kq,kq->q", rest, rest) for rest in rests], axis=0) / number)


def _portions(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + PORTION] for start in range(0, max(len(values), 1), PORTION)]


def _are_many(codes: np.ndarray) -> bool:
    """Whether rows are so many that a matrix pays, which copies codes that are not narrow."""
    return codes.dtype == NARROW and FEW <= len(codes) <= np.iinfo(NARROW).max


def _sum_column(codes: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    column = csc_array((values, codes, np.array([0, len(codes)], dtype=NARROW)), shape=(size, 1))
    return column @ np.ones(1, dtype=values.dtype)
