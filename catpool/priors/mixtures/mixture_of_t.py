"""Mixtures of t or normal distributions: the posteriors of values whose variances are uncertain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from catpool.data.frozen import frozen

NORMAL = 1e6  # degrees of freedom from which on a t distribution is normal to six digits
LEAST = 1e-300  # scale
STEPS = 60  # of bisection, which need no more
CLOSE = 1e-9  # relative width of the bracket at which the search ends


@frozen
class MixtureOfT:
    """Mixtures of the distributions of n values.

    Parameters
    ----------
    probability : ndarray of shape (m,)
        Of each component.
    means, scales : ndarray of shape (m, n)
        The components' centers, and their scales: of normal distributions the standard deviations.
    freedom : float
        Their degrees of freedom; infinite for normal distributions.
    """

    probability: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    freedom: float

    def mean(self) -> np.ndarray:
        """The means, shape (n,)."""
        return np.asarray(self.probability @ self.means)

    def sd(self) -> np.ndarray:
        """The standard deviations, shape (n,)."""
        variances = self.scales**2 * variance_of_t(self.freedom)
        return np.sqrt(self.probability @ (variances + (self.means - self.mean()) ** 2))

    def widened(self, variances: np.ndarray) -> MixtureOfT:
        """The values plus independent errors of each component's variance, shape (m,)."""
        scales = np.sqrt(self.scales**2 + variances[:, None])
        return MixtureOfT(self.probability, self.means, scales, self.freedom)

    def quantile(self, probability: float) -> np.ndarray:
        """The quantiles, shape (n,)."""
        normal = self.freedom >= NORMAL
        unit = ndtri(probability) if normal else stdtrit(self.freedom, probability)
        ends = self.means + unit * self.scales
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(STEPS):
            if not (high - low > CLOSE * self.scales.max(axis=0)).any():
                break
            middle = (low + high) / 2
            above = self.distribution(middle) > probability
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return (low + high) / 2

    def distribution(self, values: np.ndarray) -> np.ndarray:
        """The probabilities of being at most `values`, shape (n,)."""
        # where there is next to no scale, all probability is at the center
        unit = (values - self.means) / np.maximum(self.scales, LEAST)
        inner = ndtr(unit) if self.freedom >= NORMAL else stdtr(self.freedom, unit)
        return np.asarray(self.probability @ inner)


def average(probability: Sequence[float] | np.ndarray, values: Sequence[np.ndarray | float] | np.ndarray) -> np.ndarray:
    """The mean of the values of m components, which are along the first axis."""
    return np.asarray(np.tensordot(np.asarray(probability), np.array(values), 1))


def variance_of_t(freedom: float) -> float:
    """The variance of a t distribution of scale one; infinite up to two degrees of freedom."""
    if np.isinf(freedom):
        return 1.0
    return freedom / (freedom - 2) if freedom > 2 else np.inf
