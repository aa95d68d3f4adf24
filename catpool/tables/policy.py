"""What comes out for rows whose category is missing or was never seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from catpool.data.categories import MISSING
from catpool.moments.moments import Moments
from catpool.priors.prior import Prior
from catpool.tables.outputs import TargetOutput


@dataclass(frozen=True)
class Policy:
    """What comes out for rows whose category is missing or was never seen.

    Parameters
    ----------
    unknown : {"prior", "nan", "error"}
        For a category with no training rows.
    missing : {"category", "prior", "nan", "error"}
        For a missing value.
    """

    unknown: str
    missing: str

    @property
    def raises(self) -> bool:
        """Whether some rows raise an error."""
        return "error" in (self.unknown, self.missing)

    def apply(self, output: TargetOutput, values: np.ndarray, moments: Moments, prior: Prior) -> np.ndarray:
        """Overwrite, in place, an output of shape (..., size) where the policy says so."""
        if output.is_mean and self.missing == "prior":
            values[..., MISSING] = prior.mean
        return self.hide(values, moments) if output.hidden else values

    def apply_to_rows(
        self, output: TargetOutput, values: np.ndarray, moments: Moments, prior: Prior, slots: np.ndarray
    ) -> np.ndarray:
        """Overwrite, in place, an output of rows, of shape (m,), whose categories have these slots."""
        missing = slots == MISSING
        if output.is_mean and self.missing == "prior":
            values[missing] = prior.mean
        if output.hidden and self.unknown == "nan":
            values[(moments.count == 0) & ~missing] = np.nan
        if output.hidden and self.missing == "nan":
            values[missing] = np.nan
        return values

    def hide(self, values: np.ndarray, moments: Moments) -> np.ndarray:
        """Overwrite, in place, values of shape (..., size) with NaN where the policy says so."""
        if self.unknown == "nan":
            missing = values[..., MISSING].copy()  # a missing value has a rule of its own
            values[moments.count == 0] = np.nan
            values[..., MISSING] = missing
        if self.missing == "nan":
            values[..., MISSING] = np.nan
        return values


def refuse_missing(codes: np.ndarray, column: str) -> None:
    missing = int(np.count_nonzero(codes == MISSING))
    if missing:
        raise ValueError(
            f"Column {column!r} must have no missing values, but {missing} rows have one. "
            'Pass missing="category" to encode them as a category.'
        )


def refuse_unseen(column: str, unseen: np.ndarray, named: Callable[[np.ndarray], list[Any]]) -> None:
    if unseen.any():
        categories = named(unseen)
        raise ValueError(
            f"Column {column!r} must hold categories that were there at fit, but {len(categories)} "
            f"were not, such as {categories[:5]}. "
            'Pass unknown="prior" to give them the prior mean.'
        )
