"""What is believed of a category before its rows are seen: a mean, and a strength in rows.

Strength 0 is no pooling, infinity complete pooling. It is the variance of a row within its category
over the variance between categories, so estimating it is estimating these two. With Q the scatter
between categories, V the row variance at the overall mean, c its curvature and K categories of n_k rows,

    E[Q] = (K - 1) E[within] + (N - sum n_k^2 / N) between,      E[within] = V + c between,

which is solved for `between`. In the normal family (c = 0) this is the analysis-of-variance estimator,
and DerSimonian and Laird's with the pooled variance put in; in the binomial family it is Kleinman's.

References
----------
R. DerSimonian, N. Laird (1986), Meta-analysis in clinical trials, Controlled Clinical Trials 7, 177-188.
J. C. Kleinman (1973), Proportions with extraneous variance: single and independent samples, Journal of
the American Statistical Association 68, 46-54.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catpool.families import Family
from catpool.moments import TINY, Moments


@dataclass(frozen=True)
class Prior:
    """Mean and strength of the belief about any category, each of shape (...)."""

    mean: np.ndarray
    strength: np.ndarray


def given_strength(moments: Moments, strength: float) -> Prior:
    """Believe the mean of all rows, as firmly as told."""
    return Prior(moments.mean, np.full_like(moments.mean, strength))


def estimated_strength(moments: Moments, family: Family) -> Prior:
    """Believe the mean of the categories as firmly as the categories resemble each other."""
    between, within = variance_components(moments, family)
    strength = np.where(between > 0, within / np.where(between > 0, between, 1.0), np.inf)
    return Prior(_mean_of_categories(moments, strength), strength)


def variance_components(moments: Moments, family: Family) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the variance between categories and within them, by the method of moments.

    Where the rows cannot tell the two apart (one category, or one row in each), all variance is taken
    to be within.

    Returns
    -------
    between, within : ndarray of shape (...)
    """
    size, spare = moments.size, moments.categories - 1
    variance = family.variance(moments)
    others = size[..., None] - moments.count
    leverage = np.einsum("...k,...k->...", moments.count, others) / size + family.curvature * spare
    told = (leverage > 1e-12 * size) & ~np.isnan(variance)
    variance = np.where(told, variance, moments.scatter / np.maximum(size - 1, 1.0))
    excess = moments.between - spare * variance
    between = np.where(told, np.maximum(excess, 0.0) / np.where(told, leverage, 1.0), 0.0)
    if family.curvature < 0:  # the variance within cannot be negative
        between = np.minimum(between, variance / -family.curvature)
    return between, variance + family.curvature * between


def reliability(count: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Weight of a category's own rows in its posterior: count / (count + strength), nought without rows."""
    weight = count + np.maximum(strength, TINY)[..., None]
    return np.divide(count, weight, out=weight)


def _mean_of_categories(moments: Moments, strength: np.ndarray) -> np.ndarray:
    """Mean of the category means, each weighted by what its rows tell: generalised least squares."""
    weight = reliability(moments.count, strength)
    total = np.einsum("...k,...k->...", weight, moments.category_means)
    return np.where(np.isinf(strength), moments.mean, total / np.maximum(weight.sum(axis=-1), TINY))
