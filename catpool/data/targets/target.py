"""`Target`: the outputs of y as columns of numbers, each with its kind and family of distributions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.factorize import factorize_each
from catpool.data.frames.backends import unmask
from catpool.data.frozen import frozen
from catpool.data.plain import as_series
from catpool.data.targets.target_family import TargetFamily
from catpool.data.targets.target_kinds import TARGET_KINDS, TargetKind
from catpool.data.verify import require, require_numbers, require_one_of

LARGEST, SMALLEST = 1e100, 1e-100  # squares of targets beyond these overflow or underflow
DOUBTFUL = 50  # rows from which few distinct whole numbers are no chance
MANY_CLASSES = 20  # integers of more distinct values may as well be numbers


@frozen
class Target:
    """One output of y, or the ranges of one.

    Parameters
    ----------
    name : str or None
        None if y has only one output.
    kind : str
        A key of `TARGET_KINDS`.
    family : str
        The name of the family of distributions of the rows.
    values : ndarray of shape (n,)
        Numbers. For classes, the positions in `classes`.
    classes : ndarray or None
        The sorted classes.
    shares : bool, default=False
        Whether the classes are ranges of another target.
    """

    name: str | None
    kind: str
    family: str
    values: np.ndarray
    classes: np.ndarray | None = None
    shares: bool = False

    @property
    def names(self) -> list[str | None]:
        """The name of each column that means are taken of; None if there is only one."""
        if not self.has_class_columns or self.classes is None:
            return [self.name]
        return [str(label) if self.name is None else f"{self.name}_{label}" for label in self.classes]

    @property
    def has_class_columns(self) -> bool:
        """Whether there is a column for each class, and not only for the second of two."""
        return TARGET_KINDS[self.kind].by_class

    @property
    def whole(self) -> bool:
        """Whether the numbers are integers, whose sums are exact."""
        return TARGET_KINDS[self.kind].whole

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a target."""
        require_one_of(TARGET_KINDS, kind=self.kind)
        kind, classes = TARGET_KINDS[self.kind], self.classes
        require(kind.classes == (classes is not None), "a target without its classes, or with classes of numbers")
        require(classes is None or (classes.ndim == 1 and len(classes)), "classes that are not a list")
        require(kind.by_class or classes is None or len(classes) <= 2, "more than two classes of a binary target")
        require_numbers((0,), values=self.values)

    def columns(self) -> Iterator[np.ndarray]:
        """Iterate over the columns that means are taken of, arrays of shape (n,)."""
        if not self.has_class_columns:
            return iter([self.values.astype(float, copy=False)])
        return ((self.values == label).astype(float) for label in range(len(self.names)))

    @cached_property
    def rising(self) -> np.ndarray:
        """The rows in the order of their values, equal ones in their own order; sorted once for all columns of X."""
        return np.argsort(self.values, kind="stable")

    @cached_property
    def rising_values(self) -> np.ndarray:
        """The values in rising order, as floats."""
        return self.values[self.rising].astype(float, copy=False)


def read_targets(y: Any, target_type: str, family: TargetFamily | None = None) -> list[Target]:
    """Read y, of shape (n,) or (n, outputs).

    Parameters
    ----------
    y : Any
    target_type : str
        "auto", or a key of `TARGET_KINDS`.
    family : TargetFamily, optional
        The family that the user has chosen. By default each kind has its own. If `target_type` is "auto", it also
        determines the kind.

    Raises
    ------
    ValueError
        For missing or infinite values, and if y is not of the kind asked for.
    """
    if y is None:
        raise ValueError("An encoder requires y to be passed, but the target y is None. Pass one target for each row.")
    return [read_named(name, values, target_type, family) for name, values in split_outputs(y)]


