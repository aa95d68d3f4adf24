"""`Source`: the columns of a lazy table that have a role in a fit, and their sums by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from catpool.data.frames.frame import read_frame
from catpool.data.frozen import frozen
from catpool.data.targets.ranges import Ranges
from catpool.data.targets.target import Target
from catpool.engines.facts import find_centers
from catpool.moments.moments import EPS, TINY, Moments
from catpool.priors.families.by_name import FAMILIES

if TYPE_CHECKING:
    from narwhals.stable.v2 import Expr, LazyFrame

COUNT, ROWS, LOGS, TOTAL, SQUARE = (f"catpool_{name}" for name in ("count", "rows", "logs", "total_", "square_"))
COPIES, LEAST, MOST = "catpool_copies", "catpool_least", "catpool_most"


class GroupSums(NamedTuple):
    """The result of a GROUP BY, sorted by the keys, because engines return groups in any order.

    Parameters
    ----------
    keys : pyarrow.Table
        The columns of the groups.
    values : pyarrow.Table
        The sums over the rows of each group.
    """

    keys: Any
    values: Any

    def column(self, name: str) -> np.ndarray:
        """The sums of a name, of shape (groups,)."""
        return np.asarray(self.values.column(name), dtype=float)

    def without(self, groups: np.ndarray) -> GroupSums:
        """The same groups, with sums of 0 for those that a boolean array marks."""
        import pyarrow

        columns = {name: np.where(groups, 0.0, self.column(name)) for name in self.values.column_names}
        return GroupSums(self.keys, pyarrow.table(columns))


@frozen
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
    folds : ndarray of shape (folds,)
        The sorted labels of the folds; one that is None for all rows.
    centers : ndarray of shape (folds,)
        The number that is subtracted from y in each fold, so that sums of squares lose fewer digits.
    centered : bool
        Whether the values may have other centers than 0.
    shares : list of tuple of (Ranges, Target), default=()
        The ranges of the target whose shares are summed, each with the target that these are.
    """

    frame: LazyFrame[Any]
    target: Target
    y: str
    weight: str | None
    exposure: str | None
    fold: str | None
    precision: bool
    folds: np.ndarray
    centers: np.ndarray
    centered: bool
    shares: Sequence[tuple[Ranges, Target]] = ()

    @property
    def targets(self) -> list[Target]:
        """All targets that rows are summed for."""
        return [self.target, *(target for _, target in self.shares)]

    def with_shares(self, shares: Callable[..., list[tuple[Ranges, Target]]]) -> Source:
        """The same with the shares that a structure wants of the target, which it may refuse."""
        # rates of one variance are counts divided by their exposures; other counts have theirs beside them
        exposed = self.exposure is not None and not FAMILIES[self.target.family].homoscedastic
        return replace(self, shares=shares(self.target, precision=self.precision, exposed=exposed))

    def find_folds(self, keys: Any) -> np.ndarray:
        """The fold of each group, of shape (groups,): its position in `folds`."""
        if self.fold is None:
            return np.zeros(len(keys), dtype=np.intp)
        own = np.asarray(read_frame(keys.select([self.fold])).column(self.fold))
        return pd.Index(self.folds).get_indexer(pd.Index(own))

    def listed_sums(
        self, columns: Sequence[str], folds: np.ndarray, sums: GroupSums, unlisted: np.ndarray
    ) -> tuple[Source, GroupSums]:
        """The source and the sums as if some groups had no rows, whose targets must not choose the centers.

        Parameters
        ----------
        columns : sequence of str
        folds : ndarray of shape (groups,)
        sums : GroupSums
            With the ends of the values of each group.
        unlisted : ndarray of bool of shape (groups,)
        """
        if not self.centered:
            return self, sums.without(unlisted)
        least, most = np.full((2, len(self.folds)), np.nan)
        np.fmin.at(least, folds[~unlisted], sums.column(LEAST)[~unlisted])
        np.fmax.at(most, folds[~unlisted], sums.column(MOST)[~unlisted])
        source = replace(self, centers=find_centers(least, most))
        moved = not np.array_equal(source.centers, self.centers)
        return source, (source.sums(columns) if moved else sums).without(unlisted)

    def sums(self, columns: Sequence[str], *, listed: bool = False) -> GroupSums:
        """The sums over the rows of each fold and combination of categories: one GROUP BY.

        Where categories are listed, there are the number of rows and the ends of y besides.
        """
        import narwhals.stable.v2 as nw

        keys = [*([self.fold] if self.fold else []), *columns]
        summands = self._summands(self._center())
        selected = [nw.col(key) for key in keys] + [summand.alias(name) for name, summand in summands.items()]
        aggregates = [nw.col(name).sum() for name in summands]
        if listed:
            selected += [nw.lit(1.0).alias(COPIES)]
            aggregates += [nw.col(COPIES).sum()]
        if listed and self.centered:
            selected += [nw.col(self.y).cast(nw.Float64).alias(name) for name in (LEAST, MOST)]
            aggregates += [nw.col(LEAST).min(), nw.col(MOST).max()]
        table = self.frame.select(*selected).group_by(*keys).agg(*aggregates).collect("pyarrow").to_native()
        table = table.sort_by([(key, "ascending") for key in keys])
        return GroupSums(table.select(keys), table.drop_columns(keys))

    def _center(self) -> Expr | None:
        """The center of each row; None if all are 0."""
        import narwhals.stable.v2 as nw

        centers, common = np.unique(self.centers, return_inverse=True)
        most = int(np.bincount(common).argmax())
        result = nw.lit(float(centers[most]))
        for position, center in enumerate(centers):
            if position != most and self.fold is not None:  # an expression, because joins may change the order of rows
                inside = nw.col(self.fold).is_in(self.folds[common == position].tolist())
                result = nw.when(inside).then(nw.lit(float(center))).otherwise(result)
        return result if centers.any() else None

    def _summands(self, center: Expr | None) -> dict[str, Expr]:
        """The numbers that are summed, by the name of their sum."""
        import narwhals.stable.v2 as nw

        exposure = nw.col(self.exposure).cast(nw.Float64) if self.exposure else nw.lit(1.0)
        weight = nw.col(self.weight).cast(nw.Float64) if self.weight else nw.lit(1.0)
        homoscedastic = FAMILIES[self.target.family].homoscedastic
        if homoscedastic:  # the value is a rate, so its weight is the exposure
            weight = weight * exposure
        result = {COUNT: weight if homoscedastic else weight * exposure}
        if self.precision:
            zero = (weight == 0).cast(nw.Float64)
            result |= {ROWS: 1.0 - zero, LOGS: (weight + zero).log()}  # a row of weight 0 adds nothing to either
        rates = exposure if homoscedastic and self.exposure else None
        for position, value in enumerate(self._target_values(rates, center)):
            result[f"{TOTAL}{position}"] = weight * value
            result[f"{SQUARE}{position}"] = weight * value * value
        return result

    def _target_values(self, exposure: Expr | None, center: Expr | None) -> list[Expr]:
        """The target as numbers: an indicator for each class, or one column less its center."""
        import narwhals.stable.v2 as nw

        y, classes = nw.col(self.y), self.target.classes
        if classes is None:
            number = y.cast(nw.Float64)
            number = number if exposure is None else number / exposure
            shares = [inside for ranges, target in self.shares for inside in _inside(number, ranges, target)]
            return [number if center is None else number - center, *shares]
        labels = classes.tolist() if self.target.has_class_columns else classes[1:].tolist()
        return [(y == label).cast(nw.Float64) for label in labels] or [nw.lit(0.0)]

    def log_likelihood(self, sums: GroupSums) -> float:
        """The term of the log-likelihood that depends on precisions alone: half the sum of their logarithms."""
        return float(sums.column(LOGS).sum()) / 2 if self.precision else 0.0

    def moments(
        self, sums: GroupSums, folds: np.ndarray, codes: np.ndarray, shape: tuple[int, int], *, scatters: bool
    ) -> list[Moments]:
        """The moments of each class, of shape (folds, size).

        Parameters
        ----------
        sums : GroupSums
        folds, codes : ndarray of shape (groups,)
            The fold and the category of each group.
        shape : tuple of int
            The numbers of folds and of slots.
        scatters : bool
            Whether to have the scatter within each category.
        """

        def place(name: str) -> np.ndarray:
            cells = folds * shape[1] + codes
            return np.bincount(cells, sums.column(name), minlength=shape[0] * shape[1]).reshape(shape)

        count = place(COUNT)
        rows = place(ROWS).sum(axis=1) if self.precision else None
        centers, own, all_names = (
            self.centers,
            len(self.target.names),
            [name for target in self.targets for name in target.names],
        )
        sums_by_class = [
            (place(f"{TOTAL}{position}"), place(f"{SQUARE}{position}")) for position in range(len(all_names))
        ]
        return [
            replace(
                moments_of_sums(count, total, square, rows, centers if position < own else np.zeros_like(centers)),
                scatters=scatters_of_sums(count, total, square) if scatters and position < own else None,
            )
            for position, (total, square) in enumerate(sums_by_class)
        ]


