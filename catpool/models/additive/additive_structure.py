"""`Additive`: effects of columns and interactions, adjusted for each other, as a structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure
from catpool.crossfit.threads import in_threads
from catpool.data.crossed import check_interaction
from catpool.data.frames import Frame
from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counting
from catpool.data.training import TrainingData
from catpool.models.additive.additive_model import AdditiveModel
from catpool.models.additive.additive_rows import FactorRows, TargetColumn, target_columns
from catpool.models.additive.additive_table import AdditiveTable, effect_features, key
from catpool.models.additive.backfitting import fit_targets, residuals
from catpool.models.additive.factors import FactorMaker
from catpool.models.additive.screening import Choice, Screen


@frozen
class Additive(Structure):
    """Effects of columns and interactions on the target, adjusted for each other.

    Parameters
    ----------
    categories, numbers : list
        The labels of the columns that have effects.
    interactions : list of tuples
        The interactions that have effects.
    most_found : int
        The largest number of interactions that are found and added.
    shown : bool
        Whether the effects of columns are features. Those of interactions always are.
    drop_noise : bool
        Whether effects without variance are no features.
    left_out : list
        The labels of columns that give no features.
    n_jobs : int, optional
    """

    table_class = AdditiveTable

    categories: Sequence[Any]
    numbers: Sequence[Any]
    interactions: Sequence[tuple[Any, ...]] = ()
    most_found: int = 0
    shown: bool = True
    drop_noise: bool = True
    left_out: Sequence[Any] = ()
    n_jobs: int | None = None

    def check(self, X: Frame) -> None:
        for parts in self.interactions:
            check_interaction(parts, X)

    def required(self, tables: Sequence[AdditiveTable]) -> list[Any]:
        return list(dict.fromkeys(label for table in tables for label in table.required))

    def learn(self, data: TrainingData, scheme: Scheme) -> list[AdditiveTable]:
        return [self._learn(data, target_columns(data.targets))[0]]

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        targets, folds = target_columns(data.targets), scheme.folds()
        table, rows = self._learn(data, targets)
        features = {key(table.factors[each]): np.full((len(data), len(targets)), np.nan) for each in table.shown}

        def encode(fold: int) -> None:
            training, test = folds.training_rows(fold), np.flatnonzero(folds.labels == fold)
            models = fit_targets(rows.subset(training), [target.subset(training) for target in targets])
            for position in table.shown:
                encoded = effect_features(models, position, rows.codes[position][test])
                features[key(table.factors[position])][test] = encoded
            advance(1)

        with counting(folds.n_folds, FOLDS) as advance:
            in_threads(encode, range(folds.n_folds), self.n_jobs, len(data) * len(rows.codes))
        return Fit([table], table.nothing(len(data)) | features)

    def transform(self, tables: Sequence[AdditiveTable], X: Frame, fade: np.ndarray | None) -> Blocks:
        blocks: Blocks = {}
        for table in tables:
            blocks |= table.features(X)
        return blocks

    def names(self, tables: Sequence[AdditiveTable], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        result: dict[Any, list[str]] = {}
        for table in tables:
            result |= table.feature_names(names)
        return result

    def rising(self, tables: Sequence[AdditiveTable]) -> set[str]:
        # an effect is a part of the mean of y, which rises with it
        found = [table.feature_names({}) for table in tables if len(table.targets) == 1]
        return {name for names in found for own in names.values() for name in own}

    def _learn(self, data: TrainingData, targets: Sequence[TargetColumn]) -> tuple[AdditiveTable, FactorRows]:
        """The effects learned from all rows, and the rows by their slots in each factor."""
        maker = FactorMaker(data.X, data.weights.row, self.numbers)
        columns = [*self.categories, *self.numbers]
        numbered = [maker.single(label) for label in columns] + [maker.crossed(label) for label in self.interactions]
        rows = FactorRows.of(numbered, data.weights)
        models = fit_targets(rows, targets)
        choices = self._find(maker, rows, models, targets)
        if choices:
            numbered += [maker.crossed(choice.label) for choice in choices]
            rows = FactorRows.of(numbered, data.weights)
            models = fit_targets(rows, targets)
        shown = self._shown(models, len(columns))
        factors, names = [factor for factor, _ in numbered], [target.name for target in targets]
        return AdditiveTable(factors, models, names, shown, choices, list(self.left_out)), rows

    def _find(
        self,
        maker: FactorMaker,
        rows: FactorRows,
        models: Sequence[AdditiveModel],
        targets: Sequence[TargetColumn],
    ) -> list[Choice]:
        """The interactions that stand out from what the columns leave unexplained."""
        if not self.most_found:
            return []
        left = [residuals(model, rows, own) for model, own in zip(models, targets, strict=True)]
        return Screen(maker, left, rows.weights.row, self.categories, self.numbers).choose(self.most_found)

    def _shown(self, models: Sequence[AdditiveModel], columns: int) -> list[int]:
        """The positions of the factors that give features, of which so many are columns."""
        with_signal = np.any([model.variances > 0 for model in models], axis=0) | (not self.drop_noise)
        return [int(each) for each in np.flatnonzero(with_signal) if self.shown or each >= columns]
