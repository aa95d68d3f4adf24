"""Hyperparameters as functions of standard normal ones: standard deviations with half-t, correlations with LKJ priors.

With Phi the standard normal distribution function and F that of the prior, F^-1(Phi(z)) has that prior where z is
standard normal. So the density to integrate is the likelihood times that of independent standard normal variables,
which falls off quickly to all sides, also where a standard deviation tends to zero.

References
----------
A. Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian Analysis 1, 515-534.
D. Lewandowski, D. Kurowicka, H. Joe (2009), Generating random correlation matrices based on vines and extended onion
method, Journal of Multivariate Analysis 100, 1989-2001.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri, stdtr, stdtrit

FREEDOM = 3  # degrees of freedom of the half-t prior
DENSITY = 2 / (np.pi * np.sqrt(3))  # of the t distribution at zero
NEAR_ZERO, FARTHEST = -5.0, 30.0  # beyond which standard deviations stay the same, as digits would not suffice


def half_t_from_normal(z: np.ndarray, scale: float) -> np.ndarray:
    """The standard deviation with a half-t prior of this scale."""
    z = np.minimum(z, FARTHEST)
    # from the nearer end of the distribution, and close to zero by the density there, so that no digits are lost
    quantile = np.abs(stdtrit(FREEDOM, np.where(z < 0, 0.5 + ndtr(z) / 2, ndtr(-z) / 2)))
    return scale * np.where(z < NEAR_ZERO, ndtr(z) / (2 * DENSITY), quantile)


def normal_from_half_t(sd: np.ndarray, scale: float) -> np.ndarray:
    """The inverse of `half_t_from_normal`."""
    return -ndtri(2 * stdtr(FREEDOM, -np.asarray(sd) / scale))


def correlation_root_from_normal(z: np.ndarray, width: int) -> np.ndarray:
    """The lower-triangular root of a correlation matrix, all of which are equally likely.

    Parameters
    ----------
    z : ndarray of shape (width * (width - 1) / 2,)
        Column by column.
    width : int
    """
    if width == 1:
        return np.ones((1, 1))
    partial, place = np.zeros((width, width)), 0
    for column in range(width - 1):
        shape, below = 1 + (width - 2 - column) / 2, width - 1 - column  # of the beta distribution
        partial[column + 1 :, column] = 2 * betaincinv(shape, shape, ndtr(z[place : place + below])) - 1
        place += below
    left = np.sqrt(np.cumprod(1 - partial**2, axis=1))  # of the row's unit length, after each column
    root = np.hstack([np.ones((width, 1)), left[:, :-1]])
    return np.where(np.eye(width) > 0, root, root * partial)
