"""Posterior moments of the effects of classes and counts under full Bayes, by brute force: grids and many points.

Standard deviations of effects have half-t priors of scale one, and the intercept a flat one.
"""

import numpy as np
from scipy.special import chdtri, expit, ndtri
from scipy.stats import multivariate_t, qmc

from catpool.priors.numerics.standard_normal import half_t_from_normal

LARGEST = 300.0  # logarithm of a mean, and spherical effect
HALVINGS, TINY = 50, 1e-300
DEEP = 30.0  # the fall of the logarithm of a density that ends its range
FREEDOM = 3  # degrees of freedom of the distribution that points are drawn from


class Level:
    """The rows of a level, as a function of its spherical effect b: eta = base + scale * b.

    Parameters
    ----------
    totals, counts : ndarray of shape (c,)
        Of the level's cells.
    base : ndarray of shape (..., c)
    scale : ndarray of shape (...)
    """

    def __init__(self, kind, totals, counts, base, scale):
        self.binary, self.totals, self.counts, self.base, self.scale = kind == "binary", totals, counts, base, scale

    def _eta(self, b):
        return self.base + (self.scale * b)[..., None]

    def height(self, b):
        eta = self._eta(b)
        sums = np.logaddexp(0, eta) if self.binary else np.exp(np.minimum(eta, LARGEST))
        return (self.totals * eta - self.counts * sums).sum(axis=-1) - b**2 / 2

    def slope(self, b):
        eta = self._eta(b)
        means = expit(eta) if self.binary else np.exp(np.minimum(eta, LARGEST))
        return self.scale * (self.totals - self.counts * means).sum(axis=-1) - b

    def moments(self, points):
        """The logarithm of the level's likelihood, and the first two moments of its effect."""
        least, most = (np.full(self.scale.shape, side * LARGEST) for side in (-1, 1))
        mode = bisect(lambda b: self.slope(b) > 0, least, most)
        top = self.height(mode)
        low = bisect(lambda b: self.height(b) < top - DEEP, least, mode)
        high = bisect(lambda b: self.height(b) > top - DEEP, mode, most)
        mass, mean, square = np.zeros((3, *mode.shape))
        for place in np.linspace(0, 1, points):
            b = low + place * (high - low)
            share = np.exp(np.minimum(self.height(b) - top, 0))  # which rounding may make more
            mass, mean, square = mass + share, mean + share * b, square + share * b**2
        log_mass = top + np.log(mass * np.maximum(high - low, TINY))
        return log_mass, self.scale * mean / mass, self.scale**2 * square / mass


def bisect(is_below, low, high):
    """Where a condition that holds below ceases to."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = is_below(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def _center(y, kind):
    return np.log(y.mean() / (1 - y.mean())) if kind == "binary" else np.log(y.mean())


def one_factor(y, codes, kind):
    """The means and standard deviations of effects, by sums over the intercept and the variance."""
    z, place = np.linspace(-6, 6, 81), np.linspace(-6, 6, 301)
    beta = _center(y, kind) + 0.6 * np.sinh(place)
    log_density, first, second = np.log(np.cosh(place))[:, None] - z**2 / 2, [], []
    base, scale = np.broadcast_to(beta[:, None, None], (301, 81, 1)), np.tile(half_t_from_normal(z, 1.0), (301, 1))
    for count, total in zip(np.bincount(codes), np.bincount(codes, y), strict=True):
        mass, mean, square = Level(kind, np.array([total]), np.array([count]), base, scale).moments(101)
        log_density = log_density + mass
        first.append(mean)
        second.append(square)
    p = np.exp(log_density - log_density.max())
    p /= p.sum()
    means = np.array([(p * each).sum() for each in first])
    return means, np.sqrt([(p * each).sum() for each in second] - means**2)


def two_factors(y, codes, kind, points=15):
    """The means and standard deviations of the effects of one factor and then of another."""
    both = [_first_of_two(y, *own, kind, points) for own in (codes.T, codes.T[::-1])]
    return tuple(np.concatenate(each) for each in zip(*both, strict=True))


def _first_of_two(y, first, second, kind, points):
    """The moments of the first factor's effects, which are independent given all else.

    Of the variances, the intercept and the effects of the second factor there are 2 ** points quasi-random values,
    drawn from a t distribution that is learned from fewer.
    """
    shape = first.max() + 1, second.max() + 1
    counts, totals = np.zeros(shape), np.zeros(shape)
    np.add.at(counts, (first, second), 1)
    np.add.at(totals, (first, second), y)
    mean, covariance = np.zeros(3 + shape[1]), np.diag([1.0, 1.0, 4.0, *np.ones(shape[1])])
    for power in (12, 13, 14, points):
        drawn, log_density = _draw(mean, covariance, power)
        parts = [_given(part, counts, totals, _center(y, kind), kind) for part in np.array_split(drawn, 16)]
        height, means, squares = (np.concatenate(each) for each in zip(*parts, strict=True))
        p = np.exp(height - log_density - (height - log_density).max())
        p /= p.sum()
        mean, covariance = p @ drawn, np.cov(drawn.T, aweights=p)
    return p @ means, np.sqrt(p @ squares - (p @ means) ** 2)


def _draw(mean, covariance, power):
    """Draws of a t distribution, and the logarithms of its density."""
    uniform = np.clip(qmc.Sobol(len(mean) + 1, seed=1).random(2**power), 1e-12, 1 - 1e-12)
    scale = 1.2 * covariance + 1e-9 * np.eye(len(mean))
    stretch = np.sqrt(FREEDOM / chdtri(FREEDOM, uniform[:, -1:]))
    drawn = mean + ndtri(uniform[:, :-1]) * stretch @ np.linalg.cholesky(scale).T
    return drawn, multivariate_t(mean, scale, df=FREEDOM).logpdf(drawn)


def _given(drawn, counts, totals, center, kind):
    """The logarithms of densities, and the moments of effects given draws of all else."""
    scales = half_t_from_normal(np.clip(drawn[:, :2], -7, 7), 1.0)
    base = center + drawn[:, 2:3] + scales[:, 1:] * drawn[:, 3:]
    levels = [Level(kind, *own, base, scales[:, 0]).moments(61) for own in zip(totals, counts, strict=True)]
    mass, own, squares = (np.stack(each, axis=1) for each in zip(*levels, strict=True))
    prior = (drawn[:, :2] ** 2).sum(axis=1) + (drawn[:, 3:] ** 2).sum(axis=1)
    return mass.sum(axis=1) - prior / 2, own, squares
