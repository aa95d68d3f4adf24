"""Levels within levels as a structure: how their columns become paths, and paths a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from catpool.crossfit.columnwise import Columnwise, Crossfit
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.structure import Blocks
from catpool.crossfit.times import Fade
from catpool.data.columns.categories import MISSING
from catpool.data.columns.crossed import Paths, encode_paths
from catpool.data.frames.frame import Frame, select_columns
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.training import TrainingData
from catpool.data.verify import require
from catpool.models.nested.averaged_levels import VarianceRule
from catpool.models.nested.level_leverage import large_levels
from catpool.models.nested.nested_learner import NestedLearner
from catpool.models.nested.nested_predictions import draw_paths, predict_paths
from catpool.models.nested.nested_table import NestedTable
from catpool.models.nested.path_rows import PathRows
from catpool.priors.predictive import Predictive
from catpool.tables.outputs import LEVEL_OUTPUTS, read_outputs
from catpool.tables.policy import Policy, refuse_missing


@frozen
class Nested(Columnwise):
    """Columns of categories within categories.

    Parameters
    ----------
    levels : list
        The labels of the columns from the outermost to the innermost.
    policy : Policy
    emit : {"deepest", "all"}
        The levels that features come from.
    output : str or sequence of str
    variances : VarianceRule
    crossfit : Crossfit
    """

    levels: Sequence[Any]
    policy: Policy
    emit: str
    output: str | Sequence[str]
    variances: VarianceRule
    crossfit: Crossfit
    n_jobs: int | None = None
    table_class = NestedTable
    counts_by_fold = False  # counts are among the values
    needs_codes = True

    @property
    def outputs(self) -> tuple[str, ...]:
        return read_outputs(self.output, LEVEL_OUTPUTS)

    @property
    def emitted(self) -> tuple[int, ...]:
        last = len(self.levels) - 1
        return tuple(range(last + 1)) if self.emit == "all" else (last,)

    def check(self, X: Frame) -> None:
        _ = self.outputs  # refuses what is unknown
        X.require(list(self.levels), "levels")

    def labels(self, X: Frame) -> list[tuple[Any, ...]]:
        return [tuple(self.levels)]

    def required(self, tables: Sequence[NestedTable]) -> list[Any]:
        return list(tables[0].labels)

    def check_tables(self, tables: Sequence[NestedTable], X: Header) -> None:
        require(len(tables) == 1, "several tables of levels")
        super().check_tables(tables, X)

    def encode(self, label: Sequence[Any], X: Frame) -> tuple[np.ndarray, Paths]:
        codes, paths = encode_paths({part: select_columns(part, X) for part in label})
        if self.policy.missing == "error":
            for level, part in enumerate(label):
                gone = np.where(paths.slots(level)[codes[level]] == MISSING, MISSING, 1)
                refuse_missing(gone, X.names_by_label[part])
        return codes[-1].copy(), paths  # as those of a first level may be others' too, and are overwritten

    def learner(self, vocabulary: Paths) -> NestedLearner:
        numbers = tuple(output for output in self.outputs if output != "code")
        return NestedLearner(vocabulary, self.policy, self.emitted, numbers, self.variances)

    def table(
        self, label: Sequence[Any], names: Mapping[Any, str], vocabulary: Paths, encodings: list[Any]
    ) -> NestedTable:
        columns = [names[part] for part in label]
        return NestedTable(list(label), columns, vocabulary, encodings, self.policy, self.emitted, self.outputs)

    def use_all_rows(
        self, column: OutOfFoldColumn, codes: np.ndarray, vocabulary: Any, data: TrainingData, groups: Any
    ) -> None:
        rows = data.weights.count_weights, groups, self.crossfit.reliability
        large = [large_levels(vocabulary, each, codes, *rows) for each in column.encodings]
        by_value = [by_level[level] for by_level in large for level, _ in self.learner(vocabulary).outputs]
        column.use_all_rows(codes, by_value, np.zeros(vocabulary.size, dtype=bool))

    def features(self, table: NestedTable, X: Frame, fade: Fade) -> Blocks:
        return table.features(X)

    def rising(self, tables: Sequence[NestedTable]) -> set[str]:
        (table,) = tables
        return set(table.columns) if len(table.encodings) == 1 else set()

    def predictive(self, tables: Sequence[NestedTable], X: Frame) -> tuple[Predictive, np.ndarray]:
        """The predictive distribution of rows, and for which of them the policy hides it, shape (n,)."""
        (table,) = tables
        if len(table.encodings) > 1:
            raise ValueError(
                "`predict` needs one target that is continuous, binary or counts, but y has several outputs or "
                "classes. Fit one encoder for each, or use `transform`."
            )
        return predict_paths(table.encodings[0], self._path_rows(table, X), len(table.labels) - 1)

    def draw(self, tables: Sequence[NestedTable], X: Frame, rng: np.random.Generator, number: int) -> np.ndarray:
        """Draws of the values of rows, shape (number, n, features)."""
        (table,) = tables
        rows = self._path_rows(table, X)
        groups = [list(own) for _, own in groupby(table.encodings, key=lambda each: each.levels.family.homoscedastic)]
        draws = np.concatenate([draw_paths(own, rows, rng, number) for own in groups], axis=3)
        return draws[:, :, list(table.emitted)].reshape(number, draws.shape[1], -1)

    def _path_rows(self, table: NestedTable, X: Frame) -> PathRows:
        return table.path_rows([X.column(label) for label in table.labels])
