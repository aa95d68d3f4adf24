"""Rows, models and tolerances that tests of mixed models share."""

import numpy as np
import pandas as pd

from catpool import MixedModelEncoder


def crossed(rng, n, sizes):
    X = pd.DataFrame({f"g{i}": rng.integers(0, size, n) for i, size in enumerate(sizes)})
    X["x"] = rng.normal(size=n)
    y = X["x"] + rng.normal(size=n)
    for name, size in zip(X, sizes, strict=False):
        y += 0.5 * rng.normal(size=size)[X[name]]
    slopes = 0.4 * rng.normal(size=sizes[0])
    return X, (y + slopes[X["g0"]] * X["x"]).to_numpy()


OUTPUTS = ["mode", "sd", "count", "fixed", "prediction"]


def encoder_of(groups, **parameters):
    return MixedModelEncoder(
        groups, **{"target_type": "continuous", "prior": "reml", "random_state": 0, "cv": 3, **parameters}
    )


def close_to_largest(actual, expected, tolerance=1e-6):
    expected = np.asarray(expected, dtype=float)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def value_of(encoder, kind, **which):
    rows = encoder.summary_.query("kind == @kind")
    for column, wanted in which.items():
        rows = rows[rows[column] == wanted]
    return rows["value"].item()


def mixed_rows(n=120):
    """Two factors of letters, of which one has missing values, one of numbers, three covariates; and a target."""
    rng = np.random.default_rng(5)
    X = pd.DataFrame(
        {
            "a": rng.choice(list("pqrst"), n),
            "b": rng.choice(np.array(["u", "v", "w", None], dtype=object), n),
            "c": rng.integers(0, 12, n),
            "x": rng.normal(size=n) + 3,
            "z": 100 * rng.normal(size=n),
        }
    )
    a, b, c = pd.factorize(X["a"])[0], pd.factorize(X["b"])[0] + 1, X["c"].to_numpy()
    slopes = rng.normal(size=5)
    y = rng.normal(size=5)[a] + rng.normal(size=4)[b] + rng.normal(size=12)[c] + (1 + slopes[a]) * X["x"].to_numpy()
    X["s"] = np.array(["low", "high", "mid", "high"])[(np.arange(n) * 7) % 11 % 4]
    return X, y + 0.01 * rng.normal(size=5)[a] * X["z"].to_numpy() + rng.normal(size=n)


FORMS = {
    "one": {"groups": ["a"]},
    "covariates": {"groups": ["a"], "covariates": ["x", "z"]},
    "slopes": {"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x", "z"]}},
    "uncorrelated": {"groups": ["c"], "covariates": ["x"], "slopes": {"c": ["x", "z"]}, "correlated": False},
    "two": {"groups": ["a", "c"], "covariates": ["z"], "prior": "ml"},
    "three": {"groups": ["a", "b", "c"], "covariates": ["x"]},
    "categories": {"groups": ["a"], "covariates": ["s", ("s", "x"), ("x", "x")]},
    "slopes alone": {"groups": ["c", "a"], "covariates": ["x"], "slopes": {"c": ["x"]}, "intercepts": ["a"]},
    "offset": {"groups": ["c", "a"], "covariates": ["z"], "slopes": {"a": ["s"]}, "correlated": ["a"], "offset": "x"},
    "cells": {"groups": ["a", ("a", "b")], "slopes": {("a", "b"): ["x"]}, "covariates": ["x"]},
}
