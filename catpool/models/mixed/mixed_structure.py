"""A mixed model as a structure: how columns become factors, covariates and slopes, and a fit becomes features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure
from catpool.data.categories import Vocabulary
from catpool.data.crossed import Cells, check_interaction, encode_column
from catpool.data.frames import Frame, column_name, columns_of
from catpool.data.training import TrainingData
from catpool.models.mixed.design import Design, MixedModel
from catpool.models.mixed.effects_table import INTERCEPT, EffectsTable, by_prior
from catpool.models.mixed.mixed_learner import Options, Rows, learn, learn_out_of_fold
from catpool.models.mixed.quasi_likelihood import LINKS
from catpool.models.mixed.solver.system import Factor
from catpool.priors.family import FAMILIES
from catpool.tables.outputs import EFFECT_OUTPUTS, ROW_OUTPUTS, read_outputs
from catpool.tables.policy import Policy, refuse_missing

Vocabularies = Sequence[Vocabulary | Cells]


@dataclass(frozen=True)
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
    correlated, reml : bool
    quadrature : int
    solver : {"auto", "exact", "cg"}
    """

    groups: Sequence[Any]
    covariates: Sequence[Any]
    slopes: Mapping[Any, Sequence[Any]]
    policy: Policy
    output: str | Sequence[str]
    correlated: bool
    reml: bool
    quadrature: int
    solver: str

    @property
    def outputs(self) -> tuple[str, ...]:
        return read_outputs(self.output, (*EFFECT_OUTPUTS, *ROW_OUTPUTS))

    @property
    def replaced(self) -> list[Any]:
        """The columns that factors are made of."""
        parts = [group if isinstance(group, tuple) else (group,) for group in self.groups]
        return list(dict.fromkeys(label for group in parts for label in group))

    @property
    def _numbers(self) -> list[Any]:
        """The covariates, and the columns with slopes."""
        return [*self.covariates, *(label for labels in self.slopes.values() for label in labels)]

    def check(self, X: Frame) -> None:
        _ = self.outputs  # refuses what is unknown
        groups = self.groups
        singles = [group for group in groups if not isinstance(group, tuple)]
        if not groups or len(set(groups)) < len(groups):
            raise ValueError(f"`groups` must name one factor or more, each once. Got {groups!r}.")
        for group in groups:
            if isinstance(group, tuple):
                check_interaction(group, X, "groups")
        if singles:
            X.require(singles, "groups")
        if self.covariates:
            X.require(list(self.covariates), "covariates")
        self._check_slopes(X)

    def _check_slopes(self, X: Frame) -> None:
        absent = set(self._numbers) - set(X.labels)
        if absent:
            raise ValueError(f"`slopes` names {sorted(absent)}, which X does not have.")
        both = [label for label in self._numbers if label in self.replaced]
        if both:
            raise ValueError(f"{both} are factors as well as covariates or slopes. A column can be one of them.")
        repeated = {group: labels for group, labels in self.slopes.items() if len(set(labels)) < len(labels)}
        if repeated:
            raise ValueError(f"`slopes` must name each column of a factor once. Got {repeated}.")
        unknown = [group for group in self.slopes if group not in self.groups]
        if unknown:
            raise ValueError(
                f"`slopes` has the factors {unknown}, but `groups` is {list(self.groups)}. Add them to `groups`."
            )

    def required(self, tables: Sequence[EffectsTable]) -> list[Any]:
        return list(dict.fromkeys([*self.replaced, *self._numbers]))

    def learn(self, data: TrainingData, scheme: Scheme) -> list[EffectsTable]:
        rows, vocabularies = self._rows(data)
        return self._tables(data.X.names_of, rows, vocabularies, learn(rows, self._options(rows)))

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        folds, names = scheme.folds(), data.X.names_of
        rows, vocabularies = self._rows(data)
        whole, models = learn_out_of_fold(rows, folds, self._options(rows))
        features: Blocks = {}
        for fold, model in enumerate(models):
            test = np.flatnonzero(folds.labels == fold)
            tables = self._tables(names, rows.subset(folds.training_of(fold)), vocabularies, model)
            for label, block in self._blocks(tables, rows.design.subset(test)).items():
                features.setdefault(label, np.full((len(data), block.shape[1]), np.nan))[test] = block
        return Fit(self._tables(names, rows, vocabularies, whole), features)

    def transform(self, tables: Sequence[EffectsTable], X: Frame, fade: np.ndarray | None) -> Blocks:
        codes = [table.slots(columns_of(table.label, X)) for table in tables]
        return self._blocks(tables, self._design(X, codes, [table.vocabulary for table in tables]))

    def names(self, tables: Sequence[EffectsTable], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        result: dict[Any, list[str]] = {label: [] for label in self.replaced}
        for table in tables:
            slopes = [names[slope] for slope in table.slopes]
            result[table.label] = table.names(column_name(table.label, names), slopes)
        return result | {(ROW_OUTPUTS, output): [output] for output in self._of_rows}

    @property
    def _of_rows(self) -> list[str]:
        """The outputs of a row, whatever its factors."""
        return [output for output in self.outputs if output in ROW_OUTPUTS]

    def rising(self, tables: Sequence[EffectsTable]) -> set[str]:
        return {*(table.column for table in tables), *ROW_OUTPUTS}

    def _blocks(self, tables: Sequence[EffectsTable], design: Design) -> Blocks:
        """The features of rows, by the label of the column they replace."""
        model = tables[0].model
        blocks: Blocks = {label: np.empty((len(design.covariates), 0)) for label in self.replaced}
        for table, factor in zip(tables, design.factors, strict=True):
            blocks[table.label] = table.features(factor.codes)
        for output in self._of_rows:
            if output == "fixed":
                values = model.fixed_part(design.covariates)
            else:
                predictor = model.predictor(design, [table.modes for table in tables])
                values = LINKS[model.family].mean(predictor)
            blocks[ROW_OUTPUTS, output] = values[:, None]
        return blocks

    def _options(self, rows: Rows) -> Options:
        one, normal = rows.design.one_intercept, rows.family.name == "normal"
        if self.quadrature > 1 and (normal or not one or rows.design.names):
            raise ValueError(
                "`quadrature` of more than one point goes with binary targets and counts, one factor and neither "
                f"covariates nor slopes. Got {self.quadrature}; pass 1."
            )
        if self.solver == "cg" and one and not normal:
            raise ValueError(
                'solver="cg" does not go with binary targets and counts of one factor without slopes, whose equations '
                'are solved level by level. Pass solver="auto".'
            )
        return Options(self.reml, self.solver, self.quadrature)

    def _rows(self, data: TrainingData) -> tuple[Rows, Vocabularies]:
        targets = data.targets
        if len(targets) > 1 or targets[0].by_class:
            raise ValueError(
                "A mixed model has one target, which is continuous, binary or counts, but y has "
                f"{'several outputs' if len(targets) > 1 else 'several classes'}. Fit one encoder for each."
            )
        codes, vocabularies = [], []
        for group in self.groups:
            own, vocabulary = encode_column(group, data.X)
            if self.policy.missing == "error":
                refuse_missing(own, column_name(group, data.X.names_of))
            codes.append(own)
            vocabularies.append(vocabulary)
        y, design = next(iter(targets[0].columns())), self._design(data.X, codes, vocabularies)
        return Rows(y, design, data.weights, FAMILIES[targets[0].family]), vocabularies

    def _design(self, X: Frame, codes: list[np.ndarray], vocabularies: Vocabularies) -> Design:
        names = X.names_of
        slopes = [self.slopes.get(group, []) for group in self.groups]
        factors = [
            Factor(own, vocabulary.size, _read_numbers(X, labels), self.correlated)
            for own, vocabulary, labels in zip(codes, vocabularies, slopes, strict=True)
        ]
        terms = [[INTERCEPT, *(names[label] for label in labels)] for labels in slopes]
        covariates = [names[label] for label in self.covariates]
        return Design(_read_numbers(X, self.covariates), factors, covariates, terms)

    def _tables(
        self, names: Mapping[Any, str], rows: Rows, vocabularies: Vocabularies, model: MixedModel
    ) -> list[EffectsTable]:
        outputs = tuple(output for output in self.outputs if output in EFFECT_OUTPUTS)
        tables = []
        for position, (group, vocabulary) in enumerate(zip(self.groups, vocabularies, strict=True)):
            modes, sds = model.effects[position].copy(), model.sds()[position]
            by_prior(modes, sds, model.covariances[position], self.policy)
            factor, terms = rows.design.factors[position], rows.design.terms[position]
            counts = np.bincount(factor.codes, rows.weights.row, minlength=vocabulary.size).astype(float)
            name, slopes = column_name(group, names), list(self.slopes.get(group, []))
            tables.append(
                EffectsTable(group, name, vocabulary, terms, slopes, modes, sds, counts, self.policy, outputs, model)
            )
        return tables


def _read_numbers(X: Frame, labels: Sequence[Any]) -> np.ndarray:
    """Columns of finite numbers, of shape (n, columns)."""
    columns = np.empty((len(X), len(labels)))
    for position, label in enumerate(labels):
        column = X.column(label)
        try:
            if getattr(column.dtype, "kind", "O") in "mM":
                raise TypeError(f"they are {column.dtype}")
            columns[:, position] = np.asarray(column, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The covariate {label!r} must be numbers ({error}). Turn categories into indicators, or name it in "
                "`groups`."
            ) from error
        if not np.isfinite(columns[:, position]).all():
            raise ValueError(
                f"The covariate {label!r} must be finite, but it has missing or infinite values. Impute them."
            )
    return columns
