"""Which columns of a table hold categories, numbers or times, by their types."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frames import Frame

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


def categorical_columns(X: Frame) -> list[Any]:
    """The labels of the columns that are neither numbers nor dates."""
    found = [label for label, kind in column_kinds(X).items() if kind == CATEGORY]
    if not found:
        raise ValueError(
            f"X has no column of strings, objects or categories: {X.labels} are numbers, booleans or dates. Pass "
            "columns=[...] to name the columns that hold categories."
        )
    return found


def encoded_by_default(X: Frame) -> list[Any]:
    """The labels of the columns that are encoded unless others are named.

    They are those of strings, objects, categories and booleans; of an array, which has one type for all, all columns.
    """
    if not X.framed:
        return [label for label in X.labels if label not in X.aside]
    kinds = column_kinds(X)
    return [label for label in X.labels if label not in X.aside and kinds[label] in (CATEGORY, BOOLEAN)]


def warn_of_no_categories(labels: Sequence[Any]) -> None:
    """Warn that no column is encoded."""
    warnings.warn(
        f"X has no column of strings, objects, categories or booleans, so none is encoded: its columns are {labels}. "
        "Pass columns=[...] to name those that hold categories.",
        UserWarning,
        stacklevel=2,
    )


def column_kinds(X: Frame) -> dict[Any, str]:
    """The kind of each column by its label: "category", "number", "boolean", "time" or "other"."""
    return {label: column_kind(X.column(label)) for label in X.labels}


def column_kind(column: pd.Series | np.ndarray) -> str:
    """The kind of a column: "category", "number", "boolean", "time" or "other"."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return CATEGORY
    kind = getattr(column.dtype, "kind", "O")
    if kind != "O":
        return KINDS_OF_ARRAYS.get(kind, CATEGORY)
    first = _kind_of_objects(column[:HEAD])  # what holds a string holds categories, whatever comes after it
    return first if first == CATEGORY and not pd.isna(column[:HEAD]).all() else _kind_of_objects(column)


def _kind_of_objects(column: pd.Series | np.ndarray) -> str:
    # as objects, because pandas cannot hold every string in a type of its own
    return KINDS.get(pd.api.types.infer_dtype(column, skipna=True), CATEGORY)
