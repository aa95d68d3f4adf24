"""`Times`: the times of the rows, and the share of a row's weight that is left at a later time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.spans import before, since
from catpool.data.frozen import frozen
from catpool.data.plain import as_series

AUTO = "auto"
DAY = 86_400_000_000_000  # nanoseconds
EXACT = 2**53  # up to which floats tell whole numbers apart


@frozen
class Times:
    """The times of the rows, and the parameters of `EarlierRows` in their unit.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Floats, or integers: nanoseconds if the times are dates, and whole numbers that floats do not tell apart.
    gap : float or int
    half_life : float or int, or None
    first : float
    dated : bool, default=False
        Whether the times are dates.
    learns : bool, default=False
        Whether the half-life is learned, anew from each past.
    windows : tuple of float or int, default=()
        The lengths of windows, in ascending order.
    """

    values: np.ndarray
    gap: Any
    half_life: Any
    first: float
    dated: bool = False
    learns: bool = False
    windows: tuple[Any, ...] = ()

    @classmethod
    def read(
        cls, column: Any, name: Any, *, gap: Any, half_life: Any, first: float, windows: Sequence[Any] = ()
    ) -> Times:
        """Read the times of a column, and convert the gap, half-life and windows to their unit."""
        series = as_series(column)
        if series.isna().any():
            raise ValueError(f"Times must not be missing, but column {name!r} has missing values. Drop such rows.")
        dated = pd.api.types.is_datetime64_any_dtype(series.dtype)
        if not dated and not pd.api.types.is_numeric_dtype(series.dtype):
            raise ValueError(
                f"Times must be numbers or dates, but the dtype of column {name!r} is {series.dtype}. Convert it."
            )
        if not dated and np.isinf(series.to_numpy(dtype=float)).any():
            raise ValueError(f"Times must be finite, but column {name!r} has infinite ones. Drop such rows.")
        values = pd.DatetimeIndex(series).as_unit("ns").asi8 if dated else _numbers(series, name)
        learns = isinstance(half_life, str) and half_life == AUTO
        whole = values.dtype.kind == "i"
        return cls(
            values,
            _read_duration(gap, dated, "gap", least=0, whole=whole) or 0,
            None if learns else _read_duration(half_life, dated, "half_life", least=1e-300, whole=dated),
            float(first),
            dated,
            learns,
            tuple(sorted(_read_duration(each, dated, "windows", least=1e-300, whole=whole) for each in windows)),
        )

    @property
    def order(self) -> np.ndarray:
        """The positions of the rows in the order of time."""
        return np.argsort(self.values, kind="stable")

    def count_earlier(self, rows: np.ndarray) -> np.ndarray:
        """Count, for each row, how many of `rows` are strictly earlier."""
        return np.searchsorted(np.sort(self.values[rows]), before(self.values, self.gap), side="left")

    def decay(self, at: float) -> np.ndarray | None:
        """The share of each row's weight that is left at a time after all rows; None is 1 for all rows."""
        return None if self.half_life is None else np.exp2(-since(at, self.values) / self.half_life)

    def ages(self, time: float) -> Ages:
        """How long after a time the rows are."""
        return Ages(since(self.values, time), self.unit)

    def fade(self, time: float) -> np.ndarray:
        """The share of a weight at `time` that is left at the time of each row; 1 for rows before it."""
        return np.exp2(-since(self.values, time) / self.half_life)

    def subset(self, rows: np.ndarray) -> Times:
        return replace(self, values=self.values[rows])

    def with_half_life(self, half_life: Any) -> Times:
        return replace(self, half_life=half_life)

    @property
    def unit(self) -> Any:
        """The half-life of which those that are tried are powers of two: a day, or one where times are numbers."""
        return DAY if self.dated else 1.0

    def as_duration(self, half_life: Any) -> Any:
        """A half-life as users write it: a timedelta if the times are dates; infinite if all weights are kept."""
        if half_life is None:
            return np.inf
        return pd.Timedelta(half_life, unit="ns") if self.dated else float(half_life)


@frozen
class Ages:
    """How long after the last training row new rows are, where each column has a half-life of its own.

    Parameters
    ----------
    values : ndarray of shape (n,)
        In the unit of the times; 0 for rows before.
    unit : float or int, default=1.0
        That of drift, in the unit of the times.
    """

    values: np.ndarray
    unit: Any = 1.0

    def fade(self, half_life: Any) -> np.ndarray | None:
        """The share of the training rows' weight that is left for each row, of shape (n,); None is 1."""
        if half_life is None or not has_end(half_life):
            return None
        return np.exp2(-self.values / (half_life.value if isinstance(half_life, pd.Timedelta) else half_life))


Fade = np.ndarray | Ages | None  # the weight that training rows keep for new rows: one for all columns, or by column


def has_end(half_life: Any) -> bool:
    """Whether a learned half-life is finite."""
    return isinstance(half_life, pd.Timedelta) or half_life < np.inf


def _numbers(series: pd.Series, name: Any) -> np.ndarray:
    """Times that are numbers, as integers only where floats would not keep them apart."""
    if not pd.api.types.is_integer_dtype(series.dtype) or series.between(-EXACT, EXACT).all():
        return series.to_numpy(dtype=float)
    if (series > np.iinfo(np.int64).max).any():
        raise ValueError(f"Times must be less than 2^63, but column {name!r} has larger ones. Subtract the first time.")
    return series.to_numpy(dtype=np.int64)


def _read_duration(value: Any, dated: bool, name: str, *, least: float, whole: bool) -> Any:
    """Convert a duration to the unit of the times, as an integer if these are."""
    if value is None:
        return None
    try:
        # pandas would take numbers for nanoseconds, and numpy takes timedeltas for numbers
        if isinstance(value, Real) and dated is not isinstance(value, np.timedelta64):
            raise TypeError("numbers have no unit, and times that are numbers no timedeltas")
        length = pd.Timedelta(value).value if dated else float(value)
    except (TypeError, ValueError) as error:
        kind = 'a timedelta, such as "7D", as the times are dates' if dated else "a number, as the times are numbers"
        word = '"auto", or ' if name == "half_life" else ""
        raise ValueError(f"`{name}` must be {word}{kind}. Got {value!r}.") from error
    if not least <= length < np.inf:
        raise ValueError(f"`{name}` must be positive and finite. Got {value!r}. Pass None to leave it out.")
    if whole and length != int(length):
        raise ValueError(
            f"`{name}` must be a whole number, as times are, of which some are too large for floats. Got {value!r}."
        )
    return int(length) if whole else length
