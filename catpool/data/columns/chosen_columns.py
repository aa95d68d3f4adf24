"""Which columns of a table are encoded unless others are named."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from catpool.data.frames.column_kinds import BOOLEAN, CATEGORY
from catpool.data.frames.frame import Frame


def categorical_columns(X: Frame) -> list[Any]:
    """The labels of the columns that are neither numbers nor dates."""
    found = [label for label, kind in X.kinds.items() if kind == CATEGORY]
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
    return [label for label in X.labels if label not in X.aside and X.kinds[label] in (CATEGORY, BOOLEAN)]


def warn_of_no_categories(labels: Sequence[Any]) -> None:
    """Warn that no column is encoded."""
    warnings.warn(
        f"X has no column of strings, objects, categories or booleans, so none is encoded: its columns are {labels}. "
        "Pass columns=[...] to name those that hold categories.",
        UserWarning,
        stacklevel=2,
    )
