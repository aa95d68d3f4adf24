"""`Policy`: the values of rows whose category is missing or unseen, and the errors about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from catpool.data.columns.categories import MISSING
from catpool.data.frozen import frozen
from catpool.data.verify import require_one_of
from catpool.moments.moments import Moments
from catpool.priors.prior import Prior
from catpool.tables.outputs import TargetOutput


@frozen
class Policy:
    """The treatment of rows whose category is missing or unseen.

    A category is unseen if it has no training rows: in ``transform``, or outside the fold of a training row.

    Parameters
    ----------
    unknown : {"prior", "nan", "error"}
        For unseen categories.
    missing : {"category", "prior", "nan", "error"}
        For missing values.
    """

    unknown: str
    missing: str

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a policy."""
        require_one_of(("prior", "nan", "error"), unknown=self.unknown)
        require_one_of(("category", "prior", "nan", "error"), missing=self.missing)

    @property
    def raises(self) -> bool:
        """Whether some values raise an error."""
        return "error" in (self.unknown, self.missing)

    def apply(self, output: TargetOutput, values: np.ndarray, moments: Moments, prior: Prior) -> np.ndarray:
        """Apply the policy to an output of shape (..., size), in place."""
        if output.is_mean and self.missing == "prior":
            values[..., MISSING] = prior.mean
        if output.scatters and self.missing == "prior":
            values[..., MISSING] = values[..., -1]  # that of a category without rows
        return self.hide(values, moments) if output.hidden else values

    def apply_to_rows(
        self, output: TargetOutput, values: np.ndarray, moments: Moments, prior: Prior, slots: np.ndarray
    ) -> np.ndarray:
        """Apply the policy to an output of rows, of shape (m,), in place; `slots` are those of their categories."""
        missing = slots == MISSING
        if output.is_mean and self.missing == "prior":
            values[missing] = prior.mean
        if output.hidden and self.unknown == "nan":
            values[(moments.count == 0) & ~missing] = np.nan
        if output.hidden and self.missing == "nan":
            values[missing] = np.nan
        return values

    def hide(self, values: np.ndarray, moments: Moments) -> np.ndarray:
        """Overwrite values of shape (..., size), in place, with NaN for the categories that the policy hides."""
        if self.unknown == "nan":
            # a missing value is not an unseen category, even if no training row has one
            missing = values[..., MISSING].copy()
            values[moments.count == 0] = np.nan
            values[..., MISSING] = missing
        if self.missing == "nan":
            values[..., MISSING] = np.nan
        return values


def refuse_missing(codes: np.ndarray, column: str) -> None:
    """Raise an error if there are missing values."""
    missing = int(np.count_nonzero(codes == MISSING))
    if missing:
        raise ValueError(
            f"Column {column!r} must have no missing values, but {missing} rows have one. "
            'Pass missing="category" to encode missing values as a category.'
        )


def refuse_unseen(column: str, unseen: np.ndarray, select: Callable[[np.ndarray], list[Any]]) -> None:
    """Raise an error if there are unseen categories.

    Parameters
    ----------
    column : str
        The name of the column.
    unseen : ndarray of bool
    select : callable
        From `unseen` to the list of unseen categories.
    """
    if unseen.any():
        categories = select(unseen)
        raise ValueError(
            f"Column {column!r} must hold categories that were there at fit, but {len(categories)} "
            f"were not, such as {categories[:5]}. "
            'Pass unknown="prior" to encode them as the prior mean.'
        )
