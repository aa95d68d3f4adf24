"""The strength that maximizes a likelihood of one variable, for categories with known prior means.

The likelihood is flat near its maximum, so its value gives few digits. A bounded search finds the neighborhood, and
the root of its derivative gives the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LEAST = 1e-3  # rows, or times the largest category's, if it has less than one; weaker priors pool nothing
MOST = 1e3  # times the largest category's rows; stronger priors pool completely
EDGE = 1e-12  # the least distance of a mean from its bounds
NEAR = 1e-3  # relative distance from the maximum at which the search by values may end
GAIN = 1e-6  # of a log-likelihood, that a strength must have over complete pooling


def maximize_over_strength(
    log_likelihood: Callable[[float], float], derivative: Callable[[float], float], pooled: float, largest: float
) -> tuple[float, float]:
    """The strength, infinite for complete pooling, and its log-likelihood.

    Parameters
    ----------
    log_likelihood, derivative : callable
        Functions of the strength.
    pooled : float
        The log-likelihood of complete pooling.
    largest : float
        Rows of the largest category.
    """
    from scipy.optimize import brentq, minimize_scalar  # here, because it takes long to load

    found = minimize_scalar(
        lambda log: -log_likelihood(np.exp(log)),
        bounds=(np.log(LEAST * min(1.0, largest)), np.log(MOST * largest)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    value = -float(found.fun)
    if value <= pooled + GAIN * max(1.0, abs(pooled) * 1e-6):
        return np.inf, pooled
    near = float(np.exp(found.x))
    low, high = near * (1 - NEAR), near * (1 + NEAR)
    if derivative(low) > 0 > derivative(high):
        near = float(brentq(derivative, low, high, rtol=1e-14, xtol=1e-300))
    return near, value
