"""Nested levels of a normal target, with one variance per level: the most likely, or averages over uncertain ones."""

from __future__ import annotations

from itertools import product

import numpy as np

from catpool.models.mixed.solver.variance_search import (
    CriterionEvaluation,
    finite_difference_hessian,
    polish,
    search_from_starts,
)
from catpool.models.nested.averaged_levels import VarianceRule, average_levels
from catpool.models.nested.rough_variances import rough_lambdas
from catpool.models.nested.tree import LevelMixture, Levels, Tree
from catpool.models.nested.tree_messages import TreeMessages
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.numerics.integration import integration_points
from catpool.priors.numerics.standard_normal import half_t_from_normal, normal_from_half_t
from catpool.priors.prior import NO_NOISE, NO_SPREAD

NOT_IDENTIFIED = "not identified"
FEW = 500  # nodes, up to which several starts cost little
GRID = np.log([0.1, 0.5, 2.0, 8.0, 40.0])  # starting points, relative to a level's unit
TOPS = np.log([0.3, 1.0, 3.0])  # further ones, relative to the root of scatter over noise
STARTS = 600  # points of the grid at most
BEST = 4  # of them, from which a search starts
CEILING = 40.0  # the largest parameter
FLOOR = 1e-4  # the least root of lambda, relative to a level's unit
NEAR = 0.02  # change of the parameters up to which a Hessian is used again
LEAST_FREEDOM = 2.0  # with no more rows beyond the mean, the posterior has no variance
LEAST_START = 0.01  # root of lambda, in units of its prior's scale, where the search for the mode may start
NOISE = 1e-13  # share of the scatter that stands for the noise within nodes if there is none


