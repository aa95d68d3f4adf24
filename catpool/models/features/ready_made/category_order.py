"""`Order`: the places of categories on a line, by their values or by their rank."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frames.dates import utc_time
from catpool.data.frozen import frozen
from catpool.data.targets.target import LARGEST
from catpool.data.verify import require, require_one_of

DIGITS = re.compile(r"\s*[-+]?\d+(\.\d*)?([eE][-+]\d+)?\s*")  # as floats are written, unlike codes such as 1E5
NUMBER = re.compile(r"((?<!\d\.)\d+\.\d+(?!\.?\d)|\d+)")  # 1.25, but not in versions such as 1.25.3
EPOCH, DAY = pd.Timestamp(0, unit="s", tz="UTC"), pd.Timedelta(days=1).as_unit("s")  # seconds reach all years


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
    times = map(utc_time, values)
    days = (np.nan if time is pd.NaT else (time - EPOCH) / DAY for time in times)  # as most columns hold no times
    return np.fromiter(days, dtype=float, count=len(values))


READERS: dict[str, Callable[[Sequence[Any]], np.ndarray]] = {"numbers": _numbers, "digits": _digits, "times": _days}
SORTED, LISTED = "sorted", "listed"  # the kinds of all other values, and of those whose order is given
EXACT = 2.0**53  # up to which floats tell whole numbers apart


def _key(value: Any) -> Any:
    """What a value is sorted by: the texts and the numbers in a string, so that A9 is before A10."""
    if not isinstance(value, str):
        return value
    return [Decimal(part) if each % 2 else part for each, part in enumerate(NUMBER.split(value))]


@frozen
class Order:
    """Values on a line.

    Parameters
    ----------
    kind : str
        How values are read: "numbers", "digits" (of strings), "times", or "sorted" or "listed", for which the line has
        only ranks.
    values : tuple
        The distinct values, in order, if they are "sorted" or "listed".
    """

    kind: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, values: Sequence[Any], what: str, levels: tuple[Any, ...] = ()) -> Order:
        """The order of some values, which `what` names in messages, or that of levels, unless these rise as numbers."""
        for kind, read in READERS.items():
            places = read(values)
            if (np.abs(places) < LARGEST).all() and (np.diff(read(levels)) > 0).all():
                _refuse_equal(values, places, kind, what)
                return cls(kind, ())
        if levels:
            _refuse_unlisted(values, levels, what)
            return cls(LISTED, levels)
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
        require_one_of((*READERS, SORTED, LISTED), kind=self.kind)
        require(bool(self.values) != (self.kind in READERS), "an order without values, or with values without use")

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
        if rank is not None or self.kind == LISTED:
            return np.nan if rank is None else rank
        try:
            return bisect_left(self._keys, _key(value)) - 0.5
        except TypeError:
            return np.nan


def _refuse_infinite(values: Sequence[Any], what: str) -> None:
    endless = np.abs(_numbers(values)) >= LARGEST
    if endless.any():
        value = values[int(np.argmax(endless))]
        raise ValueError(
            f"ordered() must have categories at finite places, but {what} holds {value!r}. Make it missing, or a "
            f"number below {LARGEST:g}."
        )


def _refuse_equal(values: Sequence[Any], places: np.ndarray, kind: str, what: str) -> None:
    """Raise an error if numbers are so large that floats do not tell them apart."""
    if kind == "times" or np.abs(places).max() < EXACT:
        return
    exact = {Decimal(value.strip()) for value in values} if kind == "digits" else set(values)
    if len(np.unique(places)) < len(exact):
        raise ValueError(
            f"ordered() must have categories that differ as floats, but {what} holds numbers as large as "
            f"{max(exact, key=abs)!s}, of which some do not. Sort by a column of smaller numbers: ordered(by=...)."
        )


def _refuse_unlisted(values: Sequence[Any], levels: tuple[Any, ...], what: str) -> None:
    listed = set(levels)
    other = [value for value in values if value not in listed]
    if other:
        raise ValueError(
            f"ordered() must have categories that are among the levels of the first rows, {list(levels)}, but {what} "
            f"holds {other[0]!r}. Give the column the same levels in all parts of the rows."
        )
