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

from collections.abc import Callable
from functools import cached_property

import numpy as np
from scipy.special import digamma, zeta

from catpool.priors.likelihoods.marginal import SERIES, excess
from catpool.priors.likelihoods.newton import Likelihood
from catpool.priors.likelihoods.rising_log import RisingLog


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


Slopes = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def slopes_by_a(totals: np.ndarray, rows: np.ndarray, dispersion: float) -> Callable[[np.ndarray], Slopes]:
    """From an s - d, of shape (T,), the first two derivatives of the log-likelihood by a, as functions of a.

    They are those of `beta_negative_binomial`, in a third of the time.

    Parameters
    ----------
    totals, rows : ndarray of shape (T, K)
    dispersion : float
    """
    rising, seen = RisingLog(totals), rows > 0
    number = np.count_nonzero(rows, axis=1)

    def at(beyond: np.ndarray) -> Slopes:
        least = beyond + 2 * dispersion
        own_start, start = (least[:, None] + rows) / dispersion, least / dispersion
        logs = np.log1p(rows / least[:, None]).sum(axis=1)

        def slopes(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            own, prior = _Bend(own_start, a[:, None] + totals), _Bend(start, a)
            _, first, second = rising(a)
            change = number * prior.by_steps - np.where(seen, own.by_steps, 0.0).sum(axis=1)
            bend = number * prior.by_steps_twice - np.where(seen, own.by_steps_twice, 0.0).sum(axis=1)
            return first + change - logs, second + bend

        return slopes

    return at


class _Bend:
    """B(x, c) with its derivatives, for x larger than one, which may be far larger than c."""

    def __init__(self, x: np.ndarray, c: np.ndarray) -> None:
        self.x, self.c, self.end, self.grown = x, c, x + c, c / x

    @property
    def value(self) -> np.ndarray:
        return excess(self.x, self.c)

    @cached_property
    def by_steps(self) -> np.ndarray:
        return np.asarray(np.log1p(self.grown) + self._at_end)

    @property
    def by_start(self) -> np.ndarray:
        return np.asarray(np.log1p(self.grown) - self.grown + self._at_end - _digamma_beyond(self.x))

    @cached_property
    def by_steps_twice(self) -> np.ndarray:
        return np.asarray(zeta(2, self.end))  # the derivative of digamma

    @property
    def by_both(self) -> np.ndarray:
        return self.by_steps_twice - 1 / self.x

    @property
    def by_start_twice(self) -> np.ndarray:
        return np.asarray(self.by_steps_twice - zeta(2, self.x) + self.grown / self.x)

    @cached_property
    def _at_end(self) -> np.ndarray:
        return _digamma_beyond(self.end)


def _digamma_beyond(x: np.ndarray) -> np.ndarray:
    """The digamma function less the logarithm."""
    large = np.maximum(x, SERIES)
    square = 1 / (large * large)
    series = -0.5 / large - square * (
        1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square / 132)))
    )
    return np.where(x >= SERIES, series, digamma(x) - np.log(x))
