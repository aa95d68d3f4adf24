"""The nodes of nested levels, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from catpool.data.crossed import Paths
from catpool.priors.family import Family


@dataclass(frozen=True)
class Tree:
    """The nodes of each level.

    Parameters
    ----------
    parents : list of ndarray
        For each level but the first, the parents of its nodes.
    roots : int
        Nodes of the first level.
    """

    parents: list[np.ndarray]
    roots: int

    @classmethod
    def of(cls, paths: Paths) -> Tree:
        return cls([paths.parents(level) for level in range(1, len(paths.parts))], paths.number(0))

    @property
    def sizes(self) -> list[int]:
        return [self.roots, *(len(each) for each in self.parents)]

    @cached_property
    def above(self) -> list[np.ndarray]:
        """For each level, the parents of its nodes, the first level's being one root."""
        return [np.zeros(self.roots, dtype=np.intp), *self.parents]

    def counts(self, deepest: np.ndarray) -> list[np.ndarray]:
        """Sums of the deepest nodes' values over the nodes of each level."""
        result = [deepest]
        for level in range(len(self.sizes) - 1, 0, -1):
            result.insert(0, self.sums(result[0], level))
        return result

    def sums(self, values: np.ndarray, level: int) -> np.ndarray:
        """Sum over the children of each parent of a level's nodes."""
        number = 1 if level == 0 else self.sizes[level - 1]
        return np.bincount(self.above[level], values, minlength=number)


@dataclass(frozen=True)
class Levels:
    """What is known of the nodes of each level.

    Parameters
    ----------
    mean, mean_variance : float
        The root's.
    values, variances, gains : list of ndarray of shape (nodes,)
        One a level: posterior means, their variances, and the weight of a node's own rows in its value.
    between : list of float
        Variance between the nodes of a parent, at the root's mean.
    strengths : list of float
        Of what a node is believed to be, in rows: the level above's value counts as so many.
    within : float
    log_likelihood : float
    notes : list of str
    family : Family
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

    def unseen(self, level: int, value: np.ndarray) -> np.ndarray:
        """Variance that a node without rows has beside its parent's, whose value is given."""
        return self.family.spread(value, np.full_like(value, self.strengths[level]), np.full_like(value, self.within))
