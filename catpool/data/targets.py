"""The target y as columns of numbers, each with its kind and the family of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

LARGEST, SMALLEST = 1e100, 1e-100  # squares of what is beyond overflow or underflow
MANY_CLASSES = 20


@dataclass(frozen=True)
class TargetKind:
    """What a target may be, as ``target_type`` names it.

    Parameters
    ----------
    name : str
    family : str
        The family of its rows, unless the user asks for another one.
    classes : bool, default=False
        Whether its values are labels rather than numbers.
    whole : bool, default=False
        Whether its numbers are whole, so that their sums are exact.
    has_exposure : bool, default=False
        Whether its numbers may be counts per exposure.
    check : callable, optional
        Given the numbers, of shape (n,), it raises a ValueError where they cannot be such a target.
    """

    name: str
    family: str
    classes: bool = False
    whole: bool = False
    has_exposure: bool = False
    check: Callable[[np.ndarray], None] | None = None


def _check_counts(numbers: np.ndarray) -> None:
    if (numbers < 0).any() or (numbers != np.rint(numbers)).any():
        raise ValueError(
            'y must hold counts, the integers 0, 1, 2, ..., for target_type="count". '
            'Pass target_type="continuous" for other numbers.'
        )


TARGET_KINDS = {
    kind.name: kind
    for kind in (
        TargetKind("continuous", "normal"),
        TargetKind("binary", "binomial", classes=True, whole=True),
        TargetKind("multiclass", "binomial", classes=True, whole=True),
        TargetKind("count", "poisson", whole=True, has_exposure=True, check=_check_counts),
    )
}


class TargetFamily(Protocol):
    """What readers of y and of weights ask of a family of distributions."""

    @property
    def name(self) -> str: ...

    @property
    def assumed(self) -> str:
        """The kind of y for ``target_type="auto"``; "classes" stands for "binary" or "multiclass"."""
        ...

    @property
    def homoscedastic(self) -> bool:
        """Whether all rows have one variance, whatever their mean."""
        ...

    def goes_with(self, kind: str) -> bool: ...


@dataclass(frozen=True)
class Target:
    """One output of y.

    Parameters
    ----------
    name : str or None
        None for an only output.
    kind : str
        A key of `TARGET_KINDS`.
    family : str
        The name of the family of its rows.
    values : ndarray of shape (n,)
        Numbers; for classes, their positions in `classes`.
    classes : ndarray or None
    """

    name: str | None
    kind: str
    family: str
    values: np.ndarray
    classes: np.ndarray | None = None

    @property
    def names(self) -> list[str | None]:
        """The names of its columns, None for an only one."""
        if not self.has_class_columns or self.classes is None:
            return [self.name]
        return [str(label) if self.name is None else f"{self.name}_{label}" for label in self.classes]

    @property
    def has_class_columns(self) -> bool:
        """Whether it has a column for each class."""
        return self.kind == "multiclass"

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole, so that their sums are exact."""
        return TARGET_KINDS[self.kind].whole

    def columns(self) -> Iterator[np.ndarray]:
        """The numbers to take means of, of shape (n,), one array after the other."""
        if self.has_class_columns:
            for label in range(len(self.names)):
                yield (self.values == label).astype(float)
        else:
            yield self.values.astype(float, copy=False)


def read_targets(y: Any, target_type: str, family: TargetFamily | None = None) -> list[Target]:
    """Read y, of shape (n,) or (n, outputs).

    Parameters
    ----------
    y : Any
    target_type : str
        "auto", or a key of `TARGET_KINDS`.
    family : TargetFamily, optional
        The family that the user has chosen. By default each kind has its own. It also tells the kind where
        `target_type` is "auto".

    Raises
    ------
    ValueError
        For missing or infinite values, and where y is not of the kind asked for.
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
    # numpy would turn a list of numbers and strings into strings, its missing values too
    array = np.array(y, dtype=object) if isinstance(y, list | tuple) else np.asarray(y)
    if array.dtype.kind == "V":
        raise ValueError(f"y must hold one value a row, but its values are records, {array.dtype}. Pass one field.")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_output(name: str | None, values: pd.Series, target_type: str, family: TargetFamily | None) -> Target:
    values = _inferred(values)
    if values.dtype.kind in "mMc" or isinstance(values.dtype, pd.PeriodDtype):
        real = "Complex data not supported: y" if values.dtype.kind == "c" else "y"
        raise ValueError(f"{real} must hold numbers or classes, but its values are {values.dtype}. Convert it.")
    if not isinstance(values.dtype, np.dtype) or values.dtype.kind not in "fiub":
        _refuse_missing(values)
    with _comparable():
        kind = TARGET_KINDS[_kind(values, family) if target_type == "auto" else target_type]
        of_rows = _family(kind, family)
        if kind.classes:
            return _read_classes(name, values, kind, of_rows)
    return _read_numbers(name, values, kind, of_rows)


def _family(kind: TargetKind, chosen: TargetFamily | None) -> str:
    if chosen is not None and chosen.name != kind.family and not chosen.goes_with(kind.name):
        raise ValueError(
            f'family="{chosen.name}" does not go with a {kind.name} target, whose own family is "{kind.family}". Pass '
            'family="auto" or "normal", or another `target_type`.'
        )
    return kind.family if chosen is None else chosen.name


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
            f"The classes of y must be hashable and of one type, so that they can be sorted ({error}). "
            "Convert them all to strings."
        ) from error


def _refuse_missing(values: pd.Series) -> None:
    if values.isna().any():
        raise ValueError("y must have no missing values, but it contains NaN. Drop the rows without a target.")


def _is_number(values: pd.Series) -> bool:
    dtype = values.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def _kind(values: pd.Series, family: TargetFamily | None) -> str:
    """The kind of a target for ``target_type="auto"``."""
    if not _is_number(values) or (family is not None and family.assumed == "classes"):
        return "multiclass" if values.nunique() > 2 else "binary"
    if family is not None:
        return family.assumed
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


def _read_numbers(name: str | None, values: pd.Series, kind: TargetKind, family: str) -> Target:
    if not (_is_number(values) or pd.api.types.is_bool_dtype(values.dtype)):
        raise ValueError(
            f'y must be numeric for target_type="{kind.name}", but its values are {values.dtype}. '
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
    if kind.check is not None:
        kind.check(numbers)
    return Target(name, kind.name, family, numbers)


def _read_classes(name: str | None, values: pd.Series, kind: TargetKind, family: str) -> Target:
    _refuse_missing(values)
    codes, labels = pd.factorize(values.to_numpy(), sort=True)
    classes = np.asarray(labels)
    if classes.dtype.kind == "f" and np.isinf(classes).any():
        raise ValueError("The classes of y must be finite, but they contain infinity. Drop these rows.")
    if kind.name == "binary":
        if len(classes) > 2:
            raise ValueError(
                f'y must take two values for target_type="binary", but it takes {len(classes)}. '
                'Pass target_type="multiclass" or "continuous".'
            )
        if len(classes) == 1 and classes[0] == 1:  # all rows are 1, so the absent class is 0
            return Target(name, kind.name, family, codes + 1, np.array([0, 1], dtype=classes.dtype))
    return Target(name, kind.name, family, codes, classes)
