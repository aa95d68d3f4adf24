"""Rough variances of nested levels by the method of moments, near which the search for the likeliest ones starts.

The mean m of a node has the variance lambda + v about its parent, relative to the residual variance, where v is its own
error: 1 / n for the deepest nodes. A parent takes the plain mean of its c children, whose error is the sum of
lambda + v over them divided by c^2. So the sum of squares of the children about that mean has the expectation

    sum over parents of (c - 1) lambda + (1 - 1 / c) sum of v,

which is solved for lambda level by level, from the deepest up.
"""

from __future__ import annotations

import numpy as np

from catpool.models.nested.tree import Tree
from catpool.moments.moments import Moments


def rough_lambdas(tree: Tree, moments: Moments, active: np.ndarray, residual: float) -> np.ndarray:
    """The variance of each level, shape (levels,), relative to the residual variance; 0 for levels not active."""
    lambdas = np.zeros(len(active))
    seen = moments.count > 0
    mean, error = moments.category_means, np.where(seen, 1 / np.maximum(moments.count, 1e-300), 0.0)
    for level in range(len(active) - 1, -1, -1):
        children = tree.sum_children(seen.astype(float), level)
        share = 1 / np.maximum(children, 1.0)
        parent_mean = tree.sum_children(np.where(seen, mean, 0.0), level) * share
        squares = np.where(seen, mean - parent_mean.take(tree.above[level]), 0.0) ** 2
        excess = squares.sum() / residual - ((1 - share) * tree.sum_children(error, level)).sum()
        if active[level]:
            lambdas[level] = max(excess, 0.0) / max(np.maximum(children - 1, 0.0).sum(), 1.0)
        error = tree.sum_children(np.where(seen, error + lambdas[level], 0.0), level) * share**2
        mean, seen = parent_mean, children > 0
    return lambdas
