"""Fits of the linear mixed model with features to the moments of the categories of one table."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.features.category_products import CategoryProducts
from catpool.models.features.feature_blocks import FeatureDesign
from catpool.models.features.feature_effects import FeatureEffects, effects_of
from catpool.models.features.feature_likelihood import FeatureEquations, FeatureLikelihood
from catpool.models.features.feature_search import maximize_likelihood
from catpool.models.features.free_effects import identified_effects, with_zeros
from catpool.moments.moments import TINY, Moments
from catpool.moments.unit import unit_of
from catpool.priors.families.normal import NORMAL
from catpool.priors.prior import NO_NOISE, ONE_ROW_EACH, ONLY_FEATURES, Prior

FIELDS = "mean", "strength", "between", "within", "log_likelihood", "note"  # of a prior: one value for each table
FEWEST = 3  # categories that a fit needs
SLIGHT = 1e-14  # share of the scatter of all rows that lies within categories at least, so that no variance is 0
COARSE = 1e-4  # relative change of effects that single precision is not enough for
LEAST = 1e-2  # rows of variance between the average category and others, to start from at least


@frozen
class NormalFit:
    """The prior of one table, without means of slots, its effects, and the features that it does without, by place."""

    prior: Prior
    effects: FeatureEffects
    dropped: np.ndarray


def is_ready(moments: Moments) -> bool:
    """Whether the effects of features can be learned from a table of shape (K,)."""
    return bool(moments.categories >= FEWEST and moments.between > 0)


def fit_normal(design: FeatureDesign, moments: Moments, *, reml: bool) -> NormalFit:
    """Fit the model to the moments of one table, of shape (K,), that `is_ready`.

    Where each category has one row, the variance between categories of the same features counts as that of rows. Where
    rows do not vary within categories, their means are known exactly.
    """
    unit = unit_of(moments.category_means)
    own = moments if unit == 1 else moments.divide(np.array(unit))
    alone, exact = not own.some_repeat, bool(own.some_repeat and own.within == 0)
    kept, found = _fit(design, own, reml=reml, with_categories=not (alone or exact), exact=exact)
    effects, covariance = with_zeros(kept, unit * found.effects, unit * (unit * found.covariance))
    effects[0] += moments.mean
    variance = unit * (unit * found.within)
    between, within = (variance, 0.0) if exact else (float(found.theta[0]) * variance, variance)
    regression = effects_of(design, effects, covariance, between, NORMAL.name)
    note = NO_NOISE if exact else ONE_ROW_EACH if alone else "" if between > 0 else ONLY_FEATURES
    strength = within / between if between > 0 else np.inf
    likelihood = np.inf if exact else found.log_likelihood - _logarithms(design, kept, found, unit)
    found_numbers = (effects[0], strength, between, within, likelihood, note)
    numbers: dict[str, Any] = dict(zip(FIELDS, map(np.array, found_numbers), strict=True))
    return NormalFit(Prior(**numbers), regression, np.flatnonzero(~kept) - 1)


def _fit(
    design: FeatureDesign, moments: Moments, *, reml: bool, with_categories: bool, exact: bool
) -> tuple[np.ndarray, FeatureEquations]:
    """Which effects are identified, and the equations at the likeliest variances."""
    count = (moments.count > 0).astype(float) if exact else moments.count
    free = np.array([with_categories, *(block.penalized for block in design.blocks)])

    kept = identified_effects(design, moments)

    def fit(features: np.ndarray) -> FeatureEquations:
        products = CategoryProducts.of(count, features, moments.distances)
        likelihood = FeatureLikelihood(
            products.select(np.append(kept, True)),
            design.kinds[kept],
            len(design.blocks),
            within=max(float(moments.within), SLIGHT * float(moments.scatter)),
            rows=float(moments.categories if exact else moments.rows),
            reml=reml,
        )
        return maximize_likelihood(likelihood, free, _rough_ratio(moments))

    if design.summed is not design.values:
        with suppress(np.linalg.LinAlgError):  # where features tell nearly all, which takes more digits
            found = fit(design.summed)
            weights = count / (1 + found.theta[0] * count)
            if found.refine(design.summed, weights, moments.distances) <= COARSE:
                return kept, found
    return kept, fit(design.values)


def _rough_ratio(moments: Moments) -> float:
    """The variance between categories over that of rows, by the method of moments."""
    count = moments.count
    spare = float(moments.rows - moments.categories)
    noise = float(moments.within) / spare if moments.some_repeat and moments.within > 0 else 0.0
    average = float(moments.size - (count**2).sum() / moments.size)
    between = (float(moments.between) - float(moments.categories - 1) * noise) / max(average, TINY)
    return max(between / noise if noise > 0 else 1.0, LEAST * float(moments.categories / moments.size))


def _logarithms(design: FeatureDesign, kept: np.ndarray, found: FeatureEquations, unit: float) -> float:
    """What the units of y and of free effects add to the log-likelihood."""
    free = kept & (design.kinds < 0)
    own = np.log(np.append(1.0, design.unit))[free].sum() if found.likelihood.reml else 0.0
    return float(own + found.likelihood.freedom * np.log(unit))
