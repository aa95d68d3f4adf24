"""A factor's fitted effects as a look-up table from categories, and the features of rows that come from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from catpool.data.columns.categories import MISSING, Vocabulary, held
from catpool.data.columns.crossed import Cells
from catpool.data.frames.backends import infer_exactly
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.models.mixed.design import INTERCEPT, Design
from catpool.models.mixed.fitted_model import MixedModel
from catpool.priors.families.by_name import MIXED_FAMILIES
from catpool.tables.outputs import EFFECT_OUTPUTS
from catpool.tables.policy import Policy, refuse_missing, refuse_unseen
from catpool.tables.unseen import warn_of_unseen


@frozen
class EffectsTable:
    """A factor's effects, learned from all training rows.

    Parameters
    ----------
    label : Any
        The label of the factor's column; a tuple of labels for columns taken together.
    column : str
        The name of the factor.
    vocabulary : Vocabulary or Cells
    terms : list of str
        The effects of a level: "intercept", if there is one, and the names of slopes.
    slopes : list
        The terms of the slopes: labels of columns, or tuples of them.
    modes, sds : ndarray of shape (size, terms)
        Conditional modes and their posterior standard deviations.
    counts : ndarray of shape (size,)
        Rows of each level, or the sum of their weights.
    policy : Policy
    outputs : tuple of str
        Of "mode", "sd" and "count".
    model : MixedModel
        The model that the effects are from.
    intercept : bool, default=True
        Whether the first effect is an intercept.
    """

    label: Any
    column: str
    vocabulary: Vocabulary | Cells
    terms: list[str]
    slopes: list[Any]
    modes: np.ndarray
    sds: np.ndarray
    counts: np.ndarray
    policy: Policy
    outputs: tuple[str, ...]
    model: MixedModel
    intercept: bool = True

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a table."""
        shape = self.vocabulary.size, len(self.terms)
        require(len(self.terms) >= max(1, len(self.slopes) + self.intercept), "slopes without their names")
        require_numbers(shape, modes=self.modes, sds=self.sds)
        require_numbers(shape[:1], least=0.0, counts=self.counts)
        require_one_of(EFFECT_OUTPUTS, outputs=self.outputs)

    def names(self, column: str, slopes: list[str]) -> list[str]:
        """The names of the features, given the names of the factor and of its slopes."""
        stems = [column] * self.intercept + [f"{column}_{slope}" for slope in slopes]
        names = {"mode": stems, "sd": [f"{stem}_sd" for stem in stems], "count": [f"{column}_count"]}
        return [name for output in self.outputs for name in names[output]]

    def features(self, slots: np.ndarray) -> np.ndarray:
        """The features of rows, shape (n, features), from the slots of their levels."""
        return self._feature_table().take(slots, axis=0)

    def _feature_table(self) -> np.ndarray:
        """The features of each level, shape (size, features), with NaN where the policy asks for it."""
        columns = {"mode": self.modes, "sd": self.sds, "count": self.counts[:, None]}
        table = np.hstack([np.empty((len(self.counts), 0)), *(columns[output] for output in self.outputs)])
        # a count is known in any case, so no policy hides it
        hidden = np.array([output != "count" for output in self.outputs for _ in columns[output].T], dtype=bool)
        table[np.ix_(self.hides(np.arange(len(table))), hidden)] = np.nan
        return table

    def hides(self, codes: np.ndarray) -> np.ndarray:
        """Whether the policy hides the effects of levels, shape (n,)."""
        missing = codes == MISSING
        unseen = (self.counts[codes] == 0) & ~missing
        return ((self.policy.unknown == "nan") & unseen) | ((self.policy.missing == "nan") & missing)

    def slots(self, column: Any) -> np.ndarray:
        """The slots of a column's values, shape (n,)."""
        codes, slots, named = looked_up = self.vocabulary.look_up(column, self.label)
        if self.policy.missing == "error":
            refuse_missing(slots.take(codes), self.column)
        if self.policy.unknown == "error":
            unseen = (self.counts[slots] == 0) & (slots != MISSING)
            refuse_unseen(self.column, held(codes, unseen), named)
        warn_of_unseen(self.column, self.label, self.vocabulary, column, looked_up)
        return slots.take(codes)

    def frame(self, position: int, interval: float) -> pd.DataFrame:
        """A row for each level that has training rows, and a last one for an unseen level.

        Parameters
        ----------
        position : int
            That of the factor among those of the model.
        interval : float
            The probability of the posterior interval.
        """
        levels = pd.Series([None, *self.vocabulary.categories.tolist(), None], dtype=object)
        rows = np.append(np.flatnonzero(self.counts[:-1] > 0), len(levels) - 1)
        columns: dict[str, Any] = {"category": infer_exactly(levels.iloc[rows]), "count": self.counts[rows]}
        ends = self._interval(position, interval)
        for place, term in enumerate(self.terms):
            stem = "" if term == INTERCEPT else f"{term}_"
            columns |= {f"{stem}mode": self.modes[rows, place], f"{stem}sd": self.sds[rows, place]}
            columns |= {f"{stem}{name}": end[rows, place] for name, end in ends.items()}
        return pd.DataFrame(columns).reset_index(drop=True)

    def _interval(self, position: int, interval: float) -> dict[str, np.ndarray]:
        """The ends of posterior intervals, each of shape (size, terms)."""
        posterior, tail = self.model.posterior, (1 - interval) / 2
        if posterior is None:  # variances count as known, and the posterior as normal
            unit = float(ndtri(1 - tail))
            return {"lower": self.modes - unit * self.sds, "upper": self.modes + unit * self.sds}
        effects = posterior.level_effects(position)
        ends = {"lower": effects.quantile(tail), "upper": effects.quantile(1 - tail)}
        found = {name: end.reshape(self.modes.shape).copy() for name, end in ends.items()}
        if self.policy.missing == "prior":
            for end in found.values():
                end[MISSING] = end[-1]
        return found


