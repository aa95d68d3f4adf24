"""`EncodingTable`: the fitted look-up from the categories of a column to its features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.categories import MISSING, Vocabulary, held
from catpool.data.columns.crossed import Cells
from catpool.data.columns.featured import FeaturedColumn, FeaturedVocabulary, select_featured
from catpool.data.columns.sorted_categories import sort_categories
from catpool.data.frames.backends import infer_exactly
from catpool.data.frames.frame import Frame, column_name
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.priors.posterior import rounded_by_sd
from catpool.priors.prior import Prior
from catpool.tables.changed_traits import warn_of_changes
from catpool.tables.encoding import Encoding
from catpool.tables.outputs import MEAN, OUTPUTS, ColumnOutput, column_output
from catpool.tables.places import place_widths, row_places, slot_places
from catpool.tables.policy import Policy, refuse_missing, refuse_unseen
from catpool.tables.unseen import warn_of_unseen


@frozen
class EncodingTable:
    """The encoding of a column, learned from all training rows.

    Parameters
    ----------
    label : Any
        The label of the column in X; a tuple of labels for an interaction.
    column : str
        The name of the column, for features.
    vocabulary : Vocabulary or Cells
    encodings : list of Encoding
        One for each class of each target.
    policy : Policy
    extras : tuple of str
        The outputs that do not depend on the target.
    dropped : bool
        Whether the column has no features.
    rounding : float, default=0.0
        What the means of unseen categories with features are rounded to, in their standard deviations.
    """

    label: Any
    column: str
    vocabulary: Vocabulary | Cells
    encodings: list[Encoding]
    policy: Policy
    extras: tuple[str, ...] = ()
    dropped: bool = False
    rounding: float = 0.0

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a table."""
        require(self.encodings and not self.encodings[0].shares, "a table without encodings of y")
        size = self.vocabulary.size
        for each in self.encodings:
            require(each.moments.count.shape == (size,), "encodings that do not match their categories")
            own = ["mean"] if each.shares else list(self.encodings[0].values)
            require(list(each.values) == own, "encodings with other outputs")
            regression = each.prior.regression
            widths = None if regression is None else place_widths(self.vocabulary)
            require(regression is None or regression.widths == widths, "effects that do not match their categories")
            alike = (regression is None) == (each.shares or self.encodings[0].prior.regression is None)
            require(alike, "effects of some of the classes")
        known = [name for name, output in OUTPUTS.items() if isinstance(output, ColumnOutput)]
        require_one_of(known, extras=self.extras)
        require_numbers((), least=0.0, rounding=self.rounding)

    def prior(self, item: Encoding) -> Prior:
        """The prior of one of the encodings, with the means of its categories if they have means of their own."""
        return item.prior.of_categories(lambda: slot_places(self.vocabulary, item.moments))

    @property
    def has_value_lookup(self) -> bool:
        """Whether features are looked up by a single value, as those of interactions are not."""
        return isinstance(self.vocabulary, Vocabulary) and not isinstance(self.vocabulary, FeaturedVocabulary)

    def feature_names(self, names: Mapping[Any, str]) -> dict[Any, list[str]]:
        """The names of the features by label, from the names of the columns by label."""
        return {self.label: self.names(column_name(self.label, names))}

    def names(self, column: str | None = None) -> list[str]:
        """The names of the features of a column with this name."""
        if self.dropped:
            return []
        column = column or self.column
        names = []
        for item in self.encodings:
            stem = column if item.target is None else f"{column}_{item.target}"
            names += [stem if output == "mean" else f"{stem}_{output}" for output in item.values]
        return [*names, *(f"{column}_{extra}" for extra in self.extras)]

    def features(self, X: Frame) -> dict[Any, np.ndarray]:
        """Encode new rows: features of shape (n, features), by label."""
        return {self.label: self.transform(self.columns(X))}

    def columns(self, X: Frame) -> Any:
        """What the table looks up of a table: a column, several for an interaction, or one with its features."""
        return select_featured(self.label, self.vocabulary, X)

    @property
    def reads(self) -> list[Any]:
        """The labels of the columns that it looks up."""
        if isinstance(self.vocabulary, Cells):
            return list(self.label)
        return [self.label, *(self.vocabulary.reads if isinstance(self.vocabulary, FeaturedVocabulary) else [])]

    def transform(self, column: Any) -> np.ndarray:
        """Look up the features of each row, of shape (n, features), from what `columns` returns."""
        codes, slots = self._look_up(column)
        if self.dropped:
            return np.empty((len(codes), 0))
        tables = self.tables
        result = np.empty((len(codes), len(tables)), order="F")
        for position, table in enumerate(tables):
            # codes number the distinct values, so looking up their slots first touches few numbers
            table.take(slots).take(codes, out=result[:, position], mode="clip")
        if self.knows_unseen:
            self.fill_unseen(column, slots.take(codes), result)
        return result

    def arrange(self, values: np.ndarray, counts: np.ndarray | None, slots: np.ndarray) -> dict[Any, np.ndarray]:
        """Arrange the features of training rows.

        Parameters
        ----------
        values : ndarray of shape (n, outputs)
            The target outputs, out of fold.
        counts : ndarray of shape (n,) or None
            The weight of the rows that each row is encoded from.
        slots : ndarray of shape (n,)
        """
        if self.dropped:
            return {self.label: np.empty((len(values), 0))}
        extras: list[Any] = [
            counts if column_output(extra).by_fold else self.extra(extra).take(slots) for extra in self.extras
        ]
        return {self.label: np.column_stack([values, *extras]) if extras else values}

    def look_up_value(self, value: Any) -> dict[str, float]:
        """Look up the features of one value of the column, by name."""
        assert isinstance(self.vocabulary, Vocabulary)
        slot = self.vocabulary.find_slot(value, self.label)
        if self.policy.raises:
            self.transform(pd.Series([value], dtype=object))  # for its errors
        return {name: table.item(slot) for name, table in self.named_tables}

    @property
    def tables(self) -> list[np.ndarray]:
        """The values of each feature by slot."""
        tables = [table for item in self.encodings for table in item.values.values()]
        return tables + [self.extra(extra) for extra in self.extras]

    @cached_property
    def named_tables(self) -> list[tuple[str, np.ndarray]]:
        """The name and the values by slot of each feature, cached for look-ups of single values."""
        return [] if self.dropped else list(zip(self.names(), self.tables, strict=True))

    @property
    def unseen(self) -> list[float]:
        """The features of an unseen category."""
        return [table.item(-1) for _, table in self.named_tables]

    @property
    def knows_unseen(self) -> bool:
        """Whether unseen categories have prior means of their own."""
        return self.encodings[0].prior.regression is not None and self.policy.unknown == "prior"

    def fill_unseen(self, columns: Any, slots: np.ndarray, result: np.ndarray) -> None:
        """Fill in the features of unseen categories, in place, if their prior means follow from effects."""
        rows = np.flatnonzero(slots == self.vocabulary.size - 1)
        if not self.knows_unseen or not len(rows):
            return
        places = row_places(self.vocabulary, columns, rows)
        position = 0
        for item in self.encodings:
            regression = item.prior.regression  # shares have none
            unseen = {} if regression is None else regression.unseen(places, item.prior, item.family)
            if unseen and self.rounding:
                unseen = {**unseen, MEAN.name: rounded_by_sd(unseen[MEAN.name], unseen["sd"], self.rounding)}
            if unseen and item.level is not None:
                unseen = {**unseen, MEAN.name: unseen[MEAN.name] - item.level}
            if unseen:
                unseen |= dict.fromkeys(item.windows or {}, unseen[MEAN.name])
            for output in item.values:
                if output in unseen:  # other outputs keep the value of the slot of unseen cells
                    result[rows, position] = unseen[output]
                position += 1

    def slots(self, column: Any) -> np.ndarray:
        """Find the slot of each row's category, of shape (n,)."""
        codes, slots = self._look_up(column)
        return slots.take(codes)

    def _look_up(self, column: Any) -> tuple[np.ndarray, np.ndarray]:
        looked_up = self.vocabulary.look_up(column, self.label)
        self._check(*looked_up)
        if isinstance(column, FeaturedColumn) and isinstance(self.vocabulary, FeaturedVocabulary):
            warn_of_changes(self.label, self.vocabulary, column, looked_up[1].take(looked_up[0]))
        if isinstance(column, FeaturedColumn) and not self.knows_unseen:
            column = column.values
        warn_of_unseen(self.column, self.label, self.vocabulary, column, looked_up)
        return looked_up[:2]

    def extra(self, name: str) -> np.ndarray:
        """The values of a column output by slot."""
        return column_output(name).compute(self)

    @property
    def counts(self) -> np.ndarray:
        """The weight of the training rows in each slot; of the output of y that has most, if some lack values."""
        by_output = {each.output: each.moments.count for each in self.encodings}
        return self.encodings[0].moments.count if len(by_output) == 1 else np.max(list(by_output.values()), axis=0)

    @cached_property
    def codes(self) -> np.ndarray:
        """The integer code of each slot: 0, 1, ... for the sorted categories, -1 for missing, -2 for unseen."""
        order = sort_categories(self.vocabulary.categories)
        codes = np.full(self.vocabulary.size, -2.0)  # a float, as all features are
        codes[MISSING] = -1
        codes[order + 1] = np.arange(len(order))
        return codes

    def _check(self, codes: np.ndarray, slots: np.ndarray, select: Callable[[np.ndarray], list[Any]]) -> None:
        """Raise an error if the policy does not allow these slots."""
        if self.policy.missing == "error":
            refuse_missing(slots.take(codes), self.column)
        if self.policy.unknown == "error":
            unseen = (self.counts[slots] == 0) & (slots != MISSING)
            refuse_unseen(self.column, held(codes, unseen), select)

    def summary(self) -> list[dict[str, Any]]:
        """The rows of ``summary_``, one for each class of each target."""
        return [{"column": self.column, **encoding.summary()} for encoding in self.encodings]

    @property
    def accepted_labels(self) -> list[Any]:
        """The labels that `find_frame` finds."""
        return [self.label]

    def find_frame(self, column: Any, interval: float) -> pd.DataFrame | None:
        """The table as a frame, if `column` is its label or name, otherwise None."""
        return self.frame(interval) if column in (self.label, self.column) else None

    def frame(self, interval: float) -> pd.DataFrame:
        """A row for each target and category that has training rows, sorted, and a last one for a new category.

        Parameters
        ----------
        interval : float
            The probability of the posterior interval.
        """
        categories = pd.Series([None, *self.vocabulary.categories.tolist(), None], dtype=object)
        rows = np.append(sort_categories(self.vocabulary.categories) + 1, MISSING)
        rows = np.append(rows[self.counts[rows] > 0], self.vocabulary.size - 1)
        frames = [item.frame(categories, self.prior(item), interval).iloc[rows] for item in self.encodings]
        table = pd.concat(frames, ignore_index=True)
        if len(self.encodings) == 1:
            table = table.drop(columns="target")
        return table.assign(category=infer_exactly(table["category"]))
