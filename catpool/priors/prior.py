"""The prior of a category's value: its mean, and its strength in rows.

A strength of 0 is no pooling, infinity is complete pooling. In all families

    strength = variance of a row within its category / variance between categories,

so a rule that learns the strength from data estimates these two variances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.moments.moments import TINY, Moments

NOTHING = 1e-90  # rows; dividing a variance by fewer overflows

NO_SPREAD = "no spread between categories"
ONLY_FEATURES = "no spread between categories of the same features"
NO_NOISE = "no noise within categories"
ONE_CATEGORY = "not identified: one category"
ONE_ROW_EACH = "not identified: every category has one row"


@frozen
class Prior:
    """The distribution of a category's value before its rows are seen.

    Parameters
    ----------
    mean : ndarray of shape (...)
        In units of y.
    strength : ndarray of shape (...)
        In rows (or units of weight or exposure), from 0 to infinity.
    between, within : ndarray of shape (...), optional
        The estimated variances between and within categories. None if the strength was given.
    log_likelihood : ndarray of shape (...), optional
        Of the fitted model, restricted under REML. None if no model was fitted.
    note : ndarray of str of shape (...), optional
        Why the estimate is at a boundary, or empty.
    probability : ndarray of shape (G, ...), optional
        For a mixture of priors, one of which is that of all categories: how probable each of its components is.
    components : Prior of shape (G, ...), optional
        The components. The other fields are then averages over them.
    offset, offset_variance : ndarray of shape (..., K), optional
        If each category has a prior mean of its own: its distance from `mean`, and its variance. The variance may be a
        function that computes it, as few outputs need it.
    regression : Regression, optional
        If these prior means follow from a regression on a cell's parts or on a category's features: its effects.
    shares : ndarray of shape (G, ...), optional
        For a mixture of which each category has a component of its own: the share of the categories that have each.
    within_freedom : ndarray of shape (...), optional
        If each category has a variance of its own, shrunk to `within`: by how many degrees of freedom.
    dispersion : ndarray of shape (...), optional
        If rows have a dispersion: its estimate.
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
    offset_variance: np.ndarray | Callable[[], np.ndarray] | None = None
    regression: Regression | None = None
    shares: np.ndarray | None = None
    within_freedom: np.ndarray | None = None
    dispersion: np.ndarray | None = None

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a prior."""
        shape = np.shape(self.mean)
        require_numbers(shape, mean=self.mean, log_likelihood=self.log_likelihood)
        require_numbers(shape, least=0.0, strength=self.strength, between=self.between, within=self.within)
        require_numbers(shape, least=0.1, within_freedom=self.within_freedom)
        require_numbers(shape, least=0.0, dispersion=self.dispersion)
        require((self.between is None) == (self.within is None), "one variance of a prior, where two are due")
        require(
            self.note is None or (np.shape(self.note) == shape and self.note.dtype.kind == "U"),
            "notes that are not text",
        )
        mixed = (self.probability is not None) + (self.shares is not None)
        require(mixed == (self.components is not None), "probabilities without components")
        if self.components is not None:
            own = np.shape(self.components.mean)
            require(own[1:] == shape and len(own) == len(shape) + 1, "components that do not match their mixture")
            require(self.components.between is not None, "components without variances")
            require_numbers(own, least=0.0, probability=self.probability, shares=self.shares)
        require((self.offset is None) == (self.offset_variance is None), "means of categories without variances")
        if self.offset is not None:
            size = np.shape(self.offset)
            require(size[:-1] == shape, "means of categories that do not match their prior")
            require_numbers(size, offset=self.offset, offset_variance=self.uncertainty)
        require(self.regression is None or self.between is not None, "effects without variances")

    def stored(self) -> Prior:
        """The prior as tables keep it: without means of categories that follow from effects, as they are many."""
        return self if self.regression is None else replace(self, offset=None, offset_variance=None)

    def of_categories(self, places: Callable[[], np.ndarray]) -> Prior:
        """The prior with the means of its categories, where these follow from effects.

        Parameters
        ----------
        places : callable
            Returns the place of each category, of shape (K, ...), as `Regression` has them.
        """
        return self if self.regression is None or self.offset is not None else self.regression.about(self, places())

    @cached_property
    def uncertainty(self) -> np.ndarray | None:
        """The variances of the prior means of categories that have prior means of their own, of shape (..., K)."""
        return self.offset_variance() if callable(self.offset_variance) else self.offset_variance

    def take(self, tables: slice | int | np.ndarray) -> Prior:
        """The priors of some of the tables along the last axis, where categories have no means of their own."""
        return self._map(lambda values: values[..., tables])

    def reshape(self, shape: tuple[int, ...]) -> Prior:
        """The priors of shape (T,) with other axes of tables, where categories have no means of their own."""
        return self._map(lambda values: values.reshape((*values.shape[:-1], *shape)))

    def _map(self, function: Callable[[np.ndarray], np.ndarray]) -> Prior:
        """Apply a function to the values of all tables, which are along the last axis."""

        def optional(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else np.asarray(function(values))

        return Prior(
            np.asarray(function(self.mean)),
            np.asarray(function(self.strength)),
            optional(self.between),
            optional(self.within),
            optional(self.log_likelihood),
            optional(self.note),
            optional(self.probability),
            None if self.components is None else self.components._map(function),
            shares=optional(self.shares),
            within_freedom=optional(self.within_freedom),
            dispersion=optional(self.dispersion),
        )

    def each_component(self) -> Iterator[tuple[np.ndarray, Prior]]:
        """Iterate over the weights and the components of a mixture, each of shape (...)."""
        weights = self.probability if self.shares is None else self.shares
        assert weights is not None
        assert self.components is not None
        own = self.components
        assert own.between is not None
        assert own.within is not None
        for index, probability in enumerate(weights):
            variances = own.between[index], own.within[index]
            yield probability, Prior(own.mean[index], own.strength[index], *variances, dispersion=self.dispersion)


@runtime_checkable
class Regression(Protocol):
    """The effects that prior means follow from: of the parts of an interaction, or of the features of categories.

    The places of cells are the slots of their parts, of shape (m, parts); those of categories are their features.
    """

    @property
    def widths(self) -> list[int]:
        """The number of slots of each part, or of numbers in each block of features."""
        ...

    @property
    def share(self) -> float | None:
        """The share of the variance between categories that features explain; None of the parts of an interaction."""
        ...

    def mean(self, places: Any) -> np.ndarray:
        """The prior means of cells or categories, from their places."""
        ...

    def draw_means(self, places: Any, rng: np.random.Generator) -> np.ndarray:
        """The prior means with a draw of the errors of effects."""
        ...

    def about(self, prior: Prior, places: Any) -> Prior:
        """The prior with the means of K cells or categories, from their places."""
        ...

    def unseen(self, places: Any, prior: Prior, family: Any) -> dict[str, np.ndarray]:
        """The outputs of cells or categories without rows.

        Parameters
        ----------
        places : ndarray of shape (m, ...)
        prior : Prior
        family : Family

        Returns
        -------
        dict of ndarray of shape (m,)
            By the name of the output.
        """
        ...


def given_strength(moments: Moments, strength: float) -> Prior:
    """The prior of a given strength about the mean of all rows, from moments of shape (..., K)."""
    return Prior(moments.mean, np.full_like(moments.mean, strength))


def choose_priors(first: np.ndarray, one: Prior, other: Prior) -> Prior:
    """The prior of each table from one of two sets of priors with variances, of shape (T,).

    Parameters
    ----------
    first : ndarray of bool of shape (T,)
        Whether the prior is that of the first set.
    one, other : Prior of shape (T,)
    """

    def choose(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
        return None if a is None or b is None else np.where(first, a, b)

    return Prior(
        np.where(first, one.mean, other.mean),
        np.where(first, one.strength, other.strength),
        choose(one.between, other.between),
        choose(one.within, other.within),
        choose(one.log_likelihood, other.log_likelihood),
        choose(one.note, other.note),
    )


def reliability(count: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """The weight count / (count + strength) of a category's own rows in its posterior mean.

    Parameters
    ----------
    count : ndarray of shape (..., K)
    strength : ndarray of shape (...)

    Returns
    -------
    ndarray of shape (..., K)
        Zero without rows, whatever the strength.
    """
    weight = count + np.maximum(strength, TINY)[..., None]
    return np.divide(count, weight, out=weight)


def mean_of_categories(moments: Moments, strength: np.ndarray) -> np.ndarray:
    """The generalized least squares mean of the categories: each is weighted by its reliability."""
    weight = reliability(moments.count, strength)
    total = np.einsum("...k,...k->...", weight, moments.category_means)
    return np.where(np.isinf(strength), moments.mean, total / np.maximum(weight.sum(axis=-1), TINY))


def mean_variance(
    moments: Moments, strength: np.ndarray, weight: np.ndarray, between: np.ndarray, within: np.ndarray
) -> np.ndarray:
    """The variance of the estimated prior mean, of shape (...).

    Parameters
    ----------
    moments : Moments of shape (..., K)
    strength, between, within : ndarray of shape (...)
    weight : ndarray of shape (..., K)
        The reliabilities of the categories at this strength.
    """
    complete = np.isinf(strength)
    information = np.where(complete, moments.size, weight.sum(axis=-1) * np.where(complete, 0.0, strength))
    no_pooling = between / np.maximum(moments.categories, 1)
    some = information > NOTHING
    return np.where(some, within / np.where(some, information, 1.0), no_pooling)
