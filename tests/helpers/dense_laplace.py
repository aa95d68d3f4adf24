"""Laplace's approximation as the textbook has it, with dense matrices and a general-purpose search."""

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import minimize
from scipy.special import expit, gammaln

from helpers.dense_mixed import Dense


class DenseLaplace(Dense):
    """A model of binary targets or counts, for some factors' codes and slopes.

    `weights` are copies of rows, and `exposure` goes with counts.
    """

    def __init__(self, y, X, codes, slopes, binary, weights=None, exposure=None, intercepts=None, offset=0.0):
        super().__init__(np.asarray(y, dtype=float), X, codes, slopes, weights, intercepts)
        self.offset = offset
        self.binary, self.exposure = binary, np.ones(len(y)) if exposure is None else exposure

    def likelihood(self, eta):
        """The log-likelihood, and its first and second derivatives by row."""
        if self.binary:
            mean = expit(eta)
            each, curvature = self.y * eta - np.logaddexp(0, eta), mean * (1 - mean)
        else:
            mean = curvature = self.exposure * np.exp(eta)
            each = self.y * (eta + np.log(self.exposure)) - mean - gammaln(self.y + 1)
        return self.weights @ each, self.weights * (self.y - mean), self.weights * curvature

    def modes(self, lambdas, fixed):
        """The spherical effects at the top of the penalized likelihood, their height, and M."""
        U, base = np.hstack(self.Z) @ block_diag(*self.spread(lambdas)), self.X @ fixed + self.offset
        b = np.zeros(U.shape[1])
        height, slope, curvature = self.likelihood(base)
        for _ in range(100):
            M = (U.T * curvature) @ U + np.eye(len(b))
            step = np.linalg.solve(M, U.T @ slope - b)
            while self.likelihood(base + U @ (b + step))[0] - (b + step) @ (b + step) / 2 < height - 1e-10 * abs(
                height
            ):
                step /= 2
            b = b + step
            height, slope, curvature = self.likelihood(base + U @ b)
            height -= b @ b / 2
            if np.abs(step).max() < 1e-12:
                break
        return b, height, (U.T * curvature) @ U + np.eye(len(b))

    def laplace(self, lambdas, fixed):
        _, height, M = self.modes(lambdas, fixed)
        return np.linalg.slogdet(M)[1] - 2 * height

    def places(self, correlated):
        """The factor, row and column of each parameter of a Lambda."""
        return [
            (factor, a, b)
            for factor, width in enumerate(self.widths)
            for a in range(width)
            for b in range(a + 1)
            if correlated or a == b
        ]

    def lambdas(self, point, places):
        """Each factor's Lambda, from parameters that come first."""
        own = [np.zeros((width, width)) for width in self.widths]
        for number, (factor, a, b) in zip(point, places, strict=False):
            own[factor][a, b] = number
        return own

    def search(self, lambdas, fixed, correlated, seed=0):
        """The least criterion that a search finds, which starts beside some parameters."""
        places = self.places(correlated)

        def value(point):
            own = self.lambdas(point, places)
            return self.laplace(own, point[len(places) :])

        start = np.append([lambdas[factor][a, b] for factor, a, b in places], fixed)
        start = start * np.exp(0.3 * np.random.default_rng(seed).normal(size=len(start))) + 0.01
        return minimize(value, start, method="BFGS", options={"gtol": 1e-5}).fun
