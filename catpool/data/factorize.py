"""Fast replacements of ``pandas.factorize`` for integers, for strings of arrow and for Python objects.

Integers of a small range are numbered by a table, others by their hashes. Equal values of an object array are often the
same object, because most readers make one string for all its repetitions. So rows are numbered by the addresses of
their objects, which are integers, and only the distinct objects by their values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

NARROW = np.dtype(np.int32)  # half the memory of numpy's own index type
GAP = -1  # the code of missing values in pandas
SAMPLE = 4096  # rows that decide whether rows share objects
BLOCK = 1 << 16  # rows processed at a time, so that they fit into the processor's cache
PANDAS_2 = pd.__version__.startswith("2.")
HEAD = 2 * np.dtype(np.intp).itemsize  # the least size of a Python object, and so the least distance of addresses


def narrowest(size: int) -> np.dtype:
    """The dtype of codes from 0 to size - 1."""
    return NARROW if size <= np.iinfo(NARROW).max else np.dtype(np.intp)


def are_arrow_strings(dtype: Any) -> bool:
    """Whether values of a dtype of pandas are strings that arrow holds."""
    if isinstance(dtype, pd.StringDtype):
        return dtype.storage != "python"
    return isinstance(dtype, pd.ArrowDtype) and dtype.type is str


def factorize_strings(values: Any) -> tuple[np.ndarray, Any]:
    """Number the strings of an arrow array in pandas as ``pandas.factorize`` does; the codes are narrow."""
    import pyarrow

    if not len(values):
        return pd.factorize(values)
    array = values.__arrow_array__()
    chunks = array.chunks if isinstance(array, pyarrow.ChunkedArray) else [array]
    # arrow numbers chunks together, and codes of small chunks stay in the cache until they are copied
    blocks = [chunk.slice(start, BLOCK) for chunk in chunks for start in range(0, max(len(chunk), 1), BLOCK)]
    encoded = pyarrow.chunked_array(blocks).dictionary_encode()
    codes = np.concatenate([codes_of(block) for block in encoded.chunks])
    return codes, values.dtype.__from_arrow__(encoded.chunk(0).dictionary)


def codes_of(dictionary: Any) -> np.ndarray:
    """The codes of an arrow dictionary, which may be read-only."""
    codes = dictionary.indices.cast("int32")
    codes = codes.fill_null(GAP) if codes.null_count else codes  # which takes time where there is nothing to fill
    return np.asarray(codes.to_numpy())


def factorize_integers(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number integers of shape (n,) as ``pandas.factorize`` does, but in sorted order if their range is small.

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


def factorize_each(values: np.ndarray, *, sort: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Number the values of an array as ``pandas.factorize`` does, and tell all strings apart.

    In arrays of strings alone, pandas 2 takes those for equal that differ in lone surrogates or after a NUL.
    """
    if not PANDAS_2 or values.dtype != object:
        return pd.factorize(values, sort=sort)
    codes, found = pd.factorize(np.append(values, np.array([None], dtype=object)), sort=sort)
    return codes[:-1], found


def factorize_objects(values: np.ndarray, *, distinct: bool) -> tuple[np.ndarray, np.ndarray]:
    """Number the values of an object array as ``pandas.factorize`` does.

    Parameters
    ----------
    values : ndarray of shape (n,)
    distinct : bool
        Whether equal objects must have the same code, and missing values code -1. Without it, equal objects may have
        several codes, and missing values codes of their own, which is faster.

    Returns
    -------
    codes : ndarray of shape (n,)
    objects : ndarray
    """
    values = np.ascontiguousarray(values)
    addresses = np.frombuffer(values, dtype=np.intp)
    if not _share_objects(values, addresses):
        return factorize_each(values)
    # the lowest bits are 0 in all addresses, and without them hashing is faster
    rows_to_objects, found = pd.factorize(addresses >> HEAD.bit_length() - 1)
    rows = np.empty(len(found), dtype=np.intp)
    for start in range(0, len(values), BLOCK):
        block = rows_to_objects[start : start + BLOCK]
        rows[block] = np.arange(start, start + len(block))  # the last of the rows that hold the object
    if not distinct:
        return rows_to_objects, values[rows]
    codes, objects = factorize_each(values[rows])
    return codes.take(rows_to_objects), objects


def _share_objects(values: np.ndarray, addresses: np.ndarray) -> bool:
    """Whether equal values are nearly always the same object, judged from a sample."""
    step = max(1, len(values) // SAMPLE)
    equal = _repetitions(values[::step])
    return len(values) > SAMPLE and equal > 0 and _repetitions(addresses[::step]) > 0.9 * equal


def _repetitions(sample: np.ndarray) -> int:
    """The number of values that occurred before."""
    return len(sample) - len(pd.unique(sample))
