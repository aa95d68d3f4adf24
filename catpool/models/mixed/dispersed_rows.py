"""Rows of a family with a dispersion, added up over those with the same factors, covariates and exposure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.data.targets.weights import Weights
from catpool.models.mixed.aggregated_rows import AggregatedRows, number_cells, take_rows
from catpool.models.mixed.row_likelihood import DispersedRows
from catpool.models.mixed.solver.grouping_factor import GroupingFactor
from catpool.priors.families.dispersed import DispersedCells, DispersedFamily


def aggregate_dispersed(
    y: np.ndarray,
    covariates: np.ndarray,
    factors: Sequence[GroupingFactor],
    weights: Weights,
    family: DispersedFamily,
    offset: np.ndarray | None = None,
) -> tuple[AggregatedRows, DispersedRows]:
    """The aggregated rows, whose counts are exposures if there are any, and their likelihood.

    Parameters
    ----------
    y : ndarray of shape (n,)
    covariates : ndarray of shape (n, 1 + p)
    factors : sequence of GroupingFactor
    weights : Weights
        Frequencies.
    family : DispersedFamily
    offset : ndarray of shape (n,), optional
    """
    row, exposure = (np.ones(len(y)) if each is None else each for each in (weights.row, weights.exposure))
    seen = np.flatnonzero(row > 0)
    y, row, exposure, covariates = (each[seen] for each in (y, row, exposure, covariates))
    factors = take_rows(factors, seen)
    if offset is not None or covariates.shape[1] > 1 or any(factor.slopes.shape[1] for factor in factors):
        cell = first = np.arange(len(y))
    else:
        cell, first = number_cells(factors, np.unique(exposure, return_inverse=True)[1])
    total, count, squares = (np.bincount(cell, row * each, len(first)) for each in (y, np.ones_like(y), y * y))
    values, place = np.unique(y, return_inverse=True)
    cells = DispersedCells(total, count, exposure[first], squares, values, np.bincount(place, row))
    taken = covariates[first], take_rows(factors, first)
    rows = AggregatedRows(total, count * exposure[first], *taken, 0.0, 0.0 if offset is None else offset[seen])
    return rows, DispersedRows(family, cells)
