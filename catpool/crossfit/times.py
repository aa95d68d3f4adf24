"""When the rows are, and how much of a row's weight is left at a later time."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Times:
    """When the rows are.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Floats, or integers where the times are dates.
    gap : float or int
    half_life : float or int, or None
    first : float
    """

    values: np.ndarray
    gap: Any
    half_life: Any
    first: float

    @classmethod
    def read(cls, column: Any, name: Any, *, gap: Any, half_life: Any, first: float) -> Times:
        """Read the times of a column, and lengths of time in their unit."""
        series = pd.Series(column)
        if series.isna().any():
            raise ValueError(f"Times must not be missing, but column {name!r} has missing values. Drop these rows.")
        dated = pd.api.types.is_datetime64_any_dtype(series.dtype)
        if not dated and not pd.api.types.is_numeric_dtype(series.dtype):
            raise ValueError(
                f"Times must be numbers or dates, but column {name!r} holds {series.dtype}. Use pandas.to_datetime."
            )
        if not dated and np.isinf(series.to_numpy(dtype=float)).any():
            raise ValueError(f"Times must be finite, but column {name!r} has infinite ones. Drop these rows.")
        if dated:
            series = pd.Series(pd.DatetimeIndex(series).as_unit("ns").asi8)
        values = series.astype("int64" if dated else float).to_numpy()
        return cls(
            values,
            _length(gap, dated, "gap", least=0) or 0,
            _length(half_life, dated, "half_life", least=1e-300),
            float(first),
        )

    @property
    def order(self) -> np.ndarray:
        return np.argsort(self.values, kind="stable")

    def ends(self, rows: np.ndarray) -> np.ndarray:
        """How many of some rows are in each row's past."""
        return np.searchsorted(np.sort(self.values[rows]), self.values - self.gap, side="left")

    def weights(self, at: float) -> np.ndarray | None:
        """What is left of the rows' weights at a time that none of them is after."""
        return None if self.half_life is None else np.exp2((self.values - at) / self.half_life)

    def after(self, time: float) -> np.ndarray:
        """What is left, at the rows' times, of weights as they were at a time; they do not grow backwards."""
        return np.exp2(-np.maximum((self.values - time) / self.half_life, 0.0))

    def subset(self, rows: np.ndarray) -> Times:
        return Times(self.values[rows], self.gap, self.half_life, self.first)


def _length(value: Any, dated: bool, name: str, *, least: float) -> Any:
    """A length of time in the times' own unit."""
    if value is None:
        return None
    try:
        if dated and isinstance(value, Real):
            raise TypeError("numbers have no unit")
        length = pd.Timedelta(value).value if dated else float(value)
    except (TypeError, ValueError) as error:
        kind = "a timedelta, as the times are dates" if dated else "a number, as the times are"
        raise ValueError(f"`{name}` must be {kind}, but it is {value!r}.") from error
    if not least <= length < np.inf:
        raise ValueError(f"`{name}` must be positive and finite. Got {value!r}.")
    return length
