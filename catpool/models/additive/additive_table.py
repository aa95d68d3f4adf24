"""The fitted effects of factors, adjusted for each other, and the features of rows that come from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.structure import Blocks
from catpool.data.frames import Frame
from catpool.data.frozen import frozen
from catpool.data.verify import require
from catpool.models.additive.additive_model import AdditiveModel
from catpool.models.additive.factors import Factor
from catpool.models.additive.screening import Choice
from catpool.priors.posterior import rounded_by_sd

ADJUSTED = "adjusted"  # how features are called, after their column


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
        The labels of columns that give no features, because each row has a category of its own.
    """

    factors: list[Factor]
    models: list[AdditiveModel]
    targets: list[Any]
    shown: list[int]
    choices: list[Choice]
    left_out: list[Any]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a table."""
        require(len(self.models) == len(self.targets) > 0, "models of other targets")
        sizes = [factor.vocabulary.size for factor in self.factors]
        require(all(0 <= position < len(sizes) for position in self.shown), "features of factors that are not there")
        require(all([len(own) for own in model.effects] == sizes for model in self.models), "effects of other factors")

    @property
    def required(self) -> list[Any]:
        """The columns that the features are computed from."""
        return list(dict.fromkeys(part for position in self.shown for part in self.factors[position].parts))

    def feature_names(self, names: Mapping[Any, str]) -> dict[Any, list[str]]:
        """The names of the features by factor, in blocks that replace no column; columns left out have none."""
        nothing: dict[Any, list[str]] = {label: [] for label in self.left_out}
        return nothing | {key(self.factors[position]): self._names_of(position) for position in self.shown}

    def _names_of(self, position: int) -> list[str]:
        column = self.factors[position].column
        return [f"{column}_{ADJUSTED}" if name is None else f"{column}_{name}_{ADJUSTED}" for name in self.targets]

    def features(self, X: Frame) -> Blocks:
        """The features of new rows."""
        return self.nothing(len(X)) | {
            key(self.factors[position]): effect_features(self.models, position, self.factors[position].slots(X))
            for position in self.shown
        }

    def summary(self, alone: pd.DataFrame) -> pd.DataFrame:
        """What was learned of each factor and column of the target, beside what was learned of columns alone."""
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
        adjusted = pd.DataFrame(found, columns=["column", "target", "categories", "adjusted_sd", "share"])
        own = ["column", "target", "prior_mean", "prior_strength", "reliability"]
        return adjusted.merge(alone.reindex(columns=own), on=["column", "target"], how="left")

    def nothing(self, rows: int) -> Blocks:
        """The features of the columns that are left out."""
        return {label: np.empty((rows, 0)) for label in self.left_out}


def key(factor: Factor) -> tuple[str, Any]:
    """What the features of a factor are filed by, which is no label of a column."""
    return (ADJUSTED, factor.label)


def effect_features(models: Sequence[AdditiveModel], position: int, slots: np.ndarray) -> np.ndarray:
    """The effects of rows in a factor, rounded to about half their standard deviation, of shape (n, models)."""
    # folds differ by less than that, and trees could tell them apart, and with them their targets
    tables = [rounded_by_sd(model.effects[position], model.sds[position]) for model in models]
    return np.column_stack([table.take(slots) for table in tables])
