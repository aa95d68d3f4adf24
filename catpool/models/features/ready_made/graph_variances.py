"""The variances of effects on a large connected graph, whose covariance is the pseudo-inverse of a sparse precision.

Effects that are measured from that of one node have the inverse of the precision without this node. Its diagonal
follows from a sparse factor L D L' from the last column to the first: with the rows I below the diagonal of column j,

    S_Ij = -S_II L_Ij,    S_jj = 1 / D_j - L_Ij' S_Ij,

and S_II is among what was computed for the first of the rows I, so that no more of S than the pattern of L is needed.

References
----------
K. Takahashi, J. Fagan, M.-S. Chin (1973), Formation of a sparse bus impedance matrix and its application to short
circuit study, 8th PICA Conference Proceedings, 63-69.

H. Rue, L. Held (2005), Gaussian Markov Random Fields: Theory and Applications, Chapman and Hall/CRC, section 2.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix
from scipy.sparse.linalg import splu

from catpool.priors.numerics.blas import blas_threads


def factorize(matrix: csr_matrix) -> Any:
    """The sparse factor of a symmetric matrix whose pivots are on the diagonal, in an order that keeps it sparse."""
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    return splu(matrix.tocsc(), **symmetric)


def graph_variances(precision: csr_matrix) -> np.ndarray:
    """The diagonal of the pseudo-inverse of the precision of a connected graph, of shape (N,)."""
    size = precision.shape[0]
    factor = factorize(precision[:-1][:, :-1])
    with blas_threads(1):  # as most matrices are small
        own = np.append(_inverse_diagonal(factor), 0.0)
    sums = np.append(factor.solve(np.ones(size - 1)), 0.0)
    return own - 2 * sums / size + sums.sum() / size**2  # about the mean of all effects, which is 0


def _inverse_diagonal(factor: Any) -> np.ndarray:
    """The diagonal of the inverse of a factorized matrix, of shape (n,)."""
    lower, pivots = factor.L, factor.U.diagonal()
    lower.eliminate_zeros()
    lower.sort_indices()
    rows, numbers = (np.split(each, lower.indptr[1:-1]) for each in (lower.indices, lower.data))  # first the diagonal
    parents = np.array([own[1] if len(own) > 1 else -1 for own in rows])
    children = np.append(np.bincount(parents + 1, minlength=len(parents) + 1)[1:], 0)  # and one more for no parent
    fronts = _dense_fronts(lower, pivots)  # parts of the inverse: of the rows of a column, with its own first
    diagonal = np.empty(len(pivots))
    for column in reversed(range(len(pivots))):
        parent = parents[column]
        if column not in fronts:
            places = np.searchsorted(rows[parent], rows[column][1:])
            fronts[column] = _front(fronts.get(parent), places, numbers[column][1:], pivots[column])
        diagonal[column] = fronts[column][0, 0]
        children[parent] -= 1
        for done in (column, parent):
            if not children[done]:  # so that few of them are in memory
                fronts.pop(done, None)
    return diagonal[factor.perm_c]


def _dense_fronts(lower: csc_matrix, pivots: np.ndarray) -> dict[int, np.ndarray]:
    """The fronts of the last columns, which are dense, from the inverse of their part of the matrix."""
    size = len(pivots)
    dense = np.diff(lower.indptr) == size - np.arange(size)
    start = size - int(np.argmin(np.append(dense[::-1], False)))
    own = lower[start:][:, start:].toarray()
    inverse = np.linalg.inv((own * pivots[start:]) @ own.T)
    return {column: inverse[column - start :, column - start :] for column in range(start, size)}


def _front(above: np.ndarray | None, places: np.ndarray, own: np.ndarray, pivot: float) -> np.ndarray:
    """The front of a column from that of its first row, in which its rows have these places."""
    front = np.empty((len(own) + 1, len(own) + 1))
    if above is not None:
        front[1:, 1:] = above[places[:, None], places]
    front[0, 1:] = front[1:, 0] = -front[1:, 1:] @ own
    front[0, 0] = 1 / pivot - own @ front[0, 1:]
    return front
