"""`TreeFeatures`: all columns of a table as features for trees, by several structures side by side."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from catpool.crossfit.columnwise import Crossfit
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure
from catpool.crossfit.times import Fade
from catpool.data.columns.categories import FEW, number
from catpool.data.columns.crossed import check_interaction, number_shared
from catpool.data.frames.column_kinds import BOOLEAN, CATEGORY, NUMBER
from catpool.data.frames.frame import Frame
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.training import TrainingData
from catpool.data.verify import require
from catpool.models.additive.additive_structure import Additive
from catpool.models.additive.additive_table import AdditiveTable
from catpool.models.flat.flat_structure import TREES, Flat
from catpool.models.nested.averaged_levels import VarianceRule
from catpool.models.nested.nested_structure import Nested
from catpool.models.nested.nested_table import NestedTable
from catpool.priors.rules import PriorRule
from catpool.tables.encoding_table import EncodingTable
from catpool.tables.policy import Policy

if TYPE_CHECKING:
    from catpool.models.features.prior_features import PriorFeatures

POLICY = Policy("prior", "category")  # of all structures
LEAST = 10  # categories of a column from which on trees need more than their codes
SOME = 20  # rows from which a category for each row is no chance


@frozen
class TreeFeatures(Structure):
    """All columns of a table as features for trees.

    Parameters
    ----------
    rule : callable
        How the prior of a column is learned.
    columns : "auto" or list
        The labels of the columns that hold categories.
    adjust : bool
        Whether the adjusted effects of all columns are features.
    interactions : "auto" or list of tuples
    max_interactions : int
        The largest number of interactions that are found.
    drop_noise : bool
        Whether columns and interactions without signal give no adjusted effects.
    nested : list of lists
        Columns of categories within categories, from the outermost to the innermost.
    crossfit : Crossfit
    reads : list
        The columns that the fold scheme reads.
    n_jobs : int, optional
    prior_features : PriorFeatures, optional
        What is known of the categories of some columns.
    """

    rule: PriorRule
    columns: Any
    adjust: bool
    interactions: Any
    max_interactions: int
    drop_noise: bool
    nested: Sequence[Sequence[Any]]
    crossfit: Crossfit
    n_jobs: int | None
    prior_features: PriorFeatures | None = None

    def check(self, X: Frame) -> None:
        if not isinstance(self.columns, str) and len(self.columns):
            X.require(list(self.columns))
        if not all(isinstance(levels, list | tuple) for levels in self.nested):
            raise ValueError(
                f'`nested` must be a list of lists of columns, as [["state", "county"]]. Got {list(self.nested)}.'
            )
        for levels in self.nested:
            X.require(list(levels), "nested")
        columns = [label for levels in self.nested for label in levels]
        if len(set(columns)) < len(columns):
            raise ValueError(f"`nested` must name each column once, but it is {list(self.nested)}.")
        for parts in self._given:
            check_interaction(parts, X)
        if self.prior_features is not None:
            self.prior_features.check([label for label in self._categories(X) if label not in columns], X)

    def _categories(self, X: Frame) -> list[Any]:
        """The columns that hold categories."""
        return [label for label, kind in self._kinds(X).items() if kind == CATEGORY]

    @property
    def _given(self) -> list[tuple[Any, ...]]:
        return [] if isinstance(self.interactions, str) else list(self.interactions)

    def learn(self, data: TrainingData, scheme: Scheme) -> list[Any]:
        data = self._number(data)
        return [table for part in self._parts(data) for table in part.learn(data, scheme)]

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        data = self._number(data)
        fits = [part.fit(data, scheme) for part in self._parts(data)]
        features: Blocks = {}
        for fit in fits:
            features |= fit.features
        return Fit([table for fit in fits for table in fit.tables], features)

    def transform(self, tables: Sequence[Any], X: Frame, fade: Fade) -> Blocks:
        if len(X) > FEW:
            X = number_shared([label for table in tables for label in _numbered_by(table)], X, distinct=False)
        return super().transform(tables, X, fade)

    def required(self, tables: Sequence[Any]) -> list[Any]:
        labels: dict[Any, None] = {}
        for table in tables:
            labels |= dict.fromkeys(_columns_of(table))
        return list(labels)

    def check_tables(self, tables: Sequence[Any], X: Header) -> None:
        require(all(isinstance(each, EncodingTable | NestedTable | AdditiveTable) for each in tables), "other tables")
        require(sum(isinstance(each, AdditiveTable) for each in tables) == 1, "several additive models, or none")
        require(set(self.required(tables)) <= set(X.labels), "tables of other columns")

    def rising(self, tables: Sequence[Any]) -> set[str]:
        of_columns = [table for table in tables if isinstance(table, EncodingTable)]
        of_levels = [table for table in tables if isinstance(table, NestedTable)]
        flat, nested = self._flat([], TREES), self._nested([])
        return flat.rising(of_columns).union(*(nested.rising([table]) for table in of_levels))

    def _number(self, data: TrainingData) -> TrainingData:
        """The training rows, whose categories are numbered once for all structures."""
        numbered = {label: number(data.X.column(label), label=label) for label in self._categories(data.X)}
        return replace(data, X=data.X.with_numbered(numbered))

    def _parts(self, data: TrainingData) -> list[Structure]:
        """The structures whose features are put side by side."""
        kinds, categories = self._kinds(data.X), self._categories(data.X)
        featured = () if self.prior_features is None else self.prior_features.specs
        weighed = None if data.weights.row is None else data.weights.row > 0
        levels = {label: _count_categories(data.X.numbered[label].codes, weighed) for label in categories}
        rows = len(data) if data.weights.row is None or data.weights.precision else data.weights.row.sum()
        left_out = [] if rows < SOME else [label for label, count in levels.items() if count == rows]
        silent = [label for label in left_out if label not in featured]
        if silent:
            warnings.warn(
                f"Columns {silent} have a category of their own in each row, from which nothing can be learned about "
                "other rows. They are left out. Drop them, or turn them into what rows have in common.",
                stacklevel=5,
            )
        kept = [label for label in categories if label not in left_out]
        within = {label for levels in self.nested for label in levels}
        alone = [label for label in categories if label not in silent and label not in within]
        few = [label for label in alone if levels[label] < LEAST and label not in featured]
        numbers = [label for label, kind in kinds.items() if kind == NUMBER]
        return [
            self._flat([label for label in alone if label not in few], TREES),
            self._flat(few, "code"),
            *(self._nested(levels) for levels in self.nested),
            self._additive(kept, numbers, silent),
        ]

    def _kinds(self, X: Frame) -> dict[Any, str]:
        """The columns of numbers and of categories by kind; others pass through."""
        found = {label: kind for label, kind in X.kinds.items() if label not in X.aside}
        chosen = self.columns
        if isinstance(chosen, str):
            chosen = [label for label, kind in found.items() if kind in (CATEGORY, BOOLEAN)]
        chosen = [*chosen, *(label for levels in self.nested for label in levels)]
        numbers = [label for label, kind in found.items() if kind == NUMBER]
        return dict.fromkeys(numbers, NUMBER) | dict.fromkeys(chosen, CATEGORY)

    def _flat(self, columns: Sequence[Any], output: str) -> Flat:
        return Flat(
            self.rule,
            POLICY,
            columns,
            output=output,
            crossfit=self.crossfit,
            n_jobs=self.n_jobs,
            prior_features=self.prior_features,
        )

    def _nested(self, levels: Sequence[Any]) -> Nested:
        rule, crossfit = VarianceRule("reml", scale=1.0), self.crossfit
        return Nested(list(levels), POLICY, "all", ("mean", "count"), rule, crossfit=crossfit, n_jobs=self.n_jobs)

    def _additive(self, categories: Sequence[Any], numbers: Sequence[Any], left_out: Sequence[Any]) -> Additive:
        auto = isinstance(self.interactions, str)
        return Additive(
            columns=categories,
            adjust_for=numbers,
            interactions=self._given,
            most_found=self.max_interactions if auto else 0,
            shown="all" if self.adjust else "none",
            drop_noise=self.drop_noise,
            left_out=left_out,
            n_jobs=self.n_jobs,
        )


def _columns_of(table: Any) -> Sequence[Any]:
    """The columns that the features of a table are computed from."""
    if isinstance(table, AdditiveTable):
        return table.required
    return table.reads if isinstance(table, EncodingTable) else table.accepted_labels


def _numbered_by(table: Any) -> Sequence[Any]:
    """The columns whose categories a table looks up; an additive one once for each of its factors."""
    if isinstance(table, AdditiveTable):
        shown = [table.factors[position] for position in table.shown]
        return [label for factor in shown for label in factor.parts if label not in factor.bins]
    return [table.label] if isinstance(table, EncodingTable) else table.labels


def _count_categories(codes: np.ndarray, weighed: np.ndarray | None) -> int:
    """How many categories a column has, with the missing value, in the rows that weigh something."""
    return int(np.count_nonzero(np.bincount(codes if weighed is None else codes[weighed])))
