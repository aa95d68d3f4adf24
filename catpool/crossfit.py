"""Columns meet targets: tables learned from all rows, and encodings out of fold.

Where each fold learns from all rows outside it, one pass over the rows gives the moments of all folds.
Where a splitter trains on something else (the past, say), each fold is learned by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from catpool.families import Family
from catpool.folds import Folds
from catpool.moments import Moments
from catpool.posterior import posterior
from catpool.priors import Prior
from catpool.tables import Encoding, Policy
from catpool.targets import Target
from catpool.views import ColumnView, Parts, TargetView, encode_outside

HELD = 1 << 24  # numbers of all targets kept at once; beyond it they are made anew for each column


@dataclass(frozen=True)
class Sight:
    """One number of the target as seen in parts."""

    name: str | None
    family: Family
    view: TargetView


class Rows:
    """The training rows: their targets and weights, in parts."""

    def __init__(self, targets: list[Target], weights: np.ndarray | None, parts: Parts) -> None:
        self.targets, self.weights, self.parts = targets, weights, parts
        self.width = sum(len(target.names) for target in targets)
        held = self.width * len(targets[0].values) <= HELD
        self._sights = list(self._look()) if held else None

    def sights(self) -> Iterator[Sight]:
        return self._look() if self._sights is None else iter(self._sights)

    def _look(self) -> Iterator[Sight]:
        for target in self.targets:
            for name, values in zip(target.names, target.columns(), strict=True):
                exact = target.kind != "continuous"
                yield Sight(name, target.family, TargetView(values, self.weights, self.parts, exact=exact))

    def subset(self, rows: np.ndarray) -> Rows:
        """Some of the rows, as one part."""
        targets = [Target(t.name, t.kind, t.values[rows], t.classes) for t in self.targets]
        weights = None if self.weights is None else self.weights[rows]
        return Rows(targets, weights, Parts(None, 1))


PriorRule = Callable[[Moments, Family], Prior]


@dataclass(frozen=True)
class Learner:
    """How a column is learned: the rule of its prior, and what comes out where rows say nothing."""

    rule: PriorRule
    policy: Policy

    def encode(self, moments: Moments, family: Family) -> np.ndarray:
        """Encodings, of shape (..., size), from moments of that shape."""
        return self._learn(moments, family)[1]

    def _learn(self, moments: Moments, family: Family) -> tuple[Prior, np.ndarray]:
        prior = self.rule(moments, family)
        return prior, self.policy.apply(posterior(moments, prior).mean, moments, prior)

    def encoding(self, sight: Sight, moments: Moments) -> Encoding:
        moments = replace(moments, count=moments.count.astype(float))
        return Encoding(sight.name, sight.family, moments, *self._learn(replace(moments), sight.family))

    def learn(self, codes: np.ndarray, size: int, rows: Rows) -> list[Encoding]:
        """From all rows, one encoding a target."""
        column = ColumnView(codes, size, rows.weights, rows.parts)
        return [self.encoding(sight, column.moments(sight.view).merged()) for sight in rows.sights()]


class OutOfFold:
    """Encodings of training rows, each from the rows its fold learns from.

    Parameters
    ----------
    folds : Folds
    targets : list of Target
    weights : ndarray of shape (n,) or None
    """

    def __init__(self, folds: Folds, targets: list[Target], weights: np.ndarray | None) -> None:
        self.folds = folds
        others = folds.training is None
        self.rows = Rows(targets, weights, Parts(folds.labels, folds.n_parts) if others else Parts(None, 1))
        self._training = [(rows, self.rows.subset(rows)) for rows in folds.training or []]

    def encode(self, learner: Learner, codes: np.ndarray, size: int) -> tuple[np.ndarray, list[Encoding]]:
        """Encode a column out of fold, and learn it from all rows.

        Returns
        -------
        values : ndarray of shape (n, T)
            NaN for rows in no fold.
        encodings : list of Encoding
        """
        values = np.empty((len(codes), self.rows.width), order="F")
        if not self._training:
            return values, self._outside(learner, codes, size, values)
        values[:] = np.nan
        for fold, (training, rows) in enumerate(self._training):
            test = np.flatnonzero(self.folds.labels == fold)
            learned = learner.learn(codes[training], size, rows)
            for position, encoding in enumerate(learned):
                values[test, position] = encoding.values.take(codes[test])
        return values, learner.learn(codes, size, self.rows)

    def _outside(self, learner: Learner, codes: np.ndarray, size: int, values: np.ndarray) -> list[Encoding]:
        column = ColumnView(codes, size, self.rows.weights, self.rows.parts)
        encodings = []
        for position, sight in enumerate(self.rows.sights()):
            parts = column.moments(sight.view)
            whole = parts.merged()
            table = encode_outside(column, parts, partial(learner.encode, family=sight.family))
            table[self.folds.n_folds :] = np.nan
            table.ravel().take(column.cells, out=values[:, position], mode="clip")
            del parts, table  # the largest arrays there are
            encodings.append(learner.encoding(sight, whole))
        return encodings
