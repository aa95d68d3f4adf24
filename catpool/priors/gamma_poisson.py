"""The likelihood of counts: gamma-Poisson, which is negative binomial.

With y_k events at an exposure of n_k in category k, and R as in `rising_log` with x = y, the log-likelihood is

    R(a) + K a log b - sum (a + y_k) log(b + n_k).

The strength of the prior is b, in units of exposure, and its mean a / b. Where categories have means of their own,
a_k = strength * mean_k and the strength is the only parameter.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, psi, xlogy

from catpool.data.frozen import frozen
from catpool.priors.newton import Likelihood
from catpool.priors.rising_log import RisingLog


def gamma_poisson(totals: np.ndarray, sizes: np.ndarray) -> Likelihood:
    """The log-likelihood of (a, b), with its gradient and its Hessian.

    Parameters
    ----------
    totals, sizes : ndarray of shape (K,)
        Events and exposure of each category.
    """
    seen = sizes > 0
    totals, sizes = totals[seen], sizes[seen]
    rising, number = RisingLog(totals), len(sizes)
    sizes, group = np.unique(sizes, return_inverse=True)
    totals, numbers = np.bincount(group, totals), np.bincount(group)

    def likelihood(parameters: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        a, b = parameters
        value, first, second = rising(a)
        events, ends = numbers * a + totals, b + sizes
        value += number * a * np.log(b) - events @ np.log(ends)
        gradient = np.array([first - numbers @ np.log1p(sizes / b), number * a / b - events @ (1 / ends)])
        mixed = number / b - numbers @ (1 / ends)
        hessian = np.array([[second, mixed], [mixed, events @ (1 / ends**2) - number * a / b**2]])
        return float(value), gradient, hessian

    return likelihood


@frozen
class CountsAboutMeans:
    """The likelihood of the strength where each category has a mean of its own.

    Parameters
    ----------
    totals, counts, means : ndarray of shape (K,)
        Events, exposures and prior means.
    """

    totals: np.ndarray
    counts: np.ndarray
    means: np.ndarray

    def pooled(self) -> float:
        """The log-likelihood of complete pooling."""
        return float((xlogy(self.totals, self.means * self.counts) - self.means * self.counts).sum())

    def log_likelihood(self, strength: float) -> float:
        """The log-likelihood with the factor exposure^total, as `pooled` has it."""
        totals, counts, a = self.totals, self.counts, strength * self.means
        rising = gammaln(a + totals) - gammaln(a) + a * np.log(strength) - (a + totals) * np.log(strength + counts)
        return float((rising + xlogy(totals, counts)).sum())

    def derivative(self, strength: float) -> float:
        totals, means = self.totals, self.means
        a, ends = strength * means, strength + self.counts
        rising = means * (psi(a + totals) - psi(a) + np.log(strength) + 1 - np.log(ends)) - (a + totals) / ends
        return float(rising.sum())
