"""How nested levels are learned from moments, and the encoding of a target that is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.data.columns.crossed import Paths
from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counted
from catpool.data.targets.target import Target
from catpool.data.verify import require, require_numbers
from catpool.models.nested.averaged_levels import VarianceRule
from catpool.models.nested.conjugate_levels import fit_conjugate_levels
from catpool.models.nested.normal_levels import fit_normal_levels
from catpool.models.nested.path_rows import PathRows
from catpool.models.nested.tree import Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family
from catpool.tables.policy import Policy

NUMBERS = ("mean", "sd", "reliability")  # outputs of each target; counts are the same for all targets


@frozen
class NestedEncoding:
    """The encoding of one target, or of one class.

    Parameters
    ----------
    target : str or None
        The name of the target; None if it is the only one.
    moments : Moments of shape (K,)
        Moments of the deepest paths.
    levels : Levels
    values : dict of ndarray of shape (K,)
        The outputs of the deepest paths, by level and name.
    """

    target: str | None
    moments: Moments
    levels: Levels
    values: dict[tuple[int, str], np.ndarray]

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be an encoding."""
        shape = np.shape(self.moments.count)
        require(len(shape) == 1 and self.moments.size > 0, "an encoding without rows")
        require(len(self.levels.values[-1]) == shape[0], "estimates that do not match their paths")
        for values in self.values.values():
            require_numbers(shape, values=values)

    def __getstate__(self) -> dict[str, Any]:
        """A list in place of the dictionary, because formats such as that of skops have no tuples as keys."""
        return {**vars(self), "values": list(self.values.items())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, values=dict(state["values"]))


@frozen
class NestedLearner:
    """How nested levels are learned from moments; the counterpart of `Learner` for a single column.

    Parameters
    ----------
    paths : Paths
    policy : Policy
    emitted : tuple of int
        The levels that have features.
    numbers : tuple of str
        Of "mean", "sd", "reliability" and "count".
    variances : VarianceRule
    """

    paths: Paths
    policy: Policy
    emitted: tuple[int, ...]
    numbers: tuple[str, ...]
    variances: VarianceRule

    @property
    def scatters(self) -> bool:
        return False

    @property
    def outputs(self) -> list[tuple[int, str]]:
        """The level and name of each output."""
        return [(level, number) for level in self.emitted for number in self.numbers]

    def of(self, target: Target) -> NestedLearner:
        """The learner of a target, which is the same for all."""
        return self

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        """The outputs of each class, shape (..., K), from moments of that shape."""
        # fold by fold, as each has variances of its own
        tables = list(zip(*(each.views() for each in moments), strict=True))
        views = counted(lambda each: self._encode_view(each, family), tables, FOLDS)
        shape = moments[0].count.shape
        return [
            [np.stack([view[label][output] for view in views]).reshape(shape) for output in range(len(self.outputs))]
            for label in range(len(moments))
        ]

    def _encode_view(self, classes: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        return [list(self._path_outputs(levels, classes[0]).values()) for levels in self.fit(classes, family)]

    def _path_outputs(self, levels: Levels, moments: Moments) -> dict[tuple[int, str], np.ndarray]:
        """The outputs of the deepest paths, shape (K,), by level and name."""
        counts = Tree.from_paths(self.paths).sum_levels(moments.count)
        found = PathRows.of_deepest(self.paths, self.policy, counts).outputs(levels)
        return {(level, number): found[level][number] for level, number in self.outputs}

    def fit(self, classes: Sequence[Moments], family: Family) -> list[Levels]:
        """Fit the levels of each class, from moments of shape (K,)."""
        tree = Tree.from_paths(self.paths)
        if family.homoscedastic:
            return [fit_normal_levels(tree, each, family, self.variances) for each in classes]
        return fit_conjugate_levels(tree, classes, family, self.variances)

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[NestedEncoding]:
        """The encoding of each class of a target, from the moments of all rows.

        Parameters
        ----------
        target : Target
        moments : sequence of Moments of shape (K,)
        log_likelihood : float
            What precision weights add to the log-likelihood.
        """
        moments = [replace(each, count=each.count.astype(float)) for each in moments]
        fitted = self.fit(moments, FAMILIES[target.family])
        return [
            NestedEncoding(
                name,
                each,
                replace(levels, log_likelihood=levels.log_likelihood + log_likelihood),
                self._path_outputs(levels, each),
            )
            for name, each, levels in zip(target.names, moments, fitted, strict=True)
        ]
