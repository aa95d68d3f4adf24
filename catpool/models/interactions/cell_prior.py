"""`CellPrior`: the prior of crossed categories, in which the mean of a cell is the sum of the effects of its parts.

In the normal family the model is y ~ 1 + (1 | a) + (1 | b) + (1 | a:b). The prior mean of a cell is the sum of the
conditional modes of its parts, and the strength is the variance of rows over that of cells, so the posterior mean of a
cell is that of the model. For shares and counts, the sums are on the scale of the link, and the conjugate strength
about these means is estimated by maximum likelihood.

Only cells with rows enter a fit. What they do not identify, `CellParts` decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.interactions.cell_parts import CellParts, IdentifiedEffects
from catpool.models.interactions.crossed_effects import LinearFit, PartEffects
from catpool.moments.moments import Moments
from catpool.moments.unit import units_of
from catpool.priors.families.family import Family
from catpool.priors.families.normal import NORMAL
from catpool.priors.numerics.blas import blas_threads
from catpool.priors.prior import NO_SPREAD, Prior

FEWEST_CELLS = 3  # cells that a fit needs
TablesAndEffects = tuple[np.ndarray, IdentifiedEffects]  # some tables, and the effects that are identified there
FIELDS = ("mean", "strength", "between", "within", "log_likelihood", "note")  # fields with one number for each table


class EffectsFit(Protocol):
    """A way to fit the effects of parts, to V tables from moments of shape (V, cells)."""

    def linear(self, parts: CellParts, effects: IdentifiedEffects, moments: Moments, *, reml: bool) -> LinearFit:
        """Fit the linear mixed model."""
        ...

    def on_link(self, parts: CellParts, effects: IdentifiedEffects, moments: Moments, family: Family) -> PartEffects:
        """Fit the model on the scale of the family's link."""
        ...


