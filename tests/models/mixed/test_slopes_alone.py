"""Factors with slopes and no intercept, and correlations that some factors have."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.json_mutations import forge
from helpers.mixed import OUTPUTS, encoder_of, mixed_rows, value_of

from catpool import MixedModelEncoder

X, Y = mixed_rows()


def test_names_and_numbers():
    encoder = encoder_of(["c", "a"], covariates=["x"], slopes={"c": ["x"]}, intercepts=["a"], output=OUTPUTS).fit(X, Y)
    encoded = encoder.transform(X)
    assert encoded.columns.tolist()[:6] == ["a", "a_sd", "a_count", "b", "c_x", "c_x_sd"]
    parts = encoded["fixed"] + encoded["a"] + encoded["c_x"] * X["x"]
    np.testing.assert_allclose(encoded["prediction"], parts, rtol=1e-12)
    assert encoder.summary_.query("kind == 'variance'")["term"].tolist() == ["x", "intercept", ""]
    assert value_of(encoder, "icc", group="c") == 0
    assert value_of(encoder, "icc", group="a") > 0
    assert encoder.encoding_table("c").columns.tolist() == ["category", "count", "x_mode", "x_sd", "x_lower", "x_upper"]
    new = encoder.transform(X.assign(c=99, a="new"))
    assert (new[["a", "c_x"]] == 0).all(axis=None)
    np.testing.assert_allclose(new["c_x_sd"], np.sqrt(encoder.model_.covariances[0].item()), rtol=1e-12)


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_a_slope_of_ones_is_an_intercept(kind):
    y = {"continuous": Y, "binary": (np.median(Y) < Y).astype(int), "count": np.maximum(Y, 0).astype(int)}[kind]
    ones = X.assign(one=1.0)
    own = {"covariates": ["x"], "target_type": kind, "output": "prediction", "remainder": "drop"}
    one = encoder_of(["a", "c"], slopes={"a": ["one"]}, intercepts=["c"], **own).fit(ones, y)
    other = encoder_of(["a", "c"], **own).fit(ones, y)
    assert one.model_.criterion == pytest.approx(other.model_.criterion, abs=1e-8)
    np.testing.assert_allclose(one.transform(ones), other.transform(ones), rtol=1e-6, atol=1e-8)


def test_slopes_whose_sums_are_zero_have_a_variance():
    """In each level the numbers add up to zero, so that the level has no total, but it has rows."""
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(20), 10)
    table = pd.DataFrame({"g": g, "x": np.tile([1.0, -1.0], 100)})
    y = 2 * rng.normal(size=20)[g] * table["x"] + rng.normal(size=200)
    encoder = encoder_of(["g"], slopes={"g": ["x"]}, intercepts=False).fit(table, y)
    slopes = (y * table["x"]).groupby(g).mean()
    means = pd.Series(y).groupby(g).mean()
    within = ((y - table["x"] * slopes[g].to_numpy()) ** 2).sum() - 200 * np.mean(y) ** 2
    scale = within / (200 - 1 - 20)
    assert len(means) == 20
    assert encoder.model_.scale == pytest.approx(scale, rel=1e-6)
    assert encoder.model_.covariances[0].item() == pytest.approx((slopes**2).mean() - scale / 10, rel=1e-6)


def test_some_factors_are_correlated():
    slopes = {"a": ["x"], "c": ["x"]}
    encoder = encoder_of(["a", "c"], covariates=["x"], slopes=slopes, correlated=["a"]).fit(X, Y)
    first, second = encoder.model_.covariances
    assert first[0, 1] != 0
    assert second[0, 1] == 0
    criteria = [
        encoder_of(["a", "c"], covariates=["x"], slopes=slopes, correlated=each).fit(X, Y).model_.criterion
        for each in (True, ["a"], ["a", "c"], [], False)
    ]
    assert criteria[0] == criteria[2] <= criteria[1] <= criteria[3] == criteria[4]


@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_both_solvers(solver):
    encoder = encoder_of(["c", "a"], slopes={"c": ["x"]}, intercepts=["a"], solver=solver, output="prediction").fit(
        X, Y
    )
    exact = encoder_of(["c", "a"], slopes={"c": ["x"]}, intercepts=["a"], solver="exact", output="prediction").fit(X, Y)
    np.testing.assert_allclose(encoder.transform(X)["prediction"], exact.transform(X)["prediction"], atol=0.15)


@pytest.mark.filterwarnings("error")
def test_quadrature_is_for_intercepts():
    y = (np.median(Y) < Y).astype(int)
    encoder = encoder_of(["a"], slopes={"a": ["x"]}, intercepts=False, quadrature=5, target_type="binary")
    with pytest.raises(ValueError, match="`quadrature`"):
        encoder.fit(X, y)
    assert encoder.set_params(quadrature=1).fit(X, y).summary_.attrs["method"] == "Laplace"


def test_files():
    encoder = encoder_of(["c", "a"], slopes={"c": ["x"]}, intercepts=["a"], output=OUTPUTS).fit(X, Y)
    text = encoder.to_json()
    again = MixedModelEncoder.from_json(text)
    assert again.intercepts == ["a"]
    pd.testing.assert_frame_equal(again.transform(X.iloc[:20]), encoder.transform(X.iloc[:20]))
    content = json.loads(text)
    content["fitted"]["state"]["tables"][0]["intercept"] = True
    with pytest.raises(ValueError, match="slopes without their names"):
        MixedModelEncoder.from_json(forge(content))
    content["parameters"]["intercepts"] = ["a", "c"]
    content["fitted"]["state"]["tables"][0]["intercept"] = False
    with pytest.raises(ValueError, match="effects of other terms"):
        MixedModelEncoder.from_json(forge(content))


def test_files_from_before_there_were_such_terms():
    encoder = encoder_of(["a"], covariates=["x"], slopes={"a": ["x"]}, output=OUTPUTS).fit(X, Y)
    content = json.loads(encoder.to_json())
    del content["parameters"]["intercepts"], content["parameters"]["offset"]
    table = content["fitted"]["state"]["tables"][0]
    del table["intercept"], table["model"]["contrasts"]
    old = MixedModelEncoder.from_json(forge(content))
    pd.testing.assert_frame_equal(old.transform(X.iloc[:20]), encoder.transform(X.iloc[:20]))
    pd.testing.assert_frame_equal(old.summary_, encoder.summary_)
