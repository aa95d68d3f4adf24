"""`Order`: the places of categories on a line, by their values or by their rank."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_one_of

DIGITS = re.compile(r"\s*[-+]?\d+(\.\d*)?\s*")
EPOCH = pd.Timestamp(0, tz="UTC")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, Real | Decimal | np.bool_) else np.nan


def _digits(value: Any) -> float:
    return float(value) if isinstance(value, str) and DIGITS.fullmatch(value) else np.nan


def _days(value: Any) -> float:
    """Days since 1970, where times without a zone are taken for those of UTC."""
    if not isinstance(value, date | datetime | np.datetime64) or pd.isna(value):
        return np.nan
    time = pd.Timestamp(value)
    return float(((time if time.tz else time.tz_localize("UTC")) - EPOCH) / pd.Timedelta(days=1))


READERS: dict[str, Callable[[Any], float]] = {"numbers": _number, "digits": _digits, "times": _days}
SORTED = "sorted"  # the kind of all other values


@frozen
class Order:
    """Values on a line.

    Parameters
    ----------
    kind : str
        How values are read: "numbers", "digits" (of strings), "times", or "sorted", for which the line has only ranks.
    values : tuple
        The distinct values, in order, if they are "sorted".
    """

    kind: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, values: Sequence[Any], what: str) -> Order:
        """The order of some values, which `what` names in messages."""
        for kind, read in READERS.items():
            if all(np.isfinite(read(value)) for value in values):
                return cls(kind, ())
        _refuse_infinite(values, what)
        try:
            return cls(SORTED, tuple(sorted(set(values))))
        except TypeError as error:
            raise TypeError(
                f"ordered() must have categories that can be sorted, but those of {what} cannot ({error}). Make them "
                "all numbers or all strings, or sort by a column: ordered(by=...)."
            ) from error

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be an order."""
        require_one_of((*READERS, SORTED), kind=self.kind)
        require(bool(self.values) == (self.kind == SORTED), "an order without values, or with values without use")

    @cached_property
    def _ranks(self) -> dict[Any, int]:
        return {value: rank for rank, value in enumerate(self.values)}

    def places(self, values: Sequence[Any]) -> np.ndarray:
        """The place of each value on the line, of shape (m,); NaN for what cannot be compared with the others."""
        read = READERS.get(self.kind, self._rank)
        found = np.fromiter(map(read, values), dtype=float, count=len(values))
        found[np.isinf(found)] = np.nan
        return found

    def _rank(self, value: Any) -> float:
        """The rank of a value; that of a value between two others is between theirs."""
        rank = self._ranks.get(value)
        try:
            return bisect_left(self.values, value) - 0.5 if rank is None else rank
        except TypeError:
            return np.nan


def _refuse_infinite(values: Sequence[Any], what: str) -> None:
    endless = [value for value in values if np.isinf(_number(value))]
    if endless:
        raise ValueError(
            f"ordered() must have categories at finite places, but {what} holds {endless[0]!r}. Make it missing, or "
            "another number."
        )
