"""The order of time as a fold scheme."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class EarlierRows:
    """Encode each training row from strictly earlier rows only; pass it as ``cv``.

    A row at time t learns from the rows before t - gap, those of its own time never among them, and so does its prior,
    whose strength is learned anew each time the past has doubled. ``transform`` encodes new rows from all training
    rows.
    With a half-life, a row of age a weighs

        2^(-a / half_life).

    Parameters
    ----------
    by : str or int
        The column of X that holds the times: numbers or dates, none missing. It passes through and is not encoded.
    gap : number or timedelta, default=None
        How long before t the past ends, for targets that become known late.
    half_life : number or timedelta, default=None
        How long it takes a row to lose half of its weight. At ``transform`` a category's rows have aged by the time
        since the last training row, and its encoding moves to the prior mean.
    first : float, default=NaN
        What rows without a past get.

    Raises
    ------
    ValueError
        At ``fit``: where there is no such column or it is to be encoded, where times are missing or infinite, where a
        gap or half-life is not of the times' kind, a gap negative, or a half-life not positive.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : A few blocks instead, each learned from all blocks before it.

    References
    ----------
    L. Prokhorenkova, G. Gusev, A. Vorobev, A. V. Dorogush, A. Gulin (2018), CatBoost: unbiased boosting with
    categorical features, Advances in Neural Information Processing Systems 31.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import EarlierRows, MeanEncoder
    >>> X = pd.DataFrame({"shop": list("aabab"), "day": [1, 2, 2, 3, 4]})
    >>> encoder = MeanEncoder(["shop"], cv=EarlierRows(by="day"))
    >>> encoder.fit_transform(X, [1.0, 2.0, 4.0, 6.0, 9.0])["shop"].tolist()
    [nan, 1.0, 1.0, 1.5, 4.0]
    """

    by: Any
    gap: Any = None
    half_life: Any = None
    first: float = np.nan


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
    def of(cls, column: Any, rule: EarlierRows) -> Times:
        """Open the times of a column."""
        series = pd.Series(column)
        if series.isna().any():
            raise ValueError(f"Times must not be missing, but column {rule.by!r} has missing values. Drop these rows.")
        dated = pd.api.types.is_datetime64_any_dtype(series.dtype)
        if not dated and not pd.api.types.is_numeric_dtype(series.dtype):
            raise ValueError(
                f"Times must be numbers or dates, but column {rule.by!r} holds {series.dtype}. Use pandas.to_datetime."
            )
        if not dated and np.isinf(series.to_numpy(dtype=float)).any():
            raise ValueError(f"Times must be finite, but column {rule.by!r} has infinite ones. Drop these rows.")
        if dated:
            series = pd.Series(pd.DatetimeIndex(series).as_unit("ns").asi8)
        values = series.astype("int64" if dated else float).to_numpy()
        return cls(
            values,
            _length(rule.gap, dated, "gap", least=0) or 0,
            _length(rule.half_life, dated, "half_life", least=1e-300),
            float(rule.first),
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
