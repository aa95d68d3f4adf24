"""Variances within categories, each an average of the category's own and of a typical one.

Let S_k be the scatter of the rows of category k about their mean, of d_k = n_k - 1 degrees of freedom. With a typical
variance v that weighs as much as m degrees of freedom,

    v_k = (m v + S_k) / (m + d_k).

This is the average of category mean and prior mean once more, for variances: m is learned from how much they differ
beyond chance (`moderated`), or given as the strength in rows of a prior is. A category of one row has the typical
variance, whatever m.
"""

from __future__ import annotations

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require
from catpool.moments.moments import TINY, Moments
from catpool.priors.own_variances import divisor, freedom_within, scatters_within
from catpool.priors.within.moderated import fit_variances


@frozen
class PooledVariance:
    """The typical variance within categories, and how much it weighs.

    Parameters
    ----------
    typical : float
        In squared units of the column.
    strength : float
        In degrees of freedom, from 0 to infinity.
    """

    typical: float
    strength: float

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a variance."""
        require(0 <= self.typical < np.inf and self.strength >= 0, "a variance that is negative, or NaN")

    def variances(self, moments: Moments) -> np.ndarray:
        """The variance of each category, of shape (K,), from moments with the scatter within each."""
        freedom = freedom_within(moments)
        if np.isinf(self.strength):
            return np.full(freedom.shape, self.typical)
        total, rows = self.strength * self.typical + scatters_within(moments), self.strength + freedom
        return np.where(rows > 0, total / np.maximum(rows, TINY), self.typical)


def pool_variances(moments: Moments, strength: float | None = None) -> PooledVariance:
    """The typical variance within categories; its strength is learned unless it is given.

    Parameters
    ----------
    moments : Moments of shape (K,)
        With the scatter within each category.
    strength : float, optional
        In degrees of freedom.
    """
    freedom = float(freedom_within(moments).sum())
    if freedom == 0:  # nothing tells rows of a category from categories, so these have the variance of all rows
        total = float(moments.scatter / max(float(moments.rows) - 1.0, 1.0))
        return PooledVariance(total, np.inf if strength is None else strength)
    if strength is not None:
        return PooledVariance(float(scatters_within(moments).sum()) / freedom, strength)
    typical, degrees = fit_variances(moments)
    return PooledVariance(typical, np.inf if np.isinf(degrees) else float(divisor(np.array(degrees))))
