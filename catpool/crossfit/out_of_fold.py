"""Columns meet targets: encodings learned from all rows, and encodings out of fold.

Where each fold learns from all rows outside it, one pass over the rows gives the moments of all folds. Where a splitter
trains on something else (the past, say), and where the tables of all folds would be too large, each fold is learned by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np

from catpool.crossfit.fold_columns import OutOfFoldColumn
from catpool.crossfit.folds import Folds
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.moments.moments import Moments
from catpool.moments.partition import ColumnView, Parts, TargetView, encode_outside
from catpool.priors.family import FAMILIES, Family
from catpool.priors.posterior import posterior_mean, posterior_reliability, posterior_sd, rounded_by_sd
from catpool.priors.prior import Prior
from catpool.priors.rules import PriorRule
from catpool.tables.encoding_table import Encoding
from catpool.tables.policy import Policy

HELD = 1 << 24  # numbers of all targets kept at once; beyond it they are made anew for each column
CELLS = 1 << 27  # cells of all classes, folds and categories kept at once; beyond it, fold by fold


class Rows:
    """The training rows: their targets and weights, in parts."""

    def __init__(self, targets: list[Target], weights: Weights, parts: Parts) -> None:
        self.targets, self.weights, self.parts = targets, weights, parts
        self.width = sum(len(target.names) for target in targets)
        self.observed = _rows_of_precisions(weights, parts)
        held = self.width * len(targets[0].values) <= HELD
        self._held = [list(self._look(target)) for target in targets] if held else None

    def views(self) -> Iterator[tuple[Target, Iterator[TargetView]]]:
        """Each target and its columns: one, or one a class."""
        for position, target in enumerate(self.targets):
            yield target, self._look(target) if self._held is None else iter(self._held[position])

    def _look(self, target: Target) -> Iterator[TargetView]:
        for values in target.columns():
            yield TargetView(values, self.weights.row, self.parts, exact=target.whole)

    def column(self, codes: np.ndarray, size: int) -> ColumnView:
        return ColumnView(codes, size, self.weights.of_count, self.parts, self.observed)

    def subset(self, rows: np.ndarray) -> Rows:
        """Some of the rows, as one part."""
        targets = [replace(target, values=target.values[rows]) for target in self.targets]
        return Rows(targets, self.weights.subset(rows), Parts(None, 1))


def _rows_of_precisions(weights: Weights, parts: Parts) -> np.ndarray | None:
    """Rows in each part, of shape (P,), where weights are precisions; else the weights tell."""
    if not weights.precision or weights.row is None:
        return None
    labels = np.zeros(len(weights.row), dtype=int) if parts.labels is None else parts.labels
    return np.bincount(labels, weights.row > 0, minlength=parts.number)


@dataclass(frozen=True)
class Learner:
    """How a column is learned.

    Parameters
    ----------
    rule : callable
        How the prior is learned.
    policy : Policy
        What comes out where rows say nothing.
    outputs : tuple of str
        What comes out of a target: "mean", "sd", "reliability".
    coarse : bool
        Whether means are rounded to half of what they may be off by.
    """

    rule: PriorRule
    policy: Policy
    outputs: tuple[str, ...]
    coarse: bool = False

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]:
        """The outputs of each class, of shape (..., size), from moments of that shape."""
        priors = self.rule(moments, family)
        return [self._outputs(*each, family) for each in zip(moments, priors, strict=True)]

    def _outputs(self, moments: Moments, prior: Prior, family: Family) -> list[np.ndarray]:
        makers = {
            "mean": lambda: self.policy.apply(self._mean(moments, prior, family), moments, prior),
            "sd": lambda: self.policy.hide(posterior_sd(moments, prior, family), moments),
            "reliability": lambda: posterior_reliability(moments, prior),
        }
        return [makers[output]() for output in self.outputs]

    def _mean(self, moments: Moments, prior: Prior, family: Family) -> np.ndarray:
        mean = posterior_mean(moments, prior)
        return rounded_by_sd(mean, posterior_sd(moments, prior, family)) if self.coarse else mean

    def outputs_of_rows(self, moments: Moments, prior: Prior, codes: np.ndarray, family: Family) -> list[np.ndarray]:
        """The outputs of rows, of shape (m,), from what each sees of its category, whose slot is given."""
        makers = {
            "mean": lambda: self._mean(moments, prior, family),
            "sd": lambda: posterior_sd(moments, prior, family),
            "reliability": lambda: posterior_reliability(moments, prior),
        }
        values = [makers[output]() for output in self.outputs]
        return [
            self.policy.of_rows(each, name, moments, prior, codes)
            for each, name in zip(values, self.outputs, strict=True)
        ]

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[Any]:
        """What all rows tell of a target, for each of its classes; their weights may add to the log-likelihood."""
        family = FAMILIES[target.family]
        moments = [replace(each, count=each.count.astype(float)) for each in moments]
        priors = [_weighed(prior, log_likelihood) for prior in self.rule([replace(each) for each in moments], family)]
        return [
            Encoding(target.name, name, family, each, prior, dict(zip(self.outputs, outputs, strict=True)))
            for name, each, prior in zip(target.names, moments, priors, strict=True)
            for outputs in [self._outputs(replace(each), prior, family)]
        ]


class Learns(Protocol):
    """What turns moments into outputs: a `Learner`, or one of nested levels."""

    @property
    def outputs(self) -> Sequence[Any]: ...

    def encode(self, moments: Sequence[Moments], family: Family) -> list[list[np.ndarray]]: ...

    def encodings(self, target: Target, moments: Sequence[Moments], log_likelihood: float) -> list[Any]: ...


def learn(learner: Learns, codes: np.ndarray, size: int, rows: Rows) -> list[Any]:
    """From all rows, one encoding a class of each target."""
    column = rows.column(codes, size)
    encodings = []
    for target, views in rows.views():
        moments = [column.whole(view, column.moments(view)) for view in views]
        encodings += learner.encodings(target, moments, rows.weights.log_likelihood)
    return encodings


def _weighed(prior: Prior, log_likelihood: float) -> Prior:
    if prior.log_likelihood is None:
        return prior
    return replace(prior, log_likelihood=prior.log_likelihood + log_likelihood)


class OutOfFold:
    """Encodings of training rows, each from the rows its fold learns from.

    Parameters
    ----------
    folds : Folds
    targets : list of Target
    weights : Weights
    """

    def __init__(self, folds: Folds, targets: list[Target], weights: Weights) -> None:
        self.folds = folds
        others = folds.training is None
        self.rows = Rows(targets, weights, Parts(folds.labels, folds.n_parts) if others else Parts(None, 1))

    def encode(self, learner: Learns, codes: np.ndarray, size: int, *, counts: bool) -> OutOfFoldColumn:
        """Encode a column, of codes of shape (n,) that are overwritten, and learn it from all rows.

        Parameters
        ----------
        learner : Learns
        codes : ndarray of shape (n,)
        size : int
        counts : bool
            Whether the weight that each row's encoding rests on is wanted too.
        """
        values = np.empty((len(codes), self.rows.width * len(learner.outputs)), order="F")
        result = OutOfFoldColumn(values, np.empty(len(codes)) if counts else None, [])
        widest = max(len(target.names) for target in self.rows.targets)
        if self.folds.training is not None or self.folds.n_parts * size * widest > CELLS:
            self._one_by_one(learner, codes, size, result)
        else:
            self._at_once(learner, codes, size, result)
        return result

    def _one_by_one(self, learner: Learns, codes: np.ndarray, size: int, result: OutOfFoldColumn) -> None:
        result.fill(np.nan)
        for fold in range(self.folds.n_folds):
            test = np.flatnonzero(self.folds.labels == fold)
            learned = learn(learner, codes[self._training[fold]], size, self._subsets[fold])
            tables = [table for encoding in learned for table in encoding.values.values()]
            for position, table in enumerate(tables):
                result.values[test, position] = table.take(codes[test])
            if result.counts is not None:
                result.counts[test] = learned[0].moments.count.take(codes[test])
        whole = Rows(self.rows.targets, self.rows.weights, Parts(None, 1))
        result.encodings.extend(learn(learner, codes, size, whole))

    @cached_property
    def _training(self) -> list[np.ndarray]:
        return [self.folds.training_of(fold) for fold in range(self.folds.n_folds)]

    @cached_property
    def _subsets(self) -> list[Rows]:
        return [self.rows.subset(rows) for rows in self._training]

    def _at_once(self, learner: Learns, codes: np.ndarray, size: int, result: OutOfFoldColumn) -> None:
        column = self.rows.column(codes, size)
        position = 0
        for target, views in self.rows.views():
            seen = [(view, column.moments(view)) for view in views]
            whole = [column.whole(view, each) for view, each in seen]
            parts = [each for _, each in seen]
            position = self._take_outside(learner, column, target, parts, result, position)
            del parts, seen  # the largest arrays there are
            result.encodings.extend(learner.encodings(target, whole, self.rows.weights.log_likelihood))
        if result.counts is not None:
            table = column.counts_outside(slice(None))
            table[self.folds.n_folds :] = np.nan
            table.ravel().take(column.cells, out=result.counts, mode="clip")

    def _take_outside(
        self,
        learner: Learns,
        column: ColumnView,
        target: Target,
        parts: list[Moments],
        result: OutOfFoldColumn,
        position: int,
    ) -> int:
        """Write a target's outputs from `position` on, and say where they end."""
        if not learner.outputs:
            return position
        rule = partial(learner.encode, family=FAMILIES[target.family])
        for tables in encode_outside(column, parts, rule, len(learner.outputs)):
            for table in tables:
                table[self.folds.n_folds :] = np.nan
                table.ravel().take(column.cells, out=result.values[:, position], mode="clip")
                position += 1
        return position
