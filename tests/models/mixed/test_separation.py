"""Covariates, slopes and factors whose estimates have no bounds are named."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import OUTPUTS, encoder_of
from sklearn.exceptions import ConvergenceWarning

N = 200
RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.integers(0, 10, N), "b": RNG.integers(0, 8, N), "x": RNG.normal(size=N)})
X["rare"] = (RNG.random(N) < 0.2).astype(float)
Y = RNG.integers(0, 2, N)
CASES = {
    "a number": ("binary", X["x"] > 0.3, {"covariates": ["x"]}, "covariate 'x'"),
    "a number, the other way round": ("binary", X["x"] < 0.3, {"covariates": ["rare", "x"]}, "covariate 'x'"),
    "an indicator of zeros": ("binary", np.where(X["rare"] == 1, 0, Y), {"covariates": ["rare"]}, "covariate 'rare'"),
    "an indicator of ones": ("binary", np.where(X["rare"] == 1, 1, Y), {"covariates": ["rare"]}, "covariate 'rare'"),
    "no counts": ("count", np.where(X["rare"] == 1, 0, 3 * Y), {"covariates": ["rare"]}, "covariate 'rare'"),
    "a slope": ("binary", X["x"] > 0.3, {"slopes": {"a": ["x"]}}, "covariate 'x'"),
    "levels": ("binary", X["b"] > 4, {}, "factor 'b'"),
    "levels and a number": (
        "binary",
        X["b"] > 4,
        {"covariates": ["x", "above"]},
        "covariate 'above' and the factor 'b'",
    ),
}


@pytest.mark.parametrize("approximation", ["laplace", "pql"])
@pytest.mark.parametrize("groups", [["a", "b"], ["b"]])
@pytest.mark.parametrize("case", CASES)
def test_what_separates_is_named(case, groups, approximation):
    kind, y, parameters, words = CASES[case]
    if "slopes" in parameters and "a" not in groups:
        groups = ["a"]
    encoder = encoder_of(groups, target_type=kind, output=OUTPUTS, approximation=approximation, **parameters)
    data = X.assign(above=(X["b"] > 4).astype(float))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder.fit(data, np.asarray(y).astype(int))
    found = [str(each.message) for each in caught if each.category is ConvergenceWarning]
    assert any(f"By the {words}" in each and "Leave it out" in each for each in found)
    assert np.isfinite(np.asarray(encoder.transform(data.iloc[::-1]), dtype=float)).all()


@pytest.mark.parametrize(("kind", "family"), [("count", "negative_binomial"), ("continuous", "tweedie")])
def test_what_separates_zeros_is_named_for_families_with_a_dispersion(kind, family):
    y = np.where(X["rare"] == 1, 0, np.random.default_rng(1).poisson(3.0, N))
    with pytest.warns(ConvergenceWarning, match="By the covariate 'rare', rows where y is 0 can be told apart"):
        encoder_of(["a"], target_type=kind, family=family, covariates=["rare"]).fit(X, y)


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_what_does_not_separate_is_not_named(kind):
    """Levels of one class beside others, a constant slope, and counts that a number orders."""
    y = np.where(X["a"] == 3, 1, Y) if kind == "binary" else np.where(X["x"] > 0, 1 + Y, 0)
    encoder = encoder_of(["a"], target_type=kind, covariates=["x"], slopes={"a": ["one"]})
    encoder.fit(X.assign(one=1.0), y)


def test_levels_of_a_row_each_do_not_separate():
    encoder_of(["a", "row"], target_type="binary").fit(X.assign(row=np.arange(N)), Y)
