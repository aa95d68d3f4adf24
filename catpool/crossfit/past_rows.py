"""`PastRows`: the rows of a column in the order of time, and the encodings of rows after the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.row_posteriors import encode_rows, sum_decayed_rows
from catpool.crossfit.times import Times
from catpool.data.frozen import frozen
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.moments.moments import Moments
from catpool.priors.families import FAMILIES
from catpool.tables.learner import Learner


@frozen
class PastRows:
    """The rows of a column, with their times.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    times : Times
    targets : list of Target
    weights : Weights
    """

    codes: np.ndarray
    times: Times
    targets: list[Target]
    weights: Weights

    @cached_property
    def order(self) -> np.ndarray:
        """The positions of the rows that have weight, in the order of time."""
        row = self.weights.row
        counted = np.arange(len(self.codes)) if row is None else np.flatnonzero(row)
        return counted[self.times.subset(counted).order]

    def first(self, number: int | None = None) -> PastRows:
        """The first rows, or all, in the order of time, so that later ones do not change even the last digit."""
        rows = self.order[:number]
        targets = [replace(each, values=each.values[rows]) for each in self.targets]
        return PastRows(self.codes[rows], self.times.subset(rows), targets, self.weights.subset(rows))

    def center(self, target: Target) -> float:
        """A number that loses few digits where totals are sums of distances from it: y of the first row."""
        # the first row is in the past of every row that has one
        return 0.0 if target.whole else float(target.values[self.order[0]])


def encode_rows_after(
    learner: Learner, past: PastRows, position: int, half_life: Any, own: Sequence[Moments], codes: np.ndarray
) -> np.ndarray:
    """Encode later rows, each by its own moments and the prior that some past rows give.

    Parameters
    ----------
    learner : Learner
    past : PastRows
        In the order of time.
    position : int
        Of the target among those of the past.
    half_life : float or int, or None
    own : sequence of Moments of shape (m,)
        Of each row's category, one for each class of the target.
    codes : ndarray of shape (m,)
        Of the later rows.

    Returns
    -------
    ndarray of shape (classes, outputs, m)
    """
    target = past.targets[position]
    family = FAMILIES[target.family]
    # numbered in the order of time, so that later categories do not change even the last digit
    known, slots = pd.factorize(past.codes)
    seen = sum_decayed_rows(target, known, len(slots), past.weights, past.times.with_half_life(half_life))
    priors = learner.priors_from(slots, [replace(each) for each in seen], family)
    return encode_rows(learner, own, seen, priors, codes, family)
