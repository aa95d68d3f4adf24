"""Matrices with one small block per level of a factor.

Matrices of few numbers are dense arrays, because each operation on a sparse matrix has a cost of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import bsr_matrix, csr_matrix

from catpool.models.mixed.solver.grouping_factor import FactorShape

Matrix = Any  # a csr_matrix or an ndarray; scipy has no types


def repeat_lambdas(lambdas: Sequence[np.ndarray], shapes: Sequence[FactorShape]) -> csr_matrix:
    """Lambda of all effects, shape (R, R), with each factor's own, shape (width, width), at each level."""
    if not shapes:
        return csr_matrix((0, 0))
    rows, columns, data, start = [], [], [], 0
    for own, shape in zip(lambdas, shapes, strict=True):
        block = np.broadcast_to(own, (shape.size, *own.shape))
        levels = start + np.arange(shape.size)[:, None, None] * shape.width
        rows.append((levels + np.arange(shape.width)[None, :, None] + np.zeros_like(block, dtype=int)).ravel())
        columns.append((levels + np.arange(shape.width)[None, None, :] + np.zeros_like(block, dtype=int)).ravel())
        data.append(block.ravel())
        start += shape.length
    return csr_matrix((np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))), shape=(start, start))


def repeat_dense_lambdas(lambdas: Sequence[np.ndarray], shapes: Sequence[FactorShape]) -> np.ndarray:
    """The same as a dense matrix."""
    if all(shape.width == 1 for shape in shapes):
        sizes = [shape.size for shape in shapes]
        return np.diag(np.repeat([float(own[0, 0]) for own in lambdas], np.array(sizes, dtype=int)))
    blocks = [np.kron(np.eye(shape.size), own) for own, shape in zip(lambdas, shapes, strict=True)]
    return np.asarray(block_diag(*blocks))


def to_dense(matrix: Matrix) -> np.ndarray:
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.toarray())


def sum_squares(matrix: Matrix) -> np.ndarray:
    """The sum of squares of each column."""
    if isinstance(matrix, np.ndarray):
        return np.asarray(np.einsum("ij,ij->j", matrix, matrix))
    return np.asarray(matrix.power(2).sum(axis=0)).ravel()


def diagonal_blocks(matrix: csr_matrix, shape: FactorShape) -> np.ndarray:
    """The blocks on the diagonal of a sparse matrix, shape (size, width, width)."""
    blocks = np.empty((shape.size, shape.width, shape.width))
    for a in range(shape.width):
        for b in range(shape.width):
            blocks[:, a, b] = matrix[a :: shape.width, b :: shape.width].diagonal()
    return blocks


def multiply_blocks(blocks: np.ndarray, matrix: Matrix, shape: FactorShape) -> Matrix:
    """Multiply a block-diagonal matrix, its blocks of shape (size, width, width), by another one."""
    if isinstance(matrix, np.ndarray):
        return (blocks @ matrix.reshape(shape.size, shape.width, -1)).reshape(matrix.shape)
    if shape.width == 1:  # scaling rows is faster than a sparse product
        result = matrix.copy()
        result.data *= np.repeat(blocks[:, 0, 0], np.diff(matrix.indptr))
        return result
    levels = np.arange(shape.size)
    diagonal = bsr_matrix((np.ascontiguousarray(blocks), levels, np.arange(shape.size + 1)), shape=(shape.length,) * 2)
    return (diagonal @ matrix).tocsr()
