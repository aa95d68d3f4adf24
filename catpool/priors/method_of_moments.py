"""Prior strength by the method of moments: in closed form, for all families and all folds at once.

With Q the scatter between categories, V the row variance at the overall mean, c its curvature and K categories of
n_k rows,

    E[Q] = (K - 1) E[within] + (N - sum n_k^2 / N) between,      E[within] = V + c between,

which is solved for `between`. In the normal family (c = 0) this is the analysis-of-variance estimator, and DerSimonian
and Laird's with the pooled variance put in; in the binomial family it is Kleinman's. The classes of one target share
one strength: the sums over the classes of their two sides are solved.

References
----------
R. DerSimonian, N. Laird (1986), Meta-analysis in clinical trials, Controlled Clinical Trials 7, 177-188.
J. C. Kleinman (1973), Proportions with extraneous variance: single and independent samples, Journal of the American
Statistical Association 68, 46-54.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.prior import Prior, mean_of_categories


def by_moments(moments: Sequence[Moments], family: Family) -> list[Prior]:
    """Estimate the prior of each class, from moments of shape (..., K).

    Where the rows cannot tell the two variances apart (one category, or one row in each), all variance is taken to be
    within, and the strength is infinite.
    """
    equations = [_equation(each, family) for each in moments]
    excess, variance = (np.sum([equation[i] for equation in equations], axis=0) for i in range(2))
    share = equations[0][2]
    between = np.where(share > 0, np.maximum(excess, 0.0) / np.where(share > 0, share, 1.0), 0.0)
    if family.curvature < 0:  # the variance within cannot be negative
        between = np.minimum(between, variance / -family.curvature)
    within = variance + family.curvature * between
    spread = between > 1e-15 * within
    strength = np.where(spread, within / np.where(spread, between, 1.0), np.inf)
    return [
        _prior(
            each,
            strength,
            *(
                np.where(variance > 0, own / np.where(variance > 0, variance, 1.0), 1.0) * part
                for part in (between, within)
            ),
        )
        for each, (_, own, _) in zip(moments, equations, strict=True)
    ]


def knowing_variances(prior: Prior, moments: Moments, family: Family) -> Prior:
    """The prior, or the estimate here where it was given and tells no variances."""
    return prior if prior.between is not None else by_moments([moments], family)[0]


def _prior(moments: Moments, strength: np.ndarray, between: np.ndarray, within: np.ndarray) -> Prior:
    return Prior(mean_of_categories(moments, strength), strength, between, within)


def _equation(moments: Moments, family: Family) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q - (K - 1) V, V, and the factor of `between`, nought where the rows do not tell."""
    size, spare = moments.size, moments.categories - 1
    variance = family.variance(moments)
    others = size[..., None] - moments.count
    share = np.einsum("...k,...k->...", moments.count, others) / size + family.curvature * spare
    told = (share > 1e-12 * size) & ~np.isnan(variance)
    variance = np.where(np.isnan(variance), moments.scatter / np.maximum(moments.rows - 1, 1.0), variance)
    return moments.between - spare * variance, variance, np.where(told, share, 0.0)
