"""Grouping factors: the level of each row, and the covariates whose slopes differ by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen


@frozen
class FactorShape:
    """The size of a factor's random effects.

    Parameters
    ----------
    size : int
        Number of levels.
    width : int
        Random effects per level: the intercept, if there is one, and the slopes.
    correlated : bool
        Whether the effects of a level may be correlated.
    """

    size: int
    width: int
    correlated: bool

    @property
    def length(self) -> int:
        """Number of random effects."""
        return self.size * self.width


@frozen
class GroupingFactor:
    """A grouping of the rows, with a random intercept, random slopes, or both.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The level of each row.
    size : int
        Number of levels.
    slopes : ndarray of shape (n, q)
        The covariates that have a random slope.
    correlated : bool, default=True
        Whether the effects of a level may be correlated.
    intercept : bool, default=True
        Whether there is a random intercept, which then is the first effect.
    """

    codes: np.ndarray
    size: int
    slopes: np.ndarray
    correlated: bool = True
    intercept: bool = True

    @property
    def width(self) -> int:
        """Random effects per level: the intercept, if there is one, and the slopes."""
        return self.intercept + self.slopes.shape[1]

    @property
    def shape(self) -> FactorShape:
        return FactorShape(self.size, self.width, self.correlated)

    def column(self, position: int) -> np.ndarray | None:
        """The ones of the intercept, for which None stands, or a slope's covariate."""
        return None if self.intercept and position == 0 else self.slopes[:, position - self.intercept]

    def columns(self) -> np.ndarray:
        """The columns of all effects, shape (n, width)."""
        return np.hstack([np.ones((len(self.codes), int(self.intercept))), self.slopes])

    def take(self, rows: np.ndarray) -> GroupingFactor:
        """The same grouping of some of the rows."""
        return replace(self, codes=self.codes[rows], slopes=self.slopes[rows])


def sum_random_effects(factors: Sequence[GroupingFactor], effects: Sequence[np.ndarray]) -> np.ndarray:
    """Z u, shape (n,): the random effects of each row, summed over the factors.

    Parameters
    ----------
    factors : sequence of GroupingFactor
    effects : sequence of ndarray of shape (size, width)
        The effects of each factor's levels.
    """
    result = np.zeros(len(factors[0].codes))
    for factor, each in zip(factors, effects, strict=True):
        own = each[factor.codes]
        slopes = np.einsum("nq,nq->n", own[:, int(factor.intercept) :], factor.slopes)
        result += own[:, 0] + slopes if factor.intercept else slopes
    return result
