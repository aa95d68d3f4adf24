"""Single values that JSON has no type for, such as dates and decimals, as dictionaries that hold each of their bits.

What is read equals what was written and has its hash, so that a category is found again. A subclass may have another
hash than its base, as an Enum has, so the type must be the very one that is listed.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
import struct
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Plain = dict[str, Any]
BOUND = 1 << 63  # integers of fields lie between -BOUND and BOUND, so that they convert to those of numpy and to floats
BITS = 10_000  # of an integer; Python reads no more than 4300 digits
NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # JSON has no such numbers


def float_to_plain(value: float) -> float | str:
    """The number, or its name if it is not finite; of an unusual NaN the name holds the bits."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        bits = struct.pack(">d", value).hex()
        return "NaN" if bits == struct.pack(">d", math.nan).hex() else f"NaN {bits}"
    return "Infinity" if value > 0 else "-Infinity"


def float_from_plain(value: Any) -> float:
    if isinstance(value, str) and value.startswith("NaN "):
        number = struct.unpack(">d", bytes.fromhex(value[4:]))[0]
        if not math.isnan(number):
            raise ValueError(f"{value!r} is not NaN")
        return number
    return NON_FINITE[value] if isinstance(value, str) else float(value)


def _zone_to_plain(zone: datetime.tzinfo | None) -> str | list[int] | None:
    """The library and the key of a time zone, or a fixed offset in days, seconds and microseconds."""
    if zone is None:
        return None
    if type(zone) is datetime.timezone:
        return _lengths(zone.utcoffset(None))
    library, key = type(zone).__module__.split(".")[0], _key(zone)
    if library in ("zoneinfo", "pytz") and key is not None:
        return f"{library} {key}"
    raise TypeError(f"a time with the zone {zone!r}, a {type(zone).__name__}")


