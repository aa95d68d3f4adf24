"""`CellMeans`: what the cells of tables tell of the variances and effects of crossed factors."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from catpool.data.frozen import frozen


@frozen
class CellMeans:
    """What is known of the cells of V tables.

    Parameters
    ----------
    count, mean : ndarray of shape (V, C)
        The rows of each cell, or the sum of their weights, and the mean of the response.
    within, freedom : ndarray of shape (V,)
        The sum of squares of the rows about the means of their cells, and its degrees of freedom.
    """

    count: np.ndarray
    mean: np.ndarray
    within: np.ndarray
    freedom: np.ndarray


class Response(Protocol):
    """A response whose cells depend on what was fitted so far, as working responses do."""

    is_working: bool  # whether it is made anew in each round, and its residual variance is one

    def cells(self, fitted: np.ndarray | None) -> CellMeans:
        """The cells' means, from the fitted means of shape (V, C) of the last round; None in the first."""
        ...
