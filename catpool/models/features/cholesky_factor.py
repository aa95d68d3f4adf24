"""`CholeskyFactor`: a positive definite matrix, scaled to a diagonal of ones, as a triangle times its transpose."""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

UNSOLVED = "The equations of the effects of features cannot be solved in this precision."
RIDGE = 1e-15  # added to a matrix of unit diagonal, for rounding


class CholeskyFactor:
    """The Cholesky factor of a positive definite matrix, whose diagonal is made one first.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self._unit = 1 / np.sqrt(np.diagonal(matrix))
        scaled = self._unit[:, None] * matrix * self._unit
        np.fill_diagonal(scaled, 1 + RIDGE)
        self._root, failed = dpotrf(scaled, lower=True)
        if failed:
            raise np.linalg.LinAlgError(UNSOLVED)

    @property
    def log_determinant(self) -> float:
        return 2 * float((np.log(np.diagonal(self._root)) - np.log(self._unit)).sum())

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The solution for one right-hand side."""
        return self._unit * dpotrs(self._root, self._unit * right, lower=True)[0]

    def inverse(self) -> np.ndarray:
        """The inverse of the matrix."""
        half = dpotri(self._root, lower=True)[0]  # and zeros above the diagonal
        whole = half + half.T
        np.fill_diagonal(whole, np.diagonal(half))
        return self._unit[:, None] * whole * self._unit
