"""The prior of crossed categories: the mean of a cell is the sum of the effects of its parts.

In the normal family the moments of the cells are sufficient for the crossed model
y ~ 1 + (1 | a) + (1 | b) + (1 | a:b). About the sum of the conditional modes of its parts, and with a strength of
1 / lambda of the cells, the posterior mean of a cell is that of the model. For shares and counts, the sums are on the
scale of the link, from a model fitted by penalized quasi-likelihood, and the conjugate strength about these means is
estimated by maximum likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from catpool.data.crossed import Cells
from catpool.models.interactions.crossed_effects import Sums
from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.quasi_likelihood import penalized_quasi_likelihood
from catpool.models.mixed.solver.grouping_factor import FactorShape, GroupingFactor
from catpool.models.mixed.solver.mixed_fit import MixedFit, fit_mixed
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.normal import NORMAL
from catpool.priors.prior import NO_SPREAD, Prior, fitted_prior

NUMBERS = ("mean", "strength", "between", "within", "log_likelihood", "note")  # fields with one number for each table


def cell_prior(cells: Cells, moments: Sequence[Moments], family: Family, *, reml: bool) -> list[Prior]:
    """Estimate the prior of each class, with a mean for each cell.

    Parameters
    ----------
    cells : Cells
    moments : sequence of Moments of shape (..., K)
        One for each class, over the cells.
    family : Family
    reml : bool

    Returns
    -------
    list of Prior of shape (...)
        With `offset`, `offset_variance` and `mains`.
    """
    fit = _fit_linear if family.homoscedastic else _fit_on_link
    views = [
        fit(cells, list(classes), family, reml) for classes in zip(*(each.views() for each in moments), strict=True)
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


def _fit_linear(cells: Cells, classes: list[Moments], family: Family, reml: bool) -> list[Prior]:
    return [_fit_linear_of_one(cells, moments, family, reml) for moments in classes]


def _fit_linear_of_one(cells: Cells, moments: Moments, family: Family, reml: bool) -> Prior:
    if moments.categories < 3 or moments.between == 0 or moments.within == 0:
        return _without_effects(cells, family.likelihood_prior([moments], reml=reml)[0])
    with_cells = moments.rows - moments.categories > 1e-12 * moments.rows  # else a cell's effect is that of its one row
    fit = fit_mixed(_system(cells, moments, with_cells), reml=reml)
    between = float(fit.covariances[-1][0, 0]) if with_cells else 0.0
    sums = _sums_of(fit, len(cells.paths.parts), NORMAL.name)
    sums = replace(sums, intercept=sums.intercept + float(moments.mean))
    strength = fit.scale / between if between > 0 else np.inf
    return _prior(cells, sums, strength, between, fit.scale, -fit.criterion / 2)


def _without_effects(cells: Cells, prior: Prior) -> Prior:
    """A prior with one mean for all cells, where effects of the parts are not identified."""
    nothing = np.zeros(cells.size)
    return replace(prior, offset=nothing, offset_variance=nothing, mains=_no_effects(cells, float(prior.mean)))


def _no_effects(cells: Cells, mean: float) -> Sums:
    effects = [np.zeros(part.size) for part in cells.paths.parts]
    return Sums(mean, effects, effects, 0.0, NORMAL.name)


def _prior(cells: Cells, sums: Sums, strength: float, between: float, within: float, likelihood: float) -> Prior:
    means = sums.mean(cells.part_slots)
    center = means[-1]  # the mean of a cell whose parts are all unseen
    note = NO_SPREAD if np.isinf(strength) else ""
    prior = fitted_prior(center, strength, between, within, likelihood, note)
    return replace(prior, offset=means - center, offset_variance=sums.variance(cells.part_slots), mains=sums)


def _system(cells: Cells, moments: Moments, with_cells: bool) -> MixedSystem:
    """The cross-products of the indicators of parts and cells, from the moments of the cells."""
    count, total = moments.count, moments.total - moments.mean * moments.count
    places = [cells.part_slots[:, part] for part in range(len(cells.paths.parts))]
    sizes = [part.size for part in cells.paths.parts]
    if with_cells:
        places, sizes = [*places, np.arange(cells.size)], [*sizes, cells.size]
    outer = np.column_stack(
        [
            np.concatenate([np.bincount(own, values, minlength=size) for own, size in zip(places, sizes, strict=True)])
            for values in (count, total)
        ]
    )
    indicators = _indicators(places, sizes, cells.size)
    inner = (indicators.multiply(count[None, :]) @ indicators.T).tocsr()
    fixed = np.array([[count.sum(), total.sum()], [total.sum(), float(moments.scatter)]])
    return MixedSystem([FactorShape(size, 1, True) for size in sizes], inner, outer, fixed, float(moments.rows), 0.0)


def _indicators(places: list[np.ndarray], sizes: list[int], cells: int) -> csr_matrix:
    """The matrix of which cell has which level of which factor, of shape (levels of all factors, cells)."""
    starts = np.cumsum([0, *sizes])
    rows = np.concatenate([start + own for start, own in zip(starts, places, strict=False)])
    columns = np.tile(np.arange(cells), len(places))
    return coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(starts[-1], cells)).tocsr()


def _fit_on_link(cells: Cells, classes: list[Moments], family: Family, reml: bool) -> list[Prior]:
    """Fit the effects of each class on the scale of the link, and the strength that the classes share."""
    alone = [_effects_on_link(cells, each, family) for each in classes]
    sums = [replace(own, beside=tuple(each for each in alone if each is not own)) for own in alone]
    means = np.array([each.mean(cells.part_slots) for each in sums])
    totals, counts = np.array([each.total for each in classes]), classes[0].count
    strength, likelihood = family.strength_given_means(totals, counts, means)
    noise = [float(family.variance(each)) for each in classes]
    return [
        _prior(cells, own, strength, family.between_variance(within, strength), within, likelihood)
        for own, within in zip(sums, noise, strict=True)
    ]


def _effects_on_link(cells: Cells, moments: Moments, family: Family) -> Sums:
    seen, mean = moments.count > 0, float(moments.mean)
    least, most = family.bounds
    if not least < mean < most or np.count_nonzero(seen) < 3:
        return _no_effects(cells, mean)
    places = [*cells.part_slots[seen].T, np.arange(np.count_nonzero(seen))]
    sizes = [*(part.size for part in cells.paths.parts), len(places[-1])]
    ones = np.ones((len(places[-1]), 1))
    factors = [GroupingFactor(own, size, ones[:, :0]) for own, size in zip(places, sizes, strict=True)]
    rows = AggregatedRows(moments.total[seen], moments.count[seen], ones, factors, 0.0)
    return _sums_of(penalized_quasi_likelihood(rows, family.link, mean), len(cells.paths.parts), family.name)


def _sums_of(fit: MixedFit, parts: int, link: str) -> Sums:
    variances = [each[:, 0, 0] for each in fit.variances()[:parts]]
    effects = [each[:, 0] for each in fit.effects[:parts]]
    return Sums(float(fit.fixed[0]), effects, variances, float(fit.fixed_covariance[0, 0]), link)
