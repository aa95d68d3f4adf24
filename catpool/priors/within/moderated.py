"""Variances within categories that are shrunk to each other, in the normal family.

The variance s_k^2 of a category's rows about their mean, of d_k = n_k - 1 degrees of freedom, is taken for a draw about
its true value, and true values for draws from a scaled inverse chi-squared distribution of d_0 degrees of freedom:

    s_k^2 ~ sigma_k^2 chi^2(d_k) / d_k,      1 / sigma_k^2 ~ chi^2(d_0) / (d_0 s_0^2),

so that s_k^2 ~ s_0^2 F(d_k, d_0), whose likelihood gives s_0^2 and d_0. The posterior mean of a category's variance,

    v_k = (d_0 s_0^2 + d_k s_k^2) / (d_0 + d_k - 2),

is that of its rows from then on. A category of one row has that of the prior, v = d_0 s_0^2 / (d_0 - 2), so that the
n_k rows of a category count as n_k v / v_k rows of this variance. An infinite d_0 is one variance for all categories.

The variance between categories is far more sensitive to errors of v_k than encodings are, because it is what noise does
not explain. If d_0 is finite, its likelihood is averaged over the variances (`unequal_noise`).

Smyth divides by d_0 + d_k, which gives the mean of the precision. Such weights have too much trust in categories of few
rows that happen to be close to each other: with two rows on average, errors of encodings were up to twenty times those
of one variance for all categories. With the mean variance they were smaller than these.

References
----------
G. K. Smyth (2004), Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments, Statistical Applications in Genetics and Molecular Biology 3(1), Article 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gammaln

from catpool.moments.moments import EPS, TINY, Moments
from catpool.priors.families.family import Family
from catpool.priors.families.known_variances import KnownVariances
from catpool.priors.families.normal import Normal
from catpool.priors.own_variances import divisor, equalize_noise, freedom_within, scatters_within
from catpool.priors.prior import Prior
from catpool.priors.rules import ColumnRule, PriorRule
from catpool.priors.views import fit_each_view
from catpool.priors.within.unequal_noise import UnequalNoise, mix_noise

LEAST, MOST = 0.25, 4096.0  # degrees of freedom d_0 that are looked for; more are the same as infinity
STEPS = 15  # places at which the likelihood is looked at first
CLOSE = 1e-14  # of logarithms


def with_moderated_variances(rule: PriorRule) -> PriorRule:
    """The rule for categories that each have a variance of their own, from one for rows of known variances."""

    def learn(moments: Sequence[Moments], family: Family) -> list[Prior]:
        if type(family) is not Normal:
            raise ValueError(
                f'within="moderated" goes with the normal family alone, not with family="{family.name}". Pass '
                'within="pooled", or family="normal".'
            )
        if any(each.scatters is None for each in moments):
            raise ValueError(
                'within="moderated" needs the scatter within each category, which rows that were learned from before '
                "were not summed for. Set it before the first part, and fit again."
            )
        return fit_each_view(moments, lambda classes: [_learn(each, rule, family) for each in classes])

    return ColumnRule(learn, scatters=True)


def _learn(moments: Moments, rule: PriorRule, family: Family) -> Prior:
    """The prior of a table of shape (K,), in rows of the typical variance; that of one variance where there is none."""
    within, freedom = (np.array(each) for each in fit_variances(moments))
    if within == 0:
        (prior,) = family.likelihood_prior([moments], reml=True)
        return replace(prior, log_likelihood=None, within_freedom=freedom)
    unit = np.ldexp(1.0, int(np.frexp(within)[1]) // 2)  # in which the variance is about one
    share = within / unit / unit
    typical = Prior(moments.mean, within, None, within, within_freedom=freedom)
    rows = equalize_noise(moments, typical).divide(np.array(unit))
    known = Moments(rows.count / share, rows.total / share, np.array(0.0), rows.rows)
    if np.isfinite(freedom):
        own = moments.divide(np.array(unit))
        noise = mix_noise(own, replace(typical, within=share))
        (prior,) = rule([known], UnequalNoise(noise, float(own.mean)))
    else:
        (prior,) = rule([known], KnownVariances(np.inf))
    return replace(_in_rows(prior, share, unit), within_freedom=freedom)


def _in_rows(prior: Prior, within: np.ndarray, unit: float) -> Prior:
    """A prior whose strength is a precision, of the target in a unit, as one of strength in rows of a variance."""
    assert prior.between is not None
    parts = prior.components
    return replace(
        prior,
        mean=prior.mean * unit,
        strength=prior.strength * within,
        between=prior.between * unit * unit,
        within=np.full_like(prior.strength, within * unit * unit),
        log_likelihood=None,  # of variances that are estimated, too
        components=None if parts is None else _in_rows(parts, within, unit),
    )


def fit_variances(moments: Moments) -> tuple[float, float]:
    """The mean variance v, and d_0, at their likeliest in a table of shape (K,).

    Categories without scatter are left out, because they would make the likelihood infinite. Measurements have none,
    but rounded numbers may.
    """
    freedom, scatter = freedom_within(moments), scatters_within(moments)
    some = (freedom > 0) & (scatter > 0)
    freedom, scatter = freedom[some], scatter[some]
    if not some.any():
        return 0.0, np.inf
    pooled = float(scatter.sum() / freedom.sum())
    found, scale = VarianceProfile(freedom, np.maximum(scatter / pooled, TINY)).maximum()
    return (pooled * scale / float(divisor(np.array(found))) if np.isfinite(found) else pooled), found


class VarianceProfile:
    """The likelihood of d_0 and b = d_0 s_0^2, along the line on which b is the likeliest for d_0.

    There the sum of (d_0 + d_k) b / (b + d_k s_k^2) is that of d_0. This is linear in d_0, and rises in both, so the
    line is followed from b to b.

    Parameters
    ----------
    freedom, scatter : ndarray of shape (K,)
        d_k and d_k s_k^2, which are positive.
    """

    def __init__(self, freedom: np.ndarray, scatter: np.ndarray) -> None:
        self.freedom, self.scatter = freedom, scatter
        self.sizes, self.numbers = np.unique(freedom, return_counts=True)

    def strength(self, b: float) -> float:
        """The d_0 for which b is the likeliest."""
        below = b + self.scatter
        return float(b * (self.freedom / below).sum() / (self.scatter / below).sum())

    def log_scale(self, strength: float) -> float:
        """The logarithm of the b that is the likeliest for this d_0."""
        # each category by itself is in balance at b = strength * scatter / freedom
        each = np.log(strength * self.scatter / self.freedom)
        low, high = float(each.min()), float(each.max())
        return _root(lambda log_b: np.log(self.strength(np.exp(log_b)) / strength), low - 1.0, high + 1.0)

    def slope(self, log_b: float) -> float:
        """The derivative of twice the log-likelihood with respect to d_0."""
        b = np.exp(log_b)
        strength = self.strength(b)
        special = digamma((self.sizes + strength) / 2) - digamma(strength / 2)
        return float(self.numbers @ special - np.log1p(self.scatter / b).sum())

    def height(self, place: tuple[float, float]) -> float:
        """Twice the log-likelihood at d_0 and b, without terms that do not depend on the parameters."""
        strength, b = place
        if np.isinf(strength):
            return float(-self.freedom.sum() * (1 + np.log(self.scatter.sum() / self.freedom.sum())))
        special = self.numbers @ (gammaln((self.sizes + strength) / 2) - gammaln(strength / 2))
        rows = (self.freedom + strength) / 2 * np.log1p(self.scatter / b) + self.freedom / 2 * np.log(b / 2)
        return float(2 * (special - rows.sum()))

    def maximum(self) -> tuple[float, float]:
        """The likeliest d_0, between `LEAST` and `MOST`, or infinity, and its b."""
        grid = np.linspace(self.log_scale(LEAST), self.log_scale(MOST), STEPS)
        slopes = np.array([self.slope(each) for each in grid])
        falling = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
        scales = [float(np.exp(_root(self.slope, grid[left], grid[left + 1]))) for left in falling]
        places = [(self.strength(b), b) for b in scales]
        places += [(LEAST, float(np.exp(grid[0])))] if slopes[0] <= 0 else []
        return max([(np.inf, np.inf), *places], key=self.height)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=CLOSE, rtol=4 * EPS))
