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
from typing import Any, NamedTuple

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.features.feature_blocks import Block, FeatureDesign
from catpool.models.features.feature_effects import IDENTITY, FeatureEffects, no_effects
from catpool.models.features.free_effects import warn_of_dropped
from catpool.models.features.link_fit import LinkFit, fit_on_link, is_ready_on_link
from catpool.models.features.normal_fit import FIELDS, fit_normal, is_ready
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.numerics.blas import blas_threads
from catpool.priors.prior import NO_SPREAD, ONLY_FEATURES, Prior, mean_variance, reliability

MANY = 1 << 13  # prior means of categories, from which on few stand for all in the likelihood of the strength


class LearnedTable(NamedTuple):
    """What is learned of one class from one table.

    Parameters
    ----------
    prior : Prior of shape ()
        Without means of slots.
    effects : FeatureEffects
    design : FeatureDesign
        The features of slots, by which rows are encoded.
    means : ndarray of shape (size,)
        The prior means of slots.
    dropped : ndarray of int, optional
        The features that it does without, by place. None if none of their effects can be learned.
    """

    prior: Prior
    effects: FeatureEffects
    design: FeatureDesign
    means: np.ndarray
    dropped: np.ndarray | None = None


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

    def expand(self, prior: Prior, slots: np.ndarray, moments: Moments) -> Prior:
        """A prior that was learned from the moments of some slots, for all slots."""
        assert isinstance(prior.regression, FeatureEffects)
        count = np.zeros(len(self.design.values))
        count[slots] = moments.count
        return prior.regression.about(prior, self.design.at(count).with_next_row(count, moments.row_weight))

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
            With `offset`, a function for `offset_variance`, and as `regression` the effects of the last table.
        """
        classes = [each.flatten() for each in moments]
        learn = self._learn_linear if family.homoscedastic else self._learn_on_link
        with blas_threads(1):
            tables = [learn(own, family) for own in zip(*(each.views() for each in classes), strict=True)]
        warn_of_dropped(self.design, [each.dropped for own in tables for each in own if each.dropped is not None])
        return [
            self._stack(own, each.count.shape) for own, each in zip(zip(*tables, strict=True), moments, strict=True)
        ]

    def _learn_linear(self, classes: Sequence[Moments], family: Family) -> list[LearnedTable]:
        """What is learned of the classes from one table."""
        found = []
        for own in classes:
            design = self.design.at(own.count)
            fit = fit_normal(design, own, reml=self.reml) if is_ready(own) else None
            if fit is not None and fit.effects.effects.any():
                later = design.with_next_row(own.count, own.row_weight)
                found.append(LearnedTable(fit.prior, fit.effects, later, fit.effects.mean(later), fit.dropped))
            else:
                (table,) = self._without_effects(design, [own], family)
                found.append(table if fit is None else table._replace(dropped=fit.dropped))
        return found

    def _learn_on_link(self, classes: Sequence[Moments], family: Family) -> list[LearnedTable]:
        """As `_learn_linear`, with effects on the link, and a strength that the classes share."""
        design = self.design.at(classes[0].count)
        fits = [self._fit_on_link(design, own, family) for own in classes]
        alone = [fit.effects for fit in fits]
        if any(each.effects.any() for each in alone):
            found = self._conjugate(_side_by_side(alone), design, classes, family)
        else:
            found = self._without_effects(design, classes, family)
        return [table._replace(dropped=fit.dropped) for table, fit in zip(found, fits, strict=True)]

    def _fit_on_link(self, design: FeatureDesign, moments: Moments, family: Family) -> LinkFit:
        """The effects of one class, or none if they cannot be learned."""
        if is_ready_on_link(moments, family):
            return fit_on_link(design, moments, family, reml=self.reml)
        return LinkFit(no_effects(design, float(moments.mean), 0.0, IDENTITY), None)

    def _without_effects(self, design: FeatureDesign, classes: Sequence[Moments], family: Family) -> list[LearnedTable]:
        """The priors of a table whose features tell nothing, which are those without features."""
        priors, effects = family.likelihood_prior(classes, reml=self.reml), []
        for prior, own in zip(priors, classes, strict=True):
            assert prior.between is not None
            assert prior.within is not None
            weight = reliability(own.count, prior.strength)
            error = mean_variance(own, prior.strength, weight, prior.between, prior.within)
            effects.append(no_effects(design, float(prior.mean), float(error), IDENTITY))
        return [
            LearnedTable(prior, own, design, own.mean(design))
            for prior, own in zip(priors, _side_by_side(effects), strict=True)
        ]

    def _conjugate(
        self, effects: Sequence[FeatureEffects], design: FeatureDesign, classes: Sequence[Moments], family: Family
    ) -> list[LearnedTable]:
        """The priors about the means of slots, whose strength is the likeliest."""
        means = np.array([each.mean(design) for each in effects])
        totals = np.array([each.total for each in classes])
        many = means.size > MANY
        strength, likelihood = family.strength_given_means(totals, classes[0].count, means, many=many)
        note = "" if np.isfinite(strength) else ONLY_FEATURES if any(each.share for each in effects) else NO_SPREAD
        found, later = [], design.with_next_row(classes[0].count, classes[0].row_weight)
        if later is not design:
            means = np.array([each.mean(later) for each in effects])
        for own, each, mean in zip(effects, classes, means, strict=True):
            within = family.variance(each)
            between = family.between_variance(within, np.array(strength))
            center = own.mean(own.central_places())[0]
            fields = center, strength, between, within, likelihood, note
            numbers: dict[str, Any] = dict(zip(FIELDS, map(np.array, fields), strict=True))
            found.append(LearnedTable(Prior(**numbers), own, later, mean))
        return found

    def _stack(self, tables: Sequence[LearnedTable], shape: tuple[int, ...]) -> Prior:
        """The priors of several tables, whose effects are those of the last one, which has all rows."""
        numbers: dict[str, Any] = {
            name: np.array([getattr(each.prior, name) for each in tables]).reshape(shape[:-1]) for name in FIELDS
        }
        offset = np.array([each.means - each.prior.mean for each in tables]).reshape(shape)

        def variance() -> np.ndarray:
            with blas_threads(1):
                return np.array([each.effects.variance(each.design) for each in tables]).reshape(shape)

        return Prior(**numbers, offset=offset, offset_variance=variance, regression=tables[-1].effects)


def _side_by_side(effects: Sequence[FeatureEffects]) -> list[FeatureEffects]:
    """The effects of classes, each of which knows the others."""
    return [replace(own, beside=tuple(each for each in effects if each is not own)) for own in effects]
