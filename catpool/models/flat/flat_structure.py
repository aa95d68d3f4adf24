"""Columns and interactions of columns, each category with a prior of its column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from catpool.crossfit.columnwise import Columnwise, Crossfit
from catpool.crossfit.leverage import heaviest_share, is_large
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.row_statistics import CodedRows
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks
from catpool.crossfit.times import Fade
from catpool.data.columns.categories import Vocabulary
from catpool.data.columns.crossed import Cells, encode_column
from catpool.data.columns.featured import FeaturedVocabulary
from catpool.data.columns.listed import AUTO, Coded, encode_listed, read_categories
from catpool.data.frames.frame import Frame, column_name, select_columns
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.targets.ranges import Ranges
from catpool.data.targets.target import Target
from catpool.data.training import TrainingData
from catpool.data.verify import require
from catpool.models.flat.distributions import Distributions
from catpool.models.flat.drift_features import check_drift
from catpool.models.flat.faded import later_features
from catpool.models.flat.flat_columns import FlatColumns
from catpool.models.flat.useful_codes import codes_are_useful
from catpool.priors.posterior import posterior_reliability
from catpool.priors.rules import PriorRule
from catpool.tables.encoding import Encoding
from catpool.tables.encoding_table import EncodingTable
from catpool.tables.learner import Learner
from catpool.tables.outputs import column_output, column_outputs, read_flat_outputs, refuse_of_past, target_outputs
from catpool.tables.policy import Policy, refuse_missing
from catpool.tables.windows import check_windows, window_outputs

if TYPE_CHECKING:
    from catpool.models.features.prior_features import PriorFeatures

TREES = "trees"
ALL_OUT_OF_FOLD = Crossfit()  # frozen, so it can be a default


@frozen
class Flat(Columnwise):
    """Columns and interactions of columns, each category with a prior of its column.

    Parameters
    ----------
    rule : callable
        How the prior of a column is learned.
    policy : Policy
    columns : "auto", list, callable or None
        The labels of the columns to encode, or a function from a pandas frame to them; "auto" for those that hold
        categories, None for all without another role.
    interactions : list of tuples, or int
        The tuples of labels to encode together, or the largest number of the columns that are combined.
    categories : "auto" or list, default="auto"
        An array of categories for each of the columns.
    output : str or sequence of str
        Names of outputs, or "trees".
    bins : int or array of edges, default=10
        The bins of histograms.
    shape_rule : callable, optional
        How the priors of skews and shares are learned; by default by `rule`.
    crossfit : Crossfit
    drop_noise : bool
        Whether columns without signal give no features.
    cell_rule : callable, optional
        From the cells of an interaction to how their prior is learned; by default as that of a column.
    reads : list, default=[]
        The columns that the fold scheme reads.
    past_only : bool, default=False
    windows : list of str, default=[]
        The names of windows of time in which means are taken as well.
    drifts : bool, default=False
        Whether effects drift in time.
    n_jobs : int, optional
    prior_features : PriorFeatures, optional
        What is known of the categories of some columns, from which their prior means follow.
    """

    takes_past_only = True
    takes_gaps = True
    table_class = EncodingTable

    rule: PriorRule
    policy: Policy
    columns: Sequence[Any] | str | Callable[[Any], Any] | None = None
    interactions: Sequence[tuple[Any, ...]] | int = ()
    categories: Any = AUTO
    output: str | Sequence[str] = "mean"
    bins: Any = 10
    shape_rule: PriorRule | None = None
    crossfit: Crossfit = ALL_OUT_OF_FOLD
    drop_noise: bool = False
    cell_rule: Callable[[Cells], PriorRule] | None = None
    reads: Sequence[Any] = field(default=())
    past_only: bool = False
    windows: Sequence[str] = field(default=())
    drifts: bool = False
    n_jobs: int | None = None
    prior_features: PriorFeatures | None = None

    @property
    def for_trees(self) -> bool:
        return isinstance(self.output, str) and self.output == TREES

    @property
    def outputs(self) -> tuple[str, ...]:
        if self.for_trees:
            return ("mean", "code") if self.past_only else ("mean", "size", "code")  # counts of the past tell the time
        outputs = read_flat_outputs(self.output)
        if self.past_only:
            refuse_of_past(outputs)
        return outputs

    @cached_property
    def distributions(self) -> Distributions:
        """The outputs that describe distributions."""
        return Distributions(self.outputs, self.bins, self.shape_rule or self.rule, self.policy)

    def add_targets(self, data: TrainingData) -> TrainingData:
        return self.distributions.add_targets(data)

    def shares(self, target: Target, *, precision: bool, exposed: bool) -> list[tuple[Ranges, Target]]:
        return self.distributions.shares(target, precision=precision, exposed=exposed)

    def refuse_rows(self, where: str) -> None:
        self.distributions.refuse_rows(where)

    def complete(self, encodings: list[Any], codes: np.ndarray, vocabulary: Any, data: TrainingData) -> list[Any]:
        rows = CodedRows(codes, vocabulary.size, data, lambda: self.learner(vocabulary).rule)
        return self.distributions.complete(encodings, rows)

    def complete_column(
        self, column: OutOfFoldColumn, codes: np.ndarray, vocabulary: Any, data: TrainingData, scheme: Scheme
    ) -> OutOfFoldColumn:
        rows = CodedRows(codes, vocabulary.size, data, lambda: self.learner(vocabulary).rule)
        return self.distributions.complete_column(column, rows, scheme)

    @property
    def extras(self) -> tuple[str, ...]:
        """The outputs that are the same independent of the target."""
        return column_outputs(self.outputs)

    @property
    def counts_by_fold(self) -> bool:
        return self.past_only or any(column_output(extra).by_fold for extra in self.extras)

    @property
    def needs_codes(self) -> bool:
        looked_up = any(not column_output(extra).by_fold for extra in self.extras)
        return looked_up or self.crossfit.only_rare or self.past_only or bool(self.distributions.rows_outputs)

    @cached_property
    def _chosen(self) -> FlatColumns:
        return FlatColumns(self.columns, self.interactions, self.reads)

    def check(self, X: Frame) -> None:
        _ = self.distributions.ranges  # refuses what is unknown
        self._chosen.check(X)
        check_windows(self.windows, self.outputs)
        has_parts, has_features = bool(self.interactions) and bool(self.cell_rule), self.prior_features is not None
        check_drift(self.rule, drifts=self.drifts, has_parts=has_parts, has_features=has_features)
        if self.past_only and self.crossfit.only_rare:
            raise ValueError('A time-ordered `cv` needs crossfit="all": no row may see the future.')
        if self.prior_features is not None:
            self.prior_features.check(self.labels(X), X)

    def labels(self, X: Frame) -> list[Any]:
        return self._chosen.labels(X)

    def required(self, tables: Sequence[EncodingTable]) -> list[Any]:
        return list(dict.fromkeys(chain.from_iterable(table.reads for table in tables)))

    def check_tables(self, tables: Sequence[EncodingTable], X: Header) -> None:
        super().check_tables(tables, X)
        for table in tables:
            outputs = [*self.distributions.order, *window_outputs(self.windows)]
            same = list(table.encodings[0].values) == outputs
            require(same or not self.past_only, "other outputs than its parameters say")
            parts = len(table.vocabulary.paths.parts) if isinstance(table.vocabulary, Cells) else None
            known = table.label in X.labels
            crossed = not known and isinstance(table.label, tuple) and all(part in X.labels for part in table.label)
            require(known if parts is None else crossed and len(table.label) == parts, f"a table of {table.label!r}")
            own = not isinstance(table.vocabulary, FeaturedVocabulary) or table.vocabulary.label == table.label
            require(own and set(table.reads) <= set(X.labels), f"other features than those of {table.label!r}")
        require(tables or self.columns is not None, "no tables")
        labels = [table.label for table in tables]
        require(self._chosen.are(labels), "tables of other columns")
        self.check_listed(labels, [table.vocabulary for table in tables])

    def encode(self, label: Any, X: Frame) -> tuple[np.ndarray, Vocabulary | Cells]:
        codes, vocabulary = encode_column(label, X)
        if self.policy.missing == "error":
            refuse_missing(codes, column_name(label, X.names_by_label))
        return codes, vocabulary

    def listed(self, labels: Sequence[Any]) -> dict[Any, Vocabulary]:
        return read_categories(self.categories, labels[: self._chosen.number_of_columns(len(labels))])

    def code(self, label: Any, X: Frame, listed: Mapping[Any, Vocabulary]) -> Coded:
        coded = self._code_plainly(label, X, listed)
        return coded if self.prior_features is None else self.prior_features.add_to(coded, label, X)

    def traits(self, label: Any) -> list[Any]:
        return [] if self.prior_features is None else self.prior_features.traits(label)

    def _code_plainly(self, label: Any, X: Frame, listed: Mapping[Any, Vocabulary]) -> Coded:
        """The codes of a column, without features of its categories."""
        if label not in listed:
            return Coded(*self.encode(label, X))
        name, strict = column_name(label, X.names_by_label), self.policy.unknown == "error"
        coded = encode_listed(select_columns(label, X), listed[label], name, strict=strict)
        if self.policy.missing == "error":
            refuse_missing(coded.codes, name)
        return coded

    def log_likelihood(self, data: TrainingData) -> float | np.ndarray:
        if not data.weights.precision:
            return super().log_likelihood(data)
        labels = self.labels(data.X)
        listed = self.listed(labels)
        unlisted = [self._code_plainly(label, data.X, listed).unlisted if label in listed else None for label in labels]
        return np.array([data.without(rows).weights.log_likelihood for rows in unlisted])

    def learner(self, vocabulary: Vocabulary | Cells) -> Learner:
        outputs, shapes = target_outputs(self.outputs), self.distributions.shape_rule
        return Learner(self._rule_of(vocabulary), self.policy, outputs, self._rounding, shapes)

    @property
    def _rounding(self) -> float:
        """What means are rounded to, in posterior sds: for trees, and coarser in the past, as all means move there."""
        return (1.0 if self.past_only else 0.5) if self.for_trees else 0.0

    def _rule_of(self, vocabulary: Vocabulary | Cells) -> PriorRule:
        if isinstance(vocabulary, Cells) and self.cell_rule is not None:
            return self.cell_rule(vocabulary)
        if isinstance(vocabulary, FeaturedVocabulary) and self.prior_features is not None:
            return self.prior_features.rule(vocabulary)
        return self.rule

    def table(
        self, label: Any, names: Mapping[Any, str], vocabulary: Vocabulary | Cells, encodings: list[Encoding]
    ) -> EncodingTable:
        dropped = self.drop_noise and all(encoding.is_noise for encoding in encodings)
        name, extras = column_name(label, names), self._extras_of(vocabulary, encodings)
        rounding = self._rounding if isinstance(vocabulary, FeaturedVocabulary) else 0.0
        return EncodingTable(label, name, vocabulary, encodings, self.policy, extras, dropped, rounding)

    def _extras_of(self, vocabulary: Vocabulary | Cells, encodings: list[Encoding]) -> tuple[str, ...]:
        """The column outputs of a column; for trees, codes only where they gain from them."""
        if not self.for_trees or codes_are_useful(vocabulary, encodings):
            return self.extras
        return tuple(extra for extra in self.extras if extra != "code")

    def use_all_rows(
        self, column: OutOfFoldColumn, codes: np.ndarray, vocabulary: Any, data: TrainingData, groups: Any
    ) -> None:
        share = heaviest_share(codes, vocabulary.size, data.weights.count_weights, groups)
        large = [
            is_large(share, posterior_reliability(each.moments, each.prior, each.family), self.crossfit.reliability)
            for each in column.encodings
        ]
        by_value = [each for each, item in zip(large, column.encodings, strict=True) for _ in item.values]
        column.use_all_rows(codes, by_value, np.all(large, axis=0))

    def features(self, table: EncodingTable, X: Frame, fade: Fade) -> Blocks:
        return table.features(X) if fade is None else later_features(self.learner(table.vocabulary), table, X, fade)

    def rising(self, tables: Sequence[EncodingTable]) -> set[str]:
        single = [table for table in tables if sum(not item.shares for item in table.encodings) == 1]
        return {name for table in single for name in table.names() if name == table.column}
