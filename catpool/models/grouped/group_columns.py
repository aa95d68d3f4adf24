"""Which columns group others, which are described by category, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catpool.data.columns.crossed import check_interaction
from catpool.data.frames.column_kinds import AUTO, BOOLEAN, CATEGORY, NUMBER, column_kind
from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.data.plain import as_series
from catpool.tables.group_statistics import OF_CATEGORIES
from catpool.tables.group_table import GroupTables


@frozen
class GroupColumns:
    """The parameters that say which columns group, which are described, and by what.

    Parameters
    ----------
    columns : "auto" or sequence
    of : sequence or None
    outputs : tuple of str
    """

    columns: Sequence[Any] | str
    of: Sequence[Any] | None
    outputs: tuple[str, ...]

    def like(self, before: GroupTables | None) -> GroupColumns:
        """The same for more rows, whose columns are those of the first rows unless the user names some."""
        if before is None:
            return self
        columns = [table.label for table in before.tables] if isinstance(self.columns, str) else self.columns
        of = list(before.described) if self.of is None else self.of
        return GroupColumns(columns, of, self.outputs)

    def groups(self, X: Frame) -> list[Any]:
        """The labels of the grouping columns, with a tuple of labels for each combination of columns."""
        if isinstance(self.columns, str) and self.columns == AUTO:
            return _groups_by_default(X)
        labels = [tuple(each) if isinstance(each, list) else each for each in self.columns]
        crossed = [each for each in labels if isinstance(each, tuple) and each not in X]
        for each in crossed:
            check_interaction(each, X, "columns")
        alone = [each for each in labels if each not in crossed]
        if alone or not crossed:
            X.require(alone)
        if len({frozenset(each) for each in crossed}) < len(crossed):
            raise ValueError(f"`columns` must name each combination once, in whatever order, but it is {labels}.")
        return labels

    def described(self, groups: Sequence[Any], X: Frame) -> dict[Any, tuple[str, ...]]:
        """The outputs of each described column, by its label."""
        if self.of is not None:
            X.require(list(self.of), "of")
        of = _described_by_default(groups, X) if self.of is None else self.of
        found = {label: self._outputs_of(label, X) for label in of}
        alone = [label for label in groups if set(found) == {label}]
        if alone:
            raise ValueError(f"`of` must name another column than {alone}, which no other column would describe.")
        return found

    def _outputs_of(self, label: Any, X: Frame) -> tuple[str, ...]:
        """The outputs of a column; those of categories have few."""
        column = X.column(label)
        kind = column_kind(column)
        if kind in (NUMBER, BOOLEAN) or (kind == CATEGORY and as_series(column).isna().all()):
            return self.outputs
        outputs = tuple(each for each in self.outputs if each in OF_CATEGORIES)
        if outputs:
            return outputs
        raise ValueError(
            f'Column {label!r} must hold numbers, or `output` have "nunique", but it holds values of kind {kind!r}. '
            "Convert it, or leave it out of `of`."
        )


def _groups_by_default(X: Frame) -> list[Any]:
    found = [label for label in X.labels if X.framed and X.kinds[label] in (CATEGORY, BOOLEAN)]
    if not found:
        raise ValueError(
            f"X has no column of strings, objects, categories or booleans that could group others: {X.labels}. Pass "
            "columns=[...] to name some."
        )
    return found


def _described_by_default(groups: Sequence[Any], X: Frame) -> list[Any]:
    """The columns of numbers that do not group."""
    parts = {part for label in groups for part in ([label] if label in X else label)}
    found = [label for label in X.labels if label not in parts and X.kinds[label] == NUMBER]
    if not found:
        raise ValueError(
            f"X has no column of numbers beside those that group: its columns are {X.labels}. Name those to describe "
            "in `of`."
        )
    return found
