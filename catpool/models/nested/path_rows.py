"""Rows by the paths of their categories, and what the estimates of nested levels say of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.data.columns.categories import MISSING
from catpool.data.columns.crossed import Paths
from catpool.data.frozen import frozen
from catpool.models.nested.tree import Levels
from catpool.tables.policy import Policy


@frozen
class PathRows:
    """Rows by their paths.

    Parameters
    ----------
    paths : Paths
    policy : Policy
    steps : list of ndarray of shape (n,)
        The number of each row's path on each level; unseen paths have a number beyond the last.
    missing : list of ndarray of bool of shape (n,)
        Whether each row's category on each level is missing.
    counts : list of ndarray of shape (nodes,)
        Training rows of each level's paths.
    """

    paths: Paths
    policy: Policy
    steps: list[np.ndarray]
    missing: list[np.ndarray]
    counts: list[np.ndarray]

    @classmethod
    def of_slots(cls, paths: Paths, policy: Policy, slots: Sequence[np.ndarray], counts: list[np.ndarray]) -> PathRows:
        """Rows whose categories have these slots on each level."""
        return cls(paths, policy, paths.follow(slots), [own == MISSING for own in slots], counts)

    @classmethod
    def of_deepest(cls, paths: Paths, policy: Policy, counts: list[np.ndarray]) -> PathRows:
        """One row for each of the deepest paths."""
        steps = paths.ancestors(len(paths.parts) - 1)
        missing = [paths.slots(level)[step] == MISSING for level, step in enumerate(steps)]
        return cls(paths, policy, steps, missing, counts)

    def nodes(self, level: int) -> np.ndarray:
        """The node of each row's path on a level, or any one if the path is unseen, shape (n,)."""
        return np.minimum(self.steps[level], len(self.counts[level]) - 1)

    def seen(self, level: int) -> np.ndarray:
        """Whether each row's path on a level has training rows, shape (n,)."""
        nodes = self.nodes(level)
        return (self.steps[level] == nodes) & (self.counts[level][nodes] > 0)

    def unseen(self, level: int) -> np.ndarray:
        """Whether each row's category on a level is there, but its path has no training rows, shape (n,)."""
        return ~self.seen(level) & ~self.missing[level]

    def has_own_value(self, level: int) -> np.ndarray:
        """Whether each row has the value of its own path, rather than that of the level above, shape (n,)."""
        seen = self.seen(level)
        return seen & ~self.missing[level] if self.policy.missing == "prior" else seen

    def outputs(self, levels: Levels) -> list[dict[str, np.ndarray]]:
        """The outputs of rows, shape (n,), by level and name. An unseen path has the value of its parent."""
        number, result = len(self.steps[0]), []
        value, variance = np.full(number, levels.mean), np.full(number, levels.mean_variance)
        for level, counts in enumerate(self.counts):
            nodes, own, parent = self.nodes(level), self.has_own_value(level), value
            value = np.where(own, levels.values[level][nodes], parent)
            of_new = levels.family.capped(variance + levels.variance_of_new(level, parent), value)
            variance = np.where(own, levels.variances[level][nodes], of_new)
            result.append(
                {
                    "mean": self._hide(level, value),
                    "sd": self._hide(level, np.sqrt(variance)),
                    "reliability": np.where(own, levels.gains[level][nodes], 0.0),
                    "count": np.where(self.seen(level), counts[nodes], 0.0),
                }
            )
        return result

    def _hide(self, level: int, values: np.ndarray) -> np.ndarray:
        """The values of rows on a level, with NaN where the policy asks for it."""
        if self.policy.unknown == "nan":
            values = np.where(self.unseen(level), np.nan, values)
        if self.policy.missing == "nan":
            values = np.where(self.missing[level], np.nan, values)
        return values
