"""Which columns of a table hold categories, by their types."""

from __future__ import annotations

from typing import Any

import pandas as pd

from catpool.data.frames import Frame

NUMBERS = {  # the types of pandas.api.types.infer_dtype that are not categories
    "decimal",
    "date",
    "datetime",
    "period",
    "timedelta",
    "floating",
    "integer",
    "mixed-integer-float",
    "boolean",
}


def categorical_columns(X: Frame) -> list[Any]:
    """The labels of the columns that are neither numbers nor dates."""
    found = [label for label in X.labels if not _is_number(pd.Series(X.column(label)))]
    if not found:
        raise ValueError(
            f"X has no column of strings, objects or categories: {X.labels} are numbers or dates. Pass columns=[...] "
            "to name the columns that hold categories."
        )
    return found


def _is_number(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    inferred = column.infer_objects()
    if inferred.dtype == object or isinstance(inferred.dtype, pd.PeriodDtype):
        return pd.api.types.infer_dtype(inferred, skipna=True) in NUMBERS
    return getattr(inferred.dtype, "kind", "O") in "biufcmM"
