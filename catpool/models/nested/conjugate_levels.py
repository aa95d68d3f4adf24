"""Nested levels of shares and counts: each level has a conjugate prior about the posterior means of the level above.

The levels are fitted one after the other, from the outermost. The strength of each level maximizes the likelihood of
its totals, given the values of the level above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from catpool.models.nested.averaged_levels import VarianceRule
from catpool.models.nested.tree import Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.mixtures.mixture_of_t import average
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


def fit_conjugate_levels(
    tree: Tree, classes: Sequence[Moments], family: Family, variances: VarianceRule
) -> list[Levels]:
    """Fit beta-binomial levels (with several classes Dirichlet-multinomial) or gamma-Poisson levels.

    Parameters
    ----------
    tree : Tree
    classes : sequence of Moments of shape (K,)
        The moments of each class at the deepest nodes. The classes share the strengths.
    family : Family
    variances : VarianceRule
        For levels of uncertain strength, values and variances are averages over it.
    """
    counts = tree.sum_levels(classes[0].count)
    totals = [tree.sum_levels(each.total) for each in classes]
    means = np.array([float(each.mean) for each in classes])
    noise = np.array([float(family.variance(each)) for each in classes])
    rows = max(float(classes[0].size), 1.0)
    level = ConjugateLevel(means[:, None], noise[:, None] / rows, np.zeros(1), np.inf, 0.0)
    levels, uncertain = [], variances.uncertain(tree, classes[0])
    for position, above in enumerate(tree.above):
        own = np.array([each[position] for each in totals])
        scale = variances.scale if uncertain[position] else None
        level = _fit_level(level, own, counts[position], above, family, scale)
        levels.append(level)
    return [
        _class_levels(levels, label, float(means[label]), float(noise[label]), rows, family)
        for label in range(len(classes))
    ]


def _fit_level(
    parent: ConjugateLevel,
    totals: np.ndarray,
    counts: np.ndarray,
    above: np.ndarray,
    family: Family,
    scale: float | None,
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
    scale : float or None
        Of the half-t prior, if the strength is averaged over.
    """
    prior_mean = parent.values[:, above]
    strength, likelihood = family.strength_given_means(totals, counts, prior_mean)
    if scale is None or np.count_nonzero(counts) < 2:
        return _estimate_level(strength, likelihood, parent, totals, counts, above, family)
    strengths, probability = family.strengths_given_means(totals, counts, prior_mean, scale)
    levels = [_estimate_level(each, likelihood, parent, totals, counts, above, family) for each in strengths]
    return _average_levels(levels, probability)


def _estimate_level(
    strength: float,
    likelihood: float,
    parent: ConjugateLevel,
    totals: np.ndarray,
    counts: np.ndarray,
    above: np.ndarray,
    family: Family,
) -> ConjugateLevel:
    """The estimates at one strength."""
    prior_mean = parent.values[:, above]
    rows = np.where(counts > 0, counts, 1.0)  # one in place of zero, as the gain of a node without rows is zero anyway
    gain = np.where(counts > 0, counts / (rows + strength), 0.0)
    values = gain * (totals / rows) + (1 - gain) * prior_mean
    weight = np.broadcast_to(counts + strength, values.shape)
    variances = family.spread(values, weight, values) + (1 - gain) ** 2 * parent.variances[:, above]
    return ConjugateLevel(values, family.capped(variances, values), gain, strength, likelihood)


def _average_levels(levels: Sequence[ConjugateLevel], probability: np.ndarray) -> ConjugateLevel:
    """The mixture of estimates at several strengths."""
    values = average(probability, [each.values for each in levels])
    variances = average(probability, [each.variances + (each.values - values) ** 2 for each in levels])
    inverse = float(average(probability, [1 / each.strength for each in levels]))
    strength = 1 / inverse if inverse > 0 else np.inf
    gain = average(probability, [each.gain for each in levels])
    return ConjugateLevel(values, variances, gain, strength, levels[0].log_likelihood)


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
