"""Cells of crossed categories, whose prior means are the sums of their parts' effects.

In the normal family the cells' moments are all that the crossed model y ~ 1 + (1 | a) + (1 | b) + (1 | a:b) needs: a
cell's posterior mean, about the sum of its parts' conditional modes and with a strength of 1 / lambda of the cells, is
that model's. For shares and counts, the sums are taken on the logit or log scale, from a model that is fitted by
penalised quasi-likelihood, and the conjugate strength about these means is the likeliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix

from catpool.data.crossed import Cells
from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.quasi_likelihood import LINKS, penalised_quasi_likelihood
from catpool.models.mixed.solver.grouping_factor import FactorShape, GroupingFactor
from catpool.models.mixed.solver.mixed_fit import MixedFit, fit_mixed
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.moments.moments import Moments
from catpool.priors.family import NORMAL, Family
from catpool.priors.likelihood import by_likelihood
from catpool.priors.prior import NO_SPREAD, Prior
from catpool.priors.strength import likeliest_strength, variance_between


@dataclass(frozen=True)
class Sums:
    """The parts' effects, on the scale of the link.

    Parameters
    ----------
    intercept : float
    effects, variances : list of ndarray of shape (size of the part,)
    intercept_variance : float
    link : str
        The family whose link's scale it is.
    beside : tuple of Sums, default=()
        Those of the target's other classes, whose means add up to one with this one's.
    """

    intercept: float
    effects: list[np.ndarray]
    variances: list[np.ndarray]
    intercept_variance: float
    link: str
    beside: tuple[Sums, ...] = ()

    def predictor(self, places: np.ndarray) -> np.ndarray:
        """Of cells, of shape (m,), from the slots of their parts, of shape (m, parts)."""
        return self.intercept + sum(own[places[:, part]] for part, own in enumerate(self.effects))

    def mean(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(LINKS[self.link].mean(self.predictor(places))) / self._total(places)

    def _total(self, places: np.ndarray) -> np.ndarray:
        """What the means of all classes add up to by themselves."""
        if not self.beside:
            return np.ones(len(places))
        own = np.asarray(LINKS[self.link].mean(self.predictor(places)))
        return own + sum(each.mean(places) for each in self.beside)

    def variance(self, places: np.ndarray) -> np.ndarray:
        """Of the means, as if the parts' effects were estimated independently, and what they add up to were known."""
        on_link = self.intercept_variance + sum(own[places[:, part]] for part, own in enumerate(self.variances))
        slope = LINKS[self.link].variance(self.predictor(places)) / self._total(places)
        return np.asarray(slope**2 * on_link)

    def unseen(self, places: np.ndarray, prior: Prior, family: Family) -> dict[str, np.ndarray]:
        """The outputs of cells without rows."""
        assert prior.between is not None
        assert prior.within is not None
        mean = self.mean(places)
        spread = np.full_like(mean, float(prior.between))
        if prior.strength > 0:
            spread = family.spread(mean, np.full_like(mean, prior.strength), np.full_like(mean, prior.within))
        return {"mean": mean, "sd": np.sqrt(spread + self.variance(places)), "reliability": np.zeros_like(mean)}


def by_parts(cells: Cells, moments: Sequence[Moments], family: Family, *, reml: bool) -> list[Prior]:
    """The prior of each class, of shape (...), about means of each cell, of shape (..., K)."""
    views = [
        _of_view(cells, list(classes), family, reml)
        for classes in zip(*(each.views() for each in moments), strict=True)
    ]
    shape = moments[0].count.shape
    return [_stacked([view[label] for view in views], shape) for label in range(len(moments))]


