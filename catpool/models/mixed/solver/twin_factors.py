"""Factors that put the rows into the same levels, which a model cannot tell apart: their effects are shared equally.

Only the sum of the covariances of such factors has a likelihood. Where a search ends on this ridge depends on
rounding, and so on the order of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from catpool.models.mixed.solver.mixed_system import MixedSystem


def find_twins(system: MixedSystem) -> list[list[int]]:
    """The positions of factors that have the same levels and slopes under other names, in groups of two or more."""
    groups: list[list[int]] = [[position] for position in range(len(system.shapes))]
    for first, second in combinations(range(len(system.shapes)), 2):
        if groups[first] is not groups[second] and _are_twins(system, first, second):
            groups[first] += groups[second]
            for position in groups[second]:
                groups[position] = groups[first]
    distinct = {id(group): group for group in groups}.values()
    return [sorted(group) for group in distinct if len(group) > 1]


def _are_twins(system: MixedSystem, first: int, second: int) -> bool:
    one, other = system.shapes[first], system.shapes[second]
    if one.width != other.width or one.correlated != other.correlated:
        return False
    own = [_information(system, position) for position in (first, second)]
    seen = [np.flatnonzero(each[:, 0, 0]) for each in own]
    # most factors are told apart by the sizes of their levels, which takes no time
    if not np.array_equal(np.sort(own[0][seen[0], 0, 0]), np.sort(own[1][seen[1], 0, 0])):
        return False
    between = system.random[system.slices[first]][:, system.slices[second]]
    shared = between[:: one.width, :: other.width].tocoo()
    places = np.flatnonzero(shared.data)
    rows, columns = shared.row[places], shared.col[places]
    if not len(rows) == len(np.unique(rows)) == len(np.unique(columns)) == len(seen[0]):
        return False
    if not np.allclose(own[0][rows], own[1][columns], rtol=1e-9, atol=0):
        return False
    # slopes of other columns may have the same squares, but then not the same products with each other
    inner = range(one.width)
    products = [[between[rows * one.width + a, columns * one.width + b].A1 for b in inner] for a in inner]
    return np.allclose(np.transpose(products, (2, 0, 1)), own[0][rows], rtol=1e-9, atol=0)


def _information(system: MixedSystem, position: int) -> np.ndarray:
    """The part of Z'WZ of each level of a factor, of shape (size, width, width)."""
    shape, where = system.shapes[position], system.slices[position]
    starts = where.start + shape.width * np.arange(shape.size)[:, None, None]
    inner = np.arange(shape.width)
    if shape.width == 1:
        return system.random.diagonal()[starts]
    rows, columns = np.broadcast_arrays(starts + inner[:, None], starts + inner)
    return np.asarray(system.random[rows.ravel(), columns.ravel()]).reshape(rows.shape)


def share_equally(lambdas: Sequence[np.ndarray], twins: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Give twins one Lambda each that leaves the sum of their covariances as it is."""
    result = list(lambdas)
    for group in twins:
        stacked = np.vstack([lambdas[position].T for position in group]) / np.sqrt(len(group))
        root = np.asarray(
            np.linalg.qr(stacked, mode="r")
        )  # a Cholesky factor of the mean covariance, which may be singular
        own = (root * np.where(np.diag(root) < 0, -1.0, 1.0)[:, None]).T
        for position in group:
            result[position] = own
    return result
