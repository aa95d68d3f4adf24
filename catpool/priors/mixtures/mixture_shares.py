"""The shares of a mixture's known components that are most likely, by a constrained Newton method.

With L_kg the likelihood of category k under component g, the shares p maximize the concave

    sum over k of log(sum over g of L_kg p_g) - K sum over g of p_g,      p >= 0,

which adds up to one at its maximum. Each step maximizes a quadratic function under the same bounds, which is a problem
of nonnegative least squares, and most shares become exactly zero. The gradient bounds how far the likelihood of any
other mixture lies above, so the search knows when it is done.

References
----------
Y. Wang (2007), On fast computation of the non-parametric maximum likelihood estimate of a mixing distribution, Journal
of the Royal Statistical Society B 69, 185-198.
Y. Kim, P. Carbonetto, M. Stephens, M. Anitescu (2020), A fast algorithm for maximum likelihood estimation of mixture
proportions using sequential quadratic programming, Journal of Computational and Graphical Statistics 29, 261-273.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from catpool.priors.numerics.blas import blas_threads

STEPS = 60
ENOUGH = 1e-2  # of the log-likelihood of all categories, below its maximum
RIDGE = 1e-8  # of the largest curvature, as neighbouring components are next to collinear
SHORTEST = 1e-6  # of a step
LEAST = 0.1  # of the likelihood of a row after a step; steps away from next to nothing are short


def likeliest_shares(logs: np.ndarray, number: np.ndarray, instead: str = 'prior="reml"') -> np.ndarray:
    """The shares of the components, of shape (G,), which add up to 1.

    Parameters
    ----------
    logs : ndarray of shape (K, G)
        The log-likelihood of each category under each component.
    number : ndarray of shape (K,)
        How many categories each row stands for.
    instead : str
        What to pass if the search does not converge.
    """
    with blas_threads(1):
        return _search(np.exp(logs - logs.max(axis=1, keepdims=True)), number, instead)


def _search(likelihood: np.ndarray, number: np.ndarray, instead: str) -> np.ndarray:
    weight = number / number.sum()
    shares = np.full(likelihood.shape[1], 1 / likelihood.shape[1])
    for _ in range(STEPS):
        ratios = likelihood / (likelihood @ shares)[:, None]
        gradient = weight @ ratios
        if number.sum() * (gradient.max() - 1) <= ENOUGH:
            break
        target = _quadratic_maximum(ratios, gradient, weight, shares)
        shares = _line_search(likelihood, weight, shares, target, gradient)
        shares = shares / shares.sum()
    else:
        _warn(instead)
    return shares


def _quadratic_maximum(ratios: np.ndarray, gradient: np.ndarray, weight: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The shares, not negative, at which the quadratic approximation about the present ones is largest."""
    curvature = (ratios * weight[:, None]).T @ ratios
    ridge = RIDGE * curvature.diagonal().max()
    root = cholesky(curvature + ridge * np.eye(len(shares)))
    linear = 2 * gradient - 1 + ridge * shares
    return nnls(root, solve_triangular(root, linear, trans="T"), maxiter=30 * len(shares))[0]


def _line_search(
    likelihood: np.ndarray, weight: np.ndarray, shares: np.ndarray, target: np.ndarray, gradient: np.ndarray
) -> np.ndarray:
    """Shares between the present ones and the target that are more likely, and under which no row is far less so."""
    step, here = target - shares, likelihood @ shares
    change, rise, length = likelihood @ step, float((gradient - 1) @ step), 1.0
    while length > SHORTEST:
        ratio = 1 + length * change / here
        if ratio.min() >= LEAST:
            gain = float(weight @ np.log(ratio) - length * step.sum())
            if gain >= 0.01 * length * rise:
                return np.maximum(shares + length * step, 0.0)
        length /= 2
    return shares


def _warn(instead: str) -> None:
    warnings.warn(
        "The shares of a mixture's components did not converge, so they may not be the likeliest. "
        f"Check the target for extreme values, or pass {instead}.",
        ConvergenceWarning,
        stacklevel=2,
    )
