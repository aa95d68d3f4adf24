"""Dates: columns of them that are written as strings, and values as times of UTC."""

from __future__ import annotations

import re
import warnings
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

ISO_DATE = re.compile(r"\d{4}-[01]\d-[0-3]\d([T ][0-2]\d:.*)?")
SOME = 20  # strings that are looked at; fewer are taken for categories


def are_dates(categories: pd.Series) -> bool:
    """Whether categories are dates written as strings, which new rows seldom repeat."""
    if len(categories) < SOME or not _is_date(categories.iloc[0]):  # which spares making a list of some
        return False
    return all(map(_is_date, categories.iloc[:SOME].tolist()))


def warn_of_dates(column: Any, categories: pd.Series) -> None:
    """Warn that the categories of a column are dates."""
    warnings.warn(
        f"Column {column!r} holds dates as strings, such as {categories.iloc[0]!r}, and each of them is a category. "
        "New rows have other dates: encode the month or weekday, say, or leave the column out of `columns`.",
        UserWarning,
        stacklevel=2,
    )


def _is_date(category: Any) -> bool:
    return isinstance(category, str) and ISO_DATE.fullmatch(category) is not None


def utc_time(value: Any) -> Any:
    """A date or time as that of UTC, for which one without a zone is taken; NaT for what is neither, or out of bounds.

    Values are read one by one, because not all versions of pandas read arrays of times far from now.
    """
    if not isinstance(value, date | np.datetime64):
        return pd.NaT
    try:
        time = pd.Timestamp(value)
        return time.tz_localize("UTC") if time.tz is None else time.tz_convert("UTC")
    except (ValueError, OverflowError):
        return pd.NaT
