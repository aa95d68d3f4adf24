"""A mixed model as a structure: how columns become factors, covariates and slopes, and a fit becomes features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure
from catpool.crossfit.times import Fade
from catpool.data.columns.categories import Vocabulary
from catpool.data.columns.crossed import Cells, encode_column, number_shared
from catpool.data.frames.frame import Frame, column_name, select_columns
from catpool.data.frames.header import Header
from catpool.data.frozen import frozen
from catpool.data.training import TrainingData
from catpool.data.verify import require
from catpool.models.mixed.contrasts import Contrasts
from catpool.models.mixed.design import Design
from catpool.models.mixed.design_terms import DesignTerms
from catpool.models.mixed.effects_table import (
    ROW_FEATURES,
    EffectsTable,
    FactorColumn,
    factor_features,
    make_effects_tables,
)
from catpool.models.mixed.fitted_model import MixedModel
from catpool.models.mixed.mixed_learner import fit_mixed_model, fit_mixed_model_out_of_fold
from catpool.models.mixed.mixed_options import MixedOptions, MixedRows
from catpool.models.mixed.row_predictions import draw_effects, predict_rows
from catpool.priors.families.by_name import MIXED_FAMILIES
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.families.family import Family
from catpool.priors.families.tweedie import Tweedie
from catpool.priors.predictive import Predictive
from catpool.tables.outputs import EFFECT_OUTPUTS, ROW_OUTPUTS, read_outputs
from catpool.tables.policy import Policy, refuse_missing

Vocabularies = Sequence[Vocabulary | Cells]


@frozen
class Mixed(Structure):
    """The factors, covariates and slopes of a mixed model.

    Parameters
    ----------
    terms : DesignTerms
    policy : Policy
    output : str or sequence of str
    prior : {"auto", "reml", "ml", "full_bayes"}
    prior_scale : float
    quadrature : int
    solver : {"auto", "exact", "cg"}
    approximation : {"auto", "laplace", "pql"}
    tweedie_power : float
    """

    table_class = EffectsTable

    terms: DesignTerms
    policy: Policy
    output: str | Sequence[str]
    prior: str
    prior_scale: float
    quadrature: int
    solver: str
    approximation: str
    tweedie_power: float

    @property
    def outputs(self) -> tuple[str, ...]:
        return read_outputs(self.output, (*EFFECT_OUTPUTS, *ROW_OUTPUTS))

    def check(self, X: Frame) -> None:
        _ = self.outputs  # refuses what is unknown
        self.terms.check(X)

    def required(self, tables: Sequence[EffectsTable]) -> list[Any]:
        return list(dict.fromkeys([*_replaced(tables), *self.terms.labels(self.contrasts(tables))]))

    def check_tables(self, tables: Sequence[EffectsTable], X: Header) -> None:
        super().check_tables(tables, X)
        terms, contrasts = self.terms, self.contrasts(tables)
        require([table.label for table in tables] == list(terms.groups), "tables of other factors")
        model = tables[0].model
        covariates = contrasts.expand(terms.covariates)
        require(len(model.fixed) == 1 + len(covariates), "coefficients of other covariates")
        require(len(model.effects) == len(tables), "effects of other factors")
        for table, effects in zip(tables, model.effects, strict=True):
            slopes = terms.slope_columns(table.label, contrasts)
            require(table.slopes == list(terms.slopes.get(table.label, [])), "slopes of other columns")
            require(table.intercept == (table.label in terms.intercepts), "effects of other terms")
            require(len(table.terms) == table.intercept + len(slopes), "slopes without their names")
            require(table.modes.shape == effects.shape, "effects of other categories")
            parts = len(table.vocabulary.paths.parts) if isinstance(table.vocabulary, Cells) else None
            crossed = isinstance(table.label, tuple) and len(table.label) == parts
            require(crossed if parts is not None else table.label in X.labels, f"a table of {table.label!r}")

    def learn(self, data: TrainingData, scheme: Scheme) -> list[EffectsTable]:
        rows, vocabularies, contrasts = self._rows(data)
        model = replace(fit_mixed_model(rows, self._options(rows)), contrasts=contrasts)
        return self._tables(data.X.names_by_label, rows, vocabularies, model)

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        folds, names = scheme.folds(), data.X.names_by_label
        rows, vocabularies, contrasts = self._rows(data)
        whole, models = fit_mixed_model_out_of_fold(rows, folds, self._options(rows))
        features: Blocks = {}
        for fold, model in enumerate(models):
            test = np.flatnonzero(folds.labels == fold)
            # counts are those of the rows that the fold learns from
            tables = self._tables(names, rows.subset(folds.training_rows(fold)), vocabularies, model)
            for label, block in self._blocks(tables, rows.design.subset(test)).items():
                features.setdefault(label, np.full((len(data), block.shape[1]), np.nan))[test] = block
        return Fit(self._tables(names, rows, vocabularies, replace(whole, contrasts=contrasts)), features)

    def transform(self, tables: Sequence[EffectsTable], X: Frame, fade: Fade) -> Blocks:
        return self._blocks(tables, self._design_of_new(tables, X))

    def predictive(self, tables: Sequence[EffectsTable], X: Frame) -> tuple[Predictive, np.ndarray]:
        """The predictive distribution of rows, and for which of them the policy hides it, shape (n,)."""
        family = self._family_named(tables[0].model.family)
        return predict_rows(tables, self._design_of_new(tables, X), self.policy, family)

    def draw(self, tables: Sequence[EffectsTable], X: Frame, rng: np.random.Generator, number: int) -> np.ndarray:
        """Draws of the effects of rows, shape (number, n, effects of all factors)."""
        return draw_effects(tables, self._design_of_new(tables, X), self.policy, rng, number)

    def _design_of_new(self, tables: Sequence[EffectsTable], X: Frame) -> Design:
        numbered = number_shared([table.label for table in tables], X, distinct=False)
        codes = [table.slots(select_columns(table.label, numbered)) for table in tables]
        sizes = [table.vocabulary.size for table in tables]
        return self.terms.read(X, codes, sizes, self.contrasts(tables))

    def names(self, tables: Sequence[EffectsTable], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        # the columns of a factor are left out, also where its features come after all columns
        result: dict[Any, list[str]] = {label: [] for label in _replaced(tables)}
        for table in tables:
            slopes = self.terms.slope_names(table.label, self.contrasts(tables), names)
            result[table.label] = table.names(column_name(table.label, names), slopes)
        return result | {(ROW_OUTPUTS, output): [output] for output in self._of_rows}

    def contrasts(self, tables: Sequence[EffectsTable]) -> Contrasts:
        """The levels of the covariates that hold categories."""
        return self.terms.contrasts_of(tables[0].model)

    @property
    def _of_rows(self) -> list[str]:
        """The outputs of a row, independent of its factors."""
        return [output for output in self.outputs if output in ROW_OUTPUTS]

    def rising(self, tables: Sequence[EffectsTable]) -> set[str]:
        return {*(table.column for table in tables), *ROW_OUTPUTS}

    def _blocks(self, tables: Sequence[EffectsTable], design: Design) -> Blocks:
        """The features of rows, by the label of the column they replace."""
        blocks: Blocks = {label: np.empty((len(design.covariates), 0)) for label in _replaced(tables)}
        blocks |= factor_features(tables, design)
        blocks |= {(ROW_OUTPUTS, output): ROW_FEATURES[output](tables, design)[:, None] for output in self._of_rows}
        return blocks

    def _options(self, rows: MixedRows) -> MixedOptions:
        options = MixedOptions(self.prior, self.prior_scale, self.solver, self.quadrature, self.approximation)
        options.check(rows)
        return options

    def _rows(self, data: TrainingData) -> tuple[MixedRows, Vocabularies, Contrasts]:
        targets = data.targets
        if len(targets) > 1 or targets[0].has_class_columns:
            raise ValueError(
                "A mixed model has one target, which is continuous, binary or counts, but y has "
                f"{'several outputs' if len(targets) > 1 else 'several classes'}. Fit one encoder for each."
            )
        codes, vocabularies = [], []
        X = number_shared(self.terms.groups, data.X, distinct=True)
        for group in self.terms.groups:
            own, vocabulary = encode_column(group, X)
            if self.policy.missing == "error":
                refuse_missing(own, column_name(group, data.X.names_by_label))
            codes.append(own.astype(np.intp))  # which indexes twice as fast
            vocabularies.append(vocabulary)
        contrasts = self.terms.read_contrasts(data.X)
        design = self.terms.read(data.X, codes, [each.size for each in vocabularies], contrasts)
        y = next(iter(targets[0].columns()))
        family = self._family(targets[0].family, y)
        if family.homoscedastic and design.offset is not None:
            y = y - design.offset
        return MixedRows(y, design, data.weights, family), vocabularies, contrasts

    def _family(self, name: str, y: np.ndarray) -> Family | DispersedFamily:
        """The family of the rows, which y must go with."""
        family = self._family_named(name)
        if name != "tweedie" and self.tweedie_power != Tweedie().power:
            raise ValueError(
                f'`tweedie_power` goes with family="tweedie", but the family is "{name}". Pass family="tweedie", or '
                f"leave `tweedie_power` at {Tweedie().power}."
            )
        if isinstance(family, DispersedFamily):
            family.check(y)
        return family

    def _family_named(self, name: str) -> Family | DispersedFamily:
        return Tweedie(self.tweedie_power) if name == "tweedie" else MIXED_FAMILIES[name]

    def _tables(
        self, names: Mapping[Any, str], rows: MixedRows, vocabularies: Vocabularies, model: MixedModel
    ) -> list[EffectsTable]:
        outputs = tuple(output for output in self.outputs if output in EFFECT_OUTPUTS)
        columns = [
            FactorColumn(group, column_name(group, names), vocabulary, list(self.terms.slopes.get(group, [])))
            for group, vocabulary in zip(self.terms.groups, vocabularies, strict=True)
        ]
        return make_effects_tables(model, rows.design, rows.weights.row, columns, self.policy, outputs)


def _replaced(tables: Sequence[EffectsTable]) -> list[Any]:
    """The columns that factors are made of."""
    parts = [table.label if isinstance(table.vocabulary, Cells) else (table.label,) for table in tables]
    return list(dict.fromkeys(label for group in parts for label in group))
