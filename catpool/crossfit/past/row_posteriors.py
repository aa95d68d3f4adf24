"""Posteriors of rows each of which has moments of its own, under a prior that was learned from other rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.crossfit.times import Times
from catpool.crossfit.training_rows import TrainingRows
from catpool.data.targets.target import Target
from catpool.data.targets.weights import Weights
from catpool.moments.moments import Moments
from catpool.moments.partition import Parts
from catpool.priors.families.family import Family
from catpool.priors.method_of_moments import knowing_variances
from catpool.priors.prior import Prior, mean_variance, reliability
from catpool.tables.learner import Learner

LEAST = 1e-40  # the least weight that decay leaves a row, so that no prefix weighs nothing


def decay_weights(weights: Weights, times: Times) -> Weights:
    """The weights that are left of the rows at the time of the last of them."""
    shares = times.decay(times.values.max())
    if shares is None:
        return weights
    shares = np.maximum(shares, LEAST)
    return replace(weights, row=shares if weights.row is None else shares * weights.row)


def sum_decayed_rows(
    target: Target, codes: np.ndarray, size: int, weights: Weights, times: Times, *, scatters: bool = False
) -> list[Moments]:
    """The moments of rows at the time of the last of them; one for each class of the target."""
    seen = TrainingRows([target], decay_weights(weights, times), Parts(None, 1))
    column = seen.column(codes, size)
    _, views = next(seen.views())
    moments = [column.merge(view, column.moments(view, scatters=scatters)) for view in views]
    return [replace(each, count=each.count.astype(float)) for each in moments]


def encode_rows(
    learner: Learner,
    rows: Sequence[Moments],
    seen: Sequence[Moments],
    priors: Sequence[Prior],
    codes: np.ndarray,
    family: Family,
) -> np.ndarray:
    """Compute the outputs of rows, of shape (C, outputs, m), where each row has moments of its own.

    Parameters
    ----------
    learner : Learner
    rows : sequence of Moments of shape (m,)
        The moments of each row's category that the row is encoded from, one for each of C classes.
    seen : sequence of Moments of shape (size,)
        The moments that the priors were learned from.
    priors : sequence of Prior
    codes : ndarray of shape (m,)
    family : Family
    """
    values = [
        learner.encode_rows(own, _expand_prior(prior, each, codes, family), codes, family)
        for own, prior, each in zip(rows, priors, seen, strict=True)
    ]
    return np.array(values).reshape(len(rows), len(learner.outputs), len(codes))


def _expand_prior(prior: Prior, moments: Moments, codes: np.ndarray, family: Family) -> Prior:
    """Expand a prior from categories to rows, with the variance of its mean given the moments it was learned from."""
    if prior.components is not None:
        names = '"full_bayes" does' if prior.shares is None else '"scale_mixture" and "npmle" do'
        raise ValueError(f'prior={names} not go with EarlierRows, which learns many priors. Pass prior="reml".')
    if prior.offset is not None and prior.uncertainty is not None:
        return replace(prior, offset=prior.offset[codes], offset_variance=prior.uncertainty[codes])
    known = knowing_variances(prior, moments, family)
    assert known.between is not None
    assert known.within is not None
    weight = reliability(moments.count, prior.strength)
    uncertain = mean_variance(moments, prior.strength, weight, known.between, known.within)
    variance = np.full(len(codes), float(uncertain))
    return replace(prior, between=known.between, within=known.within, offset_variance=variance)
