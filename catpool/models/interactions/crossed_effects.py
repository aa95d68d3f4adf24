"""Effects of the parts of an interaction, whose sum is the prior mean of a cell.

The sum is taken on the scale of a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.models.effects_on_link import EffectsOnLink
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.prior import NO_SPREAD, Prior

IDENTITY = "normal"  # the family whose link is the identity


@frozen
class PartEffects(EffectsOnLink):
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

    share = None  # cells have no features that could explain it

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
    def widths(self) -> list[int]:  # type: ignore[override]  # which others hold as a field
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
        require(all(each.widths == self.widths for each in self.beside), "effects of classes that do not match")

    def predictor(self, places: np.ndarray) -> np.ndarray:
        """The sums of cells, of shape (..., m), from the slots of their parts, of shape (m, parts)."""
        return _total(self.intercept, self.effects, places)

    def predictor_variance(self, places: np.ndarray) -> np.ndarray:
        """The variances of the sums of cells; errors of the effects count as independent."""
        return _total(self.intercept_variance, self.variances, places)

    def central_places(self) -> np.ndarray:
        """A cell whose categories are all unseen."""
        return np.array([self.widths]) - 1

    def draw_predictor(self, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The sums of cells with a draw of the errors of effects, which count as independent."""
        effects = [rng.normal(own, np.sqrt(each)) for own, each in zip(self.effects, self.variances, strict=True)]
        intercept = float(rng.normal(self.intercept, np.sqrt(self.intercept_variance)))
        return _total(intercept, effects, places)


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
