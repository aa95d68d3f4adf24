"""Exact fits of the effects of an interaction's parts, one table after the other: those of the mixed models.

In the normal family the moments of the cells are sufficient for y ~ 1 + (1 | a) + (1 | b) + (1 | a:b). For shares and
counts the model is fitted by penalized quasi-likelihood, on the scale of the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.progress import FOLDS, counted
from catpool.models.interactions.cell_parts import CellParts, IdentifiedEffects, PartFactor
from catpool.models.interactions.crossed_effects import LinearFit, PartEffects
from catpool.models.interactions.crossed_factors import indicators
from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.quasi_likelihood import penalized_quasi_likelihood
from catpool.models.mixed.solver.grouping_factor import FactorShape, GroupingFactor
from catpool.models.mixed.solver.mixed_fit import MixedFit, fit_mixed
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.families.normal import NORMAL


class ExactFit:
    """Fits by the solver of mixed models."""

    def linear(self, parts: CellParts, effects: IdentifiedEffects, moments: Moments, *, reml: bool) -> LinearFit:
        """Fit the linear mixed model to each of V tables, from moments of shape (V, cells)."""
        fits = counted(lambda each: _fit_linear(parts, effects, each, reml), list(moments.views()), FOLDS)
        numbers = (np.array([getattr(fit, name) for fit in fits]) for name in ("between", "within", "log_likelihood"))
        return LinearFit(PartEffects.stack([fit.effects for fit in fits]), *numbers)

    def on_link(self, parts: CellParts, effects: IdentifiedEffects, moments: Moments, family: Family) -> PartEffects:
        """Fit the model on the scale of the link to each of V tables."""
        views = list(moments.views())
        return PartEffects.stack(counted(lambda each: _fit_on_link(parts, effects, each, family), views, FOLDS))


def _fit_linear(parts: CellParts, effects: IdentifiedEffects, moments: Moments, reml: bool) -> LinearFit:
    seen = np.flatnonzero(moments.count)
    used, factors = moments.subset(seen), parts.subset(seen).factors()
    fit = fit_mixed(_system(used, factors, effects.with_cells), reml=reml)
    between = float(fit.covariances[-1][0, 0]) if effects.with_cells else 0.0
    found = _effects_of(fit, factors, parts, NORMAL.name)
    found = replace(found, intercept=found.intercept + float(used.mean))
    return LinearFit(found, np.array(between), np.array(fit.scale), np.array(-fit.criterion / 2))


def _fit_on_link(parts: CellParts, effects: IdentifiedEffects, moments: Moments, family: Family) -> PartEffects:
    seen = np.flatnonzero(moments.count)
    used, factors = moments.subset(seen), parts.subset(seen).factors()
    codes, sizes = _groupings(factors, len(seen), effects.with_cells)
    ones = np.ones((len(seen), 1))
    grouping = [GroupingFactor(own, size, ones[:, :0]) for own, size in zip(codes, sizes, strict=True)]
    rows = AggregatedRows(used.total, used.count, ones, grouping, 0.0)
    return _effects_of(penalized_quasi_likelihood(rows, family.link, float(used.mean)), factors, parts, family.name)


def _groupings(factors: Sequence[PartFactor], cells: int, with_cells: bool) -> tuple[list[np.ndarray], list[int]]:
    """The level of each cell and the number of levels, by factor; the cells themselves come last if they are one."""
    codes, sizes = [factor.codes for factor in factors], [factor.levels for factor in factors]
    return ([*codes, np.arange(cells)], [*sizes, cells]) if with_cells else (codes, sizes)


def _system(moments: Moments, factors: Sequence[PartFactor], with_cells: bool) -> MixedSystem:
    """The cross-products of the indicators of parts and cells, from the moments of the cells."""
    count, total = moments.count, moments.total - moments.mean * moments.count
    codes, sizes = _groupings(factors, len(count), with_cells)
    outer = np.column_stack(
        [
            np.concatenate([np.bincount(own, values, minlength=size) for own, size in zip(codes, sizes, strict=True)])
            for values in (count, total)
        ]
    )
    cells = indicators(codes, sizes)
    inner = (cells.multiply(count[None, :]) @ cells.T).tocsr()
    fixed = np.array([[count.sum(), total.sum()], [total.sum(), float(moments.scatter)]])
    return MixedSystem([FactorShape(size, 1, True) for size in sizes], inner, outer, fixed, float(moments.rows), 0.0)


def _effects_of(fit: MixedFit, factors: Sequence[PartFactor], parts: CellParts, link: str) -> PartEffects:
    """The effects of all slots of the parts; categories without rows have the effect zero, with its variance."""
    effects, variances = [np.zeros(size) for size in parts.sizes], [np.zeros(size) for size in parts.sizes]
    fitted = zip(fit.effects, fit.variances(), fit.covariances, strict=True)
    for factor, (modes, errors, covariance) in zip(factors, fitted, strict=False):  # the cells come last
        share = 1 / len(factor.found)
        for part, found in factor.found.items():
            effects[part][found] = share * modes[:, 0]
            variances[part][:] = share * covariance[0, 0]
            variances[part][found] = share * errors[:, 0, 0]
    return PartEffects(float(fit.fixed[0]), effects, variances, float(fit.fixed_covariance[0, 0]), link)
