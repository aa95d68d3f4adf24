"""Facts about the numbers in columns of a lazy table, by fold: the range, and what the checks ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catpool.data.frames.frame import read_frame
from catpool.data.frozen import frozen
from catpool.data.training import read_labels

if TYPE_CHECKING:
    from narwhals.stable.v2 import Expr, LazyFrame

MISSING, LEAST, MOST, POSITIVE, FRACTIONS = ("missing", "least", "most", "positive", "fractions")
WHOLE = 2.0**52  # floats beyond this are integers


@frozen
class Facts:
    """The facts about some columns in each fold of a lazy table.

    Parameters
    ----------
    folds : ndarray of shape (folds,)
        The sorted labels of the folds; one that is None for all rows.
    table : pyarrow.Table
        A row for each fold. The first column holds the labels, if there are any.
    """

    folds: np.ndarray
    table: Any

    def by_fold(self, column: str, fact: str) -> np.ndarray:
        """A fact about a column in each fold, of shape (folds,); NaN where no value has it."""
        return np.array(self.table.column(f"{column}_{fact}").to_pylist(), dtype=float)

    def any_missing(self, column: str) -> bool:
        """Whether a column has missing values."""
        return bool(self.by_fold(column, MISSING).any())

    def ends(self, column: str) -> tuple[float, float]:
        """The least and the largest number of a column; NaN if there is none."""
        least, most = self.by_fold(column, LEAST), self.by_fold(column, MOST)
        return float(np.fmin.reduce(least)), float(np.fmax.reduce(most))

    def examples(self, column: str) -> np.ndarray:
        """A few numbers for which the checks of a column of weights say what they would say of all its numbers."""
        if self.any_missing(column):
            return np.array([np.nan])
        numbers = np.array([*self.ends(column), np.fmin.reduce(self.by_fold(column, POSITIVE))])
        return numbers[~np.isnan(numbers)]  # there may be no positive number

    def centers(self, column: str) -> np.ndarray:
        """What `find_centers` makes of the values of each fold, of shape (folds,)."""
        return find_centers(self.by_fold(column, LEAST), self.by_fold(column, MOST))

    def has_fractions(self, column: str) -> bool:
        """Whether some numbers of a column are not whole."""
        return bool(np.nansum(self.by_fold(column, FRACTIONS)))


def find_centers(least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """A number near the values of each fold, of shape (folds,), 0 where they are not far from 0.

    It depends on the ends of the values of its own fold only, and no value grows by subtracting it.
    """
    nearest, spread = np.clip(0.0, least, most), most - least
    # rounded toward 0, so that folds that are alike have one center
    grid = np.exp2(np.ceil(np.log2(spread, where=spread > 0, out=np.zeros_like(spread))))
    rounded = np.where(spread > 0, np.trunc(nearest / grid) * grid, nearest)
    return np.where(np.abs(nearest) > spread, rounded, 0.0)


def collect_facts(
    frame: LazyFrame[Any],
    weights: Sequence[str],
    others: Sequence[str],
    fold: str | None = None,
    numbers: Sequence[str] = (),
) -> Facts:
    """Look at columns of a lazy table, in one query.

    Parameters
    ----------
    frame : narwhals.LazyFrame
    weights : sequence of str
        Columns of weights, exposures and other numbers.
    others : sequence of str
        Other columns, whose missing values are counted.
    fold : str, optional
        The column of folds.
    numbers : sequence of str, default=()
        Columns of targets or keys that hold numbers, which may be whole.
    """
    import narwhals.stable.v2 as nw

    summands: dict[str, Expr] = {}
    for column in weights:
        summands |= _number_facts(column) | _positive(column)
    for column in numbers:
        summands |= _number_facts(column) | _fractions(column)
    summands |= {f"{column}_{MISSING}": _as_number(nw.col(column).is_null()) for column in others}
    aggregates = [_aggregate(name) for name in summands]
    selected = [summand.alias(name) for name, summand in summands.items()]
    if fold is None:
        table = frame.select(*selected).select(*aggregates).collect("pyarrow").to_native()
        return Facts(np.array([None]), table)
    grouped = frame.select(nw.col(fold), *selected).group_by(fold).agg(*aggregates)
    table = grouped.collect("pyarrow").to_native()
    labels = read_labels(read_frame(table).column(fold), len(table), "cv")
    order = np.argsort(labels, kind="stable")
    return Facts(labels[order], table.take(order))


def _number_facts(column: str) -> dict[str, Expr]:
    number = _number(column)
    missing = _as_number(number.is_null() | number.is_nan())
    return {f"{column}_{MISSING}": missing, f"{column}_{LEAST}": number, f"{column}_{MOST}": number}


def _positive(column: str) -> dict[str, Expr]:
    import narwhals.stable.v2 as nw

    number = _number(column)
    return {f"{column}_{POSITIVE}": nw.when(number > 0).then(number)}


def _fractions(column: str) -> dict[str, Expr]:
    import narwhals.stable.v2 as nw

    # larger numbers are integers, which overflow where an engine rounds to integers
    small = nw.when(_number(column).abs() < WHOLE).then(_number(column))
    return {f"{column}_{FRACTIONS}": _as_number(small != small.round(0))}


def _number(column: str) -> Expr:
    import narwhals.stable.v2 as nw

    return nw.col(column).cast(nw.Float64)


def _as_number(flag: Expr) -> Expr:
    import narwhals.stable.v2 as nw

    return flag.cast(nw.Float64)


def _aggregate(name: str) -> Expr:
    """The smallest or largest of the values, or the sum of flags."""
    import narwhals.stable.v2 as nw

    column, fact = nw.col(name), name.rpartition("_")[2]
    if fact in (LEAST, POSITIVE):
        return column.min()
    return column.max() if fact == MOST else column.sum()
