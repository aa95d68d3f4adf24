"""Paths with so many rows that no single row, or group of rows, matters to their encoding."""

from __future__ import annotations

import numpy as np

from catpool.crossfit.leverage import heaviest_share, is_large
from catpool.data.columns.crossed import Paths
from catpool.models.nested.nested_learner import NestedEncoding
from catpool.models.nested.tree import Tree


def large_levels(
    paths: Paths,
    encoding: NestedEncoding,
    codes: np.ndarray,
    weights: np.ndarray | None,
    groups: np.ndarray | None,
    least: float,
) -> list[np.ndarray]:
    """For each level which of the deepest paths lie in a node that no row and no group matters to.

    A row's share in its zip's value is its share of the zip's rows. Its share in the county's value is that, times the
    zip's share in the county. In the normal model this last share can be large even for a zip with few rows, if zips
    differ strongly.

    Parameters
    ----------
    paths : Paths
    encoding : NestedEncoding
    codes : ndarray of shape (n,)
        The deepest path of each row.
    weights, groups : ndarray of shape (n,) or None
    least : float
        The least reliability of a large node.
    """
    tree, levels = Tree.from_paths(paths), encoding.levels
    counts, steps = tree.sum_levels(encoding.moments.count), paths.ancestors(len(paths.parts) - 1)
    row = np.ones(len(codes)) if weights is None else weights
    share = row / np.maximum(counts[-1], np.finfo(float).tiny)[codes]
    result: list[np.ndarray] = []
    size = counts[-1]
    for level in range(len(steps) - 1, -1, -1):
        step = steps[level]
        heaviest = heaviest_share(step[codes], len(counts[level]), share, groups)
        result.insert(0, is_large(heaviest, levels.gains[level], least)[step])
        # a node's precision to its parent; shares and counts are pooled with their full weight
        passed = size / (1 + size / levels.strengths[level]) if levels.family.homoscedastic else counts[level]
        size = np.maximum(tree.sum_children(passed, level), np.finfo(float).tiny)
        share = share * (passed / size[tree.above[level]])[step[codes]]
    return result
