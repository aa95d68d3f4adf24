"""`CellPrior`: the prior of crossed categories, in which the mean of a cell is the sum of the effects of its parts.

In the normal family the moments of the cells are sufficient for the crossed model
y ~ 1 + (1 | a) + (1 | b) + (1 | a:b). About the sum of the conditional modes of its parts, and with a strength of
1 / lambda of the cells, the posterior mean of a cell is that of the model. For shares and counts, the sums are on the
scale of the link, from a model fitted by penalized quasi-likelihood, and the conjugate strength about these means is
estimated by maximum likelihood.

Only cells with rows enter a fit. What they do not identify, `CellParts` decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from catpool.data.frozen import frozen
from catpool.models.interactions.cell_parts import CellParts, PartFactor
from catpool.models.interactions.crossed_effects import Sums
from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.quasi_likelihood import penalized_quasi_likelihood
from catpool.models.mixed.solver.grouping_factor import FactorShape, GroupingFactor
from catpool.models.mixed.solver.mixed_fit import MixedFit, fit_mixed
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.moments.moments import Moments
from catpool.moments.unit import unit_of
from catpool.priors.family import Family
from catpool.priors.normal import NORMAL
from catpool.priors.prior import NO_SPREAD, Prior, fitted_prior

NUMBERS = ("mean", "strength", "between", "within", "log_likelihood", "note")  # fields with one number for each table
LEAST = 3  # cells that a fit needs


@frozen
class CellPrior:
    """The rule by which the prior of the cells of an interaction is learned.

    Parameters
    ----------
    parts : CellParts
        Of all cells, as many as the moments have categories.
    reml : bool
    """

    parts: CellParts
    reml: bool

    def subset(self, slots: np.ndarray) -> CellPrior:
        """The rule for moments of some cells, in the order given."""
        return replace(self, parts=self.parts.subset(slots))

    def expand(self, prior: Prior) -> Prior:
        """A prior that was learned from some cells, for all cells."""
        assert isinstance(prior.mains, Sums)
        return _about_sums(self.parts, prior, prior.mains)

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
            With `offset`, `offset_variance` and `mains`.
        """
        fit = _fit_linear if family.homoscedastic else _fit_on_link
        views = [
            fit(self.parts, list(classes), family, self.reml)
            for classes in zip(*(each.views() for each in moments), strict=True)
        ]
        shape = moments[0].count.shape
        return [_stack([view[label] for view in views], shape) for label in range(len(moments))]


def _stack(priors: Sequence[Prior], shape: tuple[int, ...]) -> Prior:
    """Stack the priors of tables. The effects are those of the last table, which has all rows."""

    def stacked(name: str, shape: tuple[int, ...]) -> np.ndarray:
        return np.stack([getattr(each, name) for each in priors]).reshape(shape)

    numbers: dict[str, Any] = {name: stacked(name, shape[:-1]) for name in NUMBERS}
    offsets = stacked("offset", shape), stacked("offset_variance", shape)
    return Prior(**numbers, offset=offsets[0], offset_variance=offsets[1], mains=priors[-1].mains)


def _fit_linear(parts: CellParts, classes: list[Moments], family: Family, reml: bool) -> list[Prior]:
    return [_fit_linear_of_one(parts, moments, family, reml) for moments in classes]


def _fit_linear_of_one(parts: CellParts, moments: Moments, family: Family, reml: bool) -> Prior:
    seen = np.flatnonzero(moments.count)
    used, factors = moments.subset(seen), parts.subset(seen).factors()
    if len(seen) < LEAST or not factors or used.between == 0 or used.within == 0 or used.rows <= 1:
        return _without_effects(parts, family.likelihood_prior([used], reml=reml)[0])
    # where each cell has one row, the effect of a cell is that of its row
    with_cells = _differ_within_parts(factors, len(seen)) and bool(used.rows - len(seen) > 1e-12 * used.rows)
    unit = unit_of(used.category_means)
    fit = fit_mixed(_system(used.divide(unit), factors, with_cells), reml=reml)
    between = float(fit.covariances[-1][0, 0]) if with_cells else 0.0
    strength = fit.scale / between if between > 0 else np.inf
    sums = _sums_of(fit, factors, parts, NORMAL.name).times(unit)
    sums = replace(sums, intercept=sums.intercept + float(used.mean))
    likelihood = -fit.criterion / 2 - (float(used.rows) - reml) * float(np.log(unit))
    return _prior(parts, sums, strength, unit * (unit * between), unit * (unit * fit.scale), likelihood)


def _differ_within_parts(factors: Sequence[PartFactor], cells: int) -> bool:
    """Whether the cells have effects of their own: no part has a category for each of them."""
    return all(factor.levels < cells for factor in factors)


def _groupings(factors: Sequence[PartFactor], cells: int, with_cells: bool) -> tuple[list[np.ndarray], list[int]]:
    """The level of each cell and the number of levels, by factor; the cells themselves come last if they are one."""
    codes, sizes = [factor.codes for factor in factors], [factor.levels for factor in factors]
    return ([*codes, np.arange(cells)], [*sizes, cells]) if with_cells else (codes, sizes)