@frozen
class FactorColumn:
    """The column of a factor.

    Parameters
    ----------
    label : Any
        A column's label, or a tuple of labels.
    name : str
    vocabulary : Vocabulary or Cells
    slopes : list
        The terms of the slopes.
    """

    label: Any
    name: str
    vocabulary: Vocabulary | Cells
    slopes: list[Any]


def make_effects_tables(
    model: MixedModel,
    design: Design,
    weights: np.ndarray | None,
    columns: Sequence[FactorColumn],
    policy: Policy,
    outputs: tuple[str, ...],
) -> list[EffectsTable]:
    """One table per factor.

    Parameters
    ----------
    model : MixedModel
    design : Design
        The rows that the model was fitted to.
    weights : ndarray of shape (n,) or None
        Their weights, for the counts.
    columns : sequence of FactorColumn
        In the order of the design's factors.
    policy : Policy
    outputs : tuple of str
        Of "mode", "sd" and "count".
    """
    tables, sds = [], model.sds()
    for position, (own, factor) in enumerate(zip(columns, design.factors, strict=True)):
        modes = model.effects[position].copy()  # the model keeps the effect of missing values
        apply_missing_policy(modes, sds[position], model.covariances[position], policy)
        counts = np.bincount(factor.codes, weights, minlength=own.vocabulary.size).astype(float)
        learned = design.terms[position], own.slopes, modes, sds[position], counts
        found = *learned, policy, outputs, model, factor.intercept
        tables.append(EffectsTable(own.label, own.name, own.vocabulary, *found))
    return tables


def apply_missing_policy(modes: np.ndarray, sds: np.ndarray, covariance: np.ndarray, policy: Policy) -> None:
    """Overwrite, in place, the effects of missing values with those of an unseen level, if the policy says so."""
    if policy.missing == "prior":
        modes[MISSING], sds[MISSING] = 0.0, np.sqrt(np.diag(covariance))


def factor_features(tables: Sequence[EffectsTable], design: Design) -> dict[Any, np.ndarray]:
    """The features of each factor, shape (n, features), by the factor's label."""
    return {table.label: table.features(factor.codes) for table, factor in zip(tables, design.factors, strict=True)}


def fixed_part(tables: Sequence[EffectsTable], design: Design) -> np.ndarray:
    """X beta and the offset of rows, shape (n,), on the scale of the linear predictor."""
    return tables[0].model.fixed_part(design)


def prediction(tables: Sequence[EffectsTable], design: Design) -> np.ndarray:
    """The predictions of rows, shape (n,), on the scale of y; NaN where the policy hides an effect."""
    model = tables[0].model
    predictor = model.predictor(design, [table.modes for table in tables])
    predictor[hidden_rows(tables, design)] = np.nan
    return MIXED_FAMILIES[model.family].link.mean(predictor)


def hidden_rows(tables: Sequence[EffectsTable], design: Design) -> np.ndarray:
    """Whether the policy hides an effect of rows, shape (n,)."""
    hidden = [table.hides(factor.codes) for table, factor in zip(tables, design.factors, strict=True)]
    return np.any(hidden, axis=0)


ROW_FEATURES = {"fixed": fixed_part, "prediction": prediction}
