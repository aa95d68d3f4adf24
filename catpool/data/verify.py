"""Checks of what was read from files, which may be damaged or forged."""

from __future__ import annotations

from typing import Any

import numpy as np


def require(holds: object, what: str) -> None:
    """Raise a ValueError that names what a file holds, unless the condition holds."""
    if not holds:
        raise ValueError(f"it holds {what}")


def require_numbers(shape: tuple[int, ...], least: float = -np.inf, **arrays: Any) -> None:
    """Require arrays of numbers of this shape, none of them below `least`; NaN and None are not looked at."""
    for name, array in arrays.items():
        if array is not None:
            require(np.asarray(array).dtype.kind in "iuf", f"`{name}` that is not numbers")
            require(np.shape(array) == shape, f"`{name}` of shape {np.shape(array)} where {shape} is due")
            require(not np.any(np.asarray(array) < least), f"`{name}` below {least:g}")


def require_one_of(known: Any, **values: Any) -> None:
    """Require that each value, or each item of a tuple, is a known one."""
    for name, value in values.items():
        absent = [item for item in (value if isinstance(value, tuple) else (value,)) if item not in known]
        require(not absent, f"`{name}` {absent}, but it must be of {list(known)}")


def require_labels(labels: list[Any]) -> None:
    """Require different labels that are hashable."""
    try:
        different = len(set(labels)) == len(labels)
    except TypeError as error:
        raise ValueError(f"it holds labels of columns that are not hashable ({error})") from error
    require(different, f"labels of columns that occur twice: {labels}")
