"""Effects of the parts of an interaction, whose sum is the prior mean of a cell.

The sum is taken on the scale of a link. In a target of several classes the means of the classes are divided by their
total, so that they add up to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.priors.families import FAMILIES
from catpool.priors.family import Family
from catpool.priors.link import Link
from catpool.priors.prior import NO_SPREAD, Prior

IDENTITY = "normal"  # the family whose link is the identity


@frozen
class PartEffects:
    """The effects of the parts of one class, for one table or for several.

    Parameters
    ----------
    intercept : ndarray of shape (...), or float
    effects, variances : list of ndarray of shape (..., size of the part)
        Conditional modes and their variances.
    intercept_variance : ndarray of shape (...), or float
    link : str
        The name of the family whose link is the scale of the effects.
    beside : tuple of PartEffects, default=()
        The effects of the other classes of the target.
    """

    intercept: float | np.ndarray
    effects: list[np.ndarray]
    variances: list[np.ndarray]
    intercept_variance: float | np.ndarray
    link: str
    beside: tuple[PartEffects, ...] = ()

    @classmethod
    def none(cls, sizes: Sequence[int], mean: np.ndarray, link: str) -> PartEffects:
        """No effects: V tables in which each cell has the mean given, in units of y."""
        effects, variances = ([np.zeros((len(mean), size)) for size in sizes] for _ in range(2))
        with np.errstate(divide="ignore"):  # means at the bounds of a family are infinite on its link
            intercept = np.array(FAMILIES[link].link.eta(mean))
        return cls(intercept, effects, variances, np.zeros(len(mean)), link)

    @classmethod
    def stack(cls, tables: Sequence[PartEffects]) -> PartEffects:
        """The effects of several tables, along a new first axis."""

        def stacked(name: str) -> list[np.ndarray]:
            return [np.stack(part) for part in zip(*(getattr(each, name) for each in tables), strict=True)]

        intercept, variance = (
            np.array([getattr(each, name) for each in tables]) for name in ("intercept", "intercept_variance")
        )
        return cls(intercept, stacked("effects"), stacked("variances"), variance, tables[0].link)

    def put(self, tables: np.ndarray, other: PartEffects) -> None:
        """Set the effects of some tables, in place."""
        for own, new in zip(self._numbers(), other._numbers(), strict=True):
            own[tables] = new

    def _numbers(self) -> list[np.ndarray]:
        return [np.asarray(self.intercept), np.asarray(self.intercept_variance), *self.effects, *self.variances]

    def times(self, unit: np.ndarray) -> PartEffects:
        """The effects on targets that are `unit` times as large, of shape (V,); only for the identity link."""
        each = unit[:, None]
        return replace(
            self,
            intercept=unit * self.intercept,
            effects=[each * own for own in self.effects],
            variances=[each * (each * own) for own in self.variances],
            intercept_variance=unit * (unit * self.intercept_variance),
        )

    def table(self, number: int) -> PartEffects:
        """The effects of one of several tables."""
        intercept, variance, *effects = (each[number] for each in self._numbers())
        effects, variances = effects[: len(self.effects)], effects[len(self.effects) :]
        beside = tuple(each.table(number) for each in self.beside)
        link = self.link
        if np.isinf(intercept):  # a mean at its bound, which has no effects: files hold no infinite numbers
            intercept, link = self._link.mean(intercept), IDENTITY
        return PartEffects(float(intercept), effects, variances, float(variance), link, beside)

    @property
    def sizes(self) -> list[int]:
        """The number of slots of each part."""
        return [each.shape[-1] for each in self.effects]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be effects."""
        require_one_of(FAMILIES, link=self.link)
        require(len(self.effects) == len(self.variances), "effects without variances")
        require_numbers((), intercept=self.intercept, intercept_variance=self.intercept_variance)
        for effects, variances in zip(self.effects, self.variances, strict=True):
            require(np.ndim(effects) == 1, "effects that are not a list")
            require_numbers(np.shape(effects), effects=effects, variances=variances)
        require(all(each.sizes == self.sizes for each in self.beside), "effects of classes that do not match")

    @property
    def _link(self) -> Link:
        return FAMILIES[self.link].link

    def predictor(self, places: np.ndarray) -> np.ndarray:
        """The sums of cells, of shape (..., m), from the slots of their parts, of shape (m, parts)."""
        return _total(self.intercept, self.effects, places)

    def mean(self, places: np.ndarray) -> np.ndarray:
        """The prior means of cells, in units of y."""
        return np.asarray(self._link.mean(self.predictor(places))) / self._total(places)

    def _total(self, places: np.ndarray) -> np.ndarray:
        """The sum over the classes of the inverse links."""
        if not self.beside:  # one column of y has no classes to add up to one
            return np.ones(())
        own = np.asarray(self._link.mean(self.predictor(places)))
        return own + sum(each.mean(places) for each in self.beside)

    def variance(self, places: np.ndarray) -> np.ndarray:
        """The variances of the prior means.

        Errors of the effects count as independent, and the sum over the classes as known.
        """
        on_link = _total(self.intercept_variance, self.variances, places)
        slope = self._link.variance(self.predictor(places)) / self._total(places)
        return np.asarray(slope**2 * on_link)

    def draw(self, rng: np.random.Generator) -> PartEffects:
        """Effects with a draw of their errors, which count as independent."""
        effects = [rng.normal(own, np.sqrt(each)) for own, each in zip(self.effects, self.variances, strict=True)]
        intercept = float(rng.normal(self.intercept, np.sqrt(self.intercept_variance)))
        return replace(self, intercept=intercept, effects=effects)

    def about(self, prior: Prior, places: np.ndarray) -> Prior:
        """The prior with the means of the cells, and their variances, of shape (..., m)."""
        mean = self.mean(np.array([self.sizes]) - 1)[..., 0]  # of a cell whose categories are all unseen
        offset = self.mean(places) - mean[..., None]
        return replace(prior, mean=mean, offset=offset, offset_variance=self.variance(places), mains=self)

    def unseen(self, places: np.ndarray, prior: Prior, family: Family) -> dict[str, np.ndarray]:
        """The outputs of cells without rows, by name."""
        assert prior.between is not None
        assert prior.within is not None
        mean = self.mean(places)
        spread = np.full_like(mean, float(prior.between))
        if prior.strength > 0:
            spread = family.spread(mean, np.full_like(mean, prior.strength), np.full_like(mean, prior.within))
        variance = family.capped(spread + self.variance(places), mean)
        return {"mean": mean, "sd": np.sqrt(variance), "reliability": np.zeros_like(mean)}


