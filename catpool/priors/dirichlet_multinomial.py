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
from scipy.special import gammaln, psi, xlogy

from catpool.data.frozen import frozen
from catpool.priors.newton import Likelihood
from catpool.priors.rising_log import RisingLog


def dirichlet_multinomial(classes: list[np.ndarray], sizes: np.ndarray) -> Likelihood:
    """The log-likelihood of a, of shape (C,), with its gradient and its Hessian.

    Parameters
    ----------
    classes : list of ndarray of shape (K,)
        Rows of each class in each category.
    sizes : ndarray of shape (K,)
        Rows of each category.
    """
    rising, all_rows = [RisingLog(each) for each in classes], RisingLog(sizes)

    def likelihood(a: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        own = np.array([each(value) for each, value in zip(rising, a, strict=True)])
        whole = all_rows(a.sum())
        return float(own[:, 0].sum() - whole[0]), own[:, 1] - whole[1], np.diag(own[:, 2]) - whole[2]

    return likelihood


def tarone_score(classes: list[np.ndarray], sizes: np.ndarray) -> float:
    """The slope of the likelihood as the strength comes down from infinity: positive if it rises."""
    score = sum(float((each * (each - 1)).sum() * sizes.sum() / each.sum()) for each in classes)
    return score - float((sizes * (sizes - 1)).sum())


@frozen
class SharesAboutMeans:
    """The likelihood of the strength where each category has means of its own.

    Parameters
    ----------
    totals, means : ndarray of shape (C, K)
        Rows of each class, and prior means that add up to one over the classes.
    counts : ndarray of shape (K,)
    """

    totals: np.ndarray
    means: np.ndarray
    counts: np.ndarray

    def pooled(self) -> float:
        """The log-likelihood of complete pooling."""
        return float(xlogy(self.totals, self.means).sum())

    def log_likelihood(self, strength: float) -> float:
        a = strength * self.means
        rising = gammaln(a + self.totals) - gammaln(a)
        return float(rising.sum() - (gammaln(strength + self.counts) - gammaln(strength)).sum())

    def derivative(self, strength: float) -> float:
        a = strength * self.means
        rising = self.means * (psi(a + self.totals) - psi(a))
        return float(rising.sum() - (psi(strength + self.counts) - psi(strength)).sum())
