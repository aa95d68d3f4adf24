"""What the golden cases share: names that may change, and results as plain numbers by name.

Where the library renames a value of a parameter, or changes what kind of table comes out, only this file changes.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
import pandas as pd

RARE = {"crossfit": "rare"}  # only categories of few rows are encoded out of fold
EACH_OUTPUT = ["mean", "sd", "reliability", "count", "size", "code"]
OUTPUTS_OF_PAST = [output for output in EACH_OUTPUT if output != "size"]  # which EarlierRows refuses
OUTPUTS_OF_LEVELS = ["mean", "sd", "reliability", "count", "code"]
OUTPUTS_OF_EFFECTS = ["mode", "sd", "count", "fixed", "prediction"]
RELATIVE, ABSOLUTE = 1e-9, 1e-12

Numbers = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """Something to compute.

    Parameters
    ----------
    name : str
        Parts with slashes between; the first is its group.
    run : callable
        Gives arrays of floats by name.
    needs : tuple of str
        Optional packages.
    own_engine : bool
        Whether it depends on an engine's own hash, so that another version of the engine gives other numbers.
    relative : float
        How far values may be off.
    """

    name: str
    run: Callable[[], Numbers]
    needs: tuple[str, ...] = ()
    own_engine: bool = False
    relative: float = RELATIVE

    @property
    def group(self) -> str:
        return self.name.split("/")[0]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what is expected: rows in no fold, training rows, searches that end before they have converged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def columns_of(out: Any, names: Sequence[str]) -> dict[str, Any]:
    """The columns of whatever container came out, by name."""
    if hasattr(out, "collect"):  # of polars, lazy
        out = out.collect()
    if hasattr(out, "fetchall"):  # of DuckDB
        out = out.df()
    if isinstance(out, np.ndarray):
        assert out.shape[1] == len(names)
        return dict(zip(names, out.T, strict=True))
    found = list(getattr(out, "column_names", None) or out.columns)  # pyarrow calls them otherwise
    assert found == list(names), f"{found} came out, and {list(names)} are named"
    return {name: out[name] for name in names}


def floats(column: Any) -> np.ndarray | None:
    """A column as floats, missing values as NaN; None where it holds something else."""
    if hasattr(column, "to_numpy") and not isinstance(column, pd.Series):
        column = column.to_numpy()  # of polars or pyarrow
    series = pd.Series(column)
    if series.dtype == object:
        series = series.infer_objects()
    if not pd.api.types.is_numeric_dtype(series.dtype):
        return None
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def features(encoder: Any, out: Any, prefix: str, *, order_by: str | None = None) -> Numbers:
    """The numeric features by name, the rows in the order of a column where the container has none of its own."""
    names = encoder.get_feature_names_out().tolist()
    numbers = {name: floats(column) for name, column in columns_of(out, names).items()}
    order = None if order_by is None else np.argsort(numbers[order_by])
    return {
        f"{prefix}/{name}": values if order is None else values[order]
        for name, values in numbers.items()
        if values is not None
    }


def numeric(frame: pd.DataFrame, prefix: str) -> Numbers:
    """The numeric columns of a frame by name."""
    columns = {name: floats(frame[name]) for name in frame}
    return {f"{prefix}/{name}": values for name, values in columns.items() if values is not None}


def weighted_sum(values: np.ndarray) -> tuple[float, float]:
    """A sum that tells if any value changes, and how large its parts are; of finite values."""
    parts = np.where(np.isfinite(values), values, 0.0) * (1 + np.arange(len(values)) % 7)
    return fsum(parts), fsum(np.abs(parts))


def sketch(values: np.ndarray) -> str:
    """An array in short: length, missing values, the first three values and the last, and a sum."""
    few = [*values[:3], *values[-1:]]
    numbers = [float(value).hex() for value in [*few, weighted_sum(values)[0]]]
    return " ".join([str(len(values)), str(int(np.isnan(values).sum())), *numbers])


def differences(values: np.ndarray, golden: str, relative: float) -> str:
    """What an array differs by from its sketch, beyond the tolerance; nothing where it does not."""
    length, missing, *numbers = golden.split(" ")
    if (len(values), int(np.isnan(values).sum())) != (int(length), int(missing)):
        return f"{len(values)} values, {int(np.isnan(values).sum())} missing; not {length}, {missing}"
    *few, total = [float.fromhex(number) for number in numbers]
    now = np.array([*values[:3], *values[-1:]])
    worst = ""
    with np.errstate(invalid="ignore"):
        off = np.abs(now - few)
    far = ~((now == few) | (np.isnan(now) & np.isnan(few)) | (off <= ABSOLUTE + relative * np.abs(few)))
    if far.any():
        place = int(np.argmax(np.where(far, np.nan_to_num(off, nan=np.inf), -1.0)))
        worst = f"{now[place]!r} instead of {few[place]!r}, off by {off[place]:.1e}; "
    own, scale = weighted_sum(values)
    if abs(own - total) > ABSOLUTE * len(values) + relative * scale:
        worst += f"weighted sum off by {abs(own - total):.1e}, of {scale:.1e}"
    return worst
