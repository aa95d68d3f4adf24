"""Rules for one table of moments, applied to each of many tables (the folds, say)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.prior import Prior


def fit_each_view(moments: Sequence[Moments], fit: Callable[[Sequence[Moments]], Sequence[Prior]]) -> list[Prior]:
    """Fit the priors of each table by itself, and stack them.

    Parameters
    ----------
    moments : sequence of Moments of shape (..., K)
        One for each class of the target.
    fit : callable
        Takes moments of shape (K,), one for each class, and returns their priors, of shape ().

    Returns
    -------
    list of Prior of shape (...)
        One for each class.
    """
    shape = moments[0].count.shape[:-1]
    fits = [fit(table) for table in zip(*(each.views() for each in moments), strict=True)]
    return [stack_views([fitted[label] for fitted in fits], shape) for label in range(len(moments))]


def stack_views(priors: Sequence[Prior], shape: tuple[int, ...]) -> Prior:
    """The priors of all tables, of shape (...), from those of each, in the order of the tables."""
    mixed = [prior for prior in priors if prior.components is not None]
    if mixed:  # all must have as many components to be stacked
        priors = [prior if prior.components is not None else _mixture_of_one(prior, mixed[0]) for prior in priors]
    result: Prior = _stack_values(list(priors), shape)
    return result


def _stack_values(values: list[Any], shape: tuple[int, ...]) -> Any:
    if any(value is None for value in values):
        return None
    if isinstance(values[0], Prior):
        columns = [[getattr(value, field.name) for value in values] for field in fields(Prior)]
        return Prior(*(_stack_values(column, shape) for column in columns))
    arrays = np.stack([np.asarray(value) for value in values], axis=-1)
    return arrays.reshape((*arrays.shape[:-1], *shape))


def _mixture_of_one(prior: Prior, like: Prior) -> Prior:
    """The prior as a mixture of another's kind, whose first component has all the weight."""
    assert like.components is not None
    points = len(like.components.mean)
    first = np.arange(points) == 0.0
    assert prior.between is not None
    assert prior.within is not None
    mean, strength, between, within = (
        np.repeat(value, points) for value in (prior.mean, prior.strength, prior.between, prior.within)
    )
    weights = {"probability" if like.shares is None else "shares": first.astype(float)}
    return replace(prior, components=Prior(mean, strength, between, within), **weights)