def _total(common: float | np.ndarray, effects: list[np.ndarray], places: np.ndarray) -> np.ndarray:
    """A number of each table plus the effects of each cell's parts, of shape (..., m)."""
    return np.asarray(common)[..., None] + sum(own.take(places[:, part], axis=-1) for part, own in enumerate(effects))


@frozen
class LinearFit:
    """Effects of parts from the linear mixed model of V tables.

    Parameters
    ----------
    effects : PartEffects
    between, within : ndarray of shape (V,)
        The variances of the cells about the sums, and of rows within cells.
    log_likelihood : ndarray of shape (V,)
    """

    effects: PartEffects
    between: np.ndarray
    within: np.ndarray
    log_likelihood: np.ndarray

    def times(self, unit: np.ndarray, freedom: np.ndarray) -> LinearFit:
        """The fit to targets that are `unit` times as large."""
        likelihood = self.log_likelihood - freedom * np.log(unit)
        between, within = (unit * (unit * each) for each in (self.between, self.within))
        return LinearFit(self.effects.times(unit), between, within, likelihood)

    def put(self, tables: np.ndarray, other: LinearFit) -> None:
        """Set the fits of some tables, in place."""
        self.effects.put(tables, other.effects)
        for name in ("between", "within", "log_likelihood"):
            getattr(self, name)[tables] = getattr(other, name)

    def prior(self) -> Prior:
        some = self.between > 0
        strength = np.where(some, self.within / np.where(some, self.between, 1.0), np.inf)
        note = np.where(some, "", NO_SPREAD)
        return Prior(np.asarray(self.effects.intercept), strength, self.between, self.within, self.log_likelihood, note)