def _stacked(priors: Sequence[Prior], shape: tuple[int, ...]) -> Prior:
    def together(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
        return np.stack(values).reshape(shape)

    return Prior(
        together([each.mean for each in priors], shape[:-1]),
        together([each.strength for each in priors], shape[:-1]),
        together([each.between for each in priors], shape[:-1]),
        together([each.within for each in priors], shape[:-1]),
        together([each.log_likelihood for each in priors], shape[:-1]),
        together([each.note for each in priors], shape[:-1]),
        offset=together([each.offset for each in priors], shape),
        offset_variance=together([each.offset_variance for each in priors], shape),
        mains=priors[-1].mains,
    )


def _of_view(cells: Cells, classes: list[Moments], family: Family, reml: bool) -> list[Prior]:
    if family.name == "normal":
        return [_normal(cells, each, reml) for each in classes]
    return _conjugate(cells, classes, family)


def _plain(cells: Cells, prior: Prior) -> Prior:
    """A prior without effects of the parts, where these cannot be told."""
    effects = [np.zeros(part.size) for part in cells.paths.parts]
    nothing = np.zeros(cells.size)
    sums = Sums(float(prior.mean), effects, effects, 0.0, "normal")
    return replace(prior, offset=nothing, offset_variance=nothing, mains=sums)


def _normal(cells: Cells, moments: Moments, reml: bool) -> Prior:
    if moments.categories < 3 or moments.between == 0 or moments.within == 0:
        return _plain(cells, by_likelihood([moments], NORMAL, reml=reml)[0])
    with_cells = moments.rows - moments.categories > 1e-12 * moments.rows  # else a cell's effect is that of its one row
    fit = fit_mixed(_system(cells, moments, with_cells), reml=reml)
    between = float(fit.covariances[-1][0, 0]) if with_cells else 0.0
    sums = _sums_of(fit, len(cells.paths.parts), "normal")
    sums = replace(sums, intercept=sums.intercept + float(moments.mean))
    strength = fit.scale / between if between > 0 else np.inf
    return _prior(cells, sums, strength, between, fit.scale, -fit.criterion / 2)


def _prior(cells: Cells, sums: Sums, strength: float, between: float, within: float, likelihood: float) -> Prior:
    means = sums.mean(cells.places)
    center = means[-1]  # that of a cell all of whose parts are unseen
    return Prior(
        np.array(center),
        np.array(strength),
        np.array(between),
        np.array(within),
        np.array(likelihood),
        np.array(NO_SPREAD if np.isinf(strength) else ""),
        offset=means - center,
        offset_variance=sums.variance(cells.places),
        mains=sums,
    )


def _system(cells: Cells, moments: Moments, with_cells: bool) -> MixedSystem:
    """The cross-products of the parts' and the cells' indicators, from the cells' moments."""
    count, total = moments.count, moments.total - moments.mean * moments.count
    places = [cells.places[:, part] for part in range(len(cells.paths.parts))]
    sizes = [part.size for part in cells.paths.parts]
    if with_cells:
        places, sizes = [*places, np.arange(cells.size)], [*sizes, cells.size]
    starts = np.cumsum([0, *sizes])
    rows = np.concatenate([start + own for start, own in zip(starts, places, strict=False)])
    outer = np.column_stack(
        [
            np.concatenate([np.bincount(own, values, minlength=size) for own, size in zip(places, sizes, strict=True)])
            for values in (count, total)
        ]
    )
    indicators = coo_matrix(
        (np.ones(len(rows)), (rows, np.tile(np.arange(cells.size), len(places)))), shape=(starts[-1], cells.size)
    ).tocsr()
    inner = (indicators.multiply(count[None, :]) @ indicators.T).tocsr()
    fixed = np.array([[count.sum(), total.sum()], [total.sum(), float(moments.scatter)]])
    return MixedSystem([FactorShape(size, 1, True) for size in sizes], inner, outer, fixed, float(moments.rows), 0.0)


def _conjugate(cells: Cells, classes: list[Moments], family: Family) -> list[Prior]:
    alone = [_linked(cells, each, family) for each in classes]
    sums = [replace(own, beside=tuple(each for each in alone if each is not own)) for own in alone]
    means = np.array([each.mean(cells.places) for each in sums])
    totals, counts = np.array([each.total for each in classes]), classes[0].count
    strength, likelihood = likeliest_strength(totals, counts, means, family.name)
    noise = [float(family.variance(each)) for each in classes]
    return [
        _prior(cells, own, strength, variance_between(within, strength, family.name), within, likelihood)
        for own, within in zip(sums, noise, strict=True)
    ]


def _linked(cells: Cells, moments: Moments, family: Family) -> Sums:
    """The parts' effects on the link's scale."""
    seen = moments.count > 0
    effects = [np.zeros(part.size) for part in cells.paths.parts]
    mean, top = float(moments.mean), 1.0 if family.name == "binomial" else np.inf
    if not 0 < mean < top or np.count_nonzero(seen) < 3:
        return Sums(mean, effects, effects, 0.0, "normal")
    places = [*cells.places[seen].T, np.arange(np.count_nonzero(seen))]
    sizes = [*(part.size for part in cells.paths.parts), len(places[-1])]
    none = np.zeros((len(places[-1]), 0))
    factors = [GroupingFactor(own, size, none) for own, size in zip(places, sizes, strict=True)]
    ones = np.ones((len(places[-1]), 1))
    fit = penalised_quasi_likelihood(
        AggregatedRows(moments.total[seen], moments.count[seen], ones, factors, 0.0), LINKS[family.name], mean
    )
    return _sums_of(fit, len(effects), family.name)


def _sums_of(fit: MixedFit, parts: int, link: str) -> Sums:
    variances = [each[:, 0, 0] for each in fit.variances()[:parts]]
    effects = [each[:, 0] for each in fit.effects[:parts]]
    return Sums(float(fit.fixed[0]), effects, variances, float(fit.fixed_covariance[0, 0]), link)
