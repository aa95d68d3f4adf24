"""The tree of nested levels, and the estimates of its nodes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from catpool.data.columns.crossed import Paths
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.priors.families.family import Family


@frozen
class Tree:
    """The nodes of each level.

    Parameters
    ----------
    parents : list of ndarray
        For each level but the first, the parents of its nodes.
    roots : int
        Number of nodes of the first level.
    """

    parents: list[np.ndarray]
    roots: int

    @classmethod
    def from_paths(cls, paths: Paths) -> Tree:
        return cls([paths.parents(level) for level in range(1, len(paths.parts))], paths.level_size(0))

    @cached_property
    def sizes(self) -> list[int]:
        """The number of nodes of each level."""
        return [self.roots, *(len(each) for each in self.parents)]

    @cached_property
    def above(self) -> list[np.ndarray]:
        """The parents of each level's nodes; those of the first level are all the root."""
        return [np.zeros(self.roots, dtype=np.intp), *self.parents]

    def sum_levels(self, deepest: np.ndarray) -> list[np.ndarray]:
        """Sum values of the deepest nodes over the nodes of each level."""
        result = [deepest]
        for level in range(len(self.sizes) - 1, 0, -1):
            result.insert(0, self.sum_children(result[0], level))
        return result

    def sum_children(self, values: np.ndarray, level: int) -> np.ndarray:
        """Sum values of a level's nodes by parent."""
        number = 1 if level == 0 else self.sizes[level - 1]
        return np.bincount(self.above[level], values, minlength=number)


@frozen
class LevelMixture:
    """The variances that an estimate averages over.

    Parameters
    ----------
    probability : ndarray of shape (m,)
    lambdas : ndarray of shape (m, levels)
        The variance of each level relative to the residual one.
    freedom : float
        Degrees of freedom of the residual variance.
    """

    probability: np.ndarray
    lambdas: np.ndarray
    freedom: float

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a mixture."""
        require_numbers(np.shape(self.probability), least=0.0, probability=self.probability)
        require(np.shape(self.lambdas)[:1] == np.shape(self.probability), "variances without their probabilities")
        require_numbers(np.shape(self.lambdas), least=0.0, lambdas=self.lambdas)
        require(self.freedom > 0, "a mixture without degrees of freedom")


@frozen
class Levels:
    """The estimates of one target at the nodes of each level.

    Parameters
    ----------
    mean, mean_variance : float
        The overall mean and its variance.
    values, variances, gains : list of ndarray of shape (nodes,)
        For each level the posterior means, their variances, and the weights of the nodes' own rows in their values.
    between : list of float
        Variance between the nodes of one parent, at the overall mean.
    strengths : list of float
        The weight of the parent's value, in rows.
    within : float
        Variance of a row within the deepest nodes, at the overall mean.
    log_likelihood : float
    notes : list of str
        For each level, what is special about its fit.
    family : Family
    mixture : LevelMixture, optional
        Of normal levels: the variances that all of this averages over.
    """

    mean: float
    mean_variance: float
    values: list[np.ndarray]
    variances: list[np.ndarray]
    gains: list[np.ndarray]
    between: list[float]
    strengths: list[float]
    within: float
    log_likelihood: float
    notes: list[str]
    family: Family
    mixture: LevelMixture | None = None

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be levels."""
        number = len(self.values)
        lists = self.variances, self.gains, self.between, self.strengths, self.notes
        require(number and all(len(each) == number for each in lists), "levels without their estimates")
        for values, variances, gains in zip(self.values, self.variances, self.gains, strict=True):
            require(np.ndim(values) == 1, "estimates of levels that are not a list")
            require_numbers(np.shape(values), values=values, variances=variances, gains=gains)
        require(self.mixture is None or np.shape(self.mixture.lambdas)[1:] == (number,), "variances of other levels")

    def variance_of_new(self, level: int, value: np.ndarray) -> np.ndarray:
        """The variance of a node without rows about its parent's value."""
        return self.family.spread(value, np.full_like(value, self.strengths[level]), np.full_like(value, self.within))
