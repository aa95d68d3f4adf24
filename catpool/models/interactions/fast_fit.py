"""Fits of the effects of an interaction's parts to many tables at once, at the cost of a few passes over the cells.

The model is that of the exact fit, with the variances by average information, from a start by the method of moments.
For shares and counts each step is followed by a new working response: with eta the linear predictor of a cell and mu
the inverse link of it, n rows with the total y have the response eta + (y - n mu) / (n v(mu)), of variance
1 / (n v(mu)). Tables whose search does not converge, as where classes are nearly separated, are fitted exactly;
where the exact fit would take too long, they keep the last round, with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counting
from catpool.models.interactions.cell_means import CellMeans, Response
from catpool.models.interactions.cell_parts import CellParts, IdentifiedEffects
from catpool.models.interactions.crossed_effects import LinearFit, PartEffects
from catpool.models.interactions.crossed_factors import CrossedFactors
from catpool.models.interactions.exact_fit import ExactFit
from catpool.models.interactions.variance_components import ROUNDS, Components, fit_components, is_dense
from catpool.models.mixed.quasi_likelihood import ETA, largest_predictor, working_response
from catpool.models.mixed.solver.variance_search import warn_not_converged
from catpool.moments.moments import TINY, Moments
from catpool.priors.families.family import Family
from catpool.priors.families.normal import NORMAL
from catpool.priors.numerics.link import Link

CELLS = 1 << 14  # tables times cells that are fitted at a time, so that they fit into the processor's cache


class FastFit:
    """Fits of many tables at once."""

    def linear(self, parts: CellParts, effects: IdentifiedEffects, moments: Moments, *, reml: bool) -> LinearFit:
        """Fit the linear mixed model to each of V tables, from moments of shape (V, cells)."""
        layout = _Layout(parts, effects, moments.count)
        found = layout.fit(moments, _linear, with_cells=effects.with_cells, reml=reml)
        fitted = layout.part_effects(found, found.mean + moments.mean, NORMAL)
        likelihood = -(found.criterion + (moments.rows - reml) * np.log(2 * np.pi)) / 2
        result = LinearFit(fitted, found.theta[:, 1].copy(), found.theta[:, 0].copy(), likelihood)
        if len(rest := layout.tables_to_fit_exactly(found)):
            result.put(rest, ExactFit().linear(parts, effects, moments.take(rest), reml=reml))
        return result

    def on_link(self, parts: CellParts, effects: IdentifiedEffects, moments: Moments, family: Family) -> PartEffects:
        """Fit the model on the scale of the link to each of V tables."""
        layout = _Layout(parts, effects, moments.count)
        working = partial(_Working, link=family.link)
        found = layout.fit(moments, working, with_cells=effects.with_cells, reml=False)
        fitted = layout.part_effects(found, found.mean, family)
        for table in layout.tables_to_fit_exactly(found):
            _replace_by_exact(fitted, np.array([table]), parts, effects, moments, family)
        return fitted


def _replace_by_exact(
    fitted: PartEffects,
    table: np.ndarray,
    parts: CellParts,
    effects: IdentifiedEffects,
    moments: Moments,
    family: Family,
) -> None:
    """Replace the effects of a table, in place, by those of the exact fit, if that has an end; otherwise warn."""
    try:
        exact = ExactFit().on_link(parts, effects, moments.take(table), family)
    except ValueError:  # the equations cannot be solved, as variances have no bounds where classes are separated
        warn_not_converged("The fit of an interaction", ROUNDS)
        return
    fitted.put(table, exact)


class _Layout:
    """The factors of the cells of V tables.

    Parameters
    ----------
    parts : CellParts
    effects : IdentifiedEffects
    count : ndarray of shape (V, cells)
    """

    def __init__(self, parts: CellParts, effects: IdentifiedEffects, count: np.ndarray) -> None:
        self.parts, self.count = parts, count
        # in order of appearance, so that the order of sums does not depend on categories of other rows
        found = [(group, *pd.factorize(parts.slots[:, group[0]])) for group in effects.parts]
        found.sort(key=lambda each: -len(each[2]))  # the largest first, as the equations are solved
        self.groups, codes, self.slots = (list(each) for each in zip(*found, strict=True))
        self.factors = CrossedFactors(codes, [len(each) for each in self.slots])

    def fit(
        self, moments: Moments, response: Callable[[Moments], Response], *, with_cells: bool, reml: bool
    ) -> Components:
        """Fit the components of all tables."""
        fits = []
        with counting(len(self.count), FOLDS) as advance:
            for some in self._portions(moments):
                fits.append(fit_components(response(some), self.factors, with_cells=with_cells, reml=reml))
                advance(len(some.count))
        return Components.concatenate(fits)

    def _portions(self, moments: Moments) -> Iterator[Moments]:
        """Some tables after the other."""
        step = max(1, CELLS // max(self.count.shape[1], self.factors.numbers))
        for start in range(0, len(self.count), step):
            yield moments.take(slice(start, start + step))

    def tables_to_fit_exactly(self, found: Components) -> np.ndarray:
        """The tables that did not converge; where the exact fit would take too long, none, with a warning."""
        rest = np.flatnonzero(~found.converged)
        if len(rest) and not is_dense(self.factors):
            warn_not_converged("The fit of an interaction", ROUNDS)
            return rest[:0]
        return rest

    def part_effects(self, found: Components, intercept: np.ndarray, family: Family) -> PartEffects:
        """The effects of all slots of the parts; categories without rows have the effect zero, with its variance."""
        sizes, tables = self.parts.sizes, len(self.count)
        effects, variances = ([np.zeros((tables, size)) for size in sizes] for _ in range(2))
        fitted = zip(self.groups, self.slots, found.effects, found.errors, found.theta.T[2:], strict=True)
        for group, slots, modes, errors, variance in fitted:
            variances[group[0]][:] = variance[:, None]
            effects[group[0]][:, slots], variances[group[0]][:, slots] = modes, errors
            if len(group) > 1:
                self._share(group, effects, variances, variance)
        return PartEffects(intercept, effects, variances, found.mean_variance, family.name)

    def _share(
        self, group: Sequence[int], effects: list[np.ndarray], variances: list[np.ndarray], variance: np.ndarray
    ) -> None:
        """Give parts that group the cells alike equal shares of the effect that the first of them has."""
        first, *others = group
        for of in (effects, variances):
            of[first] /= len(group)
        for part in others:
            variances[part][:] = variance[:, None] / len(group)
            for table, seen in enumerate(self.count > 0):
                own, same = self.parts.slots[seen, part], self.parts.slots[seen, first]
                for of in (effects, variances):
                    of[part][table, own] = of[first][table, same]


@frozen
class _Linear:
    """The cells of a linear model, which stay as they are."""

    means: CellMeans
    is_working = False

    def cells(self, fitted: np.ndarray | None) -> CellMeans:
        return self.means


def _linear(moments: Moments) -> _Linear:
    freedom = moments.rows - moments.categories
    return _Linear(CellMeans(moments.count.astype(float), moments.distances, moments.within, freedom))


class _Working:
    """Working responses of cells.

    Parameters
    ----------
    moments : Moments of shape (V, cells)
    link : Link
    """

    is_working = True

    def __init__(self, moments: Moments, link: Link) -> None:
        self.count, self.total, self.link = moments.count.astype(float), moments.total, link
        # rows of the average cell; each cell starts as if it had as many more rows of the overall mean
        rows = (moments.size / moments.categories)[:, None]
        start = (self.total + rows * moments.mean[:, None]) / (self.count + rows)
        self.start = link.eta(np.minimum(start, link.most))
        largest = (self.total / np.maximum(self.count, TINY)).max(axis=1, keepdims=True)
        self.most = largest_predictor(largest, link)

    def cells(self, fitted: np.ndarray | None) -> CellMeans:
        eta = self.start if fitted is None else np.clip(fitted, -ETA, self.most)
        response, weight = working_response(self.total, self.count, eta, self.link)
        nothing = np.zeros(len(eta))
        return CellMeans(weight, response, nothing, nothing)
