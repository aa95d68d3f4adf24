"""Shares and counts in nested levels: each level is conjugate to the posterior mean of the one above.

The strength of a level is the one that is likeliest given these means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from catpool.models.nested.tree import Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.prior import NO_SPREAD


def fit_conjugate(tree: Tree, classes: Sequence[Moments], family: Family) -> list[Levels]:
    """Fit beta-binomial (of several classes Dirichlet-multinomial) or gamma-Poisson levels, each given the one above.

    The classes of a target share the strengths.
    """
    counts = tree.counts(classes[0].count)
    totals = [tree.counts(each.total) for each in classes]
    means = np.array([float(each.mean) for each in classes])
    noise = np.array([float(family.variance(each)) for each in classes])
    step = _Level(means[:, None], noise[:, None] / max(float(classes[0].size), 1.0), np.zeros(1), np.inf, 0.0)
    steps = []
    for level, above in enumerate(tree.above):
        own = np.array([each[level] for each in totals])
        step = _below(step, own, counts[level], above, family)
        steps.append(step)
    return [
        Levels(
            mean=float(means[label]),
            mean_variance=float(noise[label]) / max(float(classes[0].size), 1.0),
            values=[step.values[label] for step in steps],
            variances=[step.variances[label] for step in steps],
            gains=[step.gain for step in steps],
            between=[family.between_variance(float(noise[label]), step.strength) for step in steps],
            strengths=[step.strength for step in steps],
            within=float(noise[label]),
            log_likelihood=steps[-1].log_likelihood,
            notes=[NO_SPREAD if np.isinf(step.strength) else "" for step in steps],
            family=family,
        )
        for label in range(len(classes))
    ]


class _Level(NamedTuple):
    """One level: values and variances of shape (C, nodes), weights of the nodes' own rows, of shape (nodes,)."""

    values: np.ndarray
    variances: np.ndarray
    gain: np.ndarray
    strength: float
    log_likelihood: float


def _below(parent: _Level, totals: np.ndarray, counts: np.ndarray, above: np.ndarray, family: Family) -> _Level:
    """The next level, from its totals, of shape (C, nodes), and counts, and the parents of its nodes."""
    believed = parent.values[:, above]
    strength, likelihood = family.strength_given_means(totals, counts, believed)
    rows = np.where(counts > 0, counts, 1.0)
    gain = np.where(counts > 0, counts / (rows + strength), 0.0)
    values = gain * (totals / rows) + (1 - gain) * believed
    weight = np.broadcast_to(counts + strength, values.shape)
    variances = family.spread(values, weight, values) + (1 - gain) ** 2 * parent.variances[:, above]
    return _Level(values, family.capped(variances, values), gain, strength, likelihood)
