"""`FlatColumns`: which columns and interactions of a table are encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, combinations
from math import comb
from typing import Any

from catpool.data.columns.chosen_columns import encoded_by_default, warn_of_no_categories
from catpool.data.columns.crossed import check_interaction
from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen


@frozen
class FlatColumns:
    """The columns and interactions that a user has chosen.

    Parameters
    ----------
    columns : "auto", list, callable or None
        As in `Flat`.
    interactions : list of tuples, or int
        As in `Flat`.
    reads : list
        The columns that the fold scheme reads.
    """

    columns: Sequence[Any] | str | Callable[[Any], Any] | None
    interactions: Sequence[tuple[Any, ...]] | int
    reads: Sequence[Any]

    def check(self, X: Frame) -> None:
        """Raise an error if X does not have these columns."""
        columns = self.chosen(X)
        if columns:
            X.require(columns)
        elif isinstance(self.columns, str) and not self.given:
            warn_of_no_categories(X.labels)
        for parts in self.given:
            check_interaction(parts, X)

    def labels(self, X: Frame) -> list[Any]:
        """The labels of the columns, and tuples of labels for interactions."""
        columns = self.chosen(X)
        if columns is None:
            columns = [label for label in X.labels if label not in X.aside]
        parts = [label for interaction in self.given for label in interaction]
        read = [label for label in self.reads if label in [*columns, *parts]]
        if read:
            raise ValueError(f"`cv` reads {read}, which `columns` names too, or `interactions`. Remove them there.")
        if isinstance(self.interactions, int) and len(columns) < 2:
            raise ValueError(
                f"`interactions` combines the encoded columns, of which there must be two at least. They are {columns}."
                " Encode more columns, or leave `interactions` out."
            )
        return [*columns, *self._crossed(columns)]

    @property
    def given(self) -> Sequence[tuple[Any, ...]]:
        """The interactions that are tuples of labels."""
        return [] if isinstance(self.interactions, int) else self.interactions

    def _crossed(self, columns: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        """The interactions, where these columns are encoded."""
        if not isinstance(self.interactions, int):
            return self.interactions
        return chain.from_iterable(combinations(columns, order) for order in range(2, self.interactions + 1))

    def chosen(self, X: Frame) -> list[Any] | None:
        """The columns that the user has chosen; a selector chooses among those without another role."""
        if self.columns is None:
            return None
        if isinstance(self.columns, str):  # "auto"
            return encoded_by_default(X)
        if not callable(self.columns):
            return list(self.columns)
        return [label for label in self.columns(X.as_pandas) if label not in X.aside]

    def are(self, labels: list[Any]) -> bool:
        """Whether these may be the labels of a table's columns and interactions."""
        columns = labels[: self.number_of_columns(len(labels))]
        chosen = self.columns is None or isinstance(self.columns, str) or callable(self.columns)
        given = columns if chosen else list(self.columns)  # type: ignore[arg-type]
        return labels == [*given, *self._crossed(given)]

    def number_of_columns(self, labels: int) -> int:
        """How many of the labels are single columns."""
        if not isinstance(self.interactions, int):
            return labels - len(self.interactions)
        orders = range(1, self.interactions + 1)
        return next(each for each in range(labels + 1) if sum(comb(each, order) for order in orders) >= labels)
