"""Whether the fields of a dataclass have the types of their annotations, for objects that come from files."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from catpool.data.verify import require
from catpool.tables.scalars import BOUND

Own = TypeVar("Own")


def checked(found: Own) -> Own:
    """The object itself, if its fields have the types of their annotations and it can verify that they fit together."""
    _check_fields(found)
    if hasattr(found, "verify"):
        found.verify()
    return found


def _check_fields(found: Any) -> None:
    hints = _hints(type(found))  # type: ignore[arg-type]
    for field in fields(found):
        value = getattr(found, field.name)
        what = f"a {type(value).__name__} as `{field.name}` of {type(found).__name__}, which is a {field.type}"
        require(_fits(value, hints[field.name]), what)


@cache
def _hints(own: type) -> dict[str, Any]:
    return get_type_hints(own)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value has the type of an annotation."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is not None:
        return isinstance(value, origin) and _holds(value, origin, parts)
    if hint in (int, float):
        number = isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
        return number and (not isinstance(value, int) or -BOUND < value < BOUND)
    if hint is bool:
        return isinstance(value, bool | np.bool_)
    return isinstance(value, np.ndarray | np.generic if hint is np.ndarray else hint)


def _holds(value: Any, origin: Any, parts: tuple[Any, ...]) -> bool:
    """Whether the items of a list, dictionary or tuple have the types of its annotation."""
    if origin is dict:
        return all(_fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items())
    if origin is tuple and parts[-1] is not Ellipsis:
        return len(value) == len(parts) and all(map(_fits, value, parts))
    return all(_fits(item, parts[0]) for item in value)
