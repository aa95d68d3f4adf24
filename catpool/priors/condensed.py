"""Many categories as few, for the shares of a mixture: those that are alike become one that counts several times.

Where rows have one variance, a category says no more than its size n and the distance z of its mean from the prior's,
in standard errors. Sizes are rounded to steps of a few percent, and each category is divided between the two nearest of
a grid of distances, in proportion to how near they are (Wand 1994), so that no rounding error decides where it goes.
Elsewhere, categories of one size and one total become one.

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
from catpool.priors.family import Family
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


# of distributions that are symmetric about the prior mean, the wider the farther from it; and of all others
GROWING = Distances(lambda z: np.arcsinh(np.abs(z)) * 12, lambda place: np.sinh(place / 12))
EVEN = Distances(lambda z: z * 4, lambda place: place / 4)


def condense(moments: Moments, prior: Prior, family: Family, distances: Distances) -> tuple[Moments, np.ndarray]:
    """Categories that stand for those of moments of shape (K,), and how many each stands for."""
    if len(moments.count) <= FEW:
        return moments, np.ones(len(moments.count))
    if family.homoscedastic:
        return _divide(moments, prior, distances)
    pairs, number = np.unique(np.stack([moments.count, moments.total]), axis=1, return_counts=True)
    return Moments(pairs[0], pairs[1], moments.scatter), number.astype(float)


def _divide(moments: Moments, prior: Prior, distances: Distances) -> tuple[Moments, np.ndarray]:
    """Divide each category between two points of the grid of its rounded size."""
    assert prior.within is not None
    z = (moments.category_means - prior.mean) * np.sqrt(moments.count / prior.within)
    place = distances.place(z)
    below = np.floor(place)
    step = np.rint(np.log(moments.count) * SIZES)
    first, least = step.min(), below.min()
    width = int(below.max() - least) + 2
    cell = ((step - first) * width + (below - least)).astype(np.intp)
    cells, number = _count(np.append(cell, cell + 1), np.append(1 - (place - below), place - below))
    count = np.exp((cells // width + first) / SIZES)
    means = prior.mean + distances.point(cells % width + least) * np.sqrt(prior.within / count)
    return Moments(count, count * means, moments.scatter), number


def _count(cells: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells that occur, and the sum of the weights in each."""
    if cells.max() <= 4 * len(cells):
        number = np.bincount(cells, weights)
        occur = np.flatnonzero(number)
        return occur, number[occur]
    occur, place = np.unique(cells, return_inverse=True)
    return occur, np.bincount(place, weights)
