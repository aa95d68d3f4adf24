"""Mixed models whose rows have a dispersion, with dense matrices, densities of scipy and a general-purpose search."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import ive
from scipy.stats import gamma, nbinom

from helpers.dense_laplace import DenseLaplace


class NegativeBinomialDensity:
    """Of size 1 / d."""

    def log(self, y, mean, d):
        return nbinom.logpmf(y, 1 / d, 1 / (1 + d * mean))

    def slope(self, y, mean, d):
        return (y - mean) / (1 + d * mean)

    def curvature(self, y, mean, d):
        return (1 / d + y) * (mean / d) / (1 / d + mean) ** 2


class GammaDensity:
    """Of shape 1 / d."""

    def log(self, y, mean, d):
        return gamma.logpdf(y, 1 / d, scale=d * mean)

    def slope(self, y, mean, d):
        return (y / mean - 1) / d

    def curvature(self, y, mean, d):
        return y / mean / d


class TweedieDensity:
    """Of the power 1.5: a Poisson number of exponential variables, the sum of which is a Bessel function."""

    def log(self, y, mean, d):
        root, some = np.sqrt(mean), np.where(y > 0, y, 1.0)
        rate, scale = 2 * root / d, d * root / 2
        x = 2 * np.sqrt(rate * some / scale)
        each = x - rate - some / scale + np.log(rate / scale / some) / 2 + np.log(ive(1, x))
        return np.where(y > 0, each, -rate)

    def slope(self, y, mean, d):
        return (y - mean) / np.sqrt(mean) / d

    def curvature(self, y, mean, d):
        return (y / np.sqrt(mean) + np.sqrt(mean)) / 2 / d


DENSITIES = {"negative_binomial": NegativeBinomialDensity(), "gamma": GammaDensity(), "tweedie": TweedieDensity()}


class DenseDispersed(DenseLaplace):
    """A model of rows with a dispersion, for some factors' codes and slopes."""

    def __init__(self, family, y, X, codes, slopes, weights=None, exposure=None):
        super().__init__(y, X, codes, slopes, binary=False, weights=weights, exposure=exposure)
        self.density, self.dispersion = DENSITIES[family], 1.0

    def likelihood(self, eta):
        """The log-likelihood, and its first and its negative second derivatives by row."""
        arguments = self.y, self.exposure * np.exp(eta), self.dispersion
        slope, curvature = self.density.slope(*arguments), self.density.curvature(*arguments)
        return self.weights @ self.density.log(*arguments), self.weights * slope, self.weights * curvature

    def at(self, lambdas, fixed, dispersion):
        """Laplace's approximation."""
        self.dispersion = dispersion
        return self.laplace(lambdas, fixed)

    def least(self, lambdas, fixed, dispersion, correlated, seed=0):
        """The least criterion that a search finds, which starts beside some parameters."""
        places = self.places(correlated)

        def value(point):
            own = self.lambdas(point, places)
            return self.at(own, point[len(places) : -1], np.exp(point[-1]))

        start = np.concatenate([[lambdas[f][a, b] for f, a, b in places], fixed, [np.log(dispersion)]])
        start = start * np.exp(0.2 * np.random.default_rng(seed).normal(size=len(start))) + 0.01
        return minimize(value, start, method="BFGS", options={"gtol": 1e-5}).fun

    def integrated(self, sd, fixed, dispersion):
        """Twice the negative log-likelihood of one factor's intercepts, each integrated by the trapezoidal rule.

        Of smooth functions that vanish at both ends, it has all digits.
        """
        self.dispersion, total = dispersion, 0.0
        b, step = np.linspace(-12, 12, 1201, retstep=True)
        base = self.X @ fixed + sd * b[:, None]
        for own in self.Z[0].T.astype(bool):
            mean = self.exposure[own] * np.exp(base[:, own])
            height = self.density.log(self.y[own], mean, dispersion) @ self.weights[own] - b**2 / 2
            most = height.max()
            assert height[[0, -1]].max() < most - 40
            total += most + np.log(step * np.exp(height - most).sum() / np.sqrt(2 * np.pi))
        return -2 * total
