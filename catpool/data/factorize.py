"""Numbering the distinct values of an array fast: integers and Python objects.

Integers that lie close together are numbered by a table, others by their hashes. Rows of objects often share the same
object, because a reader makes one string for all its repetitions. So rows of objects are numbered by the objects'
addresses, which are integers, and only the distinct objects by their values.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

SAMPLE = 4096  # rows looked at to tell whether it pays
BLOCK = 1 << 16  # rows worked on at a time: what the processor's cache holds
HEAD = 2 * np.dtype(np.intp).itemsize  # every object is at least as long, so addresses differ by as much


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


def factorize_objects(values: np.ndarray, *, distinct: bool) -> tuple[np.ndarray, np.ndarray]:
    """Do as ``pandas.factorize`` does for an object array, of shape (n,).

    Parameters
    ----------
    values : ndarray of shape (n,)
    distinct : bool
        Whether equal objects must get one number, and missing ones -1; it takes longer. Without it, missing
        values may be among the objects.

    Returns
    -------
    codes : ndarray of shape (n,)
    objects : ndarray
    """
    values = np.ascontiguousarray(values)
    addresses = np.frombuffer(values, dtype=np.intp)
    if not _share_objects(values, addresses):
        return pd.factorize(values)
    rows_to_objects, found = pd.factorize(addresses >> HEAD.bit_length() - 1)  # hashed faster without idle bits
    rows = np.empty(len(found), dtype=np.intp)
    for start in range(0, len(values), BLOCK):
        block = rows_to_objects[start : start + BLOCK]
        rows[block] = np.arange(start, start + len(block))  # any row of an object will do
    if not distinct:
        return rows_to_objects, values[rows]
    codes, objects = pd.factorize(values[rows])
    return codes.take(rows_to_objects), objects


def _share_objects(values: np.ndarray, addresses: np.ndarray) -> bool:
    """Whether rows of equal values nearly always hold the same object."""
    step = max(1, len(values) // SAMPLE)
    equal = _repetitions(values[::step])
    return len(values) > SAMPLE and equal > 0 and _repetitions(addresses[::step]) > 0.9 * equal


def _repetitions(sample: np.ndarray) -> int:
    return len(sample) - len(pd.unique(sample))
