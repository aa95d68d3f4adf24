"""The likelihood of shares: beta-binomial, and for several classes Dirichlet-multinomial.

With R as in `rising_log`, the rows of class c in category k as the x of R_c and all rows of k as the x of R_n, the
log-likelihood is

    sum over classes c of R_c(a_c) - R_n(sum of a_c).

The strength of the prior is the sum of the a_c, and the mean of a class is a_c over that sum. Where categories have
means of their own, a_ck = strength * mean_ck and the strength is the only parameter.

References
----------
T. Minka (2000), Estimating a Dirichlet distribution, technical report, MIT.
R. E. Tarone (1979), Testing the goodness of fit of the binomial distribution, Biometrika 66, 585-590.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from catpool.priors.likelihoods.newton import Likelihood
from catpool.priors.likelihoods.rising_log import RisingLog, RisingLogAbout, rising_log_about


def dirichlet_multinomial(rows: np.ndarray, sizes: np.ndarray) -> Likelihood:
    """The log-likelihood of a, of shape (T, C), with its gradient and its Hessian.

    Parameters
    ----------
    rows : ndarray of shape (T, C, K)
        The rows of each class in each category of T tables. Classes without rows do not enter.
    sizes : ndarray of shape (T, K)
        The rows of each category.
    """
    rising = RisingLog(np.concatenate([rows, sizes[:, None]], axis=1).reshape(-1, sizes.shape[1]))
    present = rows.any(axis=2).astype(float)

    def likelihood(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        whole = (a * present).sum(axis=1, keepdims=True)
        found = rising(np.hstack([a, whole]).ravel()).reshape(3, len(a), -1)
        own, total = found[:, :, :-1], found[:, :, -1:]
        hessian = own[2][:, :, None] * np.eye(a.shape[1]) - total[2][:, :, None]
        both = present[:, :, None] * present[:, None, :]
        return own[0].sum(axis=1) - total[0][:, 0], (own[1] - total[1]) * present, hessian * both

    return likelihood


def tarone_score(rows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The slope of each likelihood as the strength comes down from infinity, of shape (T,): positive if it rises."""
    totals, pairs = rows.sum(axis=2), (rows * (rows - 1)).sum(axis=2)
    each = pairs * sizes.sum(axis=1, keepdims=True) / np.where(totals > 0, totals, 1.0)
    return each.sum(axis=1) - (sizes * (sizes - 1)).sum(axis=1)


class SharesAboutMeans:
    """The likelihood of the strength where each category has means of its own.

    Parameters
    ----------
    totals, means : ndarray of shape (C, K)
        Rows of each class, and prior means that add up to one over the classes.
    counts : ndarray of shape (K,)
    many : bool, default=False
        Whether categories with nearly one mean count as alike.
    """

    def __init__(self, totals: np.ndarray, means: np.ndarray, counts: np.ndarray, many: bool = False) -> None:
        self.totals, self.means = totals, means
        distinct, number = np.unique(counts, return_counts=True)
        self.rising = rising_log_about(means.ravel(), totals.ravel(), many)
        self.rising_all = RisingLogAbout(np.ones(len(distinct)), distinct, number.astype(float))

    def pooled(self) -> float:
        """The log-likelihood of complete pooling."""
        return float(xlogy(self.totals, self.means).sum())

    def log_likelihood(self, strength: float) -> float:
        return self.rising.value(strength) - self.rising_all.value(strength)

    def slopes(self, strengths: np.ndarray) -> np.ndarray:
        """The first two derivatives at S strengths, of shape (2, S)."""
        return self.rising.slopes(strengths) - self.rising_all.slopes(strengths)
