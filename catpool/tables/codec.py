"""Conversion of fitted state to values that JSON can hold, and back, without executing code or losing a digit.

Numbers, strings, booleans, None and lists stand for themselves. Every other value is a dictionary with its `type`: an
array with its dtype and shape, a series, a date, or one of catpool's dataclasses. A file can create only the classes
that are listed here, so a file from a stranger can hold wrong numbers, but no code.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from catpool.priors.families import FAMILIES
from catpool.priors.family import Family

OWN = {  # the dataclasses that files hold, with their modules; their fields are part of the file format
    "Cells": "catpool.data.crossed",
    "EarlierRows": "catpool.crossfit.earlier_rows",
    "EffectsTable": "catpool.models.mixed.effects_table",
    "Encoding": "catpool.tables.encoding",
    "EncodingTable": "catpool.tables.encoding_table",
    "Fingerprint": "catpool.data.fingerprint",
    "Fitted": "catpool.tables.fitted",
    "Header": "catpool.data.frames",
    "Levels": "catpool.models.nested.tree",
    "MixedModel": "catpool.models.mixed.fitted_model",
    "Moments": "catpool.moments.moments",
    "NestedEncoding": "catpool.models.nested.nested_learner",
    "NestedTable": "catpool.models.nested.nested_table",
    "Paths": "catpool.data.crossed",
    "Policy": "catpool.tables.policy",
    "Prior": "catpool.priors.prior",
    "Sums": "catpool.models.interactions.crossed_effects",
    "Tally": "catpool.moments.grouped",
    "Target": "catpool.data.targets",
    "Vocabulary": "catpool.data.categories",
}
NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # JSON has no such numbers
# from special to general, because a pandas Timestamp is a datetime, and a datetime is a date
SCALARS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "timestamp": (pd.Timestamp, lambda value: value.isoformat(), pd.Timestamp),
    "timedelta": (pd.Timedelta, lambda value: value.isoformat(), pd.Timedelta),
    "datetime": (datetime.datetime, lambda value: value.isoformat(), datetime.datetime.fromisoformat),
    "date": (datetime.date, lambda value: value.isoformat(), datetime.date.fromisoformat),
    "time": (datetime.time, lambda value: value.isoformat(), datetime.time.fromisoformat),
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
}


def to_plain(value: Any) -> Any:
    """Convert a value to one that JSON can hold; raise a TypeError if that is not possible."""
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if type(value) is float:  # numpy's float64 is a subclass, and is kept as an array is
        return value if math.isfinite(value) else {"type": "float", "value": _name_non_finite(value)}
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    if isinstance(value, tuple):
        return {"type": "tuple", "items": [to_plain(item) for item in value]}
    if isinstance(value, dict):
        return {"type": "dict", "items": [[to_plain(key), to_plain(item)] for key, item in value.items()]}
    if isinstance(value, np.ndarray | np.generic):
        return _array_to_plain(value)
    if isinstance(value, pd.Series):
        return _series_to_plain(value)
    return _object_to_plain(value)


def _object_to_plain(value: Any) -> Any:
    name = type(value).__name__
    if isinstance(value, Family):
        return {"type": "Family", "name": value.name}
    if is_dataclass(value) and OWN.get(name) == type(value).__module__:
        return {"type": name, **{field.name: to_plain(getattr(value, field.name)) for field in fields(value)}}
    for kind, (own, write, _) in SCALARS.items():
        if isinstance(value, own):
            return {"type": kind, "value": write(value)}
    raise TypeError(f"{value!r}, a {name}, cannot be written as JSON. Pickle the encoder instead.")


def _name_non_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _array_to_plain(array: np.ndarray | np.generic) -> dict[str, Any]:
    flat, kind = np.asarray(array).ravel(), array.dtype.kind
    values: list[Any]
    if kind == "f":
        values = [value if math.isfinite(value) else _name_non_finite(value) for value in flat.astype(float).tolist()]
    elif kind in "mM":
        values = flat.view(np.int64).tolist()
    elif kind == "O":
        values = [to_plain(value) for value in flat.tolist()]
    elif kind in "biuU":
        values = flat.tolist()
    else:
        raise TypeError(f"An array of dtype {array.dtype} cannot be written as JSON. Pickle the encoder instead.")
    scalar = {"scalar": True} if isinstance(array, np.generic) else {}
    dtype = "str" if kind == "U" else str(array.dtype)
    return {"type": "array", "dtype": dtype, "shape": list(array.shape), "values": values, **scalar}


def _series_to_plain(series: pd.Series) -> dict[str, Any]:
    """Convert numbers and dates as an array, and the values of other dtypes one by one."""
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return {"type": "series", "values": _array_to_plain(series.to_numpy())}
    dtype = str(series.dtype) if isinstance(series.dtype, pd.StringDtype) else "object"
    return {"type": "series", "dtype": dtype, "values": [to_plain(value) for value in series.tolist()]}


def from_plain(value: Any) -> Any:
    """Convert a value from `to_plain` back; raise a KeyError, TypeError or ValueError if it is not one."""
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = dict(value)
    kind = value.pop("type")
    if kind == "Target" and isinstance(value["family"], dict):  # in version 1, the family itself
        value["family"] = value["family"]["name"]
    if kind in OWN:
        own = getattr(import_module(OWN[kind]), kind)
        return own(**{name: from_plain(item) for name, item in value.items()})
    if kind in SCALARS:
        return SCALARS[kind][2](value["value"])
    return _READERS[kind](value)


def _array(value: dict[str, Any]) -> Any:
    values, dtype, shape = value["values"], value["dtype"], value["shape"]
    if dtype == "object":
        array = np.empty(len(values), dtype=object)
        array[:] = [from_plain(item) for item in values]
    elif dtype.startswith("float"):
        array = np.array([NON_FINITE[item] if isinstance(item, str) else item for item in values], dtype=dtype)
    elif dtype.startswith(("datetime64", "timedelta64")):
        array = np.array(values, dtype=np.int64).view(dtype)
    else:
        array = np.array(values, dtype=dtype)
    array = array.reshape(shape)
    return array[()] if value.get("scalar") else array


def _series(value: dict[str, Any]) -> pd.Series:
    values = from_plain(value["values"])
    return pd.Series(values, dtype=value.get("dtype"))


def _family(value: dict[str, Any]) -> Any:
    return FAMILIES[value["name"]]


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Family": _family,
    "array": _array,
    "dict": lambda value: {from_plain(key): from_plain(item) for key, item in value["items"]},
    "float": lambda value: NON_FINITE[value["value"]],
    "series": _series,
    "tuple": lambda value: tuple(from_plain(item) for item in value["items"]),
}
