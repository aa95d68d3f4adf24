"""Grouping factors: the level of each row, and the covariates whose slopes differ by level."""

from __future__ import annotations

from collections.abc import Sequence

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
        Random effects per level: the intercept and the slopes.
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
    """A grouping of the rows, with a random intercept and any number of random slopes.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        The level of each row.
    size : int
        Number of levels.
    slopes : ndarray of shape (n, width - 1)
        The covariates that have a random slope.
    correlated : bool, default=True
        Whether the intercept and the slopes of a level may be correlated.
    """

    codes: np.ndarray
    size: int
    slopes: np.ndarray
    correlated: bool = True

    @property
    def width(self) -> int:
        """Random effects per level: the intercept and the slopes."""
        return 1 + self.slopes.shape[1]

    @property
    def shape(self) -> FactorShape:
        return FactorShape(self.size, self.width, self.correlated)

    def column(self, position: int) -> np.ndarray | None:
        """Ones (position 0), for which None stands, or a slope's covariate."""
        return None if position == 0 else self.slopes[:, position - 1]


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
        result += own[:, 0] + np.einsum("nq,nq->n", own[:, 1:], factor.slopes)
    return result
