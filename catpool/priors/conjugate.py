"""Maximum likelihood of the conjugate models: beta-binomial and Dirichlet-multinomial, gamma-Poisson.

Each likelihood is made of sums over the categories of

    R(a) = log Gamma(a + x_k) - log Gamma(a) = log a + log(a + 1) + ... + log(a + x_k - 1),

so that for whole numbers the categories enter through how many of them have x_k > 0, > 1, ... alone.

    Dirichlet-multinomial    sum over classes c of R_c(a_c) - R_n(sum of a_c)
    gamma-Poisson            R_y(a) + K a log b - sum (a + y_k) log(b + n_k)

where x is the number of rows of class c in category k, n the number of its rows, and y its total. The prior's
strength is the sum of the a_c, or b; its mean a_c over that sum, or a / b.

References
----------
T. Minka (2000), Estimating a Dirichlet distribution, technical report, MIT.
R. E. Tarone (1979), Testing the goodness of fit of the binomial distribution, Biometrika 66, 585-590.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln, polygamma, psi

STEPS = 2048  # terms of R added one by one; beyond them the gamma function is cheaper


class RisingLog:
    """R and its first two derivatives, summed over the categories.

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


Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]


def dirichlet_multinomial(classes: list[np.ndarray], sizes: np.ndarray) -> Likelihood:
    """The log-likelihood of a, of shape (C,), its gradient and its Hessian.

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


def gamma_poisson(totals: np.ndarray, sizes: np.ndarray) -> Likelihood:
    """The log-likelihood of (a, b), its gradient and its Hessian, from events and exposure of shape (K,)."""
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


def maximize(likelihood: Likelihood, start: np.ndarray, far: float) -> tuple[np.ndarray, float]:
    """Climb by Newton's steps in the logarithms of the parameters, halved until they climb.

    It ends after a step that promised nothing, and where a parameter is beyond `far`, as good as infinite.

    Returns
    -------
    parameters : ndarray
    value : float
        The log-likelihood there.
    """
    log = np.log(start)
    value, gradient, hessian = likelihood(np.exp(log))
    for _ in range(100):
        step = _step(np.exp(log), gradient, hessian)
        tried = likelihood(np.exp(log + step))
        gain = float(np.exp(log) * gradient @ step)
        while tried[0] < value - 1e-11 * abs(value) and np.abs(step).max() > 1e-12:
            step = step / 2
            tried = likelihood(np.exp(log + step))
        log, (value, gradient, hessian) = log + step, tried
        if gain < 1e-11 or log.max() > np.log(far):  # the next step would be the square of this one
            break
    return np.exp(log), value


def _step(parameters: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Newton's step in the logarithms, at most a factor of e^2; up the gradient where there is no summit."""
    slope = parameters * gradient
    bend = parameters[:, None] * hessian * parameters + np.diag(slope)
    roots, axes = np.linalg.eigh(-bend)
    roots = np.maximum(np.abs(roots), 1e-12 * np.abs(roots).max() + 1e-300)
    step = axes @ ((axes.T @ slope) / roots)
    return step * min(1.0, 2.0 / np.abs(step).max(initial=1e-300))