@frozen
class CellPrior:
    """The rule by which the prior of the cells of an interaction is learned.

    Parameters
    ----------
    parts : CellParts
        Of all cells, as many as the moments have categories.
    fit : EffectsFit
    reml : bool
    """

    parts: CellParts
    fit: EffectsFit
    reml: bool

    def subset(self, slots: np.ndarray | slice) -> CellPrior:
        """The rule for moments of some cells, in the order given."""
        return replace(self, parts=self.parts.subset(slots))

    def expand(self, prior: Prior, slots: np.ndarray, moments: Moments) -> Prior:
        """A prior that was learned from some cells, for all cells."""
        assert isinstance(prior.regression, PartEffects)
        return prior.regression.about(prior, self.parts.slots)

    def __call__(self, moments: Sequence[Moments], family: Family) -> list[Prior]:
        """Learn the prior of each class, with a mean for each cell.

        Parameters
        ----------
        moments : sequence of Moments of shape (..., K)
            One for each class, over the cells.
        family : Family

        Returns
        -------
        list of Prior of shape (...)
            With `offset`, `offset_variance` and `regression`, which are those of the last table.
        """
        classes = [each.flatten() for each in moments]
        # cells with rows in any table, whether or not it can be fitted: that depends on its targets
        seen = _as_slice(np.flatnonzero(classes[0].count.any(axis=0)))
        some = self.subset(seen)
        learn = some._learn_linear if family.homoscedastic else some._learn_on_link
        with blas_threads(1):
            learned = learn([each.subset(seen) for each in classes], family)
        return [_reshape(found.about(prior, self.parts.slots), moments[0].count.shape) for prior, found in learned]

    def _learn_linear(self, classes: Sequence[Moments], family: Family) -> list[tuple[Prior, PartEffects]]:
        return [self._learn_linear_of_one(each, family) for each in classes]

    def _learn_linear_of_one(self, moments: Moments, family: Family) -> tuple[Prior, PartEffects]:
        # where each cell has one row, the effect of a cell is that of its row, and there may be nothing within cells
        several = moments.some_repeat
        noisy = (moments.within > 0) | ~several
        ready = (moments.categories >= FEWEST_CELLS) & (moments.between > 0) & noisy & (moments.rows > 1)
        found, prior, rest = self._nothing(moments.mean, NORMAL), _empty(len(ready)), ~ready
        for tables, effects in self.parts.identified(moments.count, several):
            tables = tables[ready[tables]]
            if not effects.parts:
                rest[tables] = True
            elif len(tables):
                own = moments if len(tables) == len(ready) else moments.take(tables)
                fit = self._fit_linear(effects, own)
                found.put(tables, fit.effects)
                _put(prior, tables, fit.prior())
        if rest.any():
            plain = family.likelihood_prior([moments.take(rest)], reml=self.reml)[0]
            found.put(rest, self._nothing(plain.mean, NORMAL))
            _put(prior, rest, plain)
        return prior, found

    def _fit_linear(self, effects: IdentifiedEffects, moments: Moments) -> LinearFit:
        unit = units_of(np.abs(moments.category_means).max(axis=1))
        fit = self.fit.linear(self.parts, effects, moments.divide(unit), reml=self.reml)
        return fit.times(unit, moments.rows - self.reml)

    def _nothing(self, mean: np.ndarray, family: Family) -> PartEffects:
        return PartEffects.none(self.parts.sizes, mean, family.name)

    def _learn_on_link(self, classes: Sequence[Moments], family: Family) -> list[tuple[Prior, PartEffects]]:
        """Fit the effects of each class on the scale of the link, and the strength that the classes share."""
        count = classes[0].count
        kinds = self.parts.identified(count, np.ones(len(count), dtype=bool))
        alone = [self._effects_on_link(kinds, each, family) for each in classes]
        found = [replace(own, beside=tuple(each for each in alone if each is not own)) for own in alone]
        pooled = np.zeros(len(count), dtype=bool)
        for tables, effects in kinds:
            pooled[tables] = bool(effects.parts) and not effects.with_cells
        strength, likelihood = self._strengths(found, classes, family, pooled)
        note = np.where(np.isinf(strength), NO_SPREAD, "")
        priors = []
        for own, each in zip(found, classes, strict=True):
            within = family.variance(each)
            between = family.between_variance(within, strength)
            priors.append((Prior(each.mean, strength, between, within, likelihood, note), own))
        return priors

    def _effects_on_link(self, kinds: Sequence[TablesAndEffects], moments: Moments, family: Family) -> PartEffects:
        least, most = family.bounds
        ready = (least < moments.mean) & (moments.mean < most) & (moments.categories >= FEWEST_CELLS)
        found = self._nothing(moments.mean, family)
        for tables, effects in kinds:
            tables = tables[ready[tables]]
            if effects.parts and len(tables):
                found.put(tables, self.fit.on_link(self.parts, effects, moments.take(tables), family))
        return found

    def _strengths(
        self, effects: Sequence[PartEffects], classes: Sequence[Moments], family: Family, pooled: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The conjugate strength of each table, which its classes share, about the means of cells; log-likelihoods.

        It is infinite where cells have no effects of their own, as `pooled` says of each table.
        """
        means = np.array([each.mean(self.parts.slots) for each in effects])
        totals, count = np.array([each.total for each in classes]), classes[0].count
        found = [
            family.strength_given_means(totals[:, each], own, means[:, each], pooled=bool(pooled[each]))
            for each, own in enumerate(count)
        ]
        strength, likelihood = np.array(found, dtype=float).T
        return strength, likelihood


def _as_slice(places: np.ndarray) -> np.ndarray | slice:
    """Sorted places, as a slice where they follow each other, which spares copies of what is there."""
    follow = len(places) and len(places) == places[-1] + 1 - places[0]
    return slice(places[0], places[-1] + 1) if follow else places


def _empty(tables: int) -> Prior:
    numbers: dict[str, Any] = {name: np.empty(tables) for name in FIELDS}
    return Prior(**numbers | {"note": np.full(tables, "", dtype="U64")})


def _put(into: Prior, tables: np.ndarray, prior: Prior) -> None:
    """Set the numbers of some tables, in place."""
    for name in FIELDS:
        getattr(into, name)[tables] = getattr(prior, name)


def _reshape(prior: Prior, shape: tuple[int, ...]) -> Prior:
    """The priors of tables of a shape, whose effects are those of the last table, which has all rows."""
    numbers: dict[str, Any] = {name: getattr(prior, name).reshape(shape[:-1]) for name in FIELDS}
    offsets: dict[str, Any] = {name: getattr(prior, name).reshape(shape) for name in ("offset", "offset_variance")}
    assert isinstance(prior.regression, PartEffects)
    return Prior(**numbers, **offsets, regression=prior.regression.table(-1))
