"""`Weights`: the sample weights of the rows, as frequencies or precisions, and the exposures of counts.

A row of weight w stands for w rows ("frequency"), or it is one row whose variance is sigma^2 / w with an unknown sigma
("precision"), or 1 / w ("inverse_variance").
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from catpool.data.frames.row_numbers import read_row_numbers
from catpool.data.frozen import frozen
from catpool.data.targets.target import Target
from catpool.data.targets.target_kinds import TARGET_KINDS

INVERSE_VARIANCE = "inverse_variance"
RANGE = (1e-12, 1e12)  # beyond it a row of weight one is lost in rounding, or likelihoods are flat to all their digits


@frozen
class Weights:
    """The weights and exposures of the rows.

    Parameters
    ----------
    row : ndarray of shape (n,) or None
        The weight of each row. None is 1 for all rows.
    exposure : ndarray of shape (n,) or None
        The number that the count of each row is divided by, such as years. None is 1 for all rows.
    precision : bool
        Whether a row of weight w is one row of variance sigma^2 / w, or 1 / w. Otherwise it stands for w rows.
    """

    row: np.ndarray | None = None
    exposure: np.ndarray | None = None
    precision: bool = False

    @property
    def count_weights(self) -> np.ndarray | None:
        """Weight times exposure of each row, which adds up to the count of its category; None is 1 for all rows."""
        if self.row is None or self.exposure is None:
            return self.exposure if self.row is None else self.row
        return self.row * self.exposure

    @property
    def log_likelihood(self) -> float:
        """The term of the log-likelihood that depends on precisions alone: the sum of log(w) / 2."""
        return float(np.log(self.row[self.row > 0]).sum() / 2) if self.precision and self.row is not None else 0.0

    def leave_out(self, rows: np.ndarray) -> Weights:
        """The same with a weight of 0 for the rows that a boolean array marks."""
        return replace(self, row=np.where(rows, 0.0, 1.0 if self.row is None else self.row))

    def subset(self, rows: np.ndarray) -> Weights:
        row = None if self.row is None else self.row[rows]
        return Weights(row, None if self.exposure is None else self.exposure[rows], self.precision)


def check_exposure(targets: list[Target]) -> None:
    """Raise an error if an exposure was passed for a target that is not a count."""
    kinds = sorted({target.kind for target in targets})
    if not all(TARGET_KINDS[kind].has_exposure for kind in kinds):
        raise ValueError(
            f"`exposure` goes with counts, but y is read as {', '.join(kinds)}. "
            'Pass target_type="count", or leave `exposure` out.'
        )


def check_precision(weight_type: str, *, homoscedastic: bool) -> None:
    """Raise an error for precisions if the variance of a row follows from its mean, as for shares and counts."""
    if weight_type != "frequency" and not homoscedastic:
        raise ValueError(
            f'weight_type="{weight_type}" goes with the normal family alone, because in other families the variance of '
            'a row follows from its mean. Pass weight_type="frequency", or target_type="continuous".'
        )


def check_known_variances(weight_type: str, targets: list[Target], *, weighted: bool) -> None:
    """Raise an error for known variances of a target that is not continuous, and for those that are not passed."""
    if weight_type != INVERSE_VARIANCE:
        return
    kinds = sorted({target.kind for target in targets} - {"continuous"})
    if kinds:
        raise ValueError(
            f'weight_type="{INVERSE_VARIANCE}" goes with continuous targets, but y is read as {", ".join(kinds)}. Pass '
            'numbers with target_type="continuous", or weight_type="frequency".'
        )
    if not weighted:
        raise ValueError(
            f'weight_type="{INVERSE_VARIANCE}" needs `sample_weight`, one over the variance of each row. Pass it, or '
            'weight_type="precision" to estimate the variance.'
        )


def read_exposure(exposure: Any, targets: list[Target], n_rows: int) -> np.ndarray | None:
    """Read the exposure of the rows, of shape (n,); only counts may have one."""
    if exposure is None:
        return None
    check_exposure(targets)
    numbers = read_weights(exposure, n_rows, "exposure")
    if numbers is not None and numbers.min() == 0:
        raise ValueError("`exposure` must be more than zero in each row, but it is 0 in some. Drop these rows.")
    return numbers


def read_weights(sample_weight: Any, n_rows: int, name: str = "sample_weight") -> np.ndarray | None:
    """Read the weights of the rows, of shape (n,)."""
    if sample_weight is None:
        return None
    weights = read_row_numbers(sample_weight, n_rows, name, "weight", "biuf")
    positive = weights[weights > 0]  # weights of 0 are allowed: they leave rows out, as in scikit-learn
    if np.isnan(weights).any() or weights.min() < 0 or not len(positive):
        raise ValueError(
            f"`{name}` must be finite, not negative, and not zero for all rows, "
            f"but it ranges from {weights.min()} to {weights.max()}. Pass None to give all rows the same weight."
        )
    if positive.min() < RANGE[0] or positive.max() > RANGE[1]:
        raise ValueError(
            f"`{name}` must be 0, or finite and between {RANGE[0]:g} and {RANGE[1]:g}, but its positive values range "
            f"from {positive.min()} to {positive.max()}. Rescale it; of inverse variances, with y."
        )
    return weights