def _inside(number: Expr, ranges: Ranges, target: Target) -> list[Expr]:
    """Whether a number is in each range, as zeros and ones; of two ranges, in the second."""
    import narwhals.stable.v2 as nw

    edges = ranges.edges.tolist()
    above = [number > edge for edge in edges]
    if not target.has_class_columns:
        return [above[0].cast(nw.Float64)]
    between = [low & (number <= edge) for low, edge in zip(above, edges[1:], strict=False)]
    return [inside.cast(nw.Float64) for inside in (number <= edges[0], *between, above[-1])]


def scatters_of_sums(count: np.ndarray, total: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The scatter within each cell, set to 0 where it is no more than the rounding error of the sum of squares."""
    rest = square - total**2 / np.maximum(count, TINY)
    return np.where(rest > 64 * EPS * square, rest, 0.0)


def moments_of_sums(
    count: np.ndarray, total: np.ndarray, square: np.ndarray, rows: np.ndarray | None, centers: np.ndarray
) -> Moments:
    """Moments from the sums, of shape (folds, size), of distances from the fold's center and of their squares."""
    distance = total.sum(axis=1) / np.maximum(count.sum(axis=1), np.finfo(float).tiny)
    scatter = square.sum(axis=1) - count.sum(axis=1) * distance**2
    return Moments(count, total + centers[:, None] * count, np.maximum(scatter, 0.0), rows)