def split_outputs(y: Any) -> list[tuple[str | None, pd.Series]]:
    """Split y into its outputs with their names; None is the name of an output that is the only one."""
    if not isinstance(y, pd.Series | pd.DataFrame):
        y = y.to_pandas() if hasattr(y, "to_pandas") else _array(y)
    if y.ndim == 1:
        return [(None, as_series(y))]
    if y.ndim != 2 or y.shape[1] == 0:
        raise ValueError(f"y must have the shape (n,) or (n, outputs), but it has the shape {y.shape}. Reshape it.")
    frame = pd.DataFrame(y, copy=False)
    if frame.shape[1] == 1:
        return [(None, frame.iloc[:, 0])]
    return [(str(name), frame.iloc[:, position]) for position, name in enumerate(frame.columns)]


def _array(y: Any) -> np.ndarray:
    # numpy.asarray would convert a list of numbers, strings and missing values to strings
    array = np.array(y, dtype=object) if isinstance(y, list | tuple) else np.asarray(unmask(y))
    if array.dtype.kind == "V":
        raise ValueError(
            f"y must hold one value for each row, but its values are records of dtype {array.dtype}. Pass one field."
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_named(name: str | None, values: pd.Series, target_type: str, family: TargetFamily | None) -> Target:
    try:
        return _read_output(name, values, target_type, family)
    except ValueError as error:
        if name is None:
            raise
        raise ValueError(f"In the output {name!r} of y: {error}") from error


def _read_output(name: str | None, values: pd.Series, target_type: str, family: TargetFamily | None) -> Target:
    values = _infer_numbers(values)
    if values.dtype.kind in "mMc" or isinstance(values.dtype, pd.PeriodDtype):
        subject = "Complex data not supported: y" if values.dtype.kind == "c" else "y"  # as scikit-learn's checks ask
        raise ValueError(f"{subject} must hold numbers or classes, but its dtype is {values.dtype}. Convert it.")
    if not isinstance(values.dtype, np.dtype) or values.dtype.kind not in "fiub":
        _refuse_missing(values)
    with _comparable():
        kind = TARGET_KINDS[_infer_kind(values, family) if target_type == "auto" else target_type]
        if target_type == "auto" and family is None and _is_number(values):
            _warn_of_ambiguity(name, values, kind.name)
        family_name = _choose_family(kind, family)
        if kind.classes:
            return _read_classes(name, values, kind, family_name)
    return _read_numbers(name, values, kind, family_name)


def _choose_family(kind: TargetKind, chosen: TargetFamily | None) -> str:
    if chosen is not None and chosen.name != kind.family and not chosen.goes_with(kind.name):
        raise ValueError(
            f'family="{chosen.name}" does not go with a {kind.name} target, whose own family is "{kind.family}". Pass '
            'family="auto" or "normal", or another `target_type`.'
        )
    return kind.family if chosen is None else chosen.name


def _infer_numbers(values: pd.Series) -> pd.Series:
    """Convert Python objects to numbers if all of them are numbers."""
    if values.dtype != object:
        return values
    kind = pd.api.types.infer_dtype(values, skipna=False)
    if kind == "string":  # not every string has a type of pandas
        return values
    return values.astype(float) if kind in ("decimal", "mixed-integer-float") else values.infer_objects()


@contextmanager
def _comparable() -> Iterator[None]:
    try:
        yield
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            f"The classes of y must be hashable and of one type, to be sorted ({error}). Convert them all to strings."
        ) from error


def _refuse_missing(values: pd.Series) -> None:
    if values.isna().any():
        raise ValueError("y must have no missing values, but it contains NaN. Drop the rows without a target.")


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def _infer_kind(values: pd.Series, family: TargetFamily | None) -> str:
    """Infer the kind of a target for ``target_type="auto"``."""
    if not _is_number(values) or (family is not None and family.assumed == "classes"):
        return "multiclass" if values.nunique() > 2 else "binary"
    if family is not None:
        return family.assumed
    if pd.api.types.is_float_dtype(values.dtype):
        return "binary" if _takes_two_integers(values.to_numpy(dtype=float)) else "continuous"
    distinct = values.nunique()
    if distinct > MANY_CLASSES:
        raise ValueError(
            f"y holds integers of {distinct} distinct values, which may be numbers, counts or classes. "
            'Pass target_type="continuous", "count" or "multiclass".'
        )
    return "multiclass" if distinct > 2 else "binary"


