"""`EffectsOnLink`: effects whose sum, on the scale of a link, is the prior mean of a category or a cell.

In a target of several classes the means of the classes are divided by their total, so that they add up to one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.priors.numerics.link import Link
from catpool.priors.prior import Prior


class EffectsOnLink(ABC):
    """Prior means, their variances, and the outputs of what has no rows, from sums of effects.

    A subclass says what the sums are at some places: the slots of the parts of cells, or the features of categories.

    Attributes
    ----------
    link : str
        The name of the family whose link is the scale of the effects.
    beside : tuple of EffectsOnLink
        The effects of the other classes of the target.
    share : float or None
        The share of the variance between categories that features explain.
    widths : list of int
        The number of slots of each part, or of features of each block.
    """

    share: float | None
    widths: list[int]
    link: str
    beside: tuple[Any, ...]

    @abstractmethod
    def predictor(self, places: Any) -> np.ndarray:
        """The sums of effects, of shape (..., m), at places of shape (m, ...)."""

    @abstractmethod
    def predictor_variance(self, places: Any) -> np.ndarray:
        """The variances of the sums, of shape (..., m)."""

    @abstractmethod
    def draw_predictor(self, places: Any, rng: np.random.Generator) -> np.ndarray:
        """The sums of effects with a draw of their errors, of shape (m,)."""

    @abstractmethod
    def central_places(self) -> np.ndarray:
        """The place from whose mean offsets are measured, of shape (1, ...)."""

    @property
    def _link(self) -> Link:
        return FAMILIES[self.link].link

    def mean(self, places: Any) -> np.ndarray:
        """The prior means, in units of y."""
        return self._mean(self.predictor(places), places)

    def draw_means(self, places: Any, rng: np.random.Generator) -> np.ndarray:
        """The prior means with a draw of the errors of effects, which the places share, in units of y."""
        return self._mean(self.draw_predictor(places, rng), places)

    def _mean(self, predictor: np.ndarray, places: Any) -> np.ndarray:
        own = np.asarray(self._link.mean(predictor))
        return own / self._total(places, own)

    def _total(self, places: Any, own: np.ndarray) -> np.ndarray:
        """The sum over the classes of the inverse links."""
        if not self.beside:  # one column of y has no classes to add up to one
            return np.ones(())
        return own + sum(each.mean(places) for each in self.beside)

    def variance(self, places: Any) -> np.ndarray:
        """The variances of the prior means, in which the sum over the classes counts as known."""
        predictor = self.predictor(places)
        slope = self._link.variance(predictor) / self._total(places, np.asarray(self._link.mean(predictor)))
        return np.asarray(slope**2 * self.predictor_variance(places))

    def about(self, prior: Prior, places: Any) -> Prior:
        """The prior with a mean at each place, and their variances, of shape (..., m)."""
        mean = self.mean(self.central_places())[..., 0]
        offset = self.mean(places) - mean[..., None]
        return replace(prior, mean=mean, offset=offset, offset_variance=self.variance(places), regression=self)

    def unseen(self, places: Any, prior: Prior, family: Family) -> dict[str, np.ndarray]:
        """The outputs of what has no rows, by name."""
        assert prior.between is not None
        assert prior.within is not None
        mean = self.mean(places)
        spread = np.full_like(mean, float(prior.between))
        if prior.strength > 0:
            spread = family.spread(mean, np.full_like(mean, prior.strength), np.full_like(mean, prior.within))
        variance = family.capped(spread + self.variance(places), mean)
        return {"mean": mean, "sd": np.sqrt(variance), "reliability": np.zeros_like(mean)}
