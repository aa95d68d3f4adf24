"""The fitted effects of factors, adjusted for each other, and the features of rows that come from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.structure import Blocks
from catpool.data.columns.categories import MISSING
from catpool.data.frames.backends import infer_exactly
from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.data.verify import require
from catpool.models.additive.additive_model import AdditiveModel
from catpool.models.additive.factors import Factor
from catpool.models.additive.screening import Choice
from catpool.priors.posterior import rounded_by_sd
from catpool.tables.policy import Policy

ADJUSTED = "adjusted"  # how features are called, after their column


@dataclass(frozen=True)  # a key of dictionaries
class Beside:
    """What the features of a factor are filed by that stand beside its column: no label of any column."""

    label: Any


@frozen
class EffectOutput:
    """How effects become features.

    Parameters
    ----------
    policy : Policy
        For categories that are missing or have no rows.
    rounded : bool
        Whether effects are rounded to about half their standard deviation. Folds differ by less than that, and trees
        could tell them apart, and with them their targets.
    beside : bool
        Whether features stand beside their columns, which have other features or pass through, or replace them.
    """

    policy: Policy
    rounded: bool
    beside: bool

    def key(self, factor: Factor) -> Any:
        """What the features of a factor are filed by: the column that they replace, or no label of a column."""
        return Beside(factor.label) if self.beside else factor.label

    def names(self, factor: Factor, targets: Sequence[Any]) -> list[str]:
        """The names of the features of a factor, one for each column of the target."""
        stems = [factor.column if target is None else f"{factor.column}_{target}" for target in targets]
        return [f"{stem}_{ADJUSTED}" if self.beside else stem for stem in stems]

    def by_slot(self, model: AdditiveModel, factor: int) -> np.ndarray:
        """The features of the slots of a factor, of shape (size,)."""
        effects, policy = model.effects[factor], self.policy
        values = rounded_by_sd(effects, model.sds(factor)) if self.rounded else effects.copy()
        if policy.missing != "category":
            values[MISSING] = np.nan if policy.missing == "nan" else 0.0
        if policy.unknown == "nan":
            unseen = model.information[factor] == 0
            values[unseen & (np.arange(len(values)) != MISSING)] = np.nan
        return values + 0.0  # no negative zeros


@frozen
class AdditiveTable:
    """The effects of all factors, learned from all training rows.

    Parameters
    ----------
    factors : list of Factor
    models : list of AdditiveModel
        One for each column of the target.
    targets : list
        The name of each column of the target; None if there is only one.
    shown : list of int
        The positions of the factors that give features.
    choices : list of Choice
        The interactions that were found.
    left_out : list
        The labels of columns that give no features.
    output : EffectOutput
    """

    factors: list[Factor]
    models: list[AdditiveModel]
    targets: list[Any]
    shown: list[int]
    choices: list[Choice]
    left_out: list[Any]
    output: EffectOutput

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a table."""
        require(len(self.models) == len(self.targets) > 0, "models of other targets")
        sizes = [factor.vocabulary.size for factor in self.factors]
        require(all(0 <= position < len(sizes) for position in self.shown), "features of factors that are not there")
        require(all([len(own) for own in model.effects] == sizes for model in self.models), "effects of other factors")

    @property
    def keys(self) -> list[Any]:
        """What the features are filed by, factor by factor."""
        return [self.output.key(self.factors[position]) for position in self.shown]

    @property
    def required(self) -> list[Any]:
        """The columns that the features are computed from."""
        return list(dict.fromkeys(part for position in self.shown for part in self.factors[position].parts))

    def feature_names(self, names: Mapping[Any, str]) -> dict[Any, list[str]]:
        """The names of the features by what they replace; columns that are left out have none."""
        nothing: dict[Any, list[str]] = {label: [] for label in self.left_out}
        shown = [self.output.names(self.factors[position], self.targets) for position in self.shown]
        return nothing | dict(zip(self.keys, shown, strict=True))

    def features(self, X: Frame) -> Blocks:
        """The features of new rows."""
        blocks = self.nothing(len(X))
        for key, position in zip(self.keys, self.shown, strict=True):
            # columns that have other features beside these have been warned of
            slots = self.factors[position].slots(X, self.output.policy, warn=not self.output.beside)
            blocks[key] = effect_features(self.models, position, slots, self.output)
        return blocks

    def summary(self) -> pd.DataFrame:
        """What was learned of each factor and column of the target."""
        shares = {choice.label: choice.share for choice in self.choices}
        found = [
            {
                "column": factor.column,
                "target": "" if name is None else name,
                "categories": factor.vocabulary.size - 2,
                "adjusted_sd": float(np.sqrt(model.variances[position])),
                "share": shares.get(factor.label, np.nan),
            }
            for position, factor in enumerate(self.factors)
            for name, model in zip(self.targets, self.models, strict=True)
        ]
        return pd.DataFrame(found, columns=["column", "target", "categories", "adjusted_sd", "share"])

    def frame(self, column: Any) -> pd.DataFrame | None:
        """The effects of the factor of this label or name, with a row for each target and category; None if not one."""
        named = [each for each, factor in enumerate(self.factors) if column in (factor.label, factor.column)]
        if not named:
            return None
        position = named[0]
        categories = pd.Series([None, *self.factors[position].categories], dtype=object)
        frames = []
        for name, model in zip(self.targets, self.models, strict=True):
            rows = np.flatnonzero(model.information[position][:-1] > 0)  # the last slot is for unseen categories
            effects, sds = model.effects[position][rows], model.sds(position)[rows]
            frame = pd.DataFrame({"category": categories.iloc[rows], "target": name, "effect": effects, "sd": sds})
            frames.append(frame)
        table = pd.concat(frames, ignore_index=True)
        table = table.drop(columns="target") if len(frames) == 1 else table
        return table.assign(category=infer_exactly(table["category"]))

    def nothing(self, rows: int) -> Blocks:
        """The features of the columns that are left out."""
        return {label: np.empty((rows, 0)) for label in self.left_out}


def effect_features(
    models: Sequence[AdditiveModel], position: int, slots: np.ndarray, output: EffectOutput
) -> np.ndarray:
    """The effects of rows in a factor, of shape (n, models)."""
    return np.column_stack([output.by_slot(model, position).take(slots) for model in models])
