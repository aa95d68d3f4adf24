"""What is learned of columns by category, from sums over rows, which may come in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from catpool.data.columns.crossed import Paths
from catpool.data.columns.unions import check_same_types
from catpool.data.frozen import frozen
from catpool.moments.grouped import Tally, add_part_axis
from catpool.moments.moments import Moments
from catpool.priors.families.normal import NORMAL
from catpool.priors.rules import PriorRule, fixed_strength, prior_rule
from catpool.priors.within.pooled_variance import pool_variances
from catpool.tables.group_statistics import GROUP_OUTPUTS, NEED_ROWS, GroupStatistics
from catpool.tables.group_table import GroupTable, GroupTables
from catpool.tables.outputs import read_outputs


@frozen
class Pooling:
    """How much the statistics of categories are pooled.

    Parameters
    ----------
    rule : callable
        How the prior of means is learned.
    strength : float or None
        The strength of variances, in degrees of freedom; None to learn it.
    """

    rule: PriorRule
    strength: float | None

    def pool(self, tables: Sequence[GroupTable]) -> list[GroupTable]:
        """The tables with what is learned from their sums."""
        return [replace(each, statistics=[self._learn(own) for own in each.statistics]) for each in tables]

    def _learn(self, own: GroupStatistics) -> GroupStatistics:
        moments, variance = own.moments, None
        if moments is None:
            return own
        if moments.size == 0:
            raise ValueError(
                f"Column {own.label!r} must hold some numbers in rows with a weight, but all are missing. Leave it out "
                "of `of`."
            )
        if moments.scatters is not None:
            # the scatter of all rows minus that between categories would lose its digits if they are nearly the same
            moments = replace(moments, residual=np.array(moments.scatters.sum()))
            variance = pool_variances(moments, self.strength)
        (prior,) = self.rule([moments], NORMAL)
        return replace(own, moments=replace(moments), prior=prior.stored(), variance=variance)


def pooling_of(prior: Any) -> Pooling:
    """How the parameter `prior` of `GroupFeatures` says that statistics are pooled."""
    if isinstance(prior, Real):
        return Pooling(fixed_strength(float(prior)), float(prior))
    return Pooling(prior_rule(prior, scale=1.0), None)


def add_part(before: GroupTables, new: Sequence[GroupTable]) -> list[GroupTable]:
    """The sums of the rows from before and of new ones."""
    columns = [[_columns(table) for table in tables] for tables in (before.tables, new)]
    if columns[0] != columns[1]:
        raise ValueError(
            f"Each part must be described by the same columns, but they were {columns[0]} and are {columns[1]}. Name "
            "them in `columns` and `of`, or fit again."
        )
    if not all(_have_sums(*pair) for pair in zip(before.tables, new, strict=True)):
        raise ValueError(
            "The rows from before were not summed for all statistics in `output`. Set it before the first part, and "
            "fit again."
        )
    return [_add_rows(*pair) for pair in zip(before.tables, new, strict=True)]


def _columns(table: GroupTable) -> tuple[Any, list[Any]]:
    return table.label, [each.label for each in table.statistics]


def _have_sums(before: GroupTable, new: GroupTable) -> bool:
    """Whether the sums of rows from before are those that the outputs of new rows need."""
    return all(
        old.moments is not None
        and own.moments is not None
        and (old.moments.scatters is not None or own.moments.scatters is None)
        for old, own in zip(before.statistics, new.statistics, strict=True)
    )


def _add_rows(before: GroupTable, new: GroupTable) -> GroupTable:
    check_same_types(before.label, before.vocabulary, new.vocabulary)
    both = _tally(before) + _tally(new)
    sizes, *moments = both.merge()
    statistics = [
        GroupStatistics(own.label, own.outputs, each) for own, each in zip(new.statistics, moments, strict=True)
    ]
    assert not isinstance(both.vocabulary, Paths)
    return GroupTable(before.label, both.vocabulary, sizes.count, statistics)


def _tally(table: GroupTable) -> Tally:
    """The sums of a table; those of its sizes come first."""
    sizes = Moments(table.sizes, np.zeros_like(table.sizes), np.array(0.0))
    moments = [each.moments for each in table.statistics if each.moments is not None]
    return Tally(table.vocabulary, [add_part_axis(each) for each in [sizes, *moments]])


def takes_sums(groups: Any) -> bool:
    """Whether all outputs of `GroupFeatures` follow from sums; an error that says which do not."""
    refuse_rows(read_outputs(groups.output, GROUP_OUTPUTS), "`partial_fit` keeps sums", "fit all rows at once")
    return True


def refuse_rows(outputs: Sequence[str], cause: str, remedy: str) -> None:
    """Raise an error if some of the outputs do not follow from sums."""
    found = [each for each in outputs if each in NEED_ROWS]
    if found:
        raise ValueError(f"{cause}, from which {found} do not follow. Leave them out of `output`, or {remedy}.")
