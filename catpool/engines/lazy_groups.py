"""Columns of lazy tables by category: one GROUP BY for each grouping column, and one JOIN."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np

from catpool.data.columns.crossed import encode_column
from catpool.data.columns.finite_numbers import check_range
from catpool.data.frames.header import Header, check_labels
from catpool.data.frozen import frozen
from catpool.data.targets.weights import read_weights
from catpool.data.training import take_named
from catpool.engines.checks import check_weight_dtype
from catpool.engines.facts import collect_facts
from catpool.engines.fit import add_features, query_distinct
from catpool.engines.joins import known_categories
from catpool.engines.names import NamedTable, name_columns, open_table
from catpool.engines.source import COUNT, SQUARE, TOTAL, moments_of_sums, scatters_of_sums
from catpool.models.grouped.group_columns import GroupColumns
from catpool.models.grouped.group_learning import Pooling, refuse_rows
from catpool.tables.group_statistics import HELPERS, OF_VARIANCES, ROUNDING, TABLE_OUTPUTS, GroupStatistics
from catpool.tables.group_table import GroupTable, GroupTables
from catpool.tables.unseen import UnseenCategoriesWarning

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoLazyFrame

VALUE, FEATURE = "catpool_value_", "catpool_described_"


@frozen
class DescribedTable:
    """A lazy table whose described columns are numbers without NaN.

    Parameters
    ----------
    table : NamedTable
    described : dict
        The outputs of each described column, by its label.
    values : dict
        The column of numbers of each label.
    centers : dict of float
        What is subtracted from these, so that sums of squares lose fewer digits.
    weight : str or None
        The column of weights.
    """

    table: NamedTable
    described: Mapping[Any, tuple[str, ...]]
    values: Mapping[Any, str]
    centers: Mapping[Any, float]
    weight: str | None

    def sum_by(self, label: Any) -> GroupTable:
        """The sums of the described columns by a grouping column or combination."""
        labels = list(label) if isinstance(label, tuple) else [label]
        keys, described = self.table.names(labels), [each for each in self.described if each != label]
        summands = self._summands(described)
        selected = [nw.col(key) for key in keys] + [each.alias(name) for name, each in summands.items()]
        sums = self.table.frame.select(*selected).group_by(*keys).agg(*(nw.col(name).sum() for name in summands))
        groups = sums.collect("pyarrow").to_native().sort_by([(key, "ascending") for key in keys])
        codes, vocabulary = encode_column(label, self.table.read(groups, labels))

        def place(name: str) -> np.ndarray:
            return np.bincount(codes, np.asarray(groups.column(name), dtype=float), minlength=vocabulary.size)

        placed = [[place(f"{name}{position}") for name in (COUNT, TOTAL, SQUARE)] for position in range(len(described))]
        statistics = [self._statistics(each, *own) for each, own in zip(described, placed, strict=True)]
        return GroupTable(label, vocabulary, place(COUNT), statistics)

    def _summands(self, described: Sequence[Any]) -> dict[str, nw.Expr]:
        """The numbers that are summed, by the name of their sum."""
        weight = nw.lit(1.0) if self.weight is None else nw.col(self.weight).cast(nw.Float64)
        result = {COUNT: weight}
        for position, label in enumerate(described):
            value = nw.col(self.values[label])
            known, gap = weight * (1.0 - value.is_null().cast(nw.Float64)), value - self.centers[label]
            result[f"{COUNT}{position}"] = known
            result[f"{TOTAL}{position}"] = (known * gap).fill_null(0.0)
            result[f"{SQUARE}{position}"] = (known * gap * gap).fill_null(0.0)
        return result

    def _statistics(self, label: Any, count: np.ndarray, total: np.ndarray, square: np.ndarray) -> GroupStatistics:
        center = np.array([self.centers[label]])
        moments = moments_of_sums(count[None], total[None], square[None], None, center).table(0, len(count))
        if not set(OF_VARIANCES).isdisjoint(self.described[label]):
            moments = replace(moments, scatters=scatters_of_sums(count, total, square))
        return GroupStatistics(label, self.described[label], moments)


def fit_lazy_groups(
    frame: nw.LazyFrame[Any], columns: GroupColumns, pooling: Pooling, sample_weight: Any, owner: str
) -> GroupTables:
    """Learn from a lazy table what `GroupFeatures` learns from rows in memory."""
    refuse_rows(columns.outputs, "A lazy table is summed by its engine", "collect the table")
    if not isinstance(sample_weight, str | None):
        raise ValueError(
            "`sample_weight` must be the name of a column of the lazy table, whose rows have no order. Got "
            f"{type(sample_weight).__name__}. Add a column, and pass its name."
        )
    table = open_table(frame)
    head = table.read(table.frame.head(1).collect("pyarrow").to_native(), list(table.plain))
    X, named = take_named(head, {"sample_weight": sample_weight})
    groups = columns.groups(X)
    used = list(dict.fromkeys(part for label in groups for part in _parts(label)))
    described = _describe(table.cast_categoricals(used), columns.described(groups, X), sample_weight)
    tables = pooling.pool([described.sum_by(label) for label in groups])
    return GroupTables(X.header(owner), tables, named.labels)


def _describe(table: NamedTable, described: Mapping[Any, tuple[str, ...]], sample_weight: str | None) -> DescribedTable:
    """Check the values of described columns and weights, and find their centers."""
    weight = None if sample_weight is None else table.plain[sample_weight]
    if weight is not None:
        check_weight_dtype(table, weight, "sample_weight")
    values = {label: f"{VALUE}{position}" for position, label in enumerate(described)}
    numbers = [_number(table, label).alias(name) for label, name in values.items()]
    frame = table.frame.with_columns(*numbers)
    facts = collect_facts(frame, [*values.values(), *([] if weight is None else [weight])], [])
    for label, name in values.items():
        least, most = facts.ends(name)  # NaN, where there is no number at all
        check_range(np.fmin(least, 0.0), np.fmax(most, 0.0), label)
    if weight is not None:
        examples = facts.examples(weight)
        read_weights(examples, len(examples))
    centers = {label: float(np.nan_to_num(facts.centers(name)[0])) for label, name in values.items()}
    return DescribedTable(replace(table, frame=frame), described, values, centers, weight)


def _number(table: NamedTable, label: Any) -> nw.Expr:
    """A column as floats, with NULL for NaN."""
    dtype = table.frame.collect_schema()[table.plain[label]]
    if not (dtype.is_numeric() or dtype == nw.Boolean):
        raise ValueError(f"Column {label!r} must hold numbers, but its type is {dtype}. Convert them to numbers.")
    number = nw.col(table.plain[label]).cast(nw.Float64)
    return nw.when(~number.is_nan()).then(number)


def add_lazy_groups(frame: nw.LazyFrame[Any], fitted: GroupTables, *, keep: bool) -> IntoLazyFrame:
    """Add features to the rows of a lazy table; `keep` says whether its columns stay."""
    outputs = [output for each in fitted.tables for own in each.statistics for output in own.outputs]
    refuse_rows(list(dict.fromkeys(outputs)), "An engine adds what follows from sums", "collect the table")
    table = open_table(frame)
    labels = [label for label in table.plain if label not in fitted.roles]
    check_labels(labels, fitted.header, fitted.header.labels if keep else fitted.required, strict=keep)
    used = list(dict.fromkeys(part for each in fitted.tables for part in _parts(each.label)))
    named, features = table.cast_categoricals(used), list[str]()
    for position, each in enumerate(fitted.tables):
        joined = _join(named, each, fitted.header, position)
        added = {f"{FEATURE}{position}_{number}": own for number, own in enumerate(_features(named, each, joined[1]))}
        named = replace(named, frame=joined[0].with_columns(*(own.alias(name) for name, own in added.items())))
        features += added
    own = fitted.header.labels if keep else []
    names = fitted.names(fitted.header.names_by_label, keep=keep)
    return name_columns(named.frame.select([*named.names(own), *features]), names)


def _join(
    named: NamedTable, table: GroupTable, header: Header, position: int
) -> tuple[nw.LazyFrame[Any], dict[tuple[Any, str], str]]:
    """The lazy table with what its features are computed from, and the names of these by column and kind."""
    labels = _parts(table.label)
    columns, wanted = named.names(labels), dict(_needed(table))
    known = known_categories(named.frame, columns[0], table.vocabulary)  # spares a query
    distinct = query_distinct(table, named, labels) if known is None else known
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenCategoriesWarning)  # which would count distinct values instead of rows
        slots = table.slots(named.read(distinct, labels), header.names_by_label)
    block = np.column_stack([values.take(slots) for values in wanted.values()])
    frame, names = add_features(named.frame, distinct.select(columns), {table.label: block}, position)
    found = dict(zip(wanted, names[table.label], strict=True))
    if known is not None:  # unseen categories are not among the known ones, so the join gives them NULL
        frame = frame.with_columns(nw.col(found[key]).fill_null(values.item(-1)) for key, values in wanted.items())
    return frame, found


def _needed(table: GroupTable) -> Iterator[tuple[tuple[Any, str], np.ndarray]]:
    """What the features of a table are computed from, of shape (size,), by column and kind."""
    for each in table.statistics:
        for output in each.outputs:
            if output in HELPERS:
                yield from (((each.label, name), getattr(each, name)) for name in HELPERS[output])
            else:
                yield (each.label, output), TABLE_OUTPUTS[output](each)


def _features(named: NamedTable, table: GroupTable, joined: Mapping[tuple[Any, str], str]) -> Iterator[nw.Expr]:
    """The features of a table in their order."""
    for each in table.statistics:
        value = nw.col(named.plain[each.label]).cast(nw.Float64) if each.reads_values else None
        for output in each.outputs:
            if output not in HELPERS:
                yield nw.col(joined[each.label, output])
                continue
            assert value is not None
            parts = [nw.col(joined[each.label, name]) for name in HELPERS[output]]
            yield value / parts[0] if output == "ratio" else _zscore(value, *parts)


def _zscore(value: nw.Expr, mean: nw.Expr, sd: nw.Expr) -> nw.Expr:
    gap = value - mean
    same = nw.when(gap.abs() <= mean.abs() * ROUNDING).then(nw.lit(0.0))
    return nw.when(sd > 0).then(gap / sd).otherwise(same)


def _parts(label: Any) -> list[Any]:
    return list(label) if isinstance(label, tuple) else [label]
