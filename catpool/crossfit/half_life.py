"""`learn_half_life`: how fast rows should lose weight, from how well next rows are predicted.

Of some rows in the order of time, the later half is predicted: each row by the posterior mean of its category, given
the strictly earlier rows under a half-life, and the prior of the earlier half. The half-lives that are tried are powers
of two, from about a sixty-fourth of the span of the times to all of it, and infinity. With n rows predicted, the
log-likelihood of normal errors of unknown variance is

    -n / 2 * log(sum of weight * (y - prediction)^2),

summed over the columns of y. A half-life must raise it by more than 1, as by the criterion of Akaike (1974), because it
is one more parameter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from catpool.crossfit.past_rows import PastRows, encode_rows_after
from catpool.crossfit.running_sums import RunningSums
from catpool.crossfit.times import Times
from catpool.moments.moments import TINY, Moments
from catpool.tables.learner import Learner
from catpool.tables.policy import Policy

FEWEST = 64  # rows, below which no half-life is learned
SHORTEST = 6  # powers of two below the span
GAIN = 1.0  # of the log-likelihood


def learn_half_life(learner: Learner, rows: PastRows) -> Any:
    """Learn the half-life from some rows, and from nothing else; None if weights are better kept.

    Parameters
    ----------
    learner : Learner
    rows : PastRows
        In the order of time.
    """
    if len(rows.codes) < FEWEST:
        return None
    plain = replace(learner, outputs=("mean",), rounded=False, policy=Policy("prior", "category"))
    running = RunningSums(rows.codes, rows.times, rows.weights)
    tried = [None, *_half_lives(rows.times)]
    fits = np.array([_log_likelihood(plain, rows, running, half_life) for half_life in tried])
    best = int(np.argmax(fits))
    return tried[best] if fits[best] > fits[0] + GAIN else None


def _half_lives(times: Times) -> list[Any]:
    """The half-lives that are tried, which do not depend on where the times begin."""
    span = float(times.values[-1] - times.values[0]) / times.unit
    if span <= 0:
        return []
    longest = int(np.floor(np.log2(span)))
    return [times.unit * 2.0**power for power in range(longest - SHORTEST, longest + 1)]


def _log_likelihood(learner: Learner, rows: PastRows, running: RunningSums, half_life: Any) -> float:
    """The log-likelihood of the later half of the rows, of which those of new categories are left out."""
    half = len(rows.codes) // 2
    later = half + np.flatnonzero(running.seen[half:])
    if not len(later):
        return 0.0
    count, weights = running.sum_past(None, half_life), rows.weights.subset(later)
    exposure, result = weights.exposure, 0.0
    for position, target in enumerate(rows.targets):
        center, columns = rows.center(target), list(target.columns())
        totals = [running.sum_past(values - center, half_life) + center * count for values in columns]
        own = [Moments(count[later], total[later], np.array(0.0)) for total in totals]
        mean = encode_rows_after(learner, rows.first(half), position, half_life, own, rows.codes[later])[:, 0]
        observed = np.array([values[later] for values in columns])
        if exposure is not None:
            observed /= exposure
        error = float(np.average(((observed - mean) ** 2).sum(axis=0), weights=weights.count_weights))
        result -= len(later) / 2 * np.log(max(error, TINY))
    return result
