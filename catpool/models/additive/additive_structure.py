"""`Additive`: effects of columns and interactions, adjusted for each other, as a structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Fit, Structure
from catpool.crossfit.threads import in_threads
from catpool.data.columns.crossed import check_interaction
from catpool.data.frames.column_kinds import AUTO, BOOLEAN, CATEGORY, NUMBER
from catpool.data.frames.frame import Frame
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counting
from catpool.data.training import TrainingData
from catpool.data.verify import require
from catpool.models.additive.additive_model import AdditiveModel
from catpool.models.additive.additive_rows import FactorRows, TargetColumn, target_columns
from catpool.models.additive.additive_table import AdditiveTable, EffectOutput, effect_features
from catpool.models.additive.backfitting import fit_targets, residuals
from catpool.models.additive.factors import FactorMaker
from catpool.models.additive.screening import Choice, Screen
from catpool.tables.policy import Policy, refuse_missing

FOR_TREES = EffectOutput(Policy("prior", "category"), rounded=True, beside=True)


@frozen
class Additive(Structure):
    """Effects of columns and interactions on the target, adjusted for each other.

    Parameters
    ----------
    columns : "auto" or list
        The labels of the columns that hold categories and have effects; by default strings, objects, categories and
        booleans.
    adjust_for : "auto" or list
        The labels of other columns that have effects, of categories or numbers; by default all.
    interactions : list of tuples
        The interactions that have effects.
    most_found : int
        The largest number of interactions that are found and added.
    shown : {"all", "columns", "none"}
        Whose effects are features, beside those of interactions: of all columns, or of `columns` alone.
    drop_noise : bool
        Whether effects without variance are no features.
    left_out : list
        The labels of columns that give no features.
    output : EffectOutput
    n_jobs : int, optional
    """

    table_class = AdditiveTable

    columns: Any = AUTO
    adjust_for: Any = AUTO
    interactions: Sequence[tuple[Any, ...]] = ()
    most_found: int = 0
    shown: str = "all"
    drop_noise: bool = True
    left_out: Sequence[Any] = ()
    output: EffectOutput = FOR_TREES
    n_jobs: int | None = None

    def check(self, X: Frame) -> None:
        given = [(name, getattr(self, name)) for name in ("columns", "adjust_for")]
        labels = []
        for name, own in given:
            if not isinstance(own, str) and len(own):
                X.require(list(own), name)
                labels += list(own)
        twice = [label for label, times in Counter(labels).items() if times > 1]
        if twice:
            raise ValueError(f"`adjust_for` names columns that `columns` names too: {twice}. Remove them from it.")
        for parts in self.interactions:
            check_interaction(parts, X)

    def _chosen(self, X: Frame, kinds: Mapping[Any, str]) -> tuple[list[Any], list[Any], list[Any]]:
        """The columns of categories that are encoded, other columns of categories, and those of numbers."""
        named = [] if isinstance(self.adjust_for, str) else self.adjust_for
        free = [label for label in X.labels if label not in X.aside and label not in named]
        columns = self.columns
        if isinstance(columns, str):
            columns = [label for label in free if kinds[label] in (CATEGORY, BOOLEAN)]
        others = self.adjust_for
        if isinstance(others, str):
            with_effects = [label for label in free if kinds[label] in (CATEGORY, BOOLEAN, NUMBER)]
            others = [label for label in with_effects if label not in columns]
        numbers = [label for label in others if kinds[label] == NUMBER]
        return list(columns), [label for label in others if label not in numbers], numbers

    def required(self, tables: Sequence[AdditiveTable]) -> list[Any]:
        return list(dict.fromkeys(label for table in tables for label in table.required))

    def check_tables(self, tables: Sequence[AdditiveTable], X: Header) -> None:
        super().check_tables(tables, X)
        require(len(tables) == 1, "several additive models, or none")
        require(set(self.required(tables)) <= set(X.labels), "effects of other columns")

    def learn(self, data: TrainingData, scheme: Scheme) -> list[AdditiveTable]:
        return [self._learn(data, target_columns(data))[0]]

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        targets, folds = target_columns(data), scheme.folds()
        table, rows = self._learn(data, targets)
        features = {key: np.full((len(data), len(targets)), np.nan) for key in table.keys}

        def encode(fold: int) -> None:
            training, test = folds.training_rows(fold), np.flatnonzero(folds.labels == fold)
            models = fit_targets(rows.subset(training), [target.subset(training) for target in targets])
            for key, position in zip(table.keys, table.shown, strict=True):
                features[key][test] = effect_features(models, position, rows.codes[position][test], self.output)
            advance(1)

        needed = range(folds.n_folds if table.shown else 0)
        with counting(len(needed), FOLDS) as advance:
            in_threads(encode, needed, self.n_jobs, len(data) * len(rows.codes))
        return Fit([table], table.nothing(len(data)) | features)

    def rising(self, tables: Sequence[AdditiveTable]) -> set[str]:
        # an effect is a part of the mean of y, which rises with it
        found = [table.feature_names({}) for table in tables if len(table.targets) == 1]
        return {name for names in found for own in names.values() for name in own}

    def _learn(self, data: TrainingData, targets: Sequence[TargetColumn]) -> tuple[AdditiveTable, FactorRows]:
        """The effects learned from all rows, and the rows by their slots in each factor."""
        kinds = data.X.kinds
        columns, categories, numbers = self._chosen(data.X, kinds)
        crossed = [part for parts in self.interactions for part in parts if part not in columns]
        binned = dict.fromkeys([*numbers, *(part for part in crossed if kinds[part] == NUMBER)])
        maker = FactorMaker(data.X, data.weights.row, list(binned))
        if self.output.policy.missing == "error":
            for label in columns:
                refuse_missing(maker.part(label)[0], data.X.names_by_label[label])
        singles = [*columns, *categories, *numbers]
        numbered = [maker.single(label) for label in singles] + [maker.crossed(label) for label in self.interactions]
        rows = FactorRows.of(numbered, data.weights, maker)
        models = fit_targets(rows, targets)
        choices: list[Choice] = []
        if self.most_found:
            left = [residuals(model, rows, own) for model, own in zip(models, targets, strict=True)]
            screen = Screen(maker, left, rows.weights, [*columns, *categories], numbers)
            choices = screen.choose(self.most_found)
        if choices:
            numbered += [maker.crossed(choice.label) for choice in choices]
            rows = FactorRows.of(numbered, data.weights, maker)
            models = fit_targets(rows, targets)
        hidden = {"all": [], "columns": [*categories, *numbers], "none": singles}[self.shown]
        factors, names = [factor for factor, _ in numbered], [target.name for target in targets]
        shown = [
            position
            for position, factor in enumerate(factors)
            if factor.label not in hidden and not (self.drop_noise and is_noise(models, position))
        ]
        return AdditiveTable(factors, models, names, shown, choices, list(self.left_out), self.output), rows


def is_noise(models: Sequence[AdditiveModel], factor: int) -> bool:
    """Whether the effects of a factor have no variance, on any column of the target."""
    return not any(model.variances[factor] > 0 for model in models)
