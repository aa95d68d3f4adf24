"""The door for y: a target as numbers, one column an output or class, each with its family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from catpool.priors.family import FAMILIES, Family

LARGEST, SMALLEST = 1e100, 1e-100  # squares of what is beyond overflow or underflow
MANY_CLASSES = 20


@dataclass(frozen=True)
class Target:
    """One output of y.

    Parameters
    ----------
    name : str or None
        None for an only output.
    kind : {"continuous", "binary", "multiclass", "count"}
    family : Family
    values : ndarray of shape (n,)
        Numbers; for classes, their positions in `classes`.
    classes : ndarray or None
    """

    name: str | None
    kind: str
    family: Family
    values: np.ndarray
    classes: np.ndarray | None = None

    @property
    def names(self) -> list[str | None]:
        """What the columns are called, None for an only one."""
        if self.kind != "multiclass" or self.classes is None:
            return [self.name]
        return [str(label) if self.name is None else f"{self.name}_{label}" for label in self.classes]

    def columns(self) -> Iterator[np.ndarray]:
        """The numbers whose mean is wanted, of shape (n,), one array after the other."""
        if self.kind == "multiclass":
            for label in range(len(self.names)):
                yield (self.values == label).astype(float)
        else:
            yield self.values.astype(float, copy=False)


KIND_OF_FAMILY = {"normal": "continuous", "poisson": "count"}
FAMILY_OF_KIND = {"continuous": "normal", "count": "poisson", "binary": "binomial", "multiclass": "binomial"}


def read_targets(y: Any, target_type: str, family: str = "auto") -> list[Target]:
    """Open y, of shape (n,) or (n, outputs).

    Parameters
    ----------
    y : Any
    target_type : {"auto", "continuous", "binary", "multiclass", "count"}
    family : {"auto", "normal", "binomial", "poisson"}, default="auto"
        The normal family goes with every type, the others with their own. It also tells the type where that is
        "auto".

    Raises
    ------
    ValueError
        For missing or infinite values, and where y is not of the type asked for.
    """
    if y is None:
        raise ValueError("An encoder requires y to be passed, but the target y is None. Pass the target of each row.")
    outputs = _outputs(y)
    return [_read_output(name, values, target_type, family) for name, values in outputs]


def _outputs(y: Any) -> list[tuple[str | None, pd.Series]]:
    """The outputs of y by name, the only one without."""
    if not isinstance(y, pd.Series | pd.DataFrame):
        y = y.to_pandas() if hasattr(y, "to_pandas") else _array(y)
    if y.ndim == 1:
        return [(None, pd.Series(y, copy=False))]
    if y.ndim != 2 or y.shape[1] == 0:
        raise ValueError(f"y must have the shape (n,) or (n, outputs), but it has the shape {y.shape}.")
    frame = pd.DataFrame(y, copy=False)
    if frame.shape[1] == 1:
        return [(None, frame.iloc[:, 0])]
    return [(str(name), frame.iloc[:, position]) for position, name in enumerate(frame.columns)]


def _array(y: Any) -> np.ndarray:
    # A list of numbers and strings would else become strings, its missing values too.
    array = np.array(y, dtype=object) if isinstance(y, list | tuple) else np.asarray(y)
    if array.dtype.kind == "V":
        raise ValueError(f"y must hold one value a row, but its values are records, {array.dtype}. Pass one field.")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_output(name: str | None, values: pd.Series, target_type: str, family: str) -> Target:
    values = _inferred(values)
    if values.dtype.kind in "mMc" or isinstance(values.dtype, pd.PeriodDtype):
        real = "Complex data not supported: y" if values.dtype.kind == "c" else "y"
        raise ValueError(f"{real} must hold numbers or classes, but its values are {values.dtype}. Convert it.")
    if not isinstance(values.dtype, np.dtype) or values.dtype.kind not in "fiub":
        _refuse_missing(values)
    with _comparable():
        kind = _kind(values, family) if target_type == "auto" else target_type
        law = FAMILIES[_law(kind, family)]
        if kind in ("binary", "multiclass"):
            return _read_classes(name, values, kind, law)
    return _read_numbers(name, values, kind, law)


def _law(kind: str, family: str) -> str:
    own = FAMILY_OF_KIND[kind]
    if family not in ("auto", "normal", own):
        raise ValueError(
            f'family="{family}" does not go with a {kind} target, whose families are "{own}" and "normal". '
            "Pass one of these, or another `target_type`."
        )
    return own if family == "auto" else family


def _inferred(values: pd.Series) -> pd.Series:
    """Numbers as numbers, where they came as Python objects."""
    if values.dtype != object:
        return values
    if pd.api.types.infer_dtype(values, skipna=False) in ("decimal", "mixed-integer-float"):
        return values.astype(float)
    return values.infer_objects()


@contextmanager
def _comparable() -> Iterator[None]:
    try:
        yield
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            f"The classes of y must be hashable and of one sort, so that they have an order ({error}). "
            "Turn them all into strings."
        ) from error


def _refuse_missing(values: pd.Series) -> None:
    if values.isna().any():
        raise ValueError("y must have no missing values, but it contains NaN. Drop the rows without a target.")


def _is_number(values: pd.Series) -> bool:
    dtype = values.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def _kind(values: pd.Series, family: str) -> str:
    if not _is_number(values) or family == "binomial":
        return "multiclass" if values.nunique() > 2 else "binary"
    if family != "auto":
        return KIND_OF_FAMILY[family]
    if pd.api.types.is_float_dtype(values.dtype):
        return "binary" if _takes_two_integers(values.to_numpy(dtype=float)) else "continuous"
    distinct = values.nunique()
    if distinct > MANY_CLASSES:
        raise ValueError(
            f"y holds integers with {distinct} distinct values, which may be numbers, counts or classes. "
            'Say which: target_type="continuous", "count" or "multiclass".'
        )
    return "multiclass" if distinct > 2 else "binary"


def _takes_two_integers(values: np.ndarray) -> bool:
    """Whether floats are labels in disguise, as 0.0 and 1.0 are."""
    if len(np.unique(values[:1000])) > 2:
        return False
    distinct = np.unique(values)
    return len(distinct) == 2 and bool((distinct == np.rint(distinct)).all())


def _read_numbers(name: str | None, values: pd.Series, kind: str, family: Family) -> Target:
    if not (_is_number(values) or pd.api.types.is_bool_dtype(values.dtype)):
        raise ValueError(
            f'y must be numeric for target_type="{kind}", but its values are {values.dtype}. '
            'Pass numbers, or target_type="binary" or "multiclass" for classes.'
        )
    numbers = values.to_numpy(dtype=float)
    largest = max(numbers.max(initial=0), -numbers.min(initial=0))
    if not (largest == 0 or SMALLEST < largest < LARGEST):
        _refuse_missing(values)
        raise ValueError(
            f"y must be finite, and its largest value between {SMALLEST:g} and {LARGEST:g}, but that is {largest} "
            f"({'infinity' if np.isinf(largest) else 'out of range'}). Drop such rows or rescale y."
        )
    if kind == "count" and ((numbers < 0).any() or (numbers != np.rint(numbers)).any()):
        raise ValueError(
            'y must hold counts, the integers 0, 1, 2, ..., for target_type="count". '
            'Pass target_type="continuous" for other numbers.'
        )
    return Target(name, kind, family, numbers)


def _read_classes(name: str | None, values: pd.Series, kind: str, family: Family) -> Target:
    _refuse_missing(values)
    codes, labels = pd.factorize(values.to_numpy(), sort=True)
    classes = np.asarray(labels)
    if classes.dtype.kind == "f" and np.isinf(classes).any():
        raise ValueError("The classes of y must be finite, but they contain infinity. Drop these rows.")
    if kind == "binary":
        if len(classes) > 2:
            raise ValueError(
                f'y must take two values for target_type="binary", but it takes {len(classes)}. '
                'Pass target_type="multiclass" or "continuous".'
            )
        if len(classes) == 1 and classes[0] == 1:  # all ones: the other class is nought
            return Target(name, kind, family, codes + 1, np.array([0, 1], dtype=classes.dtype))
    return Target(name, kind, family, codes, classes)
