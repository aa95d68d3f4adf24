"""The prior of the variances that full Bayes averages over: half-t standard deviations, and any correlations alike.

Standard deviations are relative to that of the residuals and, of slopes, to the root mean square of their covariate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.models.mixed.solver.grouping_factor import FactorShape
from catpool.priors.numerics.standard_normal import correlation_root_from_normal, half_t_from_normal, normal_from_half_t

LEAST = 0.01  # standard deviation, in units of the prior's, at which the search for the mode may start


class VariancePrior:
    """The Lambdas of factors as a function of hyperparameters z, shape (k,), with standard normal priors.

    Parameters
    ----------
    shapes : sequence of FactorShape
    uncertain : sequence of bool
        Whether a factor's variances are uncertain; those of others are known.
    lambdas : sequence of ndarray of shape (width, width)
        The Lambdas that are known, and for the others guesses to start from.
    scale : float
        Of the half-t prior.
    """

    def __init__(
        self, shapes: Sequence[FactorShape], uncertain: Sequence[bool], lambdas: Sequence[np.ndarray], scale: float
    ) -> None:
        self.shapes, self.uncertain, self.given, self.scale = shapes, uncertain, lambdas, scale
        sizes = [_count(shape) if own else 0 for shape, own in zip(shapes, uncertain, strict=True)]
        self.ends = np.cumsum(sizes)

    @property
    def start(self) -> np.ndarray:
        """The hyperparameters of the guesses, without correlations."""
        z = np.zeros(self.ends[-1])
        for end, shape, own, uncertain in zip(self.ends, self.shapes, self.given, self.uncertain, strict=True):
            if uncertain:
                sds = np.maximum(np.linalg.norm(own, axis=1), LEAST * self.scale)
                first = end - _count(shape)
                z[first : first + shape.width] = normal_from_half_t(sds, self.scale)
        return z

    def lambdas(self, z: np.ndarray) -> list[np.ndarray]:
        """All factors' Lambdas, each of shape (width, width)."""
        parts = np.split(z, self.ends[:-1])
        return [
            self._lambda(own, shape) if uncertain else given
            for own, shape, given, uncertain in zip(parts, self.shapes, self.given, self.uncertain, strict=True)
        ]

    def _lambda(self, z: np.ndarray, shape: FactorShape) -> np.ndarray:
        sds = half_t_from_normal(z[: shape.width], self.scale)
        if not shape.correlated:
            return np.diag(sds)
        return np.asarray(sds[:, None] * correlation_root_from_normal(z[shape.width :], shape.width))


def _count(shape: FactorShape) -> int:
    """The number of a factor's standard deviations and correlations."""
    return shape.width * (shape.width + 1) // 2 if shape.correlated else shape.width