def _zone_from_plain(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return datetime.timezone(datetime.timedelta(*value))
    library, key = value.split(" ")
    return zoneinfo.ZoneInfo(key) if library == "zoneinfo" else _zone_of_pytz(key)


def _zone_of_pytz(key: str) -> Any:
    try:
        import pytz  # type: ignore[import-untyped]  # here, as pandas 3 no longer needs it
    except ImportError as error:
        raise ValueError("it holds times with zones of pytz, which is not installed") from error
    return pytz.timezone(key)


def _key(zone: Any) -> str | None:
    return getattr(zone, "key", getattr(zone, "zone", None))


def _lengths(value: datetime.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _timestamp_to_plain(value: pd.Timestamp) -> Plain:
    zone, key = value.tzinfo, _key(value.tzinfo)
    # a key alone stands for the zone that pandas makes of it: that of pytz before pandas 3, and of zoneinfo since then
    usual = key is not None and _zone_of_pandas(key) is type(zone)
    written = {} if zone is None else {"zone": key if usual else _zone_to_plain(zone)}
    return {"value": value.asm8.view("i8").item(), "unit": value.unit, **written}


def _zone_of_pandas(key: str) -> type | None:
    """The class of the zone that pandas makes of a key; None if it knows no such zone, as pytz does not know all."""
    try:
        return type(pd.Timestamp(0, tz=key).tzinfo)
    except KeyError:
        return None


def _timestamp_from_plain(value: Plain) -> Any:
    if "unit" not in value:  # in versions before zones were kept
        return pd.Timestamp(value["value"])
    time = pd.Timestamp(np.datetime64(_integer(value["value"]), _unit(value["unit"])))
    if "zone" not in value:
        return time
    zone = value["zone"]
    usual = isinstance(zone, str) and " " not in zone and not zone.startswith(("dateutil", "tzlocal"))
    return time.tz_localize(datetime.UTC).tz_convert(zone if usual else _zone_from_plain(zone))


def _timedelta_from_plain(value: Plain) -> Any:
    if "unit" not in value:
        return pd.Timedelta(value["value"])
    return pd.Timedelta(np.timedelta64(_integer(value["value"]), _unit(value["unit"])))


def _unit(value: Any) -> Any:
    if value not in ("s", "ms", "us", "ns"):
        raise ValueError(f"{value!r} is not a unit of pandas")
    return value


def _clock_to_plain(value: Any) -> Plain:
    """A datetime or time: what its zone reads, the zone, and which of two equal readings it is."""
    zone = _zone_to_plain(value.tzinfo)
    if isinstance(zone, str) and zone.startswith("pytz"):  # whose readings say nothing without the offset
        raise TypeError(f"a {type(value).__name__} with a zone of pytz")
    naive = {"value": value.replace(tzinfo=None, fold=0).isoformat()}
    return naive | ({"fold": 1} if value.fold else {}) | ({} if zone is None else {"zone": zone})


def _clock_from_plain(kind: Any) -> Callable[[Plain], Any]:
    def read(value: Plain) -> Any:
        clock = kind.fromisoformat(value["value"])
        zone = _zone_from_plain(value["zone"]) if "zone" in value else clock.tzinfo
        return clock.replace(tzinfo=zone, fold=value.get("fold", 0))

    return read


def _decimal_to_plain(value: decimal.Decimal) -> Plain:
    if value.is_nan():
        raise TypeError("a Decimal that is NaN")
    return {"value": str(value)}


def _decimal_from_plain(value: Plain) -> decimal.Decimal:
    if not isinstance(value["value"], str) or decimal.Decimal(value["value"]).is_nan():
        raise ValueError(f"{value['value']!r} is not a decimal")
    return decimal.Decimal(value["value"])


def integer_to_plain(value: int) -> int:
    if value.bit_length() > BITS:
        raise TypeError(f"an integer of {value.bit_length()} bits")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not -BOUND < value < BOUND:
        raise ValueError(f"{value!r} is not an integer of 64 bits")
    return value


def _fraction_to_plain(value: fractions.Fraction) -> Plain:
    return {"value": [integer_to_plain(value.numerator), integer_to_plain(value.denominator)]}


def _fraction_from_plain(value: Plain) -> fractions.Fraction:
    top, bottom = value["value"]
    if type(top) is not int or type(bottom) is not int:  # text such as "1e999999999" would fill the memory
        raise ValueError(f"{value['value']!r} is not a fraction")
    return fractions.Fraction(top, bottom)


# by type: the name of the kind, and what it is written as
WRITERS: dict[type, tuple[str, Callable[[Any], Plain]]] = {
    pd.Timestamp: ("timestamp", _timestamp_to_plain),
    pd.Timedelta: ("timedelta", lambda value: {"value": value.asm8.view("i8").item(), "unit": value.unit}),
    pd.Period: ("period", lambda value: {"value": value.ordinal, "freq": value.freqstr}),
    type(pd.NaT): ("NaT", lambda value: {}),
    type(pd.NA): ("NA", lambda value: {}),
    datetime.datetime: ("datetime", _clock_to_plain),
    datetime.date: ("date", lambda value: {"value": value.isoformat()}),
    datetime.time: ("time", _clock_to_plain),
    datetime.timedelta: ("duration", lambda value: {"value": _lengths(value)}),
    decimal.Decimal: ("decimal", _decimal_to_plain),
    fractions.Fraction: ("fraction", _fraction_to_plain),
    uuid.UUID: ("uuid", lambda value: {"value": value.hex}),
    bytes: ("bytes", lambda value: {"value": value.hex()}),
    np.bytes_: ("bytes", lambda value: {"value": value.hex()}),
}
# by the name of the kind: how it is read
READERS: dict[str, Callable[[Plain], Any]] = {
    "timestamp": _timestamp_from_plain,
    "timedelta": _timedelta_from_plain,
    "period": lambda value: pd.Period(ordinal=_integer(value["value"]), freq=value["freq"]),
    "NaT": lambda value: pd.NaT,
    "NA": lambda value: pd.NA,
    "datetime": _clock_from_plain(datetime.datetime),
    "date": lambda value: datetime.date.fromisoformat(value["value"]),
    "time": _clock_from_plain(datetime.time),
    "duration": lambda value: datetime.timedelta(*value["value"]),
    "decimal": _decimal_from_plain,
    "fraction": _fraction_from_plain,
    "uuid": lambda value: uuid.UUID(hex=value["value"]),
    "bytes": lambda value: bytes.fromhex(value["value"]),
    "float": lambda value: float_from_plain(value["value"]),
}
