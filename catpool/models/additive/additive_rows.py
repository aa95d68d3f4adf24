"""Rows of an additive model: by their slots in each factor, and the columns of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.targets.weights import Weights
from catpool.data.training import TrainingData
from catpool.models.additive.factors import Factor, FactorMaker
from catpool.models.additive.shared_parts import SharedPart, shared_parts
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.families.family import Family


@frozen
class FactorRows:
    """Rows by their slots in each factor.

    Parameters
    ----------
    codes : list of ndarray of shape (n,)
    sizes : list of int
        The number of slots of each factor.
    weights : Weights
    names : list of str
        The names of the factors, for messages.
    shared : list of SharedPart
        The parts that factors share.
    """

    codes: list[np.ndarray]
    sizes: list[int]
    weights: Weights
    names: list[str]
    shared: Sequence[SharedPart] = ()

    @classmethod
    def of(cls, numbered: Sequence[tuple[Factor, np.ndarray]], weights: Weights, maker: FactorMaker) -> FactorRows:
        """The rows of factors, each with the slots of the rows."""
        factors, codes = zip(*numbered, strict=True) if numbered else ((), ())
        shared = shared_parts(numbered, lambda label: maker.part(label)[0])
        names = [factor.column for factor in factors]
        return cls(list(codes), [factor.vocabulary.size for factor in factors], weights, names, shared)

    def subset(self, rows: np.ndarray) -> FactorRows:
        codes, shared = [own[rows] for own in self.codes], [part.subset(rows) for part in self.shared]
        return replace(self, codes=codes, weights=self.weights.subset(rows), shared=shared)


@frozen
class TargetColumn:
    """A column of the target that has an additive model of its own.

    Parameters
    ----------
    name : str or None
    y : ndarray of shape (n,)
    family : Family
    offset : ndarray of shape (n,), optional
        What the linear predictor starts from, before the intercept and the effects.
    """

    name: str | None
    y: np.ndarray
    family: Family
    offset: np.ndarray | None = None

    def subset(self, rows: np.ndarray) -> TargetColumn:
        offset = None if self.offset is None else self.offset[rows]
        return TargetColumn(self.name, self.y[rows], self.family, offset)


def target_columns(data: TrainingData) -> list[TargetColumn]:
    """The columns of all targets: one of each, or one for each of several classes."""
    return [
        TargetColumn(name, y, FAMILIES[target.family], data.offset)
        for target in data.targets
        for name, y in zip(target.names, target.columns(), strict=True)
    ]
