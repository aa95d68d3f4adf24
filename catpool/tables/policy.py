"""What comes out for rows whose category says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from catpool.data.categories import MISSING
from catpool.moments.moments import Moments
from catpool.priors.prior import Prior


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
        if self.missing == "prior":
            mean[..., MISSING] = prior.mean
        return self.hide(mean, moments)

    def of_rows(self, values: np.ndarray, output: str, moments: Moments, prior: Prior, codes: np.ndarray) -> np.ndarray:
        """What the policy says of an output of rows, of shape (m,), from the slots of their categories."""
        missing = codes == MISSING
        if output == "mean" and self.missing == "prior":
            values[missing] = prior.mean
        if output != "reliability" and self.unknown == "nan":
            values[(moments.count == 0) & ~missing] = np.nan
        if output != "reliability" and self.missing == "nan":
            values[missing] = np.nan
        return values

    def hide(self, values: np.ndarray, moments: Moments) -> np.ndarray:
        """Overwrite, in place, values of shape (..., size) with NaN where the policy says so."""
        if self.unknown == "nan":
            missing = values[..., MISSING].copy()
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
        strangers = named(unseen)
        raise ValueError(
            f"Column {column!r} must hold categories that were there at fit, but {len(strangers)} "
            f"were not, such as {strangers[:5]}. "
            'Pass unknown="prior" to give them the prior mean.'
        )
