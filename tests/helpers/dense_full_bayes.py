"""Full Bayes for mixed models by sums over grids of variances, with matrices of rows by rows."""

from itertools import product

import numpy as np
from scipy.stats import t as student


def half_t_points(number, scale=1.0, least=-5.0, most=5.0):
    """Standard deviations evenly spread over the quantiles' normal scores, and their prior weights."""
    z = np.linspace(least, most, number)
    upper = student.sf(np.abs(z), 1e9)  # of the normal distribution
    tail = np.where(z < 0, 1 - upper, upper)
    return scale * student.isf(tail / 2, 3), np.exp(-(z**2) / 2)


def integrate(y, X, factors, points=40, scale=1.0, precision=None):
    """The posterior means and covariances of coefficients and effects, and of the variances.

    Parameters
    ----------
    y : ndarray of shape (n,)
    X : ndarray of shape (n, p)
    factors : list of tuple
        Of each factor: Z, of shape (n, levels * width), level by level, the width, and whether effects are correlated.
    """
    grids = []
    for _, width, correlated in factors:
        sds = [half_t_points(points, scale)] * width
        grids += sds
        if correlated and width == 2:
            r = np.linspace(-1, 1, points + 2)[1:-1]
            grids.append((r, np.ones(points)))
    weights, results = [], []
    for chosen in product(*(list(zip(*grid, strict=True)) for grid in grids)):
        values, prior = zip(*chosen, strict=True)
        lambdas, place = [], 0
        for _, width, correlated in factors:
            own = np.diag(values[place : place + width])
            place += width
            if correlated and width == 2:
                r = values[place]
                own = own @ np.array([[1, 0], [r, np.sqrt(1 - r**2)]])
                place += 1
            lambdas.append(own)
        height, result = given_variances(y, X, factors, lambdas, precision)
        weights.append(height + np.log(np.prod(prior)))
        results.append(result)
    probability = np.exp(np.array(weights) - np.max(weights))
    probability /= probability.sum()
    means = np.array([mean for mean, _, _ in results])
    mean = probability @ means
    covariance = sum(
        p * (cov + np.outer(m - mean, m - mean)) for p, (m, cov, _) in zip(probability, results, strict=True)
    )
    scale = probability @ np.array([own for _, _, own in results])
    return mean, covariance, scale


def given_variances(y, X, factors, lambdas, precision):
    """The log-likelihood, and the moments of (beta, u), at relative covariance factors."""
    n, p = X.shape
    weight = np.ones(n) if precision is None else precision
    spread = [np.kron(np.eye(Z.shape[1] // width), own) for (Z, width, _), own in zip(factors, lambdas, strict=True)]
    ZL = np.hstack([Z @ own for (Z, _, _), own in zip(factors, spread, strict=True)])
    T = np.hstack([X, ZL])
    penalty = np.append(np.zeros(p), np.ones(ZL.shape[1]))
    C = (T.T * weight) @ T + np.diag(penalty)
    inverse = np.linalg.inv(C)
    solution = inverse @ (T.T @ (weight * y))
    residual = (weight * y) @ (y - T @ solution)
    freedom = n - p
    height = -(np.linalg.slogdet(C)[1] + freedom * np.log(residual)) / 2
    scale = residual / (freedom - 2)
    move = np.zeros((C.shape[0], C.shape[0]))
    move[:p, :p] = np.eye(p)
    start = p
    for own in spread:
        move[start : start + len(own), start : start + len(own)] = own
        start += len(own)
    return height, (move @ solution, scale * move @ inverse @ move.T, scale)
