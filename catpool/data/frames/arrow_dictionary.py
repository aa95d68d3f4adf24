"""Arrow dictionaries as categoricals of pandas: values are compared with each other, and rows are not looked at.

Unlike the categories of pandas, values of a dictionary may be missing or equal, and each chunk may have a dictionary
of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import encode
from catpool.data.factorize import GAP, codes_of


def read_dictionary(column: Any, *, ordered: bool) -> pd.Series:
    """Read an array of an arrow dictionary type, or a chunked one, as a categorical with levels in the same order."""
    import pyarrow

    chunks = column.chunks if isinstance(column, pyarrow.ChunkedArray) else [column]
    codes, dictionary = _join(chunks)
    try:
        levels, places = _distinct(dictionary)
    except TypeError:  # of values that Python cannot hash, which whoever encodes them refuses
        decoded = pyarrow.chunked_array([chunk.dictionary_decode() for chunk in chunks])
        return pd.Series(decoded, dtype=pd.ArrowDtype(decoded.type))
    if places is not None:
        codes = places.take(codes)
    dtype = pd.CategoricalDtype(levels, ordered=ordered and len(chunks) == 1)
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype, validate=False))


def _join(chunks: list[Any]) -> tuple[np.ndarray, Any]:
    """The codes of all rows, and the values of all dictionaries, one after the other."""
    import pyarrow

    codes, dictionaries, start = [], [chunks[0].dictionary], 0
    for chunk in chunks:
        if not chunk.dictionary.equals(dictionaries[-1]):
            start += len(dictionaries[-1])
            dictionaries.append(chunk.dictionary)
        own = codes_of(chunk)
        codes.append(np.where(own == GAP, GAP, own + start) if start else own)
    one = len(chunks) == 1
    return codes[0] if one else np.concatenate(codes), pyarrow.concat_arrays(dictionaries)


def _distinct(dictionary: Any) -> tuple[pd.Index, np.ndarray | None]:
    """The distinct values of a dictionary, and the place of each value among them if that is not its own.

    The last place is that of missing rows, whose code -1 finds it.
    """
    levels = pd.Index(dictionary.to_pandas())
    if levels.is_unique and not levels.hasnans:
        return levels, None
    codes, categories = encode(pd.Series(dictionary, dtype=pd.ArrowDtype(dictionary.type)))
    return pd.Index(categories), np.append(codes - 1, GAP)
