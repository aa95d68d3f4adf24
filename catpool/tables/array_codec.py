"""Arrays as dictionaries of dtype, shape and values, and back; only dtypes of bounded size are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from catpool.tables.scalars import Plain, float_from_plain, float_to_plain

NUMBERS: dict[Any, set[type]] = {
    "bool": {bool},
    **{f"{sign}int{bits}": {int} for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": {float, int, str} for bits in (16, 32, 64)},
}  # by dtype: the types of values in JSON
DATES = re.compile(r"(datetime64|timedelta64)\[[1-9]?\d{0,5}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\]")
MOST_AXES = 8
LONGEST = 16  # times the mean length that the longest string of a large array may have, as each takes its memory
LARGE = 1 << 26  # characters


def array_to_plain(array: np.ndarray | np.generic, to_plain: Callable[[Any], Any]) -> Plain:
    """Convert an array or a numpy scalar; `to_plain` converts the items of an array of objects."""
    native = np.asarray(array).astype(array.dtype.newbyteorder("="), copy=False)
    flat, kind = native.ravel(), native.dtype.kind
    dtype = "str" if kind == "U" else str(native.dtype)
    values: list[Any]
    if kind == "f" and dtype in NUMBERS:
        values = flat.astype(float).tolist()
        values = values if np.isfinite(flat).all() else [float_to_plain(value) for value in values]
    elif kind in "mM" and DATES.fullmatch(dtype):
        values = flat.view(np.int64).tolist()
    elif kind == "O":
        values = [to_plain(value) for value in flat.tolist()]
    elif kind == "U" or dtype in NUMBERS:
        values = flat.tolist()
    else:
        raise TypeError(f"an array of dtype {dtype}")
    if isinstance(array, np.generic) and kind != "f" and array != array:
        raise TypeError(f"{array!r}")  # which would not be found again in a tuple, because it equals nothing
    scalar = {"scalar": True} if isinstance(array, np.generic) else {}
    return {"type": "array", "dtype": dtype, "shape": list(array.shape), "values": values, **scalar}


def array_from_plain(value: Plain, from_plain: Callable[[Any], Any]) -> Any:
    """Convert an array or a numpy scalar back, or raise an error."""
    values, shape = value["values"], _read_shape(value["shape"], len(value["values"]))
    array = _read_values(values, value["dtype"], from_plain).reshape(shape)
    return array[()] if value.get("scalar") is True and not shape else array


def _read_shape(shape: Any, size: int) -> tuple[int, ...]:
    if not isinstance(shape, list) or len(shape) > MOST_AXES or any(type(axis) is not int for axis in shape):
        raise ValueError(f"{shape!r} is not the shape of an array")
    if any(not 0 <= axis < 1 << 31 for axis in shape) or math.prod(shape) != size:
        raise ValueError(f"an array of shape {shape} has {size} values")
    return tuple(shape)


def _read_values(values: Any, dtype: Any, from_plain: Callable[[Any], Any]) -> np.ndarray:
    """A flat array of these values, whose types must be those of the dtype."""
    if dtype == "object" and isinstance(values, list):
        return np.fromiter((from_plain(item) for item in values), dtype=object, count=len(values))
    dated = isinstance(dtype, str) and DATES.fullmatch(dtype)
    types = {str} if dtype == "str" else {int} if dated else NUMBERS.get(dtype, set[type]())
    found: set[type] = set(map(type, values)) if isinstance(values, list) else {type(values)}
    if not types or not found <= types:
        names = sorted(each.__name__ for each in found)
        raise ValueError(f"an array of dtype {dtype!r} cannot hold values of the types {names}")
    if dtype == "str":
        _refuse_bombs(values)
    if str in found and dtype != "str":
        values = [float_from_plain(item) if isinstance(item, str) else item for item in values]
    return np.array(values, dtype=np.int64).view(dtype) if dated else np.array(values, dtype=dtype)


def _refuse_bombs(strings: list[str]) -> None:
    """Refuse strings of which one is so long that an array of them takes far more memory than they do."""
    size = len(strings) * max(map(len, strings), default=0)
    if size > LARGE and size > LONGEST * sum(map(len, strings)):
        raise ValueError(f"an array of strings would take {4 * size} bytes")
