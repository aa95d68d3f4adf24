"""The products of random effects' columns in Z'WZ, found once for any weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.sparse import csr_matrix

from catpool.data.factorize import factorize_integers
from catpool.data.frozen import frozen
from catpool.models.mixed.solver.grouping_factor import GroupingFactor
from catpool.models.mixed.solver.mixed_system import SparsityPattern


@frozen
class ColumnProduct:
    """Two columns of Z, to be multiplied and summed over the rows of each cell.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The cell of each row: a level of one factor, or a pair of levels of two.
    size : int
        The number of cells.
    first, second : ndarray of shape (n,) or None
        The columns; None stands for ones.
    """

    codes: np.ndarray
    size: int
    first: np.ndarray | None
    second: np.ndarray | None

    def multiply(self, weights: np.ndarray | None) -> np.ndarray | None:
        """The rows' products, times their weights."""
        return multiply(multiply(self.first, weights), self.second)


def multiply(left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray | None:
    """Multiply two columns, None being a column of ones."""
    return left if right is None else right if left is None else left * right


def find_products(factors: Sequence[GroupingFactor]) -> tuple[list[ColumnProduct], SparsityPattern]:
    """The products whose sums are the values of Z'WZ, one after the other, and where these belong."""
    starts = np.cumsum([0, *(factor.shape.length for factor in factors)])
    products, rows, columns = [], [], []
    for factor, start in zip(factors, starts, strict=False):
        level = start + np.arange(factor.size) * factor.width
        for a, b in _upper_triangle(factor.width):
            products.append(ColumnProduct(factor.codes, factor.size, factor.column(a), factor.column(b)))
            rows.append(level + a)
            columns.append(level + b)
    for (first, start), (second, other) in combinations(list(zip(factors, starts, strict=False)), 2):
        cells, found = factorize_integers(first.codes.astype(np.int64) * second.size + second.codes)
        left, right = np.divmod(found, second.size)
        for a in range(first.width):
            for b in range(second.width):
                products.append(ColumnProduct(cells, len(found), first.column(a), second.column(b)))
                rows.append(start + left * first.width + a)
                columns.append(other + right * second.width + b)
    return products, _find_pattern(np.concatenate(rows), np.concatenate(columns), int(starts[-1]))


def _upper_triangle(width: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(width) for b in range(a, width)]


def _find_pattern(rows: np.ndarray, columns: np.ndarray, size: int) -> SparsityPattern:
    """The pattern of a symmetric matrix from the places of its values, each on one side of the diagonal."""
    apart = np.flatnonzero(rows != columns)
    source = np.concatenate([np.arange(len(rows)), apart])
    places = csr_matrix(
        (source + 1, (np.concatenate([rows, columns[apart]]), np.concatenate([columns, rows[apart]]))),
        shape=(size, size),
    )  # positions count from 1, so that none is a zero, which a sparse matrix may drop
    places.sort_indices()
    return SparsityPattern(places.indices, places.indptr, places.data - 1)
