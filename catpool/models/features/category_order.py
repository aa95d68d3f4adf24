"""`Order`: the places of categories on a line, by their values or by their rank."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_one_of

DIGITS = re.compile(r"\s*[-+]?\d+(\.\d*)?\s*")
NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
EPOCH = pd.Timestamp(0, tz="UTC")


def is_missing(value: Any) -> bool:
    """Whether one value is None, NaN, NaT or pandas.NA."""
    return not isinstance(value, tuple) and bool(pd.isna(value))


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return _floats(values, lambda value: isinstance(value, Real | Decimal | np.bool_))


def _digits(values: Sequence[Any]) -> np.ndarray:
    return _floats(values, lambda value: isinstance(value, str) and DIGITS.fullmatch(value))


def _floats(values: Sequence[Any], are: Callable[[Any], Any]) -> np.ndarray:
    return np.fromiter((_float(value) if are(value) else np.nan for value in values), dtype=float, count=len(values))


def _float(value: Any) -> float:
    """A number as a float, which is infinite if it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _days(values: Sequence[Any]) -> np.ndarray:
    """Days since 1970; times without a zone are taken for those of UTC."""
    times = [value if isinstance(value, date | np.datetime64) else None for value in values]
    found = pd.to_datetime(pd.Series(times, dtype=object), utc=True, errors="coerce")
    return ((found - EPOCH) / pd.Timedelta(days=1)).to_numpy(dtype=float)


READERS: dict[str, Callable[[Sequence[Any]], np.ndarray]] = {"numbers": _numbers, "digits": _digits, "times": _days}
SORTED = "sorted"  # the kind of all other values


def _key(value: Any) -> Any:
    """What a value is sorted by: the texts and the numbers in a string, so that A9 is before A10."""
    if not isinstance(value, str):
        return value
    return [float(part) if each % 2 else part for each, part in enumerate(NUMBER.split(value))]


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
            if np.isfinite(read(values)).all():
                return cls(kind, ())
        _refuse_infinite(values, what)
        try:
            return cls(SORTED, tuple(sorted(sorted(set(values)), key=_key)))  # twice, so that no two are equal
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

    @cached_property
    def _keys(self) -> list[Any]:
        return [_key(value) for value in self.values]

    def places(self, values: Sequence[Any]) -> np.ndarray:
        """The place of each value on the line, of shape (m,); NaN for what cannot be compared with the others."""
        found = READERS[self.kind](values) if self.kind in READERS else self._places_by_rank(values)
        return np.where(np.isinf(found), np.nan, found)

    def _places_by_rank(self, values: Sequence[Any]) -> np.ndarray:
        return np.fromiter(map(self._rank, values), dtype=float, count=len(values))

    def _rank(self, value: Any) -> float:
        """The rank of a value; that of a value between two others is between theirs."""
        rank = self._ranks.get(value)
        try:
            return bisect_left(self._keys, _key(value)) - 0.5 if rank is None else rank
        except TypeError:
            return np.nan


def _refuse_infinite(values: Sequence[Any], what: str) -> None:
    endless = np.isinf(_numbers(values))
    if endless.any():
        value = values[int(np.argmax(endless))]
        raise ValueError(
            f"ordered() must have categories at finite places, but {what} holds {value!r}. Make it missing, or another "
            "number."
        )
