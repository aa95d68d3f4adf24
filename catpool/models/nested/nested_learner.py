"""Nested levels met by rows: what comes out for the paths they take, and how it is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from catpool.data.categories import MISSING
from catpool.data.crossed import Paths
from catpool.data.targets import Target
from catpool.models.nested.conjugate_levels import fit_conjugate
from catpool.models.nested.normal_levels import fit_tree
from catpool.models.nested.tree import Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.families import FAMILIES
from catpool.priors.family import Family
from catpool.tables.policy import Policy

NUMBERS = ("mean", "sd", "reliability")  # of each target; the count is the same for all


@dataclass(frozen=True)
class NestedEncoding:
    """One target's levels, or one class's.

    Parameters
    ----------
    target : str or None
        Its name, None for an only one.
    moments : Moments of shape (K,)
        Of the deepest paths.
    levels : Levels
    values : dict of ndarray of shape (K,)
        What comes out for each of the deepest paths.
    """

    target: str | None
    moments: Moments
    levels: Levels
    values: dict[tuple[int, str], np.ndarray]


@dataclass(frozen=True)
class NestedLearner:
    """How nested levels are learned; in the place of `catpool.crossfit.out_of_fold.Learner`.

    Parameters
    ----------
    paths : Paths
    policy : Policy
    emitted : tuple of int
        The levels that features come from.
    numbers : tuple of str
        Of "mean", "sd", "reliability" and "count".
    reml : bool
    """

    paths: Paths
    policy: Policy
    emitted: tuple[int, ...]
    numbers: tuple[str, ...]
    reml: bool

    @property
    def outputs(self) -> list[tuple[int, str]]:
        return [(level, number) for level in self.emitted for number in self.numbers]

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        """The outputs of each class, of shape (..., K), from moments of that shape."""
        views = [self._view(list(each), family) for each in zip(*(each.views() for each in moments), strict=True)]
        shape = moments[0].count.shape
        return [
            [np.stack([view[label][output] for view in views]).reshape(shape) for output in range(len(self.outputs))]
            for label in range(len(moments))
        ]

    def _view(self, classes: list[Moments], family: Family) -> list[list[np.ndarray]]:
        return [list(self._values(levels, classes[0]).values()) for levels in self.fit(classes, family)]

    def _values(self, levels: Levels, moments: Moments) -> dict[tuple[int, str], np.ndarray]:
        steps, counts = self.paths.steps(len(self.paths.parts) - 1), Tree.of(self.paths).counts(moments.count)
        missing = [self.paths.slots(level)[step] == MISSING for level, step in enumerate(steps)]
        rows = LevelTables(self.paths, levels, self.policy).rows(steps, missing, counts)
        return {(level, number): rows[level][number] for level, number in self.outputs}

    def fit(self, classes: Sequence[Moments], family: Family) -> list[Levels]:
        tree = Tree.of(self.paths)
        if family.homoscedastic:
            return [fit_tree(tree, each, family, reml=self.reml) for each in classes]
        return fit_conjugate(tree, classes, family)

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[NestedEncoding]:
        moments = [replace(each, count=each.count.astype(float)) for each in moments]
        fitted = self.fit(moments, FAMILIES[target.family])
        return [
            NestedEncoding(
                name,
                each,
                replace(levels, log_likelihood=levels.log_likelihood + log_likelihood),
                self._values(levels, each),
            )
            for name, each, levels in zip(target.names, moments, fitted, strict=True)
        ]


@dataclass(frozen=True)
class LevelTables:
    """Values of rows from those of the paths they take.

    Parameters
    ----------
    paths : Paths
    levels : Levels
    policy : Policy
    """

    paths: Paths
    levels: Levels
    policy: Policy

    def rows(
        self, steps: Sequence[np.ndarray], missing: Sequence[np.ndarray], counts: Sequence[np.ndarray]
    ) -> list[dict[str, np.ndarray]]:
        """For each level the outputs of rows, of shape (n,).

        Parameters
        ----------
        steps : sequence of ndarray of shape (n,)
            The number of each row's path on each level, too large for a path never seen.
        missing : sequence of ndarray of shape (n,)
            Whether each row's category on each level is missing.
        counts : sequence of ndarray
            Training rows of the paths of each level.
        """
        levels, result = self.levels, []
        value = np.full(len(steps[0]), levels.mean)
        variance = np.full(len(steps[0]), levels.mean_variance)
        for level, (step, gone) in enumerate(zip(steps, missing, strict=True)):
            own = np.minimum(step, len(levels.values[level]) - 1)
            seen = (step < len(levels.values[level])) & (counts[level][own] > 0)
            known = seen & ~gone if self.policy.missing == "prior" else seen
            parent = value
            value = np.where(known, levels.values[level][own], parent)
            unseen = levels.family.capped(variance + levels.unseen(level, parent), value)
            variance = np.where(known, levels.variances[level][own], unseen)
            gain = np.where(known, levels.gains[level][own], 0.0)
            numbers = self._hidden(value, np.sqrt(variance), gain, seen, gone)
            result.append(numbers | {"count": np.where(seen, counts[level][own], 0.0)})
        return result

    def _hidden(
        self, value: np.ndarray, sd: np.ndarray, gain: np.ndarray, seen: np.ndarray, missing: np.ndarray
    ) -> dict[str, np.ndarray]:
        hidden = np.zeros(len(value), dtype=bool)
        if self.policy.unknown == "nan":
            hidden |= ~seen & ~missing
        if self.policy.missing == "nan":
            hidden |= missing
        if hidden.any():
            value, sd = np.where(hidden, np.nan, value), np.where(hidden, np.nan, sd)
        return {"mean": value, "sd": sd, "reliability": gain}
