"""Nested levels against dense algebra."""

import numpy as np
import pandas as pd
import pytest
from helpers.nested import nested, numbered
from scipy.optimize import minimize

from catpool import NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


class Dense:
    """y ~ N(mu, sigma^2 / w + sum of Z Z' s^2), written out."""

    def __init__(self, X, y, weights=None):
        self.X, self.y, self.weights = X, y, np.ones(len(y)) if weights is None else weights
        self.same = self.same_path(X)

    def same_path(self, new):
        """Of each level, whether a new row and a training row are in one category, of shape (m, n)."""
        ours, new = self.X.to_numpy(), new.to_numpy()
        equal = [np.equal.outer(new[:, level], ours[:, level]) for level in range(new.shape[1])]
        return [np.logical_and.reduce(equal[: level + 1]).astype(float) for level in range(new.shape[1])]

    def covariance(self, between, within):
        return np.diag(within / self.weights) + sum(s * same for s, same in zip(between, self.same, strict=True))

    def criterion(self, between, within, reml):
        root = np.linalg.cholesky(self.covariance(between, within))
        one, y = np.linalg.solve(root, np.column_stack([np.ones(len(self.y)), self.y])).T
        rest = y - one * (one @ y) / (one @ one)
        value = 2 * np.log(np.diag(root)).sum() + rest @ rest + (len(y) - reml) * np.log(2 * np.pi)
        return value + np.log(one @ one) if reml else value

    def least(self, reml, starts=6):
        """The least criterion that a general optimiser finds."""
        rng, depth = np.random.default_rng(0), len(self.same)

        def value(logs):
            variances = np.exp(np.clip(logs, -20, 12))
            return self.criterion(variances[:-1], max(variances[-1], 1e-6), reml)

        found = [
            minimize(value, np.log(self.y.var() * rng.choice([1e-2, 0.1, 1], depth + 1)), options={"gtol": 1e-9}).fun
            for _ in range(starts)
        ]
        return min(found)

    def posterior(self, new, between, within):
        """Means and standard deviations of the levels' values, mu estimated, of shape (m, levels)."""
        inverse, one = np.linalg.inv(self.covariance(between, within)), np.ones(len(self.y))
        information = one @ inverse @ one
        mu = one @ inverse @ self.y / information
        means, sds, shared = [], [], 0.0
        for level, same in enumerate(self.same_path(new)):
            shared = shared + between[level] * same
            means.append(mu + shared @ inverse @ (self.y - mu))
            known = np.einsum("mi,ij,mj->m", shared, inverse, shared)
            variance = sum(between[: level + 1]) - known + (1 - shared @ inverse @ one) ** 2 / information
            sds.append(np.sqrt(variance))
        return np.column_stack(means), np.column_stack(sds)


def unbalanced(seed, depth, weighted):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(18, 36))
    X = pd.DataFrame({f"l{level}": np.minimum(rng.geometric(0.4, n), 4) for level in range(depth)})
    y = rng.normal(size=n)
    for level in range(depth):
        code = numbered(X.iloc[:, : level + 1])
        y += rng.choice([0, 0.5, 3]) * rng.normal(size=code.max() + 1)[code]
    return X, y, rng.uniform(0.3, 3, n) if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.slow
def test_dense_algebra(seed, depth, weighted, prior):
    X, y, weights = unbalanced(seed, depth, weighted)
    encoder = NestedEncoder(list(X), prior=prior, emit="all", output=["mean", "sd"], weight_type="precision")
    encoder.fit(X, y, sample_weight=weights)
    summary, dense, reml = encoder.summary_, Dense(X, y, weights), prior == "reml"
    between, within = summary["between_sd"].to_numpy() ** 2, summary["within_sd"][0] ** 2
    found = -2 * summary["log_likelihood"][0]
    assert found == pytest.approx(dense.criterion(between, within, reml), abs=1e-8)
    assert found <= dense.least(reml) + 1e-6

    unseen = X.iloc[:depth].copy()
    for level in range(depth):
        unseen.iloc[level, level] = 99
    new = pd.concat([X, unseen])
    means, sds = dense.posterior(new, between, within)
    encoded = encoder.transform(new)
    np.testing.assert_allclose(np.asarray(encoded)[:, ::2], means, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(np.asarray(encoded)[:, 1::2], sds, rtol=1e-8, atol=1e-8)


@pytest.mark.slow
def test_no_optimiser_finds_a_likelier_fit():
    """Hard data: few rows, many singletons, levels without a spread, criteria with several minima."""
    rng = np.random.default_rng(11)
    for _ in range(15):
        n = int(rng.integers(9, 25))
        X = pd.DataFrame({"a": rng.integers(0, 4, n), "b": rng.choice([0, 0, 0, 1, 2], n)})
        y = np.round(rng.normal(size=n) * rng.choice([0.1, 1, 5], 4)[X["a"]] + rng.choice([0, 2]) * X["b"], 2)
        for prior in ("reml", "ml"):
            found = -2 * nested(X, y, prior=prior, target_type="continuous").summary_["log_likelihood"][0]
            assert found <= Dense(X, y).least(prior == "reml", starts=3) + 1e-6


# where a search from few starts ends at a variance of the first level alone
TWO_MINIMA = {
    "ten rows": (
        [[3, 3, 1, 2, 0, 3, 1, 1, 2, 1], [3, 1, 2, 1, 0, 0, 2, 2, 1, 1], [1, 2, 3, 0, 2, 1, 3, 0, 3, 3]],
        [-2.31, -4.12, 2.59, 9.29, -12.43, -5.56, 3.0, -1.12, 14.93, 11.4],
        [2.54, 2.58, 0.78, 1.32, 0.58, 2.47, 2.43, 1.12, 1.65, 0.37],
    ),
    "twelve rows": (
        [
            [3, 3, 1, 1, 3, 1, 0, 3, 1, 0, 2, 1],
            [0, 0, 0, 1, 0, 1, 1, 3, 3, 0, 3, 0],
            [0, 2, 1, 0, 2, 0, 1, 2, 2, 2, 0, 0],
        ],
        [-1.26, -0.5, 4.02, 5.01, 0.1, 4.72, -1.16, 0.17, 5.06, -4.17, -1.92, 5.04],
        [1.82, 2.22, 2.04, 0.78, 2.76, 0.76, 1.82, 2.78, 2.96, 1.26, 1.8, 2.05],
    ),
    "twelve others": (
        [
            [4, 4, 0, 2, 2, 0, 4, 3, 3, 0, 2, 3],
            [1, 2, 2, 0, 1, 1, 2, 2, 2, 0, 2, 2],
            [3, 3, 0, 0, 0, 2, 2, 0, 1, 3, 3, 0],
        ],
        [-4.11, -2.84, 0.51, -4.42, -3.39, 0.23, -3.19, -3.59, -2.33, 1.32, -5.96, -3.88],
        [2.6, 2.2, 2.6, 3.0, 1.4, 2.8, 2.9, 0.4, 2.3, 2.1, 0.4, 2.8],
    ),
}


@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("name", TWO_MINIMA)
def test_the_better_of_two_minima_is_found(name, prior):
    columns, y, weights = (np.array(each) for each in TWO_MINIMA[name])
    paths = columns.T
    encoder = NestedEncoder([0, 1, 2], prior=prior, weight_type="precision").fit(paths, y, sample_weight=weights)
    least = Dense(pd.DataFrame(paths), y, weights).least(prior == "reml")
    assert -2 * encoder.summary_["log_likelihood"][0] <= least + 1e-6
