"""Rows with the same factors and covariates, added up to one row each for models of binary targets and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from catpool.data.factorize import factorize_integers
from catpool.data.frozen import frozen
from catpool.data.targets.weights import Weights
from catpool.models.mixed.solver.grouping_factor import GroupingFactor


@frozen
class AggregatedRows:
    """The totals and sizes of m groups of rows.

    Parameters
    ----------
    total, count : ndarray of shape (m,)
        Sum of y, and of frequencies or exposures.
    covariates : ndarray of shape (m, 1 + p)
        X, standardized.
    factors : list of GroupingFactor
    constant : float
        The part of the log-likelihood that does not depend on the model.
    offset : ndarray of shape (m,) or float, default=0.0
        What the linear predictor starts from.
    """

    total: np.ndarray
    count: np.ndarray
    covariates: np.ndarray
    factors: list[GroupingFactor]
    constant: float
    offset: np.ndarray | float = 0.0

    def fixed_part(self, coefficients: np.ndarray) -> np.ndarray:
        """X beta and the offset, shape (m,)."""
        fixed: np.ndarray = self.covariates @ coefficients + self.offset
        return fixed


def aggregate_rows(
    y: np.ndarray,
    covariates: np.ndarray,
    factors: Sequence[GroupingFactor],
    weights: Weights,
    log_constant: Callable[[np.ndarray, np.ndarray], np.ndarray],
    offset: np.ndarray | None = None,
) -> AggregatedRows:
    """Add up the rows of each combination of levels; rows with covariates, slopes or an offset stay as they are.

    Parameters
    ----------
    y : ndarray of shape (n,)
    covariates : ndarray of shape (n, 1 + p)
    factors : sequence of GroupingFactor
    weights : Weights
    log_constant : callable
        From targets and exposures to the part of a row's log-likelihood that does not depend on the model.
    offset : ndarray of shape (n,), optional
    """
    row = np.ones(len(y)) if weights.row is None else weights.row
    count = row if weights.exposure is None else row * weights.exposure
    exposure = np.ones(len(y)) if weights.exposure is None else weights.exposure
    constant = float((row * log_constant(y, exposure)).sum())
    if offset is not None or covariates.shape[1] > 1 or any(factor.slopes.shape[1] for factor in factors):
        seen = row > 0  # rows without weight have no working response
        taken = (y * row)[seen], count[seen], covariates[seen], take_rows(factors, seen)
        return AggregatedRows(*taken, constant, 0.0 if offset is None else offset[seen])
    cell, first = number_cells(factors)
    total, size = np.bincount(cell, y * row, len(first)), np.bincount(cell, count, len(first))
    seen = size > 0
    return AggregatedRows(total[seen], size[seen], covariates[first][seen], take_rows(factors, first[seen]), constant)


def number_cells(factors: Sequence[GroupingFactor], apart: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The number of each row's combination of levels, and the first row of each combination.

    Parameters
    ----------
    factors : sequence of GroupingFactor
    apart : ndarray of shape (n,), optional
        Codes of which rows of one combination must have the same.
    """
    cell = np.zeros(len(factors[0].codes), dtype=np.intp) if apart is None else apart
    for factor in factors:
        cell = factorize_integers(cell * factor.size + factor.codes)[0]
    first = np.empty(int(cell.max()) + 1, dtype=np.intp)
    first[cell[::-1]] = np.arange(len(cell))[::-1]  # from last to first, so that the first row stays
    return cell, first


def take_rows(factors: Sequence[GroupingFactor], rows: np.ndarray) -> list[GroupingFactor]:
    """The factors of some rows."""
    return [factor.take(rows) for factor in factors]
