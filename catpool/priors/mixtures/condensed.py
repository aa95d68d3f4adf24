"""Many categories as few, for the shares of a mixture: those that are alike become one that counts several times.

A category says no more than its size n and its mean, or the distance z of its mean from the prior's in standard errors,
on a scale on which these do not depend on the mean. Sizes are rounded to steps of a few percent, and each category is
divided between the two nearest of a grid of distances, in proportion to how near they are (Wand 1994), so that no
rounding error decides where it goes.

References
----------
M. P. Wand (1994), Fast computation of multivariate kernel estimators, Journal of Computational and Graphical Statistics
3, 433-445.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.prior import Prior

FEW = 1000  # categories, which are taken as they are
SIZES = 12.0  # steps of sizes while they grow by a factor of e


@frozen
class Distances:
    """A grid of distances, in standard errors, whose points are the values of `point` at whole numbers.

    Parameters
    ----------
    place, point : callable
        From distances to places on the grid, and back.
    """

    place: Callable[[np.ndarray], np.ndarray]
    point: Callable[[np.ndarray], np.ndarray]


EVEN = Distances(lambda z: z * 4, lambda place: place / 4)
# for rows of one variance, and priors that are the wider the farther from their mean
GROWING = Distances(lambda z: np.arcsinh(z) * 12, lambda place: np.sinh(place / 12))


def condense(moments: Moments, prior: Prior, family: Family, distances: Distances) -> tuple[Moments, np.ndarray]:
    """Categories that stand for those of moments of shape (K,), and how many each stands for."""
    if len(moments.count) <= FEW:
        return moments, np.ones(len(moments.count))
    assert prior.within is not None
    center = family.stabilized(prior.mean, prior.within)
    z = (family.stabilized(moments.category_means, prior.within) - center) * np.sqrt(moments.count)
    size, place, number = _divide(np.log(moments.count) * SIZES, distances.place(z))
    count = np.exp(size / SIZES)
    means = family.from_stabilized(center + distances.point(place) / np.sqrt(count), prior.within)
    return Moments(count, count * means, moments.scatter), number


def _divide(size: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sizes and places that occur, as whole numbers, and the number of categories at each."""
    below, step = np.floor(place), np.rint(size)
    first, least = step.min(), below.min()
    width = int(below.max() - least) + 2
    cell = ((step - first) * width + (below - least)).astype(np.intp)
    cells, number = _count(np.append(cell, cell + 1), np.append(1 - (place - below), place - below))
    return cells // width + first, cells % width + least, number


def _count(cells: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells that occur, and the sum of the weights in each."""
    if cells.max() <= 4 * len(cells):
        number = np.bincount(cells, weights)
        occur = np.flatnonzero(number)
        return occur, number[occur]
    occur, place = np.unique(cells, return_inverse=True)
    return occur, np.bincount(place, weights)