def _warn_of_ambiguity(name: str | None, values: pd.Series, kind: str) -> None:
    """Warn of whole numbers that may be something else than they are taken for, such as ratings from 1 to 5."""
    distinct = _few_whole_numbers(values)
    numbered = kind == "multiclass" and np.array_equal(distinct, np.arange(len(distinct)))  # as label encoders do
    if len(values) < DOUBTFUL or len(distinct) < 3 or numbered:
        return
    taken, other = ("classes", "continuous") if kind == "multiclass" else ("numbers", "multiclass")
    subject = "y" if name is None else f"The output {name!r} of y"
    warnings.warn(
        f"{subject} holds {len(distinct)} different whole numbers from {distinct[0]:g} to {distinct[-1]:g} and is "
        f'taken for {taken}. Pass target_type="{kind}" to say so, or target_type="{other}" or "count".',
        UserWarning,
        stacklevel=2,
    )


def _few_whole_numbers(values: pd.Series) -> np.ndarray:
    """The sorted distinct values of at most 20 whole numbers; none if there are others."""
    head = values.iloc[:1000].to_numpy(dtype=float)
    if not (np.isfinite(head).all() and (head == np.rint(head)).all()) or len(np.unique(head)) > MANY_CLASSES:
        return np.empty(0)
    numbers = np.unique(values.to_numpy(dtype=float))
    whole = len(numbers) <= MANY_CLASSES and np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
    return numbers if whole else np.empty(0)


def _takes_two_integers(values: np.ndarray) -> bool:
    """Whether floats take only two values, both integers, as classes that were converted to floats do."""
    head = np.unique(values[:1000])  # which spares sorting all values in most cases
    distinct = head if len(head) > 2 else np.unique(values)
    return len(distinct) == 2 and bool((distinct == np.rint(distinct)).all())


def _read_numbers(name: str | None, values: pd.Series, kind: TargetKind, family: str) -> Target:
    if not (_is_number(values) or pd.api.types.is_bool_dtype(values.dtype)):
        raise ValueError(
            f'y must be numeric for target_type="{kind.name}", but its dtype is {values.dtype}. '
            'Pass numbers, or target_type="binary" or "multiclass" for classes.'
        )
    numbers = values.to_numpy(dtype=float)
    largest = max(numbers.max(initial=0), -numbers.min(initial=0))
    if not (largest == 0 or SMALLEST < largest < LARGEST):
        _refuse_missing(values)
        raise ValueError(
            f"y must be finite, and its largest magnitude between {SMALLEST:g} and {LARGEST:g}, but it is {largest} "
            f"({'infinity' if np.isinf(largest) else 'out of range'}). Drop such rows or rescale y."
        )
    if kind.check is not None:
        kind.check(numbers)
    return Target(name, kind.name, family, numbers)


def _read_classes(name: str | None, values: pd.Series, kind: TargetKind, family: str) -> Target:
    _refuse_missing(values)
    codes, labels = factorize_each(values.to_numpy(), sort=True)
    classes = np.asarray(labels)
    if classes.dtype.kind == "f" and np.isinf(classes).any():
        raise ValueError("The classes of y must be finite, but they contain infinity. Drop these rows.")
    if not kind.by_class:
        if len(classes) > 2:
            raise ValueError(
                f'y must take two values for target_type="{kind.name}", but it has {len(classes)}. '
                'Pass target_type="multiclass" or "continuous".'
            )
        if len(classes) == 1 and classes[0] == 1:  # the class without rows is 0 then
            return Target(name, kind.name, family, codes + 1, np.array([0, 1], dtype=classes.dtype))
    return Target(name, kind.name, family, codes, classes)