class TreeCriterion:
    """The likelihood criterion of the active levels' variances.

    Its parameters are log(sqrt(lambda)) of each active level. The other levels have lambda = 0.

    Parameters
    ----------
    tree : Tree
    moments : Moments of shape (K,)
    active : ndarray of bool of shape (levels,)
    reml : bool
    """

    def __init__(self, tree: Tree, moments: Moments, active: np.ndarray, *, reml: bool) -> None:
        self.tree, self.moments, self.active, self.reml = tree, moments, active, reml
        self.within = float(moments.within) or NOISE * float(moments.scatter)
        self.freedom = float(moments.rows) - reml
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._evaluated: tuple[np.ndarray, CriterionEvaluation] | None = None
        nodes = [max(np.count_nonzero(each), 1) for each in tree.sum_levels(moments.count)]
        self.units = np.sqrt(np.array(nodes) / float(moments.size))[active]  # one over the root of a node's mean rows
        self.floors = np.log(FLOOR * self.units)

    def lambdas(self, logs: np.ndarray) -> np.ndarray:
        """The lambda of each level, shape (levels,), from the parameters."""
        result = np.zeros(len(self.active))
        result[self.active] = np.exp(2 * logs)
        return result

    def messages(self, logs: np.ndarray) -> TreeMessages:
        return self.messages_of(self.lambdas(logs))

    def messages_of(self, lambdas: np.ndarray) -> TreeMessages:
        return TreeMessages(self.tree, self.moments, lambdas, self.within)

    def criterion(self, messages: TreeMessages) -> float:
        """Twice the negative log-likelihood, restricted under REML; NaN without degrees of freedom."""
        if self.freedom <= 0:
            return np.nan
        scale = max(messages.residual / self.freedom, 1e-300)
        fit = messages.log_det + self.freedom * (1 + np.log(2 * np.pi * scale))
        return float(fit + np.log(messages.size) if self.reml else fit)

    def value(self, logs: np.ndarray) -> float:
        """The criterion at these parameters."""
        return self.criterion(self.messages(logs))

    def _gradient(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        messages = self.messages(logs)
        estimates = messages.estimate(known_mean=not self.reml)
        slope = estimates.traces - estimates.squares * self.freedom / messages.residual
        return self.criterion(messages), 2 * np.exp(2 * logs) * slope[self.active]

    def __call__(self, logs: np.ndarray) -> CriterionEvaluation:
        logs = np.clip(logs, self.floors, CEILING)
        # a search asks for the criterion, its gradient and its Hessian at the same point one after the other
        if self._evaluated is None or not np.array_equal(logs, self._evaluated[0]):
            self._evaluated = logs, CriterionEvaluation(*self._gradient(logs), self._hessian(logs))
        return self._evaluated[1]

    def _hessian(self, logs: np.ndarray) -> np.ndarray:
        """Second derivatives by finite differences, or the last ones if they were taken close by."""
        if self._last is not None and np.abs(logs - self._last[0]).max() <= NEAR:
            return self._last[1]
        self._last = logs, finite_difference_hessian(lambda point: self._gradient(point)[1], logs)
        return self._last[1]

    def minimize(self) -> np.ndarray:
        """The best parameters; minus infinity for a variance of zero."""
        logs = search_from_starts(self, self._starts(), np.ones(len(self.units)))
        small = logs <= self.floors + np.log(10)
        with_zeros = np.where(small, -np.inf, logs)
        if not small.any() or self.value(with_zeros) > self.value(logs) + 1e-7:
            return logs
        if not small.all():
            active = self.active.copy()
            active[np.flatnonzero(active)[small]] = False
            with_zeros[~small] = polish(TreeCriterion(self.tree, self.moments, active, reml=self.reml), logs[~small])
        return with_zeros

    def _starts(self) -> list[np.ndarray]:
        """The best points of a grid: with few nodes the criterion may have several minima."""
        most = np.full(len(self.units), np.log(float(self.moments.scatter) / self.within) / 2)
        if sum(self.tree.sizes) > FEW:
            return [min((np.log(2 * self.units), most, self.rough()), key=self.value)]
        levels = [np.append(GRID + np.log(unit), TOPS + top) for unit, top in zip(self.units, most, strict=True)]
        points = int(STARTS ** (1 / len(levels)))
        if points < len(levels[0]):  # with many levels, each has fewer points
            levels = [each[np.linspace(0, len(each) - 1, max(points, 1)).round().astype(int)] for each in levels]
        return sorted((np.array(each) for each in product(*levels)), key=self.value)[:BEST]

    def rough(self) -> np.ndarray:
        """Parameters by the method of moments, which are close to the best if levels have many nodes."""
        nodes = np.count_nonzero(self.moments.count)
        residual = self.within / max(float(self.moments.rows) - nodes, 1.0)
        lambdas = rough_lambdas(self.tree, self.moments, self.active, residual)[self.active]
        return np.clip(np.log(np.maximum(lambdas, 1e-300)) / 2, np.log(self.units / 2), CEILING)


def fit_normal_levels(tree: Tree, moments: Moments, family: Family, variances: VarianceRule) -> Levels:
    """Fit the normal model to the moments of the deepest nodes, of shape (K,)."""
    active = _identified(tree, moments)
    constant = moments.between == 0 and moments.within == 0
    criterion = TreeCriterion(tree, moments, active, reml=variances.reml)
    nothing = bool(constant or moments.rows <= 1 or not active.any())
    notes = ["" if each else NOT_IDENTIFIED for each in active]
    noiseless = bool(moments.within == 0 and not constant and active[-1])
    if noiseless:
        notes[-1] = NO_NOISE
    uncertain = active & variances.uncertain(tree, moments)
    if nothing or noiseless or not uncertain.any() or criterion.freedom <= LEAST_FREEDOM:
        logs = np.full(int(active.sum()), -np.inf) if nothing else criterion.minimize()
        return normal_levels(criterion, criterion.lambdas(logs), family, notes)
    # precisions are relative to each other, and lambda is that of a row of their mean
    unit = float(np.sqrt(moments.size / moments.rows))
    lambdas, probability = posterior_lambdas(criterion, uncertain[active], variances.scale / unit)
    components = [normal_levels(criterion, own, family, notes) for own in lambdas]
    return average_levels(components, LevelMixture(probability, lambdas, criterion.freedom))


def normal_levels(criterion: TreeCriterion, lambdas: np.ndarray, family: Family, notes: list[str]) -> Levels:
    """The levels at one lambda for each."""
    moments, active = criterion.moments, criterion.active
    messages = criterion.messages_of(lambdas)
    estimates = messages.estimate(known_mean=False)
    freedom = criterion.freedom if active.any() else float(moments.rows) - 1
    scale = messages.residual / max(freedom, 1.0)
    return Levels(
        mean=messages.mean + float(moments.mean),
        mean_variance=scale / messages.size,
        values=[each + float(moments.mean) for each in estimates.values],
        variances=[scale * each for each in estimates.variances],
        gains=[np.minimum(own * weight, 1.0) for own, weight in zip(lambdas, messages.weights, strict=True)],
        between=[scale * own for own in lambdas],
        strengths=[1 / own if own > 0 else np.inf for own in lambdas],
        within=scale,
        log_likelihood=-criterion.criterion(messages) / 2 if scale > 0 else np.inf,
        notes=[note or (NO_SPREAD if own == 0 else "") for note, own in zip(notes, lambdas, strict=True)],
        family=family,
    )


def components_of(tree: Tree, moments: Moments, levels: Levels) -> list[Levels]:
    """The levels that a mixture averages over."""
    assert levels.mixture is not None
    criterion = TreeCriterion(tree, moments, np.full(len(levels.values), True), reml=True)
    return [normal_levels(criterion, own, levels.family, levels.notes) for own in levels.mixture.lambdas]


def posterior_lambdas(criterion: TreeCriterion, uncertain: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The lambdas of points of the posterior, shape (m, levels), and their probabilities, shape (m,).

    Parameters
    ----------
    criterion : TreeCriterion
    uncertain : ndarray of bool of shape (active levels,)
        Whether a level's variance is averaged over; those of the others maximize the likelihood.
    scale : float
        Of the half-t prior.
    """
    logs = criterion.rough() if uncertain.all() else criterion.minimize()

    def moved(z: np.ndarray) -> np.ndarray:
        result = logs.copy()
        result[uncertain] = np.log(half_t_from_normal(z, scale))
        return result

    start = normal_from_half_t(np.maximum(np.exp(logs[uncertain]), LEAST_START * scale), scale)
    points, probability = integration_points(lambda z: -criterion.value(moved(z)) / 2, start)
    return np.array([criterion.lambdas(moved(z)) for z in points]), probability


def _identified(tree: Tree, moments: Moments) -> np.ndarray:
    """Whether each level's variance is identified: it needs two nodes, and a node with several children."""
    seen = [int(np.count_nonzero(each)) for each in tree.sum_levels(moments.count)]
    rows = float(moments.rows)
    below = [*seen[1:], rows]
    return np.array([1 < own < under - 1e-9 for own, under in zip(seen, below, strict=True)])
