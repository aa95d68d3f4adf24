"""The strength that is likeliest where each category has a prior mean of its own.

A category's total is beta-binomial (with several classes Dirichlet-multinomial) or gamma-Poisson about its own mean,
and the one strength of all is found by its likelihood alone.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import gammaln, psi, xlogy

LEAST = 1e-3  # rows; weaker priors pool nothing
FAR = 1e3  # times the largest category's rows: stronger ones pool completely
EDGE = 1e-12  # a mean's distance from nought and one
NEAR = 1e-3  # of a strength, how far from the likeliest a search by values may end
GAIN = 1e-6  # of a log-likelihood, that a strength must have over complete pooling


def likeliest_strength(totals: np.ndarray, counts: np.ndarray, means: np.ndarray, family: str) -> tuple[float, float]:
    """The strength in rows, infinite for complete pooling, and the log-likelihood.

    Parameters
    ----------
    totals, means : ndarray of shape (C, K)
        Of each class, one for counts.
    counts : ndarray of shape (K,)
        Rows, or exposures.
    family : {"binomial", "poisson"}
    """
    seen = counts > 0
    totals, counts, means = totals[:, seen], counts[seen], np.maximum(means[:, seen], EDGE)
    if family == "binomial":
        if len(totals) == 1:
            totals, means = np.vstack([totals, counts - totals]), np.vstack([means, 1 - means])
        means = np.clip(means, EDGE, 1 - EDGE)
        pooled = float(xlogy(totals, means).sum())
    else:
        pooled = float((xlogy(totals, means * counts) - means * counts).sum())
    likelihood_of = _shares if family == "binomial" else _counts
    largest = float(counts.max())
    if family == "binomial" and largest <= 1:
        return np.inf, pooled
    found = minimize_scalar(
        lambda log: -likelihood_of(np.exp(log), totals, counts, means),
        bounds=(np.log(LEAST), np.log(FAR * largest)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    likelihood = -float(found.fun)
    if likelihood <= pooled + GAIN * max(1.0, abs(pooled) * 1e-6):
        return np.inf, pooled
    slope_of = _slope_of_shares if family == "binomial" else _slope_of_counts
    near = float(np.exp(found.x))
    low, high = near * (1 - NEAR), near * (1 + NEAR)
    ends = [slope_of(each, totals, counts, means) for each in (low, high)]
    if ends[0] > 0 > ends[1]:  # the likelihood itself is too flat to tell more digits
        near = float(brentq(slope_of, low, high, args=(totals, counts, means), rtol=1e-14, xtol=1e-300))
    return near, likelihood


def variance_between(within: float, strength: float, family: str) -> float:
    """Variance between categories, from that of a row at their common mean and a strength that is not nought."""
    return within / (strength + (family == "binomial"))


def _shares(strength: float, totals: np.ndarray, counts: np.ndarray, means: np.ndarray) -> float:
    a = strength * means
    rising = gammaln(a + totals) - gammaln(a)
    return float(rising.sum() - (gammaln(strength + counts) - gammaln(strength)).sum())


def _counts(strength: float, totals: np.ndarray, counts: np.ndarray, means: np.ndarray) -> float:
    """With a factor of exposure to the power of the total, which does not depend on the strength."""
    totals, a = totals[0], strength * means[0]
    rising = gammaln(a + totals) - gammaln(a) + a * np.log(strength) - (a + totals) * np.log(strength + counts)
    return float((rising + xlogy(totals, counts)).sum())


def _slope_of_shares(strength: float, totals: np.ndarray, counts: np.ndarray, means: np.ndarray) -> float:
    a = strength * means
    rising = means * (psi(a + totals) - psi(a))
    return float(rising.sum() - (psi(strength + counts) - psi(strength)).sum())


def _slope_of_counts(strength: float, totals: np.ndarray, counts: np.ndarray, means: np.ndarray) -> float:
    totals, means = totals[0], means[0]
    a, ends = strength * means, strength + counts
    rising = means * (psi(a + totals) - psi(a) + np.log(strength) + 1 - np.log(ends)) - (a + totals) / ends
    return float(rising.sum())
