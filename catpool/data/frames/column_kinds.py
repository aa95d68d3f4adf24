"""Which columns of a table hold categories, numbers or times, by their types."""

from __future__ import annotations

import numpy as np
import pandas as pd

AUTO = "auto"  # the columns that their kinds say
HEAD = 1000  # rows that mostly tell the kind of a column of objects
CATEGORY, NUMBER, BOOLEAN, TIME, OTHER = "category", "number", "boolean", "time", "other"
KINDS = {  # of the types of pandas.api.types.infer_dtype; what is not listed holds categories
    "decimal": NUMBER,
    "floating": NUMBER,
    "integer": NUMBER,
    "mixed-integer-float": NUMBER,
    "boolean": BOOLEAN,
    "complex": OTHER,
    "date": TIME,
    "datetime": TIME,
    "datetime64": TIME,
    "period": TIME,
    "time": TIME,
    "timedelta": TIME,
    "timedelta64": TIME,
}
KINDS_OF_ARRAYS = {"b": BOOLEAN, "i": NUMBER, "u": NUMBER, "f": NUMBER, "c": OTHER, "m": TIME, "M": TIME}


def column_kind(column: pd.Series | np.ndarray) -> str:
    """The kind of a column: "category", "number", "boolean", "time" or "other"."""
    return kind_of_head(column[:HEAD]) or _kind_of_objects(column)


def kind_of_head(head: pd.Series | np.ndarray) -> str | None:
    """The kind of a column, if its type and its first rows tell, otherwise None."""
    if isinstance(head.dtype, pd.CategoricalDtype | pd.StringDtype):
        return CATEGORY
    kind = getattr(head.dtype, "kind", "O")
    if kind != "O":
        return KINDS_OF_ARRAYS.get(kind, CATEGORY)
    first = _kind_of_objects(head)  # what holds a string holds categories, whatever comes after it
    return first if first == CATEGORY and not pd.isna(head).all() else None


def _kind_of_objects(column: pd.Series | np.ndarray) -> str:
    # as objects, because pandas cannot hold every string in a type of its own
    return KINDS.get(pd.api.types.infer_dtype(column, skipna=True), CATEGORY)
