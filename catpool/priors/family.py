"""How the variance of a row follows its category's mean.

Within a category of mean m the variance of one row is, in each of the families that have a conjugate
prior of the form "so many rows of such a mean" (Morris 1983), a polynomial of degree two in m:

    normal      sigma^2          one number, estimated from the rows
    binomial    m (1 - m)
    Poisson     m

References
----------
C. N. Morris (1983), Natural exponential families with quadratic variance functions: statistical theory,
Annals of Statistics 11, 515-529.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, gammaincinv, ndtri

from catpool.moments.moments import Moments


@dataclass(frozen=True)
class Family:
    """A law of rows within a category.

    Parameters
    ----------
    name : str
    assumed : str
        The kind of target that y is taken for where the user names the family alone.
    kinds : tuple of str
        The kinds of targets it goes with; all, where there are none.
    variance : callable
        From moments, of shape (..., K), to the variance of a row of a category that has the overall
        mean, of shape (...). It is NaN where no category has a second row to tell it from.
    curvature : float
        Coefficient of the squared mean in the variance.
    spread : callable
        From the posterior's mean, its weight in rows and the variance of a row to the posterior's variance,
        all of shape (..., K).
    interval : callable
        From the posterior's mean and sd, of shape (K,), and a level to the ends of a central interval.
    """

    name: str
    assumed: str
    kinds: tuple[str, ...]
    variance: Callable[[Moments], np.ndarray]
    curvature: float
    spread: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    interval: Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]

    def goes_with(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds

    def capped(self, variance: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Variances about means: a share of mean m varies no more than zeros and ones do."""
        return np.minimum(variance, np.maximum(mean * (1 - mean), 0.0)) if self.curvature < 0 else variance


def _pooled_variance(moments: Moments) -> np.ndarray:
    spare = moments.rows - moments.categories
    told = spare > 1e-12 * moments.rows
    return np.where(told, moments.within / np.where(told, spare, 1.0), np.nan)


def _share_variance(moments: Moments) -> np.ndarray:
    return moments.mean * (1 - moments.mean)


def _count_variance(moments: Moments) -> np.ndarray:
    return moments.mean


def _normal_spread(mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return variance / weight


def _beta_spread(mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return np.maximum(mean * (1 - mean), 0.0) / (weight + 1)


def _gamma_spread(mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return mean / weight


def _normal_interval(mean: np.ndarray, sd: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    half = ndtri((1 + level) / 2) * sd
    return mean - half, mean + half


def _beta_interval(mean: np.ndarray, sd: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    certain = (sd == 0) | (mean <= 0) | (mean >= 1)
    weight = np.where(certain, 1.0, mean * (1 - mean) / np.where(certain, 1.0, sd) ** 2 - 1)
    weight = np.maximum(weight, 1e-6)  # no distribution on the unit interval is wider
    a, b = np.where(certain, 1.0, mean * weight), np.where(certain, 1.0, (1 - mean) * weight)
    ends = betaincinv(a, b, (1 - level) / 2), betaincinv(a, b, (1 + level) / 2)
    return np.where(certain, mean, ends[0]), np.where(certain, mean, ends[1])


def _gamma_interval(mean: np.ndarray, sd: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    certain = (sd == 0) | (mean <= 0)
    shape = np.where(certain, 1.0, (mean / np.where(certain, 1.0, sd)) ** 2)
    lower, upper = (mean / shape * gammaincinv(shape, end) for end in ((1 - level) / 2, (1 + level) / 2))
    return np.where(certain, mean, lower), np.where(certain, mean, upper)


NORMAL = Family("normal", "continuous", (), _pooled_variance, 0.0, _normal_spread, _normal_interval)
BINOMIAL = Family("binomial", "classes", ("binary", "multiclass"), _share_variance, -1.0, _beta_spread, _beta_interval)
POISSON = Family("poisson", "count", ("count",), _count_variance, 0.0, _gamma_spread, _gamma_interval)
FAMILIES = {family.name: family for family in (NORMAL, BINOMIAL, POISSON)}
