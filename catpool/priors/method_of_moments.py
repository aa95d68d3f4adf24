"""The method of moments: the strength in closed form, for all families and all folds at once.

With Q the scatter between categories, V the variance of a row at the overall mean, c the family's curvature and K
categories of n_k rows,

    E[Q] = (K - 1) E[within] + (N - sum n_k^2 / N) between,      E[within] = V + c between,

which is solved for `between`. In the normal family (c = 0) this is the analysis-of-variance estimator, and DerSimonian
and Laird's with the pooled variance substituted; in the binomial family it is Kleinman's. The classes of one target
share one strength: the two sides of the equation are summed over the classes.

References
----------
R. DerSimonian, N. Laird (1986), Meta-analysis in clinical trials, Controlled Clinical Trials 7, 177-188.
J. C. Kleinman (1973), Proportions with extraneous variance: single and independent samples, Journal of the American
Statistical Association 68, 46-54.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.prior import Prior, mean_of_categories


class VarianceFunction(Protocol):
    """What the method of moments needs from a family. See `Family`."""

    @property
    def curvature(self) -> float: ...

    def variance(self, moments: Moments) -> np.ndarray: ...


def moments_prior(moments: Sequence[Moments], family: VarianceFunction) -> list[Prior]:
    """Estimate the prior of each class, from moments of shape (..., K).

    Where the two variances are not identified (one category, or one row in each), all variance counts as variance
    within categories, and the strength is infinite.
    """
    equations = [_equation(each, family) for each in moments]
    excess, variance = (np.sum([equation[i] for equation in equations], axis=0) for i in range(2))
    between, within = _solve(excess, variance, equations[0][2], family.curvature)
    spread = between > 1e-15 * within
    strength = np.where(spread, within / np.where(spread, between, 1.0), np.inf)
    priors = []
    for each, (_, own, _) in zip(moments, equations, strict=True):
        share = np.where(variance > 0, own / np.where(variance > 0, variance, 1.0), 1.0)
        priors.append(Prior(mean_of_categories(each, strength), strength, share * between, share * within))
    return priors


def knowing_variances(prior: Prior, moments: Moments, family: VarianceFunction) -> Prior:
    """The prior if it has variances, else the estimate by the method of moments."""
    return prior if prior.between is not None else moments_prior([moments], family)[0]


def _equation(moments: Moments, family: VarianceFunction) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q - (K - 1) V, V, and the factor of `between`, which is zero where it is not identified."""
    size, spare = moments.size, moments.categories - 1
    variance = family.variance(moments)
    others = size[..., None] - moments.count
    factor = np.einsum("...k,...k->...", moments.count, others) / size + family.curvature * spare
    identified = (factor > 1e-12 * size) & ~np.isnan(variance)
    variance = np.where(np.isnan(variance), moments.scatter / np.maximum(moments.rows - 1, 1.0), variance)
    return moments.between - spare * variance, variance, np.where(identified, factor, 0.0)


def _solve(
    excess: np.ndarray, variance: np.ndarray, factor: np.ndarray, curvature: float
) -> tuple[np.ndarray, np.ndarray]:
    """The variances between and within."""
    between = np.where(factor > 0, np.maximum(excess, 0.0) / np.where(factor > 0, factor, 1.0), 0.0)
    if curvature < 0:  # the variance within cannot be negative
        between = np.minimum(between, variance / -curvature)
    return between, variance + curvature * between
