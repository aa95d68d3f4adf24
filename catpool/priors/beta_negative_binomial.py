"""The likelihood of overdispersed counts of a known dispersion: negative binomial, with a beta prime prior.

A row of mean m has the variance m + d m^2, and a category of n_k rows the total t_k. The conjugate prior of mean a / s
and strength s, in rows, is that of the beta prime variable d m, of parameters a and b = s / d + 1. With
x_k = b + n_k / d, the log-likelihood of the totals is, but for a constant,

    R(a) + sum of B(b, a) - B(x_k, a + t_k) - a log(1 + n_k / (s + d)) - t_k log(s + d + n_k),
    B(x, c) = log(Gamma(x + c) / Gamma(x)) - c log x,

with R as in `rising_log`. B tends to zero as d does, which leaves the likelihood of `gamma_poisson`.

The variance of the prior, (m + d m^2) / (s - d), is finite for s > d. So the search is over a and s - d.

References
----------
C. N. Morris (1983), Natural exponential families with quadratic variance functions: statistical theory,
Annals of Statistics 11, 515-529.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, zeta

from catpool.priors.marginal import SERIES, excess
from catpool.priors.newton import Likelihood
from catpool.priors.rising_log import RisingLog


def beta_negative_binomial(totals: np.ndarray, rows: np.ndarray, dispersion: float) -> Likelihood:
    """The log-likelihood of (a, s - d), of shape (T, 2), with its gradient and its Hessian.

    Parameters
    ----------
    totals, rows : ndarray of shape (T, K)
        Of T tables.
    dispersion : float
        d, which is positive.
    """
    rising = RisingLog(totals)
    number = np.count_nonzero(rows, axis=1)

    def likelihood(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        a, beyond = parameters.T
        least = beyond + 2 * dispersion  # s + d
        ends = least[:, None] + rows
        own, prior = _Bend(ends / dispersion, a[:, None] + totals), _Bend(least / dispersion, a)

        def change(of_prior: np.ndarray, of_own: np.ndarray, power: int) -> np.ndarray:
            seen = np.where(rows > 0, of_own, 0.0).sum(axis=1)
            return np.asarray((number * of_prior - seen) / dispersion**power)

        value, first, second = rising(a)
        logs = np.log1p(rows / least[:, None]).sum(axis=1)
        value = value + change(prior.value, own.value, 0) - a * logs - (totals * np.log(ends)).sum(axis=1)
        share = (rows / ends).sum(axis=1) / least
        slope_a = first + change(prior.by_steps, own.by_steps, 0) - logs
        slope_s = change(prior.by_start, own.by_start, 1) + a * share - (totals / ends).sum(axis=1)
        mixed = change(prior.by_both, own.by_both, 1) + share
        curve = (rows * (least[:, None] + ends) / ends**2).sum(axis=1) / least**2
        bend_s = change(prior.by_start_twice, own.by_start_twice, 2) - a * curve + (totals / ends**2).sum(axis=1)
        hessian = np.array([[second + change(prior.by_steps_twice, own.by_steps_twice, 0), mixed], [mixed, bend_s]])
        return value, np.stack([slope_a, slope_s], axis=1), np.moveaxis(hessian, -1, 0)

    return likelihood


class _Bend:
    """B(x, c) with its derivatives, for x larger than one, which may be far larger than c."""

    def __init__(self, x: np.ndarray, c: np.ndarray) -> None:
        grown = c / x
        at_end, at_start = _digamma_beyond(x + c), _digamma_beyond(x)
        self.value = excess(x, c)
        self.by_steps = np.log1p(grown) + at_end
        self.by_start = np.log1p(grown) - grown + at_end - at_start
        slope_at_end = zeta(2, x + c)  # the derivative of digamma
        self.by_steps_twice = slope_at_end
        self.by_both = slope_at_end - 1 / x
        self.by_start_twice = slope_at_end - zeta(2, x) + grown / x


def _digamma_beyond(x: np.ndarray) -> np.ndarray:
    """The digamma function less the logarithm."""
    large = np.maximum(x, SERIES)
    square = 1 / (large * large)
    series = -0.5 / large - square * (
        1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square / 132)))
    )
    return np.where(x >= SERIES, series, digamma(x) - np.log(x))
