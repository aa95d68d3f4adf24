"""What is believed of a category before its rows are seen: a mean, and a strength in rows.

Strength 0 is no pooling, infinity complete pooling. It is the variance of a row within its category over the
variance between categories, so estimating it is estimating these two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np

from catpool.moments.moments import TINY, Moments
from catpool.priors.family import Family

NOTHING = 1e-90  # rows; a variance over so little overflows

NO_SPREAD = "no spread between categories"


@dataclass(frozen=True)
class Prior:
    """The belief about any category, and where it comes from.

    Parameters
    ----------
    mean : ndarray of shape (...)
        In units of y.
    strength : ndarray of shape (...)
        In rows (or units of weight or exposure), from 0 to infinity.
    between, within : ndarray of shape (...), optional
        The variances the strength was estimated by, where it was.
    log_likelihood : ndarray of shape (...), optional
        Of the fitted model (restricted under REML), where one was fitted.
    note : ndarray of str of shape (...), optional
        What is odd about the data, where something is.
    probability : ndarray of shape (G, ...), optional
        Where the belief is a mixture: the weight of each of its components.
    components : Prior of shape (G, ...), optional
        The components; the other fields are then averages over them.
    offset, offset_variance : ndarray of shape (..., K), optional
        Where categories have prior means of their own: how far these are from `mean`, and their variance.
    mains : Mains, optional
        Where these are sums of effects of a cell's parts: the effects.
    """

    mean: np.ndarray
    strength: np.ndarray
    between: np.ndarray | None = None
    within: np.ndarray | None = None
    log_likelihood: np.ndarray | None = None
    note: np.ndarray | None = None
    probability: np.ndarray | None = None
    components: Prior | None = None
    offset: np.ndarray | None = None
    offset_variance: np.ndarray | None = None
    mains: Mains | None = None

    def each_component(self) -> Iterator[tuple[np.ndarray, Prior]]:
        """The components of a mixture with their weights, of shape (...)."""
        assert self.probability is not None
        assert self.components is not None
        own = self.components
        assert own.between is not None
        assert own.within is not None
        for index, probability in enumerate(self.probability):
            yield (
                probability,
                Prior(own.mean[index], own.strength[index], own.between[index], own.within[index]),
            )


class Mains(Protocol):
    """Effects of the parts of an interaction."""

    def unseen(self, places: np.ndarray, prior: Prior, family: Family) -> dict[str, np.ndarray]:
        """The outputs of cells without rows, of shape (m,), from the slots of their parts, of shape (m, parts)."""
        ...


PriorRule = Callable[[Sequence[Moments], Family], Sequence[Prior]]  # one prior for each class of a target


def given_strength(moments: Moments, strength: float) -> Prior:
    """Believe the mean of all rows, as firmly as told, of moments of shape (..., K)."""
    return Prior(moments.mean, np.full_like(moments.mean, strength))


def each_view(
    moments: Sequence[Moments], family: Family, fit: Callable[[Sequence[Moments], Family], Sequence[Prior]]
) -> list[Prior]:
    """Apply to each of many tables a rule for moments of shape (K,).

    Parameters
    ----------
    moments : sequence of Moments of shape (..., K)
        One a class.
    family : Family
    fit : callable
        From moments of shape (K,), one a class, to their priors, of shape ().

    Returns
    -------
    list of Prior of shape (...)
        One a class.
    """
    shape = moments[0].count.shape[:-1]
    fits = [fit(views, family) for views in zip(*(each.views() for each in moments), strict=True)]
    return [_stacked([fitted[label] for fitted in fits], shape) for label in range(len(moments))]


def _stacked(priors: Sequence[Prior], shape: tuple[int, ...]) -> Prior:
    mixed = [prior for prior in priors if prior.components is not None]
    if mixed:  # a fixed prior beside mixtures is a mixture of one
        points = len(mixed[0].probability)  # type: ignore[arg-type]
        priors = [prior if prior.components is not None else _mixture_of_one(prior, points) for prior in priors]

    def together(values: list[Any]) -> Any:
        if any(value is None for value in values):
            return None
        if isinstance(values[0], Prior):
            return Prior(*(together([getattr(value, field.name) for value in values]) for field in fields(Prior)))
        arrays = np.stack([np.asarray(value) for value in values], axis=-1)
        return arrays.reshape((*arrays.shape[:-1], *shape))

    result: Prior = together(list(priors))
    return result


def _mixture_of_one(prior: Prior, points: int) -> Prior:
    probability = np.zeros(points)
    probability[0] = 1.0
    assert prior.between is not None
    assert prior.within is not None
    mean, strength, between, within = (
        np.repeat(value, points) for value in (prior.mean, prior.strength, prior.between, prior.within)
    )
    return replace(prior, probability=probability, components=Prior(mean, strength, between, within))


def reliability(count: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Weight of a category's own rows in its posterior: count / (count + strength), nought without rows."""
    weight = count + np.maximum(strength, TINY)[..., None]
    return np.divide(count, weight, out=weight)


def mean_of_categories(moments: Moments, strength: np.ndarray) -> np.ndarray:
    """Mean of the category means, each weighted by what its rows tell: generalised least squares."""
    weight = reliability(moments.count, strength)
    total = np.einsum("...k,...k->...", weight, moments.category_means)
    return np.where(np.isinf(strength), moments.mean, total / np.maximum(weight.sum(axis=-1), TINY))


def mean_variance(
    moments: Moments, strength: np.ndarray, weight: np.ndarray, between: np.ndarray, within: np.ndarray
) -> np.ndarray:
    """Variance of the estimated prior mean, of shape (...)."""
    complete = np.isinf(strength)
    information = np.where(complete, moments.size, weight.sum(axis=-1) * np.where(complete, 0.0, strength))
    no_pooling = between / np.maximum(moments.categories, 1)
    some = information > NOTHING
    return np.where(some, within / np.where(some, information, 1.0), no_pooling)
