"""Queries of a lazy table: sums by group for a fit, and a join that adds features to its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.data.categories import Vocabulary
from catpool.data.frames import Frame, read_frame
from catpool.data.targets import MANY_CLASSES, Target, TargetFamily, read_targets
from catpool.engines.checks import collect_row
from catpool.engines.dispatch import find_engine
from catpool.moments.moments import Moments
from catpool.priors.families import FAMILIES

if TYPE_CHECKING:
    from narwhals.stable.v2 import Expr, LazyFrame
    from narwhals.stable.v2.dtypes import DType

COUNT, ROWS, TOTAL, SQUARE, FEATURE = (f"catpool_{name}" for name in ("count", "rows", "total_", "square_", "feature_"))
FOLD = "catpool_fold"  # the column of hashed keys


@dataclass(frozen=True)
class Source:
    """A lazy table, and the columns that have a role.

    Parameters
    ----------
    frame : narwhals.LazyFrame
    target : Target
        Without values.
    y : str
        The target column.
    weight, exposure, fold : str or None
        Columns of weights, of exposures and of folds.
    precision : bool
        Whether the weights are precisions.
    mean : float
        The mean of the target.
    """

    frame: LazyFrame[Any]
    target: Target
    y: str
    weight: str | None
    exposure: str | None
    fold: str | None
    precision: bool
    mean: float

    @property
    def center(self) -> float:
        """The number that is subtracted from y, so that sums of squares lose fewer digits."""
        rates = self.exposure is not None and not FAMILIES[self.target.family].homoscedastic
        return 0.0 if self.target.whole or rates else self.mean

    def sums(self, columns: Sequence[str]) -> Frame:
        """The sums over the rows of each fold and combination of categories: one GROUP BY."""
        import narwhals.stable.v2 as nw

        keys = [*([self.fold] if self.fold else []), *columns]
        summands = self._summands()
        selected = [nw.col(key) for key in keys] + [summand.alias(name) for name, summand in summands.items()]
        grouped = self.frame.select(*selected).group_by(*keys).agg(*(nw.col(name).sum() for name in summands))
        return read_frame(grouped.collect("pyarrow").to_native())

    def _summands(self) -> dict[str, Expr]:
        """The numbers that are summed, by the name of their sum."""
        import narwhals.stable.v2 as nw

        exposure = nw.col(self.exposure).cast(nw.Float64) if self.exposure else nw.lit(1.0)
        weight = nw.col(self.weight).cast(nw.Float64) if self.weight else nw.lit(1.0)
        homoscedastic = FAMILIES[self.target.family].homoscedastic
        if homoscedastic:  # the value is a rate, so its weight is the exposure
            weight = weight * exposure
        result = {COUNT: weight if homoscedastic else weight * exposure}
        if self.precision:
            result[ROWS] = (weight > 0).cast(nw.Float64)
        for position, value in enumerate(self._target_values(exposure if homoscedastic and self.exposure else None)):
            result[f"{TOTAL}{position}"] = weight * value
            result[f"{SQUARE}{position}"] = weight * value * value
        return result

    def _target_values(self, exposure: Expr | None) -> list[Expr]:
        """The target as numbers: an indicator for each class, or one column less its center."""
        import narwhals.stable.v2 as nw

        y, classes = nw.col(self.y), self.target.classes
        if classes is None:
            number = y.cast(nw.Float64)
            return [(number if exposure is None else number / exposure) - self.center]
        labels = classes.tolist() if self.target.has_class_columns else classes[1:].tolist()
        return [(y == label).cast(nw.Float64) for label in labels] or [nw.lit(0.0)]

    def moments(self, grouped: Frame, folds: np.ndarray, codes: np.ndarray, shape: tuple[int, int]) -> list[Moments]:
        """The moments of each class, of shape (folds, size).

        Parameters
        ----------
        grouped : Frame
            What `sums` has returned.
        folds, codes : ndarray of shape (groups,)
            The fold and the category of each row of `grouped`.
        shape : tuple of int
            The numbers of folds and of slots.
        """

        def place(name: str) -> np.ndarray:
            sums = np.asarray(grouped.column(name), dtype=float)
            return np.bincount(folds * shape[1] + codes, sums, minlength=shape[0] * shape[1]).reshape(shape)

        count = place(COUNT)
        rows = place(ROWS).sum(axis=1) if self.precision else None
        return [
            _moments(count, place(f"{TOTAL}{position}"), place(f"{SQUARE}{position}"), rows, self.center)
            for position in range(len(self.target.names))
        ]


def _moments(
    count: np.ndarray, total: np.ndarray, square: np.ndarray, rows: np.ndarray | None, center: float
) -> Moments:
    """Moments from the sums, of shape (folds, size), of distances from a center and of their squares."""
    distance = total.sum(axis=1) / np.maximum(count.sum(axis=1), np.finfo(float).tiny)
    scatter = square.sum(axis=1) - count.sum(axis=1) * distance**2
    return Moments(count, total + center * count, np.maximum(scatter, 0.0), rows)


def read_lazy_target(
    frame: LazyFrame[Any], y: Any, target_type: str, family: TargetFamily | None
) -> tuple[Target, float]:
    """The target without its values, and its mean.

    A query or two find what `read_targets` asks of the values. It then reads a few values that have the same answers.
    """
    schema = frame.collect_schema()
    if not isinstance(y, str) or y not in schema.names():
        raise ValueError(
            f"The target of a lazy table must be the name of one of its columns, {schema.names()}. Got y={y!r}."
        )
    numeric = schema[y].is_numeric()
    facts = _collect_facts(frame, y, numeric=numeric)
    if facts["missing"]:
        values: list[Any] = [None]
    elif facts["not_finite"]:
        values = [np.nan]
    elif facts["fractions"] and target_type not in ("binary", "multiclass"):
        fraction = min(facts["least"] + 0.5, facts["most"])  # one of these is no whole number
        values = [*np.linspace(facts["least"], facts["most"], 100).tolist(), fraction]
    else:
        values = _stand_ins(frame, y, facts, numeric=numeric and target_type not in ("binary", "multiclass"))
    target = read_targets(pd.Series(values), target_type, family)[0]
    return replace(target, values=np.empty(0)), float(facts["mean"] or 0.0)


def _collect_facts(frame: LazyFrame[Any], y: str, *, numeric: bool) -> dict[str, Any]:
    """Count missing values; for numbers also values that are not finite and fractions, with their mean and range."""
    import narwhals.stable.v2 as nw

    missing = nw.col(y).null_count().alias("missing")
    if not numeric:
        return {**collect_row(frame.select(missing)), "not_finite": 0, "fractions": 0, "mean": 0.0}
    number = nw.col(y).cast(nw.Float64)
    flags = {"not_finite": ~number.is_finite(), "fractions": number != number.round(0)}
    counts = [flag.cast(nw.Float64).sum().alias(name) for name, flag in flags.items()]
    ends = number.min().alias("least"), number.max().alias("most"), number.mean().alias("mean")
    return collect_row(frame.select(missing, *ends, *counts))


def _stand_ins(frame: LazyFrame[Any], y: str, facts: dict[str, Any], *, numeric: bool) -> list[Any]:
    """The distinct values; if they are many whole numbers, at most a thousand others of the same range."""
    import narwhals.stable.v2 as nw

    if numeric and (distinct := collect_row(frame.select(nw.col(y).n_unique().alias("n")))["n"]) > MANY_CLASSES:
        values = np.linspace(facts["least"], facts["most"], min(distinct, 1000)).round()
        return values.astype(int).tolist() if frame.collect_schema()[y].is_integer() else values.tolist()
    return frame.select(y).unique().collect("pyarrow").to_native().column(y).to_pylist()


def precision_log_likelihood(source: Source) -> float:
    """The term of the log-likelihood that depends on the precisions alone: half the sum of their logarithms."""
    import narwhals.stable.v2 as nw

    if not source.precision or source.weight is None:
        return 0.0
    weight = nw.col(source.weight).cast(nw.Float64)
    logs = source.frame.filter(weight > 0).select(weight.log().sum().alias("sum"))
    return float(collect_row(logs)["sum"]) / 2


def known_categories(frame: LazyFrame[Any], table: Any) -> Any:
    """An arrow table of the categories of a fitted table and of the missing value, without a query.

    Returns
    -------
    pyarrow.Table or None
        None if the distinct values must be queried: for several columns, for values other than strings and integers,
        and for policies that raise errors.
    """
    import narwhals.stable.v2 as nw
    import pyarrow

    if not isinstance(table.vocabulary, Vocabulary) or "error" in (table.policy.unknown, table.policy.missing):
        return None
    dtype = frame.collect_schema()[table.label]
    name = "string" if dtype == nw.String else str(dtype).lower()  # pyarrow has a function of this name
    categories = table.vocabulary.categories.tolist()
    wanted = str if dtype == nw.String else int
    if not (dtype == nw.String or dtype.is_integer()) or not all(type(category) is wanted for category in categories):
        return None
    try:
        return pyarrow.table({table.label: pyarrow.array([*categories, None], getattr(pyarrow, name)())})
    except (AttributeError, OverflowError, pyarrow.ArrowInvalid):  # no such type, or numbers too large for it
        return None


def join_features(frame: LazyFrame[Any], keys: Sequence[str], table: Any) -> LazyFrame[Any]:
    """Add to a lazy table the features that an arrow table has for its keys. Missing keys match missing keys."""
    import narwhals.stable.v2 as nw

    native = frame.to_native()
    other = nw.from_native(find_engine(native).take_in(native, table))
    schema = frame.collect_schema()
    nullable = [key for key in keys if table.column(key).null_count]
    for key in nullable:
        # NULL does not equal NULL in a join, so we join on a flag and on values without NULL.
        pair = (
            nw.col(key).is_null().alias(f"catpool_no_{key}"),
            _fill_missing(key, schema[key]).alias(f"catpool_of_{key}"),
        )
        frame, other = frame.with_columns(*pair), other.with_columns(*pair)
    on = [key for key in keys if key not in nullable]
    on += [f"catpool_{part}_{key}" for key in nullable for part in ("no", "of")]
    return frame.join(other.drop(*nullable) if nullable else other, on=on, how="left")


def _fill_missing(key: str, dtype: DType) -> Expr:
    """Replace missing values by 0 or an empty string, in a type that all engines can compare."""
    import narwhals.stable.v2 as nw

    column = nw.col(key) if dtype.is_numeric() else nw.col(key).cast(nw.String)
    return column.fill_null(0 if dtype.is_numeric() else "")
