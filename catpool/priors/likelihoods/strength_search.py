"""The strength that maximizes a likelihood of one variable, for categories with known prior means, or its posterior.

The slope of the likelihood is scanned, each place where it falls through zero is solved for, and the maxima are
compared, complete pooling among them.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from catpool.priors.numerics.integration import integration_points
from catpool.priors.numerics.roots import rising_roots
from catpool.priors.numerics.standard_normal import half_t_from_normal

LEAST = 1e-3  # rows, or times the largest category's, if it has less than one; weaker priors pool nothing
MOST = 1e3  # times the largest category's rows; stronger priors pool completely
EDGE = 1e-12  # the least distance of a mean from its bounds
POINTS = 15  # strengths in the scan
ROUNDING = 1e-12  # of a log-likelihood, relative
GAIN = 1e-6  # of a log-likelihood, that a strength must have over complete pooling


class StrengthLikelihood(Protocol):
    """The log-likelihood of the strength of a prior whose means are known."""

    def pooled(self) -> float:
        """The log-likelihood of complete pooling."""
        ...

    def log_likelihood(self, strength: float) -> float: ...

    def slopes(self, strengths: np.ndarray) -> np.ndarray:
        """The first two derivatives at S strengths, of shape (2, S)."""
        ...


def maximize_over_strength(likelihood: StrengthLikelihood, largest: float) -> tuple[float, float]:
    """The strength, infinite for complete pooling, and its log-likelihood.

    Parameters
    ----------
    likelihood : StrengthLikelihood
    largest : float
        Rows of the largest category.
    """
    grid = np.geomspace(LEAST * min(1.0, largest), MOST * largest, POINTS)
    slope = likelihood.slopes(grid)[0]
    left = np.flatnonzero((slope[:-1] > 0) & (slope[1:] <= 0))

    def minus_slopes(strengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, second = -likelihood.slopes(strengths)
        return first, second

    ends = (grid[left], grid[left + 1], -slope[left], -slope[left + 1])
    peaks = rising_roots(minus_slopes, *ends) if len(left) else left
    # the ends too, where the likelihood may be largest, though it has no peak there
    tried = [*([grid[0]] if slope[0] <= 0 else []), *peaks, *([grid[-1]] if slope[-1] > 0 else [])]
    value, strength = max((likelihood.log_likelihood(float(each)), float(each)) for each in tried)
    pooled = likelihood.pooled()
    least = pooled + max(GAIN, ROUNDING * abs(pooled))
    return (strength, value) if value > least else (np.inf, pooled)


def average_over_strength(likelihood: StrengthLikelihood, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Strengths of points of the posterior, shape (m,), and their probabilities.

    One over the root of the strength has a half-t prior, as in `full_bayes`.
    """

    def log_likelihood(z: np.ndarray) -> float:
        return likelihood.log_likelihood(float(half_t_from_normal(z, scale)[0] ** -2))

    points, probability = integration_points(log_likelihood, np.zeros(1))
    return half_t_from_normal(points[:, 0], scale) ** -2, probability
