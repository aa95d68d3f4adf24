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

from catpool.moments import Moments


@dataclass(frozen=True)
class Family:
    """A law of rows within a category.

    Parameters
    ----------
    name : str
    variance : callable
        From moments, of shape (..., K), to the variance of a row of a category that has the overall
        mean, of shape (...). It is NaN where no category has a second row to tell it from.
    curvature : float
        Coefficient of the squared mean in the variance.
    """

    name: str
    variance: Callable[[Moments], np.ndarray]
    curvature: float


def _pooled_variance(moments: Moments) -> np.ndarray:
    spare = moments.size - moments.categories
    told = spare > 1e-12 * moments.size
    return np.where(told, moments.within / np.where(told, spare, 1.0), np.nan)


def _share_variance(moments: Moments) -> np.ndarray:
    return moments.mean * (1 - moments.mean)


def _count_variance(moments: Moments) -> np.ndarray:
    return moments.mean


NORMAL = Family("normal", _pooled_variance, curvature=0.0)
BINOMIAL = Family("binomial", _share_variance, curvature=-1.0)
POISSON = Family("poisson", _count_variance, curvature=0.0)
