"""Logarithms of rising factorials, summed over categories: what conjugate likelihoods are made of.

    R(a) = sum over k of log Gamma(a + x_k) - log Gamma(a) = sum over k of log a + log(a + 1) + ... + log(a + x_k - 1)

For whole numbers only the number of categories with x_k > 0, > 1, ... matters (Minka 2000).

References
----------
T. Minka (2000), Estimating a Dirichlet distribution, technical report, MIT.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, polygamma, psi

STEPS = 2048  # terms of R added one by one; beyond them the gamma function is cheaper


class RisingLog:
    """R as a function of a, with its first two derivatives.

    Parameters
    ----------
    values : ndarray of shape (K,)
        The x_k, not negative.
    """

    def __init__(self, values: np.ndarray) -> None:
        counts = values.astype(np.intp)
        if (counts == values).all():
            reached = np.bincount(np.minimum(counts, STEPS), minlength=1)
            self.more = reached[:0:-1].cumsum()[::-1].astype(float)  # how many have x_k > 0, > 1, ...
            self.start, self.rest = float(STEPS), values[counts > STEPS]
        else:
            self.more, self.start, self.rest = np.zeros(0), 0.0, values[values > 0]

    def __call__(self, a: float) -> np.ndarray:
        terms = a + np.arange(len(self.more))
        value = np.array([self.more @ np.log(terms), self.more @ (1 / terms), -(self.more @ (1 / terms**2))])
        if len(self.rest):
            ends, start = a + self.rest, a + self.start
            value += [
                gammaln(ends).sum() - len(ends) * gammaln(start),
                psi(ends).sum() - len(ends) * psi(start),
                polygamma(1, ends).sum() - len(ends) * polygamma(1, start),
            ]
        return value
