"""Variances of crossed factors by the method of moments, to start from.

This is Henderson's method I: the expected sum of squares of the means of each factor, and of the cells, is linear in
the variances, which are solved for.

References
----------
C. R. Henderson (1953), Estimation of variance and covariance components, Biometrics 9, 226-252.
"""

from __future__ import annotations

import numpy as np

from catpool.models.interactions.cell_means import CellMeans
from catpool.models.interactions.crossed_factors import CrossedFactors
from catpool.moments.moments import TINY

FLOOR = 1e-6  # times the variance of a category's mean; smaller variances count as zero
LEAST = 1e-10  # of the variance of all rows, that rows have to start from


def starting_variances(cells: CellMeans, factors: CrossedFactors, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The variances to start from, and what counts as zero, each of shape (V, 2 + F).

    Parameters
    ----------
    cells : CellMeans
    factors : CrossedFactors
    free : ndarray of bool of shape (2 + F,)
        Which variances are estimated: of rows, of cells, of each factor. Otherwise that of rows is one, and that of
        cells zero.
    """
    count = cells.count
    theta = np.zeros((len(count), len(free)))
    theta[:, 0] = cells.within / np.maximum(cells.freedom, TINY) if free[0] else 1.0
    squares, coefficients = _equations(cells, factors)
    wanted = free.copy()
    if free[0] and not free[1]:  # cells have no variance, so their sum of squares also tells that of rows
        squares[:, 0] += cells.within
        coefficients[:, 0, 0] += cells.freedom
    else:
        squares -= coefficients[:, :, 0] * theta[:, :1]
        wanted[0] = False
    lines = slice(None) if wanted[:2].any() else slice(1, None)  # without the sum of squares of cells
    inverse = np.linalg.pinv(coefficients[:, lines, wanted])
    theta[:, wanted] = (inverse @ squares[:, lines, None])[..., 0]
    if free[0]:
        total = (cells.within + (count * cells.mean**2).sum(axis=1)) / count.sum(axis=1)
        theta[:, 0] = np.maximum(theta[:, 0], LEAST * total)
    largest = [each.max(axis=1) for each in (count, *factors.sums(count))]
    floor = np.stack([np.zeros(len(count)), *(FLOOR * theta[:, 0] / each for each in largest)], axis=1)
    return np.where(free, np.maximum(theta, floor), theta), floor


def _equations(cells: CellMeans, factors: CrossedFactors) -> tuple[np.ndarray, np.ndarray]:
    """The sums of squares of the means of cells and of each factor, and their expectation by variance.

    Of shapes (V, 1 + F) and (V, 1 + F, 2 + F). Categories of one factor in those of another count as cells, as they
    are for two factors.
    """
    count = cells.count
    rows, totals = count.sum(axis=1), count * cells.mean
    sizes, sums = factors.sums(count), factors.sums(totals)
    square = [(each**2).sum(axis=1) / rows for each in (count, *sizes)]  # of cells and factors, in all rows
    inside = zip(factors.sums(count**2), sizes, strict=True)
    overlap = [(total / np.maximum(size, TINY)).sum(axis=1) for total, size in inside]
    squares, coefficients = np.empty((len(count), len(square))), np.empty((len(count), len(square), len(square) + 1))
    common = totals.sum(axis=1) ** 2 / rows
    for line, (size, total) in enumerate(zip([count, *sizes], [totals, *sums], strict=True)):
        squares[:, line] = (total**2 / np.maximum(size, TINY)).sum(axis=1) - common
        coefficients[:, line, 0] = np.count_nonzero(size, axis=1) - 1
        for column, of_all in enumerate(square):
            whole = line in (0, column)
            coefficients[:, line, column + 1] = (rows if whole else overlap[line - 1]) - of_all
    return squares, coefficients
