"""A column's fitted encoding: the look-up, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from catpool.columns import MISSING, Vocabulary, encode
from catpool.families import Family
from catpool.moments import Moments
from catpool.priors import Prior, reliability, variance_components


@dataclass(frozen=True)
class Policy:
    """What comes out for rows whose category says nothing.

    Parameters
    ----------
    unknown : {"prior", "nan", "error"}
        For a category with no training rows.
    missing : {"category", "prior", "nan", "error"}
        For a missing value.
    """

    unknown: str
    missing: str

    def apply(self, mean: np.ndarray, moments: Moments, prior: Prior) -> np.ndarray:
        """Overwrite, in place, posterior means of shape (..., size) with what the policy says."""
        if self.unknown == "nan":
            known_missing = mean[..., MISSING].copy()
            mean[moments.count == 0] = np.nan
            mean[..., MISSING] = known_missing
        if self.missing == "prior":
            mean[..., MISSING] = prior.mean
        elif self.missing == "nan":
            mean[..., MISSING] = np.nan
        return mean


@dataclass(frozen=True)
class Encoding:
    """One target's part in a column's table.

    Parameters
    ----------
    target : str or None
        None for an only target.
    family : Family
    moments : Moments of shape (size,)
    prior : Prior
    values : ndarray of shape (size,)
        What comes out for each slot: the posterior mean, but for the policy.
    """

    target: str | None
    family: Family
    moments: Moments
    prior: Prior
    values: np.ndarray

    def summary(self) -> dict[str, Any]:
        between, within = variance_components(self.moments, self.family)
        trust = reliability(self.moments.count, self.prior.strength)
        return {
            "target": "" if self.target is None else self.target,
            "categories": int(self.moments.categories),
            "rows": float(self.moments.size),
            "prior_mean": float(self.prior.mean),
            "prior_strength": float(self.prior.strength),
            "between_sd": float(np.sqrt(between)),
            "within_sd": float(np.sqrt(within)),
            "reliability": float(np.average(trust, weights=self.moments.count)),
        }


@dataclass(frozen=True)
class EncodingTable:
    """A column's encoding, learned from all training rows.

    Parameters
    ----------
    column : str
        Its name as a feature.
    vocabulary : Vocabulary
    encodings : list of Encoding
        One a target.
    policy : Policy
    """

    column: str
    vocabulary: Vocabulary
    encodings: list[Encoding]
    policy: Policy

    def names(self, column: str | None = None) -> list[str]:
        """What the features are called where the column is called so."""
        column = column or self.column
        return [column if item.target is None else f"{column}_{item.target}" for item in self.encodings]

    def transform(self, column: pd.Series | np.ndarray) -> np.ndarray:
        """Look each row's category up: (n,) values in, (n, T) encodings out."""
        codes, categories = encode(column, distinct=False)
        slots = self.vocabulary.slots(categories)
        self._refuse(codes, slots, categories)
        result = np.empty((len(codes), len(self.encodings)), order="F")
        for position, encoding in enumerate(self.encodings):
            encoding.values.take(slots).take(codes, out=result[:, position], mode="clip")
        return result

    def _refuse(self, codes: np.ndarray, slots: np.ndarray, categories: pd.Series) -> None:
        if self.policy.missing == "error":
            refuse_missing(slots.take(codes), self.column)
        if self.policy.unknown == "error":
            unseen = (self.encodings[0].moments.count[slots] == 0) & (slots != MISSING)
            if unseen.any():
                strangers = categories[unseen[1:]].drop_duplicates()
                raise ValueError(
                    f"Column {self.column!r} must hold categories that were there at fit, but {len(strangers)} "
                    f"were not, such as {strangers[:5].tolist()}. "
                    'Pass unknown="prior" to give them the prior mean.'
                )

    def frame(self) -> pd.DataFrame:
        """A row for each category that has training rows, in their order where they have one, and target."""
        categories = pd.Series([None, *self.vocabulary.categories.tolist()], dtype=object)
        frames = [
            pd.DataFrame(
                {
                    "category": categories,
                    "target": item.target,
                    "count": item.moments.count[:-1],
                    "mean": item.moments.category_means[:-1],
                    "encoding": item.values[:-1],
                }
            )
            for item in self.encodings
        ]
        order = _order(categories)
        table = pd.concat([frame.loc[order][frame["count"].loc[order] > 0] for frame in frames], ignore_index=True)
        if len(self.encodings) == 1:
            table = table.drop(columns="target")
        return table.assign(category=table["category"].infer_objects())


def _order(categories: pd.Series) -> pd.Index:
    try:
        return categories.sort_values(na_position="last").index
    except TypeError:  # strings and numbers, say, have no common order
        return categories.index


def refuse_missing(codes: np.ndarray, column: str) -> None:
    missing = int(np.count_nonzero(codes == MISSING))
    if missing:
        raise ValueError(
            f"Column {column!r} must have no missing values, but {missing} rows have one. "
            'Pass missing="category" to encode them as a category.'
        )
