"""`Drifted`: the effects of a column's categories where they drift, as of the last training row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.priors.families.family import Family


class Posterior(NamedTuple):
    """What is known of the values of categories or rows, of shape (m,).

    Parameters
    ----------
    mean, sd : ndarray of shape (m,)
        In units of y.
    reliability : ndarray of shape (m,)
        The weight of the category's own rows in the mean.
    """

    mean: np.ndarray
    sd: np.ndarray
    reliability: np.ndarray


@frozen
class Drifted:
    """The effects of categories, by slot, at the time of the last training row.

    Parameters
    ----------
    rate : float
        The variance of the change in a unit of time, or a day where times are dates, in squared units of y.
    shock : float
        The variance of what rows of one category and time share, in squared units of y.
    half_life : float
        Of the weight of rows in the average category, in the same unit of time.
    mean, variance, reliability : ndarray of shape (size,)
    """

    rate: float
    shock: float
    half_life: float
    mean: np.ndarray
    variance: np.ndarray
    reliability: np.ndarray

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be effects that drift."""
        require(self.rate > 0 and self.shock >= 0 and self.half_life > 0, "effects without drift")
        shape = np.shape(self.mean)
        require_numbers(shape, mean=self.mean)
        require_numbers(shape, least=0.0, variance=self.variance, reliability=self.reliability)

    def posterior(self, family: Family) -> Posterior:
        """What is known of each slot, of shape (size,)."""
        return Posterior(self.mean, np.sqrt(family.capped(self.variance, self.mean)), self.reliability)

    def sd_later(self, slots: np.ndarray, begun: np.ndarray, ages: np.ndarray, family: Family) -> np.ndarray:
        """The standard deviations of rows, of shape (m,).

        Parameters
        ----------
        slots : ndarray of shape (m,)
        begun : ndarray of shape (m,)
            Whether the category has rows, without which it has not begun to drift.
        ages : ndarray of shape (m,)
            In units of time since the last training row.
        family : Family
        """
        grown = np.where(begun, self.rate * ages, 0.0)
        return np.sqrt(family.capped(self.variance[slots] + grown, self.mean[slots]))
