"""Levels within levels: y = mu + u_state + u_county + u_zip + e, solved by messages up and down a tree.

A node of n rows (or a precision as good as n) and mean m, of a level whose variance relative to the rows' is lambda, is
to its parent an observation of precision w = n / (1 + lambda n). So a parent has n = sum of w, m = sum of w m / n, and

    RSS = within + sum over all nodes of w (m - the parent's m)^2,
    criterion = sum over all nodes of log(1 + lambda n) + log(n of the root) + nu (1 + log(2 pi RSS / nu)),

as in the model of one factor, which this is for one level. On the way down, with A the parent's estimated value and V
its variance relative to the rows', a node's own are

    A + g (m - A)  and  lambda (1 - g) + (1 - g)^2 V,    g = lambda w,

and d criterion / d lambda = sum of w - w^2 V - w^2 (m - A)^2 nu / RSS.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from catpool.models.mixed.solver.variance_search import Slope, by_differences, polish, search
from catpool.models.nested.tree import Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.prior import NO_NOISE, NO_SPREAD

FEW = 500  # nodes; with so few, several starts cost little
GRID = np.log([0.1, 0.5, 2.0, 8.0, 40.0])  # logarithms of roots of lambdas to begin with, in such units
TOPS = np.log([0.3, 1.0, 3.0])  # and in units of the root of scatter over noise
CEILING = 40.0  # of these logarithms
STARTS = 600  # at the most
BEST = 4  # of them are followed
FLOOR = 1e-4  # of a root of lambda, in units of one over the root of a node's rows
NEAR = 0.02  # how far second derivatives are carried
NOISE = 1e-13  # of the scatter, what noise within categories is taken for where there is none


class _Pass:
    """Messages up and down the tree for some lambdas."""

    def __init__(self, tree: Tree, moments: Moments, lambdas: np.ndarray, within: float) -> None:
        self.tree, self.lambdas = tree, lambdas
        size, mean = moments.count, moments.category_means - moments.mean
        self.weights: list[np.ndarray] = []
        self.means: list[np.ndarray] = []
        self.residual, self.log_det = within, 0.0
        for level in range(len(lambdas) - 1, -1, -1):
            weight = size / (1 + lambdas[level] * size)
            parent_size = tree.sums(weight, level)
            parent_mean = tree.sums(weight * mean, level) / np.maximum(parent_size, np.finfo(float).tiny)
            self.residual += float((weight * (mean - parent_mean[tree.above[level]]) ** 2).sum())
            self.log_det += float(np.log1p(lambdas[level] * size).sum())
            self.weights.insert(0, weight)
            self.means.insert(0, mean)
            size, mean = parent_size, parent_mean
        self.size, self.mean = float(size[0]), float(mean[0])

    def down(self, known_mean: bool) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
        """Values and relative variances of the nodes, and of each level sums of w - w^2 V and of w^2 (m - A)^2."""
        value, variance = np.array([self.mean]), np.array([0.0 if known_mean else 1 / self.size])
        values, variances, traces, squares = [], [], [], []
        for level, (weight, mean, own) in enumerate(zip(self.weights, self.means, self.lambdas, strict=True)):
            above = self.tree.above[level]
            believed, uncertain = value[above], variance[above]
            pull, gain = weight * (mean - believed), np.minimum(own * weight, 1.0)
            traces.append(float((weight - weight**2 * uncertain).sum()))
            squares.append(float((pull**2).sum()))
            value = believed + own * pull
            variance = own * (1 - gain) + (1 - gain) ** 2 * uncertain
            values.append(value)
            variances.append(variance)
        return values, variances, np.array(traces), np.array(squares)


class _Profile:
    """The criterion of the logarithms of the roots of the lambdas."""

    def __init__(self, tree: Tree, moments: Moments, active: np.ndarray, *, reml: bool) -> None:
        self.tree, self.moments, self.active, self.reml = tree, moments, active, reml
        self.within = float(moments.within) or NOISE * float(moments.scatter)
        self.freedom = float(moments.rows) - reml
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        nodes = [max(np.count_nonzero(each), 1) for each in tree.counts(moments.count)]
        self.units = np.sqrt(np.array(nodes) / float(moments.size))[active]
        self.floors = np.log(FLOOR * self.units)

    def lambdas(self, logs: np.ndarray) -> np.ndarray:
        result = np.zeros(len(self.active))
        result[self.active] = np.exp(2 * logs)
        return result

    def solve(self, logs: np.ndarray) -> _Pass:
        return _Pass(self.tree, self.moments, self.lambdas(logs), self.within)

    def criterion(self, solved: _Pass) -> float:
        if self.freedom <= 0:
            return np.nan
        scale = max(solved.residual / self.freedom, 1e-300)
        fit = solved.log_det + self.freedom * (1 + np.log(2 * np.pi * scale))
        return float(fit + np.log(solved.size) if self.reml else fit)

    def at(self, logs: np.ndarray) -> float:
        return self.criterion(self.solve(logs))

    def _gradient(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        solved = self.solve(logs)
        _, _, traces, squares = solved.down(known_mean=not self.reml)
        slope = traces - squares * self.freedom / solved.residual
        return self.criterion(solved), 2 * np.exp(2 * logs) * slope[self.active]

    def __call__(self, logs: np.ndarray) -> Slope:
        logs = np.clip(logs, self.floors, CEILING)
        return Slope(*self._gradient(logs), self._hessian(logs))

    def _hessian(self, logs: np.ndarray) -> np.ndarray:
        """By differences; where the last one was close by, that."""
        if self._last is not None and np.abs(logs - self._last[0]).max() <= NEAR:
            return self._last[1]
        self._last = logs, by_differences(lambda at: self._gradient(at)[1], logs)
        return self._last[1]

    def fit(self) -> np.ndarray:
        """The logarithms of the roots of the lambdas, those of noughts being minus infinity."""
        logs = search(self, self._starts(), np.ones(len(self.units)))
        small = logs <= self.floors + np.log(10)
        nought = np.where(small, -np.inf, logs)
        if not small.any() or self.at(nought) > self.at(logs) + 1e-7:
            return logs
        if not small.all():  # the others once more
            active = self.active.copy()
            active[np.flatnonzero(active)[small]] = False
            nought[~small] = polish(_Profile(self.tree, self.moments, active, reml=self.reml), logs[~small])
        return nought

    def _starts(self) -> list[np.ndarray]:
        """The likeliest of a grid, as data may have several minima where nodes are few."""
        most = np.full(len(self.units), np.log(float(self.moments.scatter) / self.within) / 2)
        if sum(self.tree.sizes) > FEW:
            return [min((np.log(2 * self.units), most), key=self.at)]
        levels = [np.append(GRID + np.log(unit), TOPS + top) for unit, top in zip(self.units, most, strict=True)]
        points = int(STARTS ** (1 / len(levels)))
        if points < len(levels[0]):  # many levels
            levels = [each[np.linspace(0, len(each) - 1, max(points, 1)).round().astype(int)] for each in levels]
        return sorted((np.array(each) for each in product(*levels)), key=self.at)[:BEST]


def fit_tree(tree: Tree, moments: Moments, family: Family, *, reml: bool) -> Levels:
    """Fit the normal model to moments of shape (K,) of the deepest nodes."""
    active = _identified(tree, moments)
    notes = ["" if each else "not identified" for each in active]
    constant = moments.between == 0 and moments.within == 0
    profile = _Profile(tree, moments, active, reml=reml)
    nothing = constant or moments.rows <= 1 or not active.any()
    logs = np.full(int(active.sum()), -np.inf) if nothing else profile.fit()
    solved = profile.solve(logs)
    lambdas = profile.lambdas(logs)
    values, variances, _, _ = solved.down(known_mean=False)
    spare = profile.freedom if active.any() else float(moments.rows) - 1
    scale = solved.residual / max(spare, 1.0)
    if moments.within == 0 and not constant and active[-1]:
        notes[-1] = NO_NOISE
    notes = [note or (NO_SPREAD if own == 0 else "") for note, own in zip(notes, lambdas, strict=True)]
    return Levels(
        mean=solved.mean + float(moments.mean),
        mean_variance=scale / solved.size,
        values=[each + float(moments.mean) for each in values],
        variances=[scale * each for each in variances],
        gains=[np.minimum(own * weight, 1.0) for own, weight in zip(lambdas, solved.weights, strict=True)],
        between=[scale * own for own in lambdas],
        strengths=[1 / own if own > 0 else np.inf for own in lambdas],
        within=scale,
        log_likelihood=-profile.criterion(solved) / 2 if scale > 0 else np.inf,
        notes=notes,
        family=family,
    )


def _identified(tree: Tree, moments: Moments) -> np.ndarray:
    """Whether a level's variance can be told: not where each of its nodes has one child, nor at one node in all."""
    seen = [int(np.count_nonzero(each)) for each in tree.counts(moments.count)]
    rows = float(moments.rows)
    below = [*seen[1:], rows]
    return np.array([1 < own < under - 1e-9 for own, under in zip(seen, below, strict=True)])
