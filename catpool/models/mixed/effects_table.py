"""A factor's fitted effects: the look-up from categories to conditional modes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.categories import MISSING, Vocabulary
from catpool.data.crossed import Cells
from catpool.models.mixed.design import MixedModel
from catpool.tables.policy import Policy, refuse_missing, refuse_unseen

INTERCEPT = "intercept"


@dataclass(frozen=True)
class EffectsTable:
    """A factor's effects, learned from all training rows.

    Parameters
    ----------
    label : Any
        What X calls the factor's column; a tuple of labels for columns taken together.
    column : str
        Its name.
    vocabulary : Vocabulary or Cells
    terms : list of str
        What differs by level: "intercept", and names of slopes.
    slopes : list
        What X calls these.
    modes, sds : ndarray of shape (size, terms)
    counts : ndarray of shape (size,)
        Rows of each level, or the sum of their weights.
    policy : Policy
    outputs : tuple of str
        Of "mode", "sd" and "count".
    model : MixedModel
        The model of all factors, which these effects are of.
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

    def names(self, column: str, slopes: list[str]) -> list[str]:
        """What the features are called where the factor and its slopes are called so."""
        stems = [column, *(f"{column}_{slope}" for slope in slopes)]
        names = {"mode": stems, "sd": [f"{stem}_sd" for stem in stems], "count": [f"{column}_count"]}
        return [name for output in self.outputs for name in names[output]]

    def features(self, slots: np.ndarray) -> np.ndarray:
        """The features of rows, of shape (n, features), from the slots of their levels."""
        return self._hidden().take(slots, axis=0)

    def _hidden(self) -> np.ndarray:
        columns = {"mode": self.modes, "sd": self.sds, "count": self.counts[:, None]}
        table = np.hstack([np.empty((len(self.counts), 0)), *(columns[output] for output in self.outputs)])
        known = np.array([output != "count" for output in self.outputs for _ in columns[output].T], dtype=bool)
        if self.policy.unknown == "nan":
            unseen = (self.counts == 0) & (np.arange(len(table)) != MISSING)
            table[np.ix_(unseen, known)] = np.nan
        if self.policy.missing == "nan":
            table[MISSING, known] = np.nan
        return table

    def slots(self, column: Any) -> np.ndarray:
        """The slots of a column's values, of shape (n,)."""
        codes, slots, named = self.vocabulary.look_up(column)
        if self.policy.missing == "error":
            refuse_missing(slots.take(codes), self.column)
        if self.policy.unknown == "error":
            refuse_unseen(self.column, (self.counts[slots] == 0) & (slots != MISSING), named)
        return slots.take(codes)

    def frame(self) -> pd.DataFrame:
        """A row for each level that has training rows."""
        levels = pd.Series([None, *self.vocabulary.categories.tolist()], dtype=object)
        rows = np.flatnonzero(self.counts[:-1] > 0)
        columns: dict[str, Any] = {"category": levels.iloc[rows].infer_objects(), "count": self.counts[rows]}
        for position, term in enumerate(self.terms):
            stem = "" if term == INTERCEPT else f"{term}_"
            columns |= {f"{stem}mode": self.modes[rows, position], f"{stem}sd": self.sds[rows, position]}
        return pd.DataFrame(columns).reset_index(drop=True)


def by_prior(modes: np.ndarray, sds: np.ndarray, covariance: np.ndarray, policy: Policy) -> None:
    """Give the missing value, in place, what an unseen one gets, where the policy says so."""
    if policy.missing == "prior":
        modes[MISSING], sds[MISSING] = 0.0, np.sqrt(np.diag(covariance))