def _without_effects(parts: CellParts, prior: Prior) -> Prior:
    """A prior with one mean for all cells, where effects of the parts are not identified."""
    return _about_sums(parts, prior, _no_effects(parts, float(prior.mean)))


def _no_effects(parts: CellParts, mean: float) -> Sums:
    effects = [np.zeros(size) for size in parts.sizes]
    return Sums(mean, effects, effects, 0.0, NORMAL.name)


def _prior(parts: CellParts, sums: Sums, strength: float, between: float, within: float, likelihood: float) -> Prior:
    center = float(sums.mean(parts.unseen)[0])
    note = NO_SPREAD if np.isinf(strength) else ""
    prior = fitted_prior(center, strength, between, within, likelihood, note)
    return _about_sums(parts, prior, sums)


def _about_sums(parts: CellParts, prior: Prior, sums: Sums) -> Prior:
    """A prior with the means of the cells, and their variances."""
    offset = sums.mean(parts.slots) - prior.mean
    return replace(prior, offset=offset, offset_variance=sums.variance(parts.slots), mains=sums)


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
    indicators = _indicators(codes, sizes, len(count))
    inner = (indicators.multiply(count[None, :]) @ indicators.T).tocsr()
    fixed = np.array([[count.sum(), total.sum()], [total.sum(), float(moments.scatter)]])
    return MixedSystem([FactorShape(size, 1, True) for size in sizes], inner, outer, fixed, float(moments.rows), 0.0)


def _indicators(codes: list[np.ndarray], sizes: list[int], cells: int) -> csr_matrix:
    """The matrix of which cell has which level of which factor, of shape (levels of all factors, cells)."""
    starts = np.cumsum([0, *sizes])
    rows = np.concatenate([start + own for start, own in zip(starts, codes, strict=False)])
    columns = np.tile(np.arange(cells), len(codes))
    return coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(starts[-1], cells)).tocsr()


def _fit_on_link(parts: CellParts, classes: list[Moments], family: Family, reml: bool) -> list[Prior]:
    """Fit the effects of each class on the scale of the link, and the strength that the classes share."""
    seen = np.flatnonzero(classes[0].count)
    used, factors = [each.subset(seen) for each in classes], parts.subset(seen).factors()
    alone = [_effects_on_link(parts, factors, each, family) for each in used]
    sums = [replace(own, beside=tuple(each for each in alone if each is not own)) for own in alone]
    strength, likelihood = _strength_about(sums, parts.slots[seen], used, family)
    if factors and not _differ_within_parts(factors, len(seen)):
        strength = np.inf
    noise = [float(family.variance(each)) for each in used]
    return [
        _prior(parts, own, strength, family.between_variance(within, strength), within, likelihood)
        for own, within in zip(sums, noise, strict=True)
    ]


def _strength_about(
    sums: Sequence[Sums], slots: np.ndarray, classes: Sequence[Moments], family: Family
) -> tuple[float, float]:
    """The conjugate strength that the classes share about the means of cells, and its log-likelihood."""
    means = np.array([each.mean(slots) for each in sums])
    return family.strength_given_means(np.array([each.total for each in classes]), classes[0].count, means)


def _effects_on_link(parts: CellParts, factors: Sequence[PartFactor], moments: Moments, family: Family) -> Sums:
    cells, mean = len(moments.count), float(moments.mean)
    least, most = family.bounds
    if not least < mean < most or cells < LEAST or not factors:
        return _no_effects(parts, mean)
    codes, sizes = _groupings(factors, cells, _differ_within_parts(factors, cells))
    ones = np.ones((cells, 1))
    grouping = [GroupingFactor(own, size, ones[:, :0]) for own, size in zip(codes, sizes, strict=True)]
    rows = AggregatedRows(moments.total, moments.count, ones, grouping, 0.0)
    return _sums_of(penalized_quasi_likelihood(rows, family.link, mean), factors, parts, family.name)


def _sums_of(fit: MixedFit, factors: Sequence[PartFactor], parts: CellParts, link: str) -> Sums:
    """The effects of all slots of the parts; categories without rows have the effect zero, with its variance."""
    effects, variances = [np.zeros(size) for size in parts.sizes], [np.zeros(size) for size in parts.sizes]
    fitted = zip(fit.effects, fit.variances(), fit.covariances, strict=True)
    for factor, (modes, errors, covariance) in zip(factors, fitted, strict=False):  # the cells come last
        share = 1 / len(factor.found)
        for part, found in factor.found.items():
            effects[part][found] = share * modes[:, 0]
            variances[part][:] = share * covariance[0, 0]
            variances[part][found] = share * errors[:, 0, 0]
    return Sums(float(fit.fixed[0]), effects, variances, float(fit.fixed_covariance[0, 0]), link)
