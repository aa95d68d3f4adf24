"""Systems of the same rows with other weights and other values of y, as in the rounds of generalized models."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from catpool.models.mixed.solver.equations import PartitionedSystem
from catpool.models.mixed.solver.grouping_factor import GroupingFactor
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.random_products import find_products, multiply

PARTS = "longest_blocks", "coupling", "rest_block"  # of a `PartitionedSystem`, which depend on the weights


class ReweightedSystems:
    """What the systems have in common, so that it is found once.

    Parameters
    ----------
    factors : sequence of GroupingFactor
        Of n rows.
    covariates : ndarray of shape (n, p)
        X.
    """

    def __init__(self, factors: Sequence[GroupingFactor], covariates: np.ndarray) -> None:
        self.factors, self.covariates = factors, covariates
        self.shapes = [factor.shape for factor in factors]
        self.products, self.pattern = find_products(factors)
        length, width = sum(shape.length for shape in self.shapes), covariates.shape[1] + 1
        # a matrix whose values are the positions of its values, from one, so that zero stands for none
        places = self.pattern.fill(np.arange(1, 1 + sum(each.size for each in self.products), dtype=float))
        empty = np.zeros((length, width)), np.zeros((width, width))
        self.places = PartitionedSystem(MixedSystem(self.shapes, places, *empty, float(len(covariates)), 0.0))
        self.numbers = {name: getattr(self.places, name).astype(np.intp) for name in PARTS if self.places.dense}

    def partition(self, y: np.ndarray, weights: np.ndarray) -> PartitionedSystem:
        """The system of a response with these precisions, each of shape (n,)."""
        columns = np.column_stack([self.covariates, y])
        weighted = columns * weights[:, None]
        values = np.concatenate(
            [np.bincount(each.codes, each.multiply(weights), minlength=each.size) for each in self.products]
        )
        cross = np.concatenate([_sum_by_effect(factor, weighted) for factor in self.factors])
        random, rows = self.pattern.fill(values), float(len(y))
        system = MixedSystem(self.shapes, random, cross, weighted.T @ columns, rows, 0.0)
        return self._fill(system, np.append(0.0, values))

    def _fill(self, system: MixedSystem, values: np.ndarray) -> PartitionedSystem:
        """The system split in parts, whose numbers are looked up if they are in arrays."""
        if not self.places.dense:
            return PartitionedSystem(system)
        result = copy.copy(self.places)
        result.system = system
        for name, places in self.numbers.items():
            setattr(result, name, values[places])
        return result


def _sum_by_effect(factor: GroupingFactor, weighted: np.ndarray) -> np.ndarray:
    """Z'values of a factor, shape (size * width, columns)."""
    sums = [
        [np.bincount(factor.codes, multiply(factor.column(a), column), factor.size) for column in weighted.T]
        for a in range(factor.width)
    ]
    return np.array(sums).transpose(2, 0, 1).reshape(-1, weighted.shape[1])
