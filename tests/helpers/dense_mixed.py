"""Mixed models as the textbook has them, with matrices of rows by rows."""

import numpy as np
import pandas as pd
from scipy.linalg import block_diag, cho_factor, cho_solve
from scipy.optimize import minimize

KINDS = {"one": (1, None), "two": (2, None), "three": (3, None), "slopes": (1, True), "slopes and two": (2, True)}


KINDS["uncorrelated"] = (1, False)
KINDS["no intercept"] = (1, False)
KINDS["no intercept and two"] = (2, False)


class Dense:
    """The textbook's formulas, with V a matrix of rows by rows, for some factors' codes and slopes."""

    def __init__(self, y, X, codes, slopes, weights=None, intercepts=None):
        self.y, self.X, self.weights = y, X, np.ones(len(y)) if weights is None else weights
        self.Z, self.widths, self.levels = [], [], []
        for own, numbers, intercept in zip(codes, slopes, intercepts or [True] * len(codes), strict=True):
            columns = np.column_stack([*np.ones((int(intercept), len(y))), *numbers.T])
            indicators = own[:, None] == np.unique(own)
            self.Z.append((indicators[:, :, None] * columns[:, None, :]).reshape(len(y), -1))
            self.widths.append(columns.shape[1])
            self.levels.append(indicators.shape[1])

    def spread(self, matrices):
        """Each factor's matrix once for every level, on the diagonal."""
        return [block_diag(*[each] * number) for each, number in zip(matrices, self.levels, strict=True)]

    def solved(self, covariances, scale):
        V = np.diag(scale / self.weights) + sum(
            Z @ D @ Z.T for Z, D in zip(self.Z, self.spread(covariances), strict=True)
        )
        root = cho_factor(V)
        inverse_X = cho_solve(root, self.X)
        fixed = np.linalg.solve(self.X.T @ inverse_X, inverse_X.T @ self.y)
        return root, inverse_X, fixed, self.y - self.X @ fixed

    def criterion(self, covariances, scale, reml):
        root, inverse_X, _, rest = self.solved(covariances, scale)
        freedom = len(self.y) - reml * self.X.shape[1]
        value = 2 * np.log(np.diag(root[0])).sum() + rest @ cho_solve(root, rest) + freedom * np.log(2 * np.pi)
        return value + (np.linalg.slogdet(self.X.T @ inverse_X)[1] if reml else 0)

    def profile(self, lambdas, reml):
        """The criterion at the best scale, of covariances that are relative to it."""
        root, inverse_X, _, rest = self.solved([each @ each.T for each in lambdas], 1.0)
        freedom = len(self.y) - reml * self.X.shape[1]
        value = 2 * np.log(np.diag(root[0])).sum()
        value += freedom * (1 + np.log(2 * np.pi * (rest @ cho_solve(root, rest)) / freedom))
        return value + (np.linalg.slogdet(self.X.T @ inverse_X)[1] if reml else 0)

    def best(self, reml, correlated, seed=0):
        """The least criterion that general-purpose searches find."""
        places = [
            (factor, a, b)
            for factor, width in enumerate(self.widths)
            for a in range(width)
            for b in range(a + 1)
            if correlated or a == b
        ]
        squares = [(Z**2).sum(axis=0).reshape(-1, width) for Z, width in zip(self.Z, self.widths, strict=True)]
        units = [np.sqrt(each.mean(axis=0)) for each in squares]

        def value(theta):
            lambdas = [np.zeros((width, width)) for width in self.widths]
            for number, (factor, a, b) in zip(theta, places, strict=True):
                lambdas[factor][a, b] = number / units[factor][a]
            return self.profile(lambdas, reml)

        rng = np.random.default_rng(seed)
        found = []
        for size in (0.3, 1, 5):
            start = minimize(value, size * rng.normal(size=len(places)), method="BFGS", options={"gtol": 1e-4}).x
            found.append(minimize(value, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).fun)
        return min(found)

    def effects(self, covariances, scale):
        """Best linear unbiased predictions and their variances, of shape (levels, width)."""
        root, inverse_X, _, rest = self.solved(covariances, scale)
        P = cho_solve(root, np.eye(len(self.y))) - inverse_X @ np.linalg.solve(self.X.T @ inverse_X, inverse_X.T)
        for Z, D, width in zip(self.Z, self.spread(covariances), self.widths, strict=True):
            modes, variances = D @ Z.T @ cho_solve(root, rest), np.diag(D - D @ Z.T @ P @ Z @ D)
            yield modes.reshape(-1, width), variances.reshape(-1, width)


def unbalanced(kind, seed, spread):
    """Random rows of few levels, some of a single row; numbers of any size."""
    rng = np.random.default_rng([seed, *kind.encode()])
    number, correlated = KINDS[kind]
    n = int(rng.integers(18, 40))
    data = {f"g{i}": rng.choice(m, n, p=rng.dirichlet(np.full(m, 2.0))) for i, m in enumerate((7, 4, 3)[:number])}
    unit = 10 ** rng.uniform(-2, 2)
    data |= {"x": unit * (rng.normal(size=n) + 2), "z": rng.normal(size=n)}
    y = rng.normal(size=n) + 10
    for i in range(number):
        y += spread * rng.normal(size=7)[data[f"g{i}"]]
    if correlated is not None:
        y += spread * rng.normal(size=7)[data["g0"]] * data["x"] / unit
    covariates = [[], ["x"], ["x", "z"]][seed % 3]
    slopes = {} if correlated is None else {"g0": ["x"]}
    parameters = {"covariates": covariates, "slopes": slopes, "correlated": correlated is not False}
    parameters["intercepts"] = [f"g{i}" for i in range("no intercept" in kind, number)]
    return pd.DataFrame(data), y * 10 ** rng.uniform(-3, 3), [f"g{i}" for i in range(number)], parameters


def dense_of(X, y, groups, parameters, weights=None):
    design = np.column_stack([np.ones(len(y)), X[parameters["covariates"]]])
    slopes = [X[parameters["slopes"].get(group, [])].to_numpy() for group in groups]
    intercepts = [group in parameters.get("intercepts", groups) for group in groups]
    return Dense(y, design, [X[group].to_numpy() for group in groups], slopes, weights, intercepts)
