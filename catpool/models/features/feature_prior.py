"""`FeaturePrior`: the prior of categories whose means depend on what is known of them.

In the normal family the model is y ~ 1 + z + (1 | g), where the effects of a penalized block of features z are random,
too, with a variance of their own. The prior mean of a category is the sum of the estimated effects of its features, and
the strength is the variance of rows over that of categories of the same features, so the posterior mean and variance
of a category are those of the model. Moments of categories are sufficient for it.

References
----------
R. E. Fay, R. A. Herriot (1979), Estimates of income for small places: an application of James-Stein procedures to
census data, Journal of the American Statistical Association 74, 269-277.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.features.feature_blocks import Block, FeatureDesign
from catpool.models.features.feature_effects import FeatureEffects, effects_of
from catpool.models.features.free_effects import warn_of_dropped
from catpool.models.features.normal_fit import FIELDS, fit_normal, is_ready
from catpool.moments.moments import Moments
from catpool.priors.blas import blas_threads
from catpool.priors.family import Family
from catpool.priors.prior import Prior, mean_variance, reliability

OFFSETS = ("offset", "offset_variance")  # fields with one number for each slot


@frozen
class FeaturePrior:
    """The rule by which the prior of categories with features is learned.

    Parameters
    ----------
    blocks : sequence of Block
        Of as many slots as the moments have categories.
    reml : bool
    """

    blocks: Sequence[Block]
    reml: bool

    @cached_property
    def design(self) -> FeatureDesign:
        """The features of all blocks."""
        return FeatureDesign.of(self.blocks)

    def subset(self, slots: np.ndarray | slice) -> FeaturePrior:
        """The rule for moments of some slots, in the order given, about the same center."""
        some = replace(self, blocks=[replace(block, basis=block.basis[slots]) for block in self.blocks])
        vars(some)["design"] = self.design.subset(slots)
        return some

    def expand(self, prior: Prior) -> Prior:
        """A prior that was learned from some slots, for all slots."""
        assert isinstance(prior.mains, FeatureEffects)
        return prior.mains.about(prior, self.design)

    def __call__(self, moments: Sequence[Moments], family: Family) -> list[Prior]:
        """Learn the prior of each class, with a mean for each slot.

        Parameters
        ----------
        moments : sequence of Moments of shape (..., size)
            One for each class.
        family : Family

        Returns
        -------
        list of Prior of shape (...)
            With `offset`, `offset_variance`, and as `mains` the effects of the last table.
        """
        with blas_threads(1):
            return [self._learn_linear(each, family) for each in moments]

    def _learn_linear(self, moments: Moments, family: Family) -> Prior:
        tables, dropped = [], []
        for own in moments.views():
            if is_ready(own):
                fit = fit_normal(self.design, own, reml=self.reml)
                tables.append(fit.effects.about(fit.prior, self.design))
                dropped.append(fit.dropped)
            else:
                tables.append(self._without_effects(own, family))
        warn_of_dropped(self.design, dropped)
        return _stack(tables, moments.count.shape)

    def _without_effects(self, moments: Moments, family: Family) -> Prior:
        """The prior of a table from which no effects can be learned."""
        prior = family.likelihood_prior([moments], reml=self.reml)[0]
        assert prior.between is not None
        assert prior.within is not None
        weight = reliability(moments.count, prior.strength)
        covariance = np.zeros((self.design.values.shape[1],) * 2)
        covariance[0, 0] = mean_variance(moments, prior.strength, weight, prior.between, prior.within)
        sums = np.append(float(prior.mean), covariance[1:, 0])
        return effects_of(self.design, sums, covariance, 0.0, family.name).about(prior, self.design)


def _stack(tables: Sequence[Prior], shape: tuple[int, ...]) -> Prior:
    """The priors of several tables, whose effects are those of the last one, which has all rows."""
    numbers: dict[str, Any] = {
        name: np.array([getattr(each, name) for each in tables]).reshape(shape[:-1]) for name in FIELDS
    }
    offsets: dict[str, Any] = {
        name: np.array([getattr(each, name) for each in tables]).reshape(shape) for name in OFFSETS
    }
    return Prior(**numbers, **offsets, mains=tables[-1].mains)
