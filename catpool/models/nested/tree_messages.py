"""Messages up and down a tree: posterior means and the likelihood of y = mu + u_state + u_county + u_zip + e.

Take a node of n rows (or the equivalent in precision) and mean m, on a level whose variance relative to the residual
variance is lambda. To its parent the node is one observation of mean m and precision w = n / (1 + lambda n). So a
parent has n = sum of w and m = sum of w m / n over its children, and with nu degrees of freedom

    RSS = within + sum over all nodes of w (m - the parent's m)^2,
    criterion = sum over all nodes of log(1 + lambda n) + log(n of the root) + nu (1 + log(2 pi RSS / nu)).

With a single level this is the model of one factor. On the way down, let A be the parent's estimate and V its variance
relative to the residual variance. A node's estimate and variance are

    A + g (m - A)  and  lambda (1 - g) + (1 - g)^2 V,    g = lambda w,

and d criterion / d lambda = sum over the level of w - w^2 V - w^2 (m - A)^2 nu / RSS.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from catpool.models.nested.tree import Tree
from catpool.moments.moments import TINY, Moments


class NodeEstimates(NamedTuple):
    """Estimates from the downward pass.

    Parameters
    ----------
    values, variances : list of ndarray of shape (nodes,)
        For each level the estimates, and their variances relative to the residual variance.
    traces, squares : ndarray of shape (levels,)
        For each level the sums of w - w^2 V and of w^2 (m - A)^2.
    """

    values: list[np.ndarray]
    variances: list[np.ndarray]
    traces: np.ndarray
    squares: np.ndarray


class TreeMessages:
    """The upward pass, for one lambda per level.

    Parameters
    ----------
    tree : Tree
    moments : Moments of shape (K,)
        Of the deepest nodes.
    lambdas : ndarray of shape (levels,)
    within : float
        Sum of squares within the deepest nodes.

    Attributes
    ----------
    weights, means : list of ndarray of shape (nodes,)
        w and m of each level's nodes; means are distances from the overall mean.
    rests : list of ndarray of shape (nodes,)
        1 - g of each level's nodes, which no difference rounds.
    size, mean : float
        n and m of the root.
    residual : float
        RSS.
    log_det : float
        Sum of log(1 + lambda n).
    """

    def __init__(self, tree: Tree, moments: Moments, lambdas: np.ndarray, within: float) -> None:
        self.tree, self.lambdas = tree, lambdas
        size, mean = moments.count, moments.distances
        self.weights: list[np.ndarray] = []
        self.means: list[np.ndarray] = []
        self.rests: list[np.ndarray] = []
        self.residual, self.log_det = within, 0.0
        for level in range(len(lambdas) - 1, -1, -1):
            growth = 1 + lambdas[level] * size
            weight = size / growth
            parent_size = tree.sum_children(weight, level)  # zero where no child has rows
            parent_mean = tree.sum_children(weight * mean, level) / np.maximum(parent_size, TINY)
            self.residual += float((weight * (mean - parent_mean.take(tree.above[level])) ** 2).sum())
            self.log_det += float(np.log(growth).sum())  # several times as fast as log1p
            self.weights.insert(0, weight)
            self.means.insert(0, mean)
            self.rests.insert(0, 1 / growth)
            size, mean = parent_size, parent_mean
        self.size, self.mean = float(size[0]), float(mean[0])

    def estimate(self, *, known_mean: bool) -> NodeEstimates:
        """Go down the tree. With `known_mean` the overall mean has no variance, as under ML."""
        value, variance = np.array([self.mean]), np.array([0.0 if known_mean else 1 / self.size])
        values, variances, traces, squares = [], [], [], []
        levels = zip(self.weights, self.means, self.rests, self.lambdas, strict=True)
        for level, (weight, mean, rest, own) in enumerate(levels):
            above = self.tree.above[level]
            parent, parent_variance = value.take(above), variance.take(above)
            pull = weight * (mean - parent)
            traces.append(float((weight - weight**2 * parent_variance).sum()))
            squares.append(float((pull**2).sum()))
            value = parent + own * pull
            variance = own * rest + rest**2 * parent_variance
            values.append(value)
            variances.append(variance)
        return NodeEstimates(values, variances, np.array(traces), np.array(squares))
