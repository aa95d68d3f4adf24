"""Predictive distributions of rows, and draws of their values, from the estimates of nested levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from catpool.data.columns.crossed import Paths
from catpool.models.nested.nested_learner import NestedEncoding
from catpool.models.nested.normal_levels import components_of
from catpool.models.nested.path_rows import PathRows
from catpool.models.nested.tree import Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.mixtures.mixture_of_t import MixtureOfT
from catpool.priors.predictive import ConjugatePredictive, LinearPredictive, Predictive
from catpool.priors.prior import Prior
from catpool.tables.policy import Policy


def predict_paths(encoding: NestedEncoding, rows: PathRows, level: int) -> tuple[Predictive, np.ndarray]:
    """The predictive distribution of rows by a level, and for which of them the policy hides it, shape (n,)."""
    levels, family = encoding.levels, encoding.levels.family
    average = rows.outputs(levels)[level]
    hidden = np.isnan(average["mean"])
    if not family.homoscedastic:
        return ConjugatePredictive(average["mean"], average["sd"], family), hidden
    probability, components, freedom = _components(encoding, rows.paths)
    found = [rows.outputs(each)[level] for each in components]
    means, sds = (np.nan_to_num(np.array([each[name] for each in found])) for name in ("mean", "sd"))
    noise = np.array([each.within for each in components])
    return LinearPredictive(MixtureOfT(probability, means, sds, freedom), noise, family), hidden


def predict_new_path(encoding: NestedEncoding, paths: Paths, level: int, interval: float) -> dict[str, np.ndarray]:
    """The prediction of a path that is new from the first level on, each of shape (1,)."""
    slots = [np.array([part.size - 1]) for part in paths.parts]
    counts = Tree.from_paths(paths).sum_levels(encoding.moments.count)
    rows = PathRows.of_slots(paths, Policy("prior", "category"), slots, counts)
    return predict_paths(encoding, rows, level)[0].expected(interval)


def level_interval(
    encoding: NestedEncoding, paths: Paths, level: int, interval: float
) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the posterior intervals of a level's nodes, each of shape (nodes,)."""
    levels = encoding.levels
    if levels.mixture is None:
        return levels.family.interval(levels.values[level], np.sqrt(levels.variances[level]), interval)
    probability, components, freedom = _components(encoding, paths)
    means = np.array([each.values[level] for each in components])
    sds = np.sqrt([each.variances[level] for each in components])
    values, tail = MixtureOfT(probability, means, sds, freedom), (1 - interval) / 2
    return values.quantile(tail), values.quantile(1 - tail)


def _components(encoding: NestedEncoding, paths: Paths) -> tuple[np.ndarray, list[Levels], float]:
    """The probabilities of the levels of a mixture, these levels, and the degrees of freedom of their variance."""
    levels = encoding.levels
    if levels.mixture is None:
        return np.ones(1), [levels], np.inf
    components = components_of(Tree.from_paths(paths), encoding.moments, levels)
    return levels.mixture.probability, components, levels.mixture.freedom


def draw_paths(
    encodings: Sequence[NestedEncoding], rows: PathRows, rng: np.random.Generator, number: int
) -> np.ndarray:
    """Draw the values of rows, shape (number, n, levels, classes), for the classes of one target.

    They are NaN where the policy hides them.
    """
    if encodings[0].levels.family.homoscedastic:
        parts = [_components(each, rows.paths) for each in encodings]
        draws = [[_draw_normal(*own, rows, rng) for own in parts] for _ in range(number)]
    else:
        plan = _plan_levels(encodings, rows)
        draws = [_draw_conjugate(encodings, plan, rows, rng) for _ in range(number)]
    result = np.array(draws).transpose(0, 3, 2, 1)
    outputs = [rows.outputs(each.levels) for each in encodings]
    hidden = np.isnan([[level["mean"] for level in own] for own in outputs]).transpose(2, 1, 0)
    return np.where(hidden, np.nan, result)


