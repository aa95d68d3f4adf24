"""Nested levels of shares and counts: each level has a conjugate prior about the posterior means of the level above.

The levels are fitted one after the other, from the outermost. The strength of each level maximizes the likelihood of
its totals, given the values of the level above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from catpool.models.nested.tree import Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.prior import NO_SPREAD


class ConjugateLevel(NamedTuple):
    """The estimates of C classes at the nodes of one level.

    Parameters
    ----------
    values, variances : ndarray of shape (C, nodes)
        Posterior means and their variances.
    gain : ndarray of shape (nodes,)
        The weights of the nodes' own rows.
    strength : float
        The weight of the parent's value, in rows.
    log_likelihood : float
    """

    values: np.ndarray
    variances: np.ndarray
    gain: np.ndarray
    strength: float
    log_likelihood: float


def fit_conjugate_levels(tree: Tree, classes: Sequence[Moments], family: Family) -> list[Levels]:
    """Fit beta-binomial levels (with several classes Dirichlet-multinomial) or gamma-Poisson levels.

    Parameters
    ----------
    tree : Tree
    classes : sequence of Moments of shape (K,)
        The moments of each class at the deepest nodes. The classes share the strengths.
    family : Family
    """
    counts = tree.sum_levels(classes[0].count)
    totals = [tree.sum_levels(each.total) for each in classes]
    means = np.array([float(each.mean) for each in classes])
    noise = np.array([float(family.variance(each)) for each in classes])
    rows = max(float(classes[0].size), 1.0)
    level = ConjugateLevel(means[:, None], noise[:, None] / rows, np.zeros(1), np.inf, 0.0)
    levels = []
    for position, above in enumerate(tree.above):
        own = np.array([each[position] for each in totals])
        level = _fit_level(level, own, counts[position], above, family)
        levels.append(level)
    return [
        _class_levels(levels, label, float(means[label]), float(noise[label]), rows, family)
        for label in range(len(classes))
    ]


def _fit_level(
    parent: ConjugateLevel, totals: np.ndarray, counts: np.ndarray, above: np.ndarray, family: Family
) -> ConjugateLevel:
    """Fit the level below `parent`.

    Parameters
    ----------
    parent : ConjugateLevel
    totals : ndarray of shape (C, nodes)
    counts : ndarray of shape (nodes,)
    above : ndarray of shape (nodes,)
        The parents of the nodes.
    family : Family
    """
    prior_mean = parent.values[:, above]
    strength, likelihood = family.strength_given_means(totals, counts, prior_mean)
    rows = np.where(counts > 0, counts, 1.0)  # any number; the gain of a node without rows is zero
    gain = np.where(counts > 0, counts / (rows + strength), 0.0)
    values = gain * (totals / rows) + (1 - gain) * prior_mean
    weight = np.broadcast_to(counts + strength, values.shape)
    variances = family.spread(values, weight, values) + (1 - gain) ** 2 * parent.variances[:, above]
    return ConjugateLevel(values, family.capped(variances, values), gain, strength, likelihood)


def _class_levels(
    levels: Sequence[ConjugateLevel], label: int, mean: float, noise: float, rows: float, family: Family
) -> Levels:
    return Levels(
        mean=mean,
        mean_variance=noise / rows,
        values=[each.values[label] for each in levels],
        variances=[each.variances[label] for each in levels],
        gains=[each.gain for each in levels],
        between=[family.between_variance(noise, each.strength) for each in levels],
        strengths=[each.strength for each in levels],
        within=noise,
        log_likelihood=levels[-1].log_likelihood,
        notes=[NO_SPREAD if np.isinf(each.strength) else "" for each in levels],
        family=family,
    )
