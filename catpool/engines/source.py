"""Tables whose rows stay where they are: a GROUP BY brings home sums, a JOIN takes back encodings.

narwhals speaks to all of them (polars LazyFrame, DuckDB, PySpark, Ibis).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.categories import Vocabulary
from catpool.data.frames import Frame, read_frame
from catpool.data.targets import MANY_CLASSES, Target, read_targets
from catpool.engines.checks import row_of
from catpool.engines.dispatch import taken_in
from catpool.moments.moments import Moments

COUNT, ROWS, TOTAL, SQUARE, FEATURE = (f"catpool_{name}" for name in ("count", "rows", "total_", "square_", "feature_"))
FOLD = "catpool_fold"  # what a column of hashed keys is called


@dataclass(frozen=True)
class Source:
    """A lazy table, and what its columns are.

    Parameters
    ----------
    frame : narwhals.LazyFrame
    target : Target
        Without values.
    y : str
    weight, exposure, fold : str or None
        Columns of weights, of exposures and of folds.
    precision : bool
        Whether weights are precisions.
    mean : float
        Of the target; distances from it lose fewer digits.
    """

    frame: Any
    target: Target
    y: str
    weight: str | None
    exposure: str | None
    fold: str | None
    precision: bool
    mean: float

    @property
    def center(self) -> float:
        return 0.0 if self.target.whole else self.mean

    def sums(self, columns: Sequence[str]) -> Frame:
        """Sums over the rows of each category, or of each combination of categories, and of each fold."""
        import narwhals.stable.v2 as nw

        keys = [*([self.fold] if self.fold else []), *columns]
        made = self._columns()
        sums = [nw.col(name).sum() for name in made]
        grouped = self.frame.select(*(nw.col(key) for key in keys), *(each.alias(name) for name, each in made.items()))
        return read_frame(grouped.group_by(*keys).agg(*sums).collect("pyarrow").to_native())

    def _columns(self) -> dict[str, Any]:
        """What is summed, by name."""
        import narwhals.stable.v2 as nw

        exposure = nw.col(self.exposure).cast(nw.Float64) if self.exposure else nw.lit(1.0)
        weight = nw.col(self.weight).cast(nw.Float64) if self.weight else nw.lit(1.0)
        normal = self.target.family == "normal"
        if normal:  # rates, so weighed
            weight = weight * exposure
        result = {COUNT: weight if normal else weight * exposure}
        if self.precision:
            result[ROWS] = (weight > 0).cast(nw.Float64)
        for position, value in enumerate(self._values(exposure if normal and self.exposure else None)):
            result[f"{TOTAL}{position}"] = weight * value
            result[f"{SQUARE}{position}"] = weight * value * value
        return result

    def _values(self, exposure: Any) -> list[Any]:
        """The numbers of which there are means, one a class: distances from the center, where they are continuous."""
        import narwhals.stable.v2 as nw

        y, classes = nw.col(self.y), self.target.classes
        if classes is None:
            number = y.cast(nw.Float64)
            return [(number if exposure is None else number / exposure) - self.center]
        wanted = classes.tolist() if self.target.has_class_columns else classes[1:].tolist()
        return [(y == label).cast(nw.Float64) for label in wanted] or [nw.lit(0.0)]

    def moments(self, grouped: Frame, folds: np.ndarray, codes: np.ndarray, shape: tuple[int, int]) -> list[Moments]:
        """One a class, of shape (folds, size), from sums and the folds and codes that they are of."""

        def spread(name: str) -> np.ndarray:
            sums = np.asarray(grouped.column(name), dtype=float)
            return np.bincount(folds * shape[1] + codes, sums, minlength=shape[0] * shape[1]).reshape(shape)

        count = spread(COUNT)
        rows = spread(ROWS).sum(axis=1) if self.precision else None
        return [
            _moments(count, spread(f"{TOTAL}{position}"), spread(f"{SQUARE}{position}"), rows, self.center)
            for position in range(len(self.target.names))
        ]


def _moments(
    count: np.ndarray, total: np.ndarray, square: np.ndarray, rows: np.ndarray | None, center: float
) -> Moments:
    """Moments of shape (P, size), from sums of distances from a center and of their squares."""
    distance = total.sum(axis=1) / np.maximum(count.sum(axis=1), np.finfo(float).tiny)
    scatter = square.sum(axis=1) - count.sum(axis=1) * distance**2
    return Moments(count, total + center * count, np.maximum(scatter, 0.0), rows)


def read_lazy_target(frame: Any, y: Any, target_type: str, family: Any = None) -> tuple[Target, float]:
    """Open a column of a lazy table as a target without values, and its mean, from what a query or two tell of it."""
    schema = frame.collect_schema()
    if not isinstance(y, str) or y not in schema.names():
        raise ValueError(f"The target of a lazy table is one of its columns, which are {schema.names()}. Got y={y!r}.")
    numeric = schema[y].is_numeric()
    facts = _facts(frame, y, numeric=numeric)
    if facts["missing"]:
        values: list[Any] = [None]
    elif facts["odd"]:
        values = [np.nan]
    elif facts["broken"] and target_type not in ("binary", "multiclass"):
        values = [*np.linspace(facts["least"], facts["most"], 100).tolist(), 0.5]  # some of which is broken, too
    else:
        values = _few_values(frame, y, facts, numeric=numeric and target_type not in ("binary", "multiclass"))
    target = read_targets(pd.Series(values), target_type, family)[0]
    return replace(target, values=np.empty(0)), float(facts["mean"] or 0.0)


def _facts(frame: Any, y: str, *, numeric: bool) -> dict[str, Any]:
    """How many values are missing; of numbers their mean and ends, and how many are infinite or broken."""
    import narwhals.stable.v2 as nw

    missing = nw.col(y).null_count().alias("missing")
    if not numeric:
        return {**row_of(frame.select(missing)), "odd": 0, "broken": 0, "mean": 0.0}
    number = nw.col(y).cast(nw.Float64)
    odd, broken = ~number.is_finite(), number != number.round(0)
    sums = [each.cast(nw.Float64).sum().alias(name) for name, each in (("odd", odd), ("broken", broken))]
    ends = number.min().alias("least"), number.max().alias("most"), number.mean().alias("mean")
    return row_of(frame.select(missing, *ends, *sums))


def _few_values(frame: Any, y: str, facts: dict[str, Any], *, numeric: bool) -> list[Any]:
    """The values there are; of many whole numbers as many others, of which `read_targets` says the same."""
    import narwhals.stable.v2 as nw

    if numeric and (distinct := row_of(frame.select(nw.col(y).n_unique().alias("n")))["n"]) > MANY_CLASSES:
        values = np.linspace(facts["least"], facts["most"], min(distinct, 1000)).round()
        return values.astype(int).tolist() if frame.collect_schema()[y].is_integer() else values.tolist()
    return frame.select(y).unique().collect("pyarrow").to_native().column(y).to_pylist()


def log_likelihood_of(source: Source) -> float:
    """What precisions add to a log-likelihood."""
    import narwhals.stable.v2 as nw

    if not source.precision or source.weight is None:
        return 0.0
    weight = nw.col(source.weight).cast(nw.Float64)
    logs = source.frame.filter(weight > 0).select(weight.log().sum().alias("sum"))
    return float(row_of(logs)["sum"]) / 2


def known_categories(frame: Any, table: Any) -> Any:
    """An arrow table of the strings or integers that a fitted table knows, and of None, in the type of their column.

    None where the engine must be asked for its categories: for other types, several columns, and errors as policies.
    """
    import narwhals.stable.v2 as nw
    import pyarrow

    if not isinstance(table.vocabulary, Vocabulary) or "error" in (table.policy.unknown, table.policy.missing):
        return None
    kind = frame.collect_schema()[table.label]
    name = "string" if kind == nw.String else str(kind).lower()  # as pyarrow calls it
    categories = table.vocabulary.categories.tolist()
    fitting = str if kind == nw.String else int
    if not (kind == nw.String or kind.is_integer()) or not all(type(category) is fitting for category in categories):
        return None
    try:
        return pyarrow.table({table.label: pyarrow.array([*categories, None], getattr(pyarrow, name)())})
    except (AttributeError, OverflowError, pyarrow.ArrowInvalid):  # no such type, or numbers too large for it
        return None


def joined(frame: Any, keys: Sequence[str], table: Any) -> Any:
    """The lazy table with the features that an arrow table has for its keys, missing keys among them."""
    import narwhals.stable.v2 as nw

    other = nw.from_native(taken_in(frame.to_native(), table))
    schema = frame.collect_schema()
    nullable = [key for key in keys if table.column(key).null_count]
    for key in nullable:
        made = nw.col(key).is_null().alias(f"catpool_no_{key}"), _filled(key, schema[key]).alias(f"catpool_of_{key}")
        frame, other = frame.with_columns(*made), other.with_columns(*made)
    on = [key for key in keys if key not in nullable]
    on += [f"catpool_{part}_{key}" for key in nullable for part in ("no", "of")]
    return frame.join(other.drop(*nullable) if nullable else other, on=on, how="left")


def _filled(key: str, dtype: Any) -> Any:
    """A column without missing values, of a type that its engine can compare."""
    import narwhals.stable.v2 as nw

    column = nw.col(key) if dtype.is_numeric() else nw.col(key).cast(nw.String)
    return column.fill_null(0 if dtype.is_numeric() else "")
