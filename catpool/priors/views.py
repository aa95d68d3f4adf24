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
    return [_stack([fitted[label] for fitted in fits], shape) for label in range(len(moments))]


def _stack(priors: Sequence[Prior], shape: tuple[int, ...]) -> Prior:
    mixed = [prior for prior in priors if prior.components is not None]
    if mixed:  # all must have as many components to be stacked
        points = len(mixed[0].probability)  # type: ignore[arg-type]
        priors = [prior if prior.components is not None else _mixture_of_one(prior, points) for prior in priors]
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


def _mixture_of_one(prior: Prior, points: int) -> Prior:
    """The prior as a mixture whose first component has all the weight."""
    probability = np.zeros(points)
    probability[0] = 1.0
    assert prior.between is not None
    assert prior.within is not None
    mean, strength, between, within = (
        np.repeat(value, points) for value in (prior.mean, prior.strength, prior.between, prior.within)
    )
    return replace(prior, probability=probability, components=Prior(mean, strength, between, within))
