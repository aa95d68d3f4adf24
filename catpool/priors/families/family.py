"""What a family of distributions must provide: how rows vary within a category, and how a prior is learned.

Within a category of mean m the variance of one row is a polynomial of degree two in m in the families that have a
conjugate prior of the form "so many rows of such a mean" (Morris 1983):

    normal      sigma^2, estimated from the rows
    binomial    m (1 - m)
    Poisson     m

A family of your own is a subclass of `Family` with a name and a `variance`, put into `FAMILIES`:

>>> from catpool.priors.families.by_name import FAMILIES
>>> class Exponential(Family):
...     name = "exponential"
...     curvature = 1.0
...     bounds = (0.0, np.inf)
...
...     def variance(self, moments):
...         return moments.mean**2
>>> FAMILIES["exponential"] = Exponential()
>>> del FAMILIES["exponential"]

It gets its prior by the method of moments and a normal posterior. Other methods replace these, or add what is refused.

References
----------
C. N. Morris (1983), Natural exponential families with quadratic variance functions, Annals of Statistics 11, 515-529.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from catpool.moments.moments import Moments
from catpool.priors.method_of_moments import moments_prior
from catpool.priors.numerics.link import Link
from catpool.priors.prior import Prior, reliability
from catpool.priors.uncertainty import MANY_CATEGORIES


class Family(ABC):
    """The distribution of rows within a category.

    Attributes
    ----------
    name : str
        The name in `FAMILIES`.
    assumed : str, default="continuous"
        The kind of target for ``target_type="auto"`` if the user chooses this family.
    kinds : tuple of str, default=()
        The kinds of targets it goes with. Empty for all kinds.
    bounds : tuple of float, default=(-infinity, infinity)
        The smallest and the largest mean.
    curvature : float, default=0.0
        Coefficient of the squared mean in the variance of a row.
    homoscedastic : bool, default=False
        Whether all rows have one variance, whatever their mean. If so, weights may be precisions, the exposure of a
        rate is its weight, and models of several factors are linear mixed models.
    takes_exposure : bool, default=True
        Whether counts may have an exposure.
    dispersed : bool, default=False
        Whether each prior has an estimate of the dispersion of rows.
    most_uncertain : float, default=100
        Number of categories above which ``prior="auto"`` takes the variance between them for known.
    """

    name: str
    assumed: str = "continuous"
    kinds: tuple[str, ...] = ()
    bounds: tuple[float, float] = (-np.inf, np.inf)
    curvature: float = 0.0
    homoscedastic: bool = False
    takes_exposure, dispersed = True, False
    most_uncertain: float = MANY_CATEGORIES

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def goes_with(self, kind: str) -> bool:
        """Whether a target of this kind can have this family."""
        return not self.kinds or kind in self.kinds

    def knowing(self, prior: Prior) -> Family:
        """The family with what a prior knows of its rows."""
        return self

    @abstractmethod
    def variance(self, moments: Moments) -> np.ndarray:
        """The variance of a row in a category that has the overall mean.

        Parameters
        ----------
        moments : Moments of shape (..., K)

        Returns
        -------
        ndarray of shape (...)
            NaN where the rows do not identify it.
        """

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> Sequence[Prior]:
        """Estimate the prior by maximum likelihood; without a likelihood, by the method of moments.

        Parameters
        ----------
        classes : sequence of Moments of shape (..., K)
            One for each class of the target. The leading axes run over tables, each with its own prior.
        reml : bool
            Whether the likelihood is restricted, in families that have a restricted likelihood.

        Returns
        -------
        sequence of Prior of shape (...)
        """
        return moments_prior(classes, self)

    def full_bayes_prior(
        self, classes: Sequence[Moments], *, scale: float, if_uncertain: bool = False
    ) -> Sequence[Prior]:
        """Average over the posterior of the prior's parameters.

        Parameters
        ----------
        classes : sequence of Moments of shape (..., K)
            As in `likelihood_prior`.
        scale : float
            Of the half-t prior on the standard deviation between categories, relative to the one within.
        if_uncertain : bool, default=False
            Whether to average only tables whose prior is uncertain; the others have the likeliest prior.

        Returns
        -------
        sequence of Prior of shape (...)
            Mixtures, unless no table is averaged.
        """
        raise self._lacks("full_bayes_prior", 'prior="full_bayes"', 'Pass prior="reml"')

    def log_marginal(self, moments: Moments, prior: Prior) -> np.ndarray:
        """The log-likelihood of each category's rows under a prior, for mixtures of which each category has its own.

        Parameters
        ----------
        moments : Moments of shape (..., K) or (K,)
        prior : Prior of shape (...)
            No mixture, and with variances.

        Returns
        -------
        ndarray of shape (..., K)
            Without terms that do not depend on the prior: 0 for a category without rows.
        """
        raise self._lacks("log_marginal", 'prior="scale_mixture" and prior="npmle"', 'Pass prior="reml"')

    def stabilized(self, mean: np.ndarray, within: np.ndarray) -> np.ndarray:
        """A growing function of a category's mean whose estimate has the variance 1 / count, whatever the mean.

        Parameters
        ----------
        mean : ndarray of shape (K,)
        within : ndarray of shape ()
            The variance of a row about the overall mean.
        """
        return mean / np.sqrt(within)

    def from_stabilized(self, value: np.ndarray, within: np.ndarray) -> np.ndarray:
        """The mean of which `stabilized` makes this value, or the nearest that is possible."""
        return np.clip(value * np.sqrt(within), *self.bounds)

    def strength_given_means(
        self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray, *, pooled: bool = False, many: bool = False
    ) -> tuple[float, float]:
        """Estimate the strength of a prior in which each category has a known mean.

        Parameters
        ----------
        totals, means : ndarray of shape (C, K)
            For each class; a binary target and counts have one.
        counts : ndarray of shape (K,)
            Rows, or exposures.
        pooled, many : bool, default=False
            Whether complete pooling is given, and only its likelihood is asked for; and whether there are so many
            categories that those of nearly one mean may count as alike, to save time.

        Returns
        -------
        strength, log_likelihood : float
            The strength is infinity for complete pooling.
        """
        raise self._lacks("strength_given_means", "nested levels and interactions", 'Pass family="normal"')

    def strengths_given_means(
        self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray, scale: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Average over the strength of a prior in which each category has a known mean.

        Parameters
        ----------
        totals, means, counts : ndarray
            As in `strength_given_means`.
        scale : float
            Of the half-t prior on one over the root of the strength.

        Returns
        -------
        strengths, probabilities : ndarray of shape (m,)
        """
        raise self._lacks("strengths_given_means", 'prior="full_bayes" of nested levels', 'Pass prior="ml"')

    def between_variance(self, variance: Any, strength: Any) -> Any:
        """The variance between categories, from the variance of a row at their mean and a positive strength.

        Both are numbers, or arrays of one shape.
        """
        return variance / (strength - self.curvature)

    def spread(self, mean: np.ndarray, weight: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """The variance of a conjugate posterior.

        Parameters
        ----------
        mean, weight, variance : ndarray of shape (..., K)
            The posterior mean, the rows it is worth (count + strength), and the variance of a row.
        """
        return variance / weight

    def capped(self, variance: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Variances of values with these means, cut to the largest that is possible."""
        return variance

    def interval(self, mean: np.ndarray, sd: np.ndarray, interval: float) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the central interval of probability `interval`, from a posterior's mean and sd, of shape (K,)."""
        half = ndtri((1 + interval) / 2) * sd
        return np.clip(mean - half, *self.bounds), np.clip(mean + half, *self.bounds)

    def draw(
        self, classes: Sequence[Moments], priors: Sequence[Prior], means: Sequence[np.ndarray], rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Draw the value of each category from its posterior.

        Parameters
        ----------
        classes : sequence of Moments of shape (K,)
        priors : sequence of Prior of shape ()
            Their variances and strengths are used, and the means replaced by `means`.
        means : sequence of ndarray of shape () or (K,)
            A draw of the prior mean of each class, or of the prior means of its categories.
        rng : numpy.random.Generator

        Returns
        -------
        list of ndarray of shape (K,)
            One for each class.
        """
        drawn = [_draw_normal(*each, rng) for each in zip(classes, priors, means, strict=True)]
        return [np.clip(each, *self.bounds) for each in drawn]

    def draw_pooled(self, classes: Sequence[Moments], means: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What `draw` gives under complete pooling: all categories have the mean of their class."""
        return [
            np.full_like(each.count, np.clip(mean, *self.bounds)) for each, mean in zip(classes, means, strict=True)
        ]

    @property
    def link(self) -> Link:
        """The canonical link, for models of several factors."""
        raise self._lacks("link", "mixed models and interactions", 'Pass family="normal"')

    def latent_noise(self, scale: float) -> float | None:
        """The variance of a row on the scale of the link, or None if it depends on the mean.

        Parameters
        ----------
        scale : float
            The residual variance of a linear mixed model.
        """
        return None

    def _lacks(self, method: str, use: str, remedy: str) -> ValueError:
        return ValueError(
            f'family="{self.name}" has no `{method}`, which is required for {use}. '
            f"{remedy}, or define `{type(self).__name__}.{method}`."
        )


def _draw_normal(moments: Moments, prior: Prior, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    assert prior.between is not None
    assert prior.within is not None
    weight, rows = reliability(moments.count, prior.strength), moments.count + prior.strength
    variance = np.where(rows > 0, prior.within / np.where(rows > 0, rows, 1.0), prior.between)
    center = weight * moments.category_means + (1 - weight) * mean
    return rng.normal(center, np.sqrt(variance))


FAMILIES: dict[str, Family] = {}  # by name; `families` puts in those of catpool, and users may add theirs
