"""The parameters of the random effects' covariances, as one vector that a search can move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.models.mixed.solver.grouping_factor import FactorShape


class CovarianceParameters:
    """The free entries of the relative covariance factors Lambda, as lme4's theta.

    Each factor has a lower-triangular Lambda, listed column by column, or a diagonal one if its effects are
    uncorrelated.

    Parameters
    ----------
    shapes : sequence of FactorShape

    Attributes
    ----------
    places : list of tuple of int
        The factor, row and column of each entry.
    on_diagonal : ndarray of shape (k,)
    """

    def __init__(self, shapes: Sequence[FactorShape]) -> None:
        self.shapes = shapes
        self.places = [
            (factor, a, b)
            for factor, shape in enumerate(shapes)
            for b in range(shape.width)
            for a in range(b, shape.width if shape.correlated else b + 1)
        ]
        self.on_diagonal = np.array([a == b for _, a, b in self.places])

    def lambdas(self, theta: np.ndarray) -> list[np.ndarray]:
        """Each factor's Lambda, shape (width, width)."""
        result = [np.zeros((shape.width, shape.width)) for shape in self.shapes]
        for value, (factor, a, b) in zip(theta, self.places, strict=True):
            result[factor][a, b] = value
        return result

    def theta(self, lambdas: Sequence[np.ndarray]) -> np.ndarray:
        """The parameters of the factors' Lambdas, shape (k,)."""
        return np.array([lambdas[factor][a, b] for factor, a, b in self.places])

    def row_sizes(self, lambdas: Sequence[np.ndarray]) -> np.ndarray:
        """The standard deviation of the effect that each parameter belongs to, shape (k,)."""
        return np.array([np.linalg.norm(lambdas[factor][a]) for factor, a, _ in self.places])
