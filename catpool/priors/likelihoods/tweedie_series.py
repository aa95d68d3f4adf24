"""The series of the Tweedie density for powers between one and two, and its derivative by the dispersion.

A Tweedie variable is a sum of a Poisson number j of gamma variables. With a = (2 - p) / (p - 1), its density at y > 0
is

    exp((y mu^(1 - p) / (1 - p) - mu^(2 - p) / (2 - p)) / phi) / y  times the sum over j > 0 of
    W_j = (y / (p - 1))^(a j) / ((2 - p)^j phi^((1 + a) j) j! Gamma(a j)).

The largest term is near j = y^(2 - p) / ((2 - p) phi), and the terms fall off like a normal density about it. Where it
is so wide that they hardly change from one j to the next, an integral by a wider step has all digits.

References
----------
P. K. Dunn, G. K. Smyth (2005), Series evaluation of Tweedie exponential dispersion model densities, Statistics and
Computing 15, 267-280.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc, gammaln, xlogy

FEW, SOME = 8.0, 48.0  # the largest terms up to which so many terms are added one by one
TERMS = {FEW: 48, SOME: 128}
RANGES = (0.0, FEW), (FEW, SOME), (SOME, np.inf)
SPACED = np.arange(-10.0, 10.5, 0.5)  # of the others, in standard deviations of the terms
TINY = 1e-300
CHUNK = 1 << 14  # values of y at a time


def log_series(y: np.ndarray, phi: float, power: float) -> np.ndarray:
    """The logarithm of the sum of W_j, and its derivative with respect to log phi.

    Parameters
    ----------
    y : ndarray of shape (d,)
        More than zero.
    phi, power : float

    Returns
    -------
    ndarray of shape (2, d)
    """
    result = np.empty((2, len(y)))
    largest = y ** (2 - power) / ((2 - power) * phi)
    for least, most in RANGES:
        those = np.flatnonzero((largest >= least) & (largest < most))
        for start in range(0, len(those), CHUNK):
            own = those[start : start + CHUNK]
            result[:, own] = _sum(y[own], phi, power, largest[own], TERMS.get(most))
    return result


def _sum(y: np.ndarray, phi: float, power: float, largest: np.ndarray, terms: int | None) -> np.ndarray:
    a = (2 - power) / (power - 1)
    log_z = a * np.log(y / (power - 1)) - np.log(2 - power) - (1 + a) * np.log(phi)
    if terms is None:
        sd = np.sqrt(largest * (power - 1))
        j, step = largest[:, None] + sd[:, None] * SPACED, sd * (SPACED[1] - SPACED[0])
    else:
        j, step = np.arange(1.0, terms + 1)[None], np.ones(len(y))
    j_or_one = np.where(j > 0, j, 1.0)
    logs = np.where(j > 0, log_z[:, None] * j - gammaln(1 + j_or_one) - gammaln(a * j_or_one), -np.inf)
    highest = logs.max(axis=1)
    each = np.exp(logs - highest[:, None])
    total = each.sum(axis=1)
    return np.array([highest + np.log(total * step), -(1 + a) * (each * j).sum(axis=1) / total])


def distribution_of_sums(values: np.ndarray, rate: np.ndarray, shape: float) -> np.ndarray:
    """The probabilities that sums of a Poisson number of gamma variables of scale one are at most these values.

    Parameters
    ----------
    values, rate : ndarray of one shape
        The expected number is `rate`.
    shape : float
        Of each gamma variable.
    """
    result = np.empty(values.shape)
    for least, most in RANGES:
        those = (rate >= least) & (rate < most)
        own, y = rate[those][:, None], values[those][:, None]
        spaced = own + np.sqrt(own) * SPACED
        j = np.arange(TERMS[most] + 1.0) + np.zeros_like(own) if most in TERMS else spaced
        weights = np.where(j >= 0, np.exp(xlogy(j, own) - own - gammaln(1 + np.maximum(j, 0.0))), 0.0)
        inner = np.where(j > 0, gammainc(np.maximum(shape * j, TINY), y), y >= 0)
        result[those] = (weights * inner).sum(axis=1) / weights.sum(axis=1)
    return result
