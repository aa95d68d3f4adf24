"""A mixed model as a structure: how columns become factors, covariates and slopes, and a fit becomes features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure
from catpool.data.categories import Vocabulary
from catpool.data.crossed import Cells, check_interaction, encode_column, number_shared
from catpool.data.frames import Frame, column_name, select_columns
from catpool.data.frozen import frozen
from catpool.data.header import Header
from catpool.data.training import TrainingData
from catpool.data.verify import require
from catpool.models.mixed.design import Design, read_design
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
from catpool.priors.dispersed import DispersedFamily
from catpool.priors.families import MIXED_FAMILIES
from catpool.priors.family import Family
from catpool.priors.predictive import Predictive
from catpool.priors.tweedie import Tweedie
from catpool.tables.outputs import EFFECT_OUTPUTS, ROW_OUTPUTS, read_outputs
from catpool.tables.policy import Policy, refuse_missing

Vocabularies = Sequence[Vocabulary | Cells]


@frozen
class Mixed(Structure):
    """The factors, covariates and slopes of a mixed model.

    Parameters
    ----------
    groups : list
        The factors: labels of columns, or tuples of labels.
    covariates : list
    slopes : dict of list
        The columns whose slopes differ by level, by factor.
    policy : Policy
    output : str or sequence of str
    correlated : bool
    prior : {"auto", "reml", "ml", "full_bayes"}
    prior_scale : float
    quadrature : int
    solver : {"auto", "exact", "cg"}
    approximation : {"auto", "laplace", "pql"}
    tweedie_power : float
    """

    table_class = EffectsTable

    groups: Sequence[Any]
    covariates: Sequence[Any]
    slopes: Mapping[Any, Sequence[Any]]
    policy: Policy
    output: str | Sequence[str]
    correlated: bool
    prior: str
    prior_scale: float
    quadrature: int
    solver: str
    approximation: str
    tweedie_power: float

    @property
    def outputs(self) -> tuple[str, ...]:
        return read_outputs(self.output, (*EFFECT_OUTPUTS, *ROW_OUTPUTS))

    @property
    def _numbers(self) -> list[Any]:
        """The covariates, and the columns with slopes."""
        return [*self.covariates, *(label for labels in self.slopes.values() for label in labels)]

    def check(self, X: Frame) -> None:
        _ = self.outputs  # refuses what is unknown
        groups = self.groups
        crossed = [group for group in groups if _is_crossed(group, X)]
        singles = [group for group in groups if group not in crossed]
        if not groups or len(set(groups)) < len(groups):
            raise ValueError(f"`groups` must name one factor or more, each once. Got {groups!r}.")
        for group in crossed:
            check_interaction(group, X, "groups")
        if singles:
            X.require(singles, "groups")
        if self.covariates:
            X.require(list(self.covariates), "covariates")
        self._check_slopes(X, [*singles, *(label for group in crossed for label in group)])

    def _check_slopes(self, X: Frame, factors: Sequence[Any]) -> None:
        """Raise an error unless slopes and covariates are columns beside those of the factors."""
        absent = set(self._numbers) - set(X.labels)
        if absent:
            raise ValueError(
                f"`slopes` names {sorted(absent, key=str)}, which X does not have. Pass some of its columns, which are "
                f"{X.labels}."
            )
        both = [label for label in self._numbers if label in factors]
        if both:
            raise ValueError(
                f"{both} are factors as well as covariates or slopes, but a column can only be one of them. Name them "
                "in `groups`, or in `covariates` and `slopes`."
            )
        repeated = {group: labels for group, labels in self.slopes.items() if len(set(labels)) < len(labels)}
        if repeated:
            raise ValueError(f"`slopes` must name each column once for a factor. Got {repeated}.")
        unknown = [group for group in self.slopes if group not in self.groups]
        if unknown:
            raise ValueError(
                f"`slopes` has the factors {unknown}, but `groups` is {list(self.groups)}. Add them to `groups`."
            )

    def required(self, tables: Sequence[EffectsTable]) -> list[Any]:
        return list(dict.fromkeys([*_replaced(tables), *self._numbers]))

    def check_tables(self, tables: Sequence[EffectsTable], X: Header) -> None:
        super().check_tables(tables, X)
        require([table.label for table in tables] == list(self.groups), "tables of other factors")
        model = tables[0].model
        require(len(model.fixed) == 1 + len(self.covariates), "coefficients of other covariates")
        require(len(model.effects) == len(tables), "effects of other factors")
        for table, effects in zip(tables, model.effects, strict=True):
            require(table.slopes == list(self.slopes.get(table.label, [])), "slopes of other columns")
            require(table.modes.shape == effects.shape, "effects of other categories")
            parts = len(table.vocabulary.paths.parts) if isinstance(table.vocabulary, Cells) else None
            crossed = isinstance(table.label, tuple) and len(table.label) == parts
            require(crossed if parts is not None else table.label in X.labels, f"a table of {table.label!r}")

    def learn(self, data: TrainingData, scheme: Scheme) -> list[EffectsTable]:
        rows, vocabularies = self._rows(data)
        return self._tables(data.X.names_by_label, rows, vocabularies, fit_mixed_model(rows, self._options(rows)))

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        folds, names = scheme.folds(), data.X.names_by_label
        rows, vocabularies = self._rows(data)
        whole, models = fit_mixed_model_out_of_fold(rows, folds, self._options(rows))
        features: Blocks = {}
        for fold, model in enumerate(models):
            test = np.flatnonzero(folds.labels == fold)
            # counts are those of the rows that the fold learns from
            tables = self._tables(names, rows.subset(folds.training_rows(fold)), vocabularies, model)
            for label, block in self._blocks(tables, rows.design.subset(test)).items():
                features.setdefault(label, np.full((len(data), block.shape[1]), np.nan))[test] = block
        return Fit(self._tables(names, rows, vocabularies, whole), features)

    def transform(self, tables: Sequence[EffectsTable], X: Frame, fade: np.ndarray | None) -> Blocks:
        return self._blocks(tables, self._design_of_new(tables, X))

    def predictive(self, tables: Sequence[EffectsTable], X: Frame) -> tuple[Predictive, np.ndarray]:
        """The predictive distribution of rows, and for which of them the policy hides it, shape (n,)."""
        return predict_rows(tables, self._design_of_new(tables, X), self.policy)

    def draw(self, tables: Sequence[EffectsTable], X: Frame, rng: np.random.Generator, number: int) -> np.ndarray:
        """Draws of the effects of rows, shape (number, n, effects of all factors)."""
        return draw_effects(tables, self._design_of_new(tables, X), self.policy, rng, number)

    def _design_of_new(self, tables: Sequence[EffectsTable], X: Frame) -> Design:
        numbered = number_shared([table.label for table in tables], X, distinct=False)
        codes = [table.slots(select_columns(table.label, numbered)) for table in tables]
        return self._design(X, codes, [table.vocabulary for table in tables])

    def names(self, tables: Sequence[EffectsTable], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        # the columns of a factor are left out, also where its features come after all columns
        result: dict[Any, list[str]] = {label: [] for label in _replaced(tables)}
        for table in tables:
            slopes = [names[slope] for slope in table.slopes]
            result[table.label] = table.names(column_name(table.label, names), slopes)
        return result | {(ROW_OUTPUTS, output): [output] for output in self._of_rows}

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

    def _rows(self, data: TrainingData) -> tuple[MixedRows, Vocabularies]:
        targets = data.targets
        if len(targets) > 1 or targets[0].has_class_columns:
            raise ValueError(
                "A mixed model has one target, which is continuous, binary or counts, but y has "
                f"{'several outputs' if len(targets) > 1 else 'several classes'}. Fit one encoder for each."
            )
        codes, vocabularies = [], []
        X = number_shared(self.groups, data.X, distinct=True)
        for group in self.groups:
            own, vocabulary = encode_column(group, X)
            if self.policy.missing == "error":
                refuse_missing(own, column_name(group, data.X.names_by_label))
            codes.append(own.astype(np.intp))  # which indexes twice as fast
            vocabularies.append(vocabulary)
        y, design = next(iter(targets[0].columns())), self._design(data.X, codes, vocabularies)
        return MixedRows(y, design, data.weights, self._family(targets[0].family, y)), vocabularies

    def _family(self, name: str, y: np.ndarray) -> Family | DispersedFamily:
        """The family of the rows, which y must go with."""
        family = Tweedie(self.tweedie_power) if name == "tweedie" else MIXED_FAMILIES[name]
        if name != "tweedie" and self.tweedie_power != Tweedie().power:
            raise ValueError(
                f'`tweedie_power` goes with family="tweedie", but the family is "{name}". Pass family="tweedie", or '
                f"leave `tweedie_power` at {Tweedie().power}."
            )
        if isinstance(family, DispersedFamily):
            family.check(y)
        return family

    def _design(self, X: Frame, codes: list[np.ndarray], vocabularies: Vocabularies) -> Design:
        slopes = [self.slopes.get(group, []) for group in self.groups]
        sizes = [vocabulary.size for vocabulary in vocabularies]
        factors = list(zip(self.groups, codes, sizes, slopes, strict=True))
        return read_design(X, factors, covariates=self.covariates, correlated=self.correlated)

    def _tables(
        self, names: Mapping[Any, str], rows: MixedRows, vocabularies: Vocabularies, model: MixedModel
    ) -> list[EffectsTable]:
        outputs = tuple(output for output in self.outputs if output in EFFECT_OUTPUTS)
        columns = [
            FactorColumn(group, column_name(group, names), vocabulary, list(self.slopes.get(group, [])))
            for group, vocabulary in zip(self.groups, vocabularies, strict=True)
        ]
        return make_effects_tables(model, rows.design, rows.weights.row, columns, self.policy, outputs)


def _is_crossed(group: Any, X: Frame) -> bool:
    """Whether a factor is made of several columns; a tuple may also be the label of one column."""
    return isinstance(group, tuple) and group not in X


def _replaced(tables: Sequence[EffectsTable]) -> list[Any]:
    """The columns that factors are made of."""
    parts = [table.label if isinstance(table.vocabulary, Cells) else (table.label,) for table in tables]
    return list(dict.fromkeys(label for group in parts for label in group))
