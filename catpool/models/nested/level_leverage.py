"""Paths so well filled that no row, and no group of rows, matters to what they are worth."""

from __future__ import annotations

import numpy as np

from catpool.crossfit.leverage import heaviest_share, negligible
from catpool.data.crossed import Paths
from catpool.models.nested.nested_learner import NestedEncoding
from catpool.models.nested.tree import Tree


def trusted_levels(
    paths: Paths,
    encoding: NestedEncoding,
    codes: np.ndarray,
    weights: np.ndarray | None,
    groups: np.ndarray | None,
    least: float,
) -> list[np.ndarray]:
    """For each level, whether the deepest paths lie in one of it to which no row and no group matters.

    A row's share in what its path is worth is its share in the path's rows; its share in what the level above is worth
    is that times the path's own share there, which in the normal model a path of few rows may have as well as a full
    one.

    Parameters
    ----------
    paths : Paths
    encoding : NestedEncoding
    codes : ndarray of shape (n,)
        Of the deepest paths.
    weights, groups : ndarray of shape (n,) or None
    least : float
        The least reliability.
    """
    tree, levels = Tree.of(paths), encoding.levels
    counts, steps = tree.counts(encoding.moments.count), paths.steps(len(paths.parts) - 1)
    row = np.ones(len(codes)) if weights is None else weights
    share = row / np.maximum(counts[-1], np.finfo(float).tiny)[codes]
    result: list[np.ndarray] = []
    size = counts[-1]
    for level in range(len(steps) - 1, -1, -1):
        step = steps[level]
        heaviest = heaviest_share(step[codes], len(counts[level]), share, groups)
        result.insert(0, negligible(heaviest, levels.gains[level], least)[step])
        passed = size / (1 + size / levels.strengths[level]) if levels.family.homoscedastic else counts[level]
        size = np.maximum(tree.sums(passed, level), np.finfo(float).tiny)
        share = share * (passed / size[tree.above[level]])[step[codes]]
    return result
