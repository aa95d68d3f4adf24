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
from catpool.models.features.feature_effects import IDENTITY, FeatureEffects, no_effects
from catpool.models.features.free_effects import warn_of_dropped
from catpool.models.features.link_fit import fit_on_link, is_ready_on_link
from catpool.models.features.normal_fit import FIELDS, fit_normal, is_ready
from catpool.moments.moments import Moments
from catpool.priors.blas import blas_threads
from catpool.priors.family import Family
from catpool.priors.prior import NO_SPREAD, ONLY_FEATURES, Prior, mean_variance, reliability

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
        classes = [each.flatten() for each in moments]
        with blas_threads(1):
            learned = (
                self._learn_linear(classes, family) if family.homoscedastic else self._learn_on_link(classes, family)
            )
        return [_stack(tables, each.count.shape) for tables, each in zip(learned, moments, strict=True)]

    def _learn_linear(self, classes: Sequence[Moments], family: Family) -> list[list[Prior]]:
        """The priors of the tables of each class."""
        dropped: list[np.ndarray] = []
        learned = [[self._linear(own, family, dropped) for own in each.views()] for each in classes]
        warn_of_dropped(self.design, dropped)
        return learned

    def _linear(self, moments: Moments, family: Family, dropped: list[np.ndarray]) -> Prior:
        """The prior of one table; what it does without is added to a list."""
        if not is_ready(moments):
            return self._without_effects(moments, family)
        fit = fit_normal(self.design, moments, reml=self.reml)
        dropped.append(fit.dropped)
        return fit.effects.about(fit.prior, self.design)

    def _without_effects(self, moments: Moments, family: Family) -> Prior:
        """The prior of a table from which no effects can be learned."""
        prior = family.likelihood_prior([moments], reml=self.reml)[0]
        assert prior.between is not None
        assert prior.within is not None
        weight = reliability(moments.count, prior.strength)
        error = mean_variance(moments, prior.strength, weight, prior.between, prior.within)
        return no_effects(self.design, float(prior.mean), float(error), family.name).about(prior, self.design)

    def _learn_on_link(self, classes: Sequence[Moments], family: Family) -> list[list[Prior]]:
        """The priors of the tables of each class, with effects on the link and the strength that classes share."""
        dropped: list[np.ndarray] = []
        tables = [self._on_link(own, family, dropped) for own in zip(*(each.views() for each in classes), strict=True)]
        warn_of_dropped(self.design, dropped)
        return [list(each) for each in zip(*tables, strict=True)]

    def _on_link(self, classes: Sequence[Moments], family: Family, dropped: list[np.ndarray]) -> list[Prior]:
        """The priors of the classes of one table."""
        alone = []
        for own in classes:
            if is_ready_on_link(own, family):
                fit = fit_on_link(self.design, own, family, reml=self.reml)
                alone.append(fit.effects)
                dropped.append(fit.dropped)
            else:
                alone.append(no_effects(self.design, float(own.mean), 0.0, IDENTITY))
        found = [replace(own, beside=tuple(each for each in alone if each is not own)) for own in alone]
        return self._conjugate(found, classes, family)

    def _conjugate(self, effects: Sequence[FeatureEffects], classes: Sequence[Moments], family: Family) -> list[Prior]:
        """The priors about the means of slots, whose strength is the likeliest."""
        means = np.array([each.mean(self.design) for each in effects])
        totals = np.array([each.total for each in classes])
        strength, likelihood = family.strength_given_means(totals, classes[0].count, means)
        note = "" if np.isfinite(strength) else ONLY_FEATURES if any(each.share for each in effects) else NO_SPREAD
        priors = []
        for own, each in zip(effects, classes, strict=True):
            within = family.variance(each)
            between = family.between_variance(within, np.array(strength))
            fields = each.mean, strength, between, within, likelihood, note
            numbers: dict[str, Any] = dict(zip(FIELDS, map(np.array, fields), strict=True))
            priors.append(own.about(Prior(**numbers), self.design))
        return priors


def _stack(tables: Sequence[Prior], shape: tuple[int, ...]) -> Prior:
    """The priors of several tables, whose effects are those of the last one, which has all rows."""
    numbers: dict[str, Any] = {
        name: np.array([getattr(each, name) for each in tables]).reshape(shape[:-1]) for name in FIELDS
    }
    offsets: dict[str, Any] = {
        name: np.array([getattr(each, name) for each in tables]).reshape(shape) for name in OFFSETS
    }
    return Prior(**numbers, **offsets, mains=tables[-1].mains)
