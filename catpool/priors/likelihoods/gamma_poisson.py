"""The likelihood of counts: gamma-Poisson, which is negative binomial.

With y_k events at an exposure of n_k in category k, and R as in `rising_log` with x = y, the log-likelihood is

    R(a) + K a log b - sum (a + y_k) log(b + n_k) = R(a) - sum a log(1 + n_k / b) - sum y_k log(b + n_k).

The strength of the prior is b, in units of exposure, and its mean a / b. Where categories have means of their own,
a_k = strength * mean_k and the strength is the only parameter.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from catpool.priors.likelihoods.newton import Likelihood
from catpool.priors.likelihoods.rising_log import RisingLog, rising_log_about


def gamma_poisson(events_by_category: np.ndarray, exposures: np.ndarray) -> Likelihood:
    """The log-likelihood of (a, b), of shape (T, 2), with its gradient and its Hessian.

    Parameters
    ----------
    events_by_category, exposures : ndarray of shape (T, K)
        Of T tables.
    """
    rising = RisingLog(events_by_category)
    table, sizes, totals, numbers = _group_by_exposure(events_by_category, exposures)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(table, values, minlength=len(exposures))

    number = total(numbers)

    def likelihood(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        a, b = parameters.T
        value, first, second = rising(a)
        events, ends = numbers * a[table] + totals, b[table] + sizes
        logs = total(numbers * np.log1p(sizes / b[table]))
        value = value - a * logs - total(totals * np.log(ends))  # which a strong prior does not round away
        slope_a = first - logs
        slope_b = number * a / b - total(events / ends)
        mixed = number / b - total(numbers / ends)
        bend_b = total(events / ends**2) - number * a / b**2
        hessian = np.array([[second, mixed], [mixed, bend_b]])
        return value, np.stack([slope_a, slope_b], axis=1), np.moveaxis(hessian, -1, 0)

    return likelihood


def _group_by_exposure(totals: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, ...]:
    """The distinct exposures of each table: the table, the exposure, its events and its number of categories."""
    order = np.argsort(sizes, axis=1, kind="stable")
    sizes, totals = (np.take_along_axis(each, order, axis=1) for each in (sizes, totals))
    first = np.ones(sizes.shape, dtype=bool)
    first[:, 1:] = sizes[:, 1:] > sizes[:, :-1]
    group = first.ravel().cumsum() - 1
    table, place = first.nonzero()
    found = table, sizes[table, place], np.bincount(group, totals.ravel()), np.bincount(group).astype(float)
    exposed = found[1] > 0
    return tuple(each[exposed] for each in found)


class CountsAboutMeans:
    """The likelihood of the strength where each category has a mean of its own.

    Parameters
    ----------
    totals, counts, means : ndarray of shape (K,)
        Events, exposures and prior means.
    many : bool, default=False
        Whether categories with nearly one mean count as alike in what the gamma function computes.
    """

    def __init__(self, totals: np.ndarray, counts: np.ndarray, means: np.ndarray, many: bool = False) -> None:
        self.totals, self.counts, self.means = totals, counts, means
        self.rising = rising_log_about(means, totals, many)

    def pooled(self) -> float:
        """The log-likelihood of complete pooling."""
        return float((xlogy(self.totals, self.means * self.counts) - self.means * self.counts).sum())

    def log_likelihood(self, strength: float) -> float:
        """The log-likelihood with the factor exposure^total, as `pooled` has it."""
        shrunk = strength * self.means * np.log1p(self.counts / strength)
        events = xlogy(self.totals, self.counts / (strength + self.counts))
        return self.rising.value(strength) + float((events - shrunk).sum())

    def slopes(self, strengths: np.ndarray) -> np.ndarray:
        """The first two derivatives at S strengths, of shape (2, S)."""
        return self.rising.slopes(strengths) + np.array([self._slopes_of_ends(each) for each in strengths]).T

    def _slopes_of_ends(self, strength: float) -> tuple[float, float]:
        ends, odds = strength + self.counts, self.counts / strength
        apart = (self.means * self.counts - self.totals) / ends
        return (apart - self.means * np.log1p(odds)).sum(), (self.means * odds / ends - apart / ends).sum()
