"""Effects of the parts of an interaction, whose sum is the prior mean of a cell.

The sum is taken on the scale of a link. In a target of several classes the means of the classes are divided by their
total, so that they add up to one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.priors.families import FAMILIES
from catpool.priors.family import Family
from catpool.priors.link import Link
from catpool.priors.prior import Prior


@frozen
class Sums:
    """The effects of the parts of one class.

    Parameters
    ----------
    intercept : float
    effects, variances : list of ndarray of shape (size of the part,)
        Conditional modes and their variances.
    intercept_variance : float
    link : str
        The name of the family whose link is the scale of the effects.
    beside : tuple of Sums, default=()
        The effects of the other classes of the target.
    """

    intercept: float
    effects: list[np.ndarray]
    variances: list[np.ndarray]
    intercept_variance: float
    link: str
    beside: tuple[Sums, ...] = ()

    def times(self, unit: float) -> Sums:
        """The effects on a target that is `unit` times as large; only for the identity link."""
        return replace(
            self,
            intercept=unit * self.intercept,
            effects=[unit * each for each in self.effects],
            variances=[unit * (unit * each) for each in self.variances],
            intercept_variance=unit * (unit * self.intercept_variance),
        )

    @property
    def sizes(self) -> list[int]:
        """The number of slots of each part."""
        return [len(each) for each in self.effects]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be effects."""
        require_one_of(FAMILIES, link=self.link)
        require(len(self.effects) == len(self.variances), "effects without variances")
        for effects, variances in zip(self.effects, self.variances, strict=True):
            require(np.ndim(effects) == 1, "effects that are not a list")
            require_numbers(np.shape(effects), effects=effects, variances=variances)
        require(all(each.sizes == self.sizes for each in self.beside), "effects of classes that do not match")

    @property
    def _link(self) -> Link:
        return FAMILIES[self.link].link

    def predictor(self, places: np.ndarray) -> np.ndarray:
        """The sums of cells, of shape (m,), from the slots of their parts, of shape (m, parts)."""
        return self.intercept + sum(own[places[:, part]] for part, own in enumerate(self.effects))

    def mean(self, places: np.ndarray) -> np.ndarray:
        """The prior means of cells, in units of y."""
        return np.asarray(self._link.mean(self.predictor(places))) / self._total(places)

    def _total(self, places: np.ndarray) -> np.ndarray:
        """The sum over the classes of the inverse links."""
        if not self.beside:  # one column of y has no classes to add up to one
            return np.ones(len(places))
        own = np.asarray(self._link.mean(self.predictor(places)))
        return own + sum(each.mean(places) for each in self.beside)

    def variance(self, places: np.ndarray) -> np.ndarray:
        """The variances of the prior means.

        Errors of the effects count as independent, and the sum over the classes as known.
        """
        on_link = self.intercept_variance + sum(own[places[:, part]] for part, own in enumerate(self.variances))
        slope = self._link.variance(self.predictor(places)) / self._total(places)
        return np.asarray(slope**2 * on_link)

    def unseen(self, places: np.ndarray, prior: Prior, family: Family) -> dict[str, np.ndarray]:
        """The outputs of cells without rows, by name."""
        assert prior.between is not None
        assert prior.within is not None
        mean = self.mean(places)
        spread = np.full_like(mean, float(prior.between))
        if prior.strength > 0:
            spread = family.spread(mean, np.full_like(mean, prior.strength), np.full_like(mean, prior.within))
        return {"mean": mean, "sd": np.sqrt(spread + self.variance(places)), "reliability": np.zeros_like(mean)}