def _draw_normal(
    probability: np.ndarray, components: Sequence[Levels], freedom: float, rows: PathRows, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw the values of rows by level, shape (n,)."""
    levels = components[rng.choice(len(components), p=probability)]
    spread = 1.0 if np.isinf(freedom) else float(np.sqrt(freedom / rng.chisquare(freedom)))
    above = Tree.from_paths(rows.paths).above
    value = np.array([rng.normal(levels.mean, spread * np.sqrt(levels.mean_variance))])
    center = np.array([levels.mean])
    of_rows, result = np.full(len(rows.steps[0]), value[0]), []
    for level, parents in enumerate(above):
        own, gain = levels.values[level], levels.gains[level]
        # about its mean, a value moves with its parent by what its own rows leave to it
        sd = spread * np.sqrt(levels.between[level] * (1 - gain))
        value = own + (1 - gain) * (value - center)[parents] + sd * rng.standard_normal(len(own))
        unseen = spread * np.sqrt(levels.between[level]) * rng.standard_normal(len(of_rows))
        of_rows = _row_values(rows, level, value, of_rows + unseen[_first_of_parent(rows, level)])
        center = own
        result.append(of_rows)
    return result


class _LevelPlan(NamedTuple):
    """What all draws of a level's values have in common.

    Parameters
    ----------
    parents : ndarray of shape (nodes,)
    priors : list of Prior
        Of each class.
    moments, nothing : list of Moments
        Of the nodes, and of new categories in the place of n rows, by class.
    first : ndarray of shape (n,)
        As in `_first_of_parent`.
    """

    parents: np.ndarray
    priors: list[Prior]
    moments: list[Moments]
    nothing: list[Moments]
    first: np.ndarray


def _plan_levels(encodings: Sequence[NestedEncoding], rows: PathRows) -> list[_LevelPlan]:
    tree, n = Tree.from_paths(rows.paths), len(rows.steps[0])
    counts = tree.sum_levels(encodings[0].moments.count)
    totals = [tree.sum_levels(each.moments.total) for each in encodings]
    return [
        _LevelPlan(
            parents,
            [_prior(each.levels, each.levels.strengths[level]) for each in encodings],
            [_moments(counts[level], own[level]) for own in totals],
            [_moments(np.zeros(n), np.zeros(n)) for _ in encodings],
            _first_of_parent(rows, level),
        )
        for level, parents in enumerate(tree.above)
    ]


def _draw_conjugate(
    encodings: Sequence[NestedEncoding], plan: Sequence[_LevelPlan], rows: PathRows, rng: np.random.Generator
) -> list[list[np.ndarray]]:
    """Draw the values of rows by class and level, shape (n,)."""
    family, value = encodings[0].levels.family, _shared_draw(encodings, rng)
    of_rows = [np.full(len(rows.steps[0]), own[0]) for own in value]
    result: list[list[np.ndarray]] = [[] for _ in encodings]
    for level, (parents, priors, moments, nothing, first) in enumerate(plan):
        value = family.draw(moments, priors, [own[parents] for own in value], rng)
        unseen = family.draw(nothing, priors, of_rows, rng)
        of_rows = [_row_values(rows, level, own, new[first]) for own, new in zip(value, unseen, strict=True)]
        for own, drawn in zip(result, of_rows, strict=True):
            own.append(drawn)
    return result


def _shared_draw(encodings: Sequence[NestedEncoding], rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the overall mean of each class."""
    family = encodings[0].levels.family
    rows = float(encodings[0].moments.count.sum())
    moments = [_moments(np.array([rows]), np.array([float(each.moments.total.sum())])) for each in encodings]
    priors = [_prior(each.levels, strength=0.0) for each in encodings]
    return family.draw(moments, priors, [np.array([each.levels.mean]) for each in encodings], rng)


def _prior(levels: Levels, strength: float) -> Prior:
    return Prior(np.array(levels.mean), np.array(strength), np.array(0.0), np.array(levels.within))


def _moments(count: np.ndarray, total: np.ndarray) -> Moments:
    return Moments(count, total, np.array(0.0))


def _first_of_parent(rows: PathRows, level: int) -> np.ndarray:
    """The first row of the same path above, so that rows of a new category share one draw, shape (n,)."""
    if level == 0:
        return np.zeros(len(rows.steps[0]), dtype=np.intp)
    _, first, inverse = np.unique(rows.steps[level - 1], return_index=True, return_inverse=True)
    return np.asarray(first[inverse.ravel()])


def _row_values(rows: PathRows, level: int, value: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """The values of rows on a level, from those of its paths and, for rows of other paths, of new ones."""
    return np.where(rows.has_own_value(level), value[rows.nodes(level)], unseen)
