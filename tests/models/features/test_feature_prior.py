"""The prior of categories with features, against dense matrices over all rows."""

import numpy as np
import pytest
from scipy.optimize import minimize

from catpool.models.features.feature_blocks import Block
from catpool.models.features.feature_prior import FeaturePrior
from catpool.moments.moments import Moments
from catpool.priors.families.normal import NORMAL
from catpool.priors.posterior import posterior_mean, posterior_sd

SIZE = 25
DESIGNS = {"free": (False,), "penalized": (True,), "both": (False, True), "two variances": (True, True)}


def moments_of(y, codes, size=SIZE, weights=None):
    weights = np.ones(len(y)) if weights is None else weights
    count, total = np.bincount(codes, weights, size), np.bincount(codes, weights * y, size)
    mean = total.sum() / count.sum()
    observed = None if (weights == 1).all() else np.array(float(len(y)))
    return Moments(count, total, np.array((weights * (y - mean) ** 2).sum()), observed)


def blocks_of(rng, penalized):
    widths = (2, 5)
    return [Block(rng.normal(size=(SIZE, widths[each])), own) for each, own in enumerate(penalized)]


def simulated(rng, blocks, rows=150, spread=0.6, of_features=0.7):
    codes = rng.integers(0, SIZE - 2, rows)  # two categories have no rows
    effects = rng.normal(size=SIZE) * spread
    for block in blocks:
        effects = effects + of_features * block.basis @ rng.normal(size=block.basis.shape[1])
    return 3 + effects[codes] + rng.normal(size=rows), codes


class Dense:
    """The model with covariance matrices of all rows, at variances of rows, of categories, and of penalized blocks."""

    def __init__(self, y, codes, blocks, weights=None):
        self.y, self.Z = y, np.eye(SIZE)[codes]
        self.noise = np.diag(np.ones(len(y)) if weights is None else 1 / weights)
        self.free = np.column_stack([np.ones(SIZE), *(each.basis for each in blocks if not each.penalized)])
        centered = [each.basis - each.basis.mean(axis=0) for each in blocks if each.penalized]
        self.parts = [np.eye(SIZE), *(each @ each.T for each in centered)]

    def covariance(self, variances):
        between = sum(own * part for own, part in zip(variances[1:], self.parts, strict=True))
        return between, self.Z @ between @ self.Z.T + variances[0] * self.noise

    def log_likelihood(self, variances, reml):
        _, covariance = self.covariance(variances)
        X = self.Z @ self.free
        inverse = np.linalg.inv(covariance)
        information = X.T @ inverse @ X
        rest = self.y - X @ np.linalg.solve(information, X.T @ inverse @ self.y)
        logs = np.linalg.slogdet(covariance)[1] + reml * np.linalg.slogdet(information)[1]
        freedom = len(self.y) - reml * X.shape[1]
        precisions = np.log(np.diagonal(self.noise)).sum()  # which the package adds elsewhere
        return -(logs - precisions + rest @ inverse @ rest + freedom * np.log(2 * np.pi)) / 2

    def posterior(self, variances):
        """The mean and the standard deviation of each category."""
        between, covariance = self.covariance(variances)
        inverse, X = np.linalg.inv(covariance), self.Z @ self.free
        error = np.linalg.inv(X.T @ inverse @ X)
        coefficients = error @ X.T @ inverse @ self.y
        gain = between @ self.Z.T @ inverse
        left = self.free - gain @ X
        spread = between - gain @ self.Z @ between + left @ error @ left.T
        mean = self.free @ coefficients + gain @ (self.y - X @ coefficients)
        return mean, np.sqrt(np.diagonal(spread))


def best(dense, reml, number):
    """The largest log-likelihood over all variances, and where it is."""
    found = []
    for start in ([0.0, 0.0, 0.0, 0.0], [0.0, -4.0, 0.0, 0.0], [0.0, 0.0, -4.0, -4.0]):
        search = minimize(
            lambda logs: -dense.log_likelihood(np.exp(np.clip(logs, -25, 25)), reml),
            start[:number],
            method="Nelder-Mead",
            options={"xatol": 1e-10, "fatol": 1e-13, "maxfev": 4000, "maxiter": 4000},
        )
        found.append((-search.fun, tuple(np.exp(np.clip(search.x, -25, 25)))))
    return max(found)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("design", DESIGNS)
def test_equals_dense_matrices(design, reml):
    rng = np.random.default_rng(len(design))
    blocks = blocks_of(rng, DESIGNS[design])
    y, codes = simulated(rng, blocks)
    dense = Dense(y, codes, blocks)
    likelihood, variances = best(dense, reml, 2 + sum(DESIGNS[design]))

    moments = moments_of(y, codes)
    prior = FeaturePrior(blocks, reml)([moments], NORMAL)[0]

    assert float(prior.log_likelihood) == pytest.approx(likelihood, abs=1e-8)
    assert float(prior.within) == pytest.approx(variances[0], rel=1e-6)
    assert float(prior.between) == pytest.approx(variances[1], rel=1e-6)
    mean, sd = dense.posterior(variances)
    np.testing.assert_allclose(posterior_mean(moments, prior, NORMAL), mean, atol=1e-6)
    np.testing.assert_allclose(posterior_sd(moments, prior, NORMAL), sd, rtol=1e-6)
