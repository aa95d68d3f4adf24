"""Checks of the labels of columns."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd


def checked_labels(labels: list[Any]) -> list[Any]:
    """The labels, if they tell the columns apart."""
    strings = [isinstance(label, str) for label in labels]
    if any(strings) and not all(strings):
        raise TypeError(
            f"Feature names are only supported if all input features have string names, but X has {labels}. "
            "Convert them with X.columns = X.columns.astype(str)."
        )
    if not all(strings) and (gaps := [label for label in labels if _has_gap(label)]):
        raise ValueError(
            f"The columns of X must have labels that are not missing, but some have {gaps}, which equal nothing, "
            "themselves included. Rename the columns."
        )
    repeated = [label for label, times in Counter(labels).items() if times > 1]
    if repeated:
        raise ValueError(
            f"The columns of X must have different names, but {repeated} occur more than once. Rename the columns."
        )
    return labels


def _has_gap(label: Any) -> bool:
    """Whether a label, or a part of it, is NaN, NaT or pandas.NA."""
    return any(map(_has_gap, label)) if isinstance(label, tuple) else label is not None and bool(pd.isna(label))
