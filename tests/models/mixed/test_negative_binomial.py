"""Counts that vary more than Poisson counts, or no more."""

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import encoder_of, value_of
from helpers.reference_data import REFERENCE
from scipy.special import gammaln
from scipy.stats import nbinom, poisson

from catpool.priors.families.dispersed import DispersedCells
from catpool.priors.families.negative_binomial import NegativeBinomial, _rising

FAMILY = NegativeBinomial()


def test_without_effects_it_is_the_regression_of_other_libraries():
    """Numbers of statsmodels 0.15.0: `NegativeBinomial(y, X).fit()`, and of `GLM` at that dispersion the errors."""
    data = pd.read_csv(REFERENCE / "data" / "grouseticks.csv")
    data = data.assign(y96=1.0 * (data["YEAR"] == 96), y97=1.0 * (data["YEAR"] == 97), one="all")
    encoder = encoder_of(
        ["one"], covariates=["y96", "y97", "cHEIGHT"], target_type="count", family="negative_binomial"
    ).fit(data.drop(columns="TICKS"), data["TICKS"])
    model = encoder.model_
    assert -model.criterion / 2 == pytest.approx(-965.8579716273482, abs=1e-9)
    expected = [1.186928333147, 0.968338483175, -1.242304408234, -0.024923347837]
    np.testing.assert_allclose(model.fixed, expected, rtol=1e-9)
    errors = [0.122219121688, 0.155481251765, 0.182109027713, 0.002013561335]
    np.testing.assert_allclose(np.sqrt(np.diag(model.fixed_covariance)), errors, rtol=1e-8)
    assert value_of(encoder, "dispersion", term="size") == pytest.approx(1 / 1.282844781842, rel=1e-10)


def counts(n=400):
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"a": rng.integers(0, 20, n), "row": np.arange(n), "x": rng.normal(size=n)})
    return X, np.exp(rng.normal(size=20)[X["a"]] + 0.3 * X["x"].to_numpy()), rng


def test_counts_that_vary_less_have_an_infinite_size_and_the_fit_of_the_poisson_family():
    X, mean, rng = counts()
    y = rng.binomial(3, np.minimum(mean / 6, 1))
    parameters = {"groups": ["a"], "covariates": ["x"], "target_type": "count"}
    encoder = encoder_of(**parameters, family="negative_binomial").fit(X, y)
    other = encoder_of(**parameters).fit(X, y)
    assert value_of(encoder, "dispersion", term="size") == np.inf
    assert encoder.model_.dispersion == 0
    assert encoder.model_.criterion == pytest.approx(other.model_.criterion, abs=1e-7)
    assert encoder.model_.parameters == other.model_.parameters + 1
    np.testing.assert_allclose(encoder.transform(X), other.transform(X), atol=1e-6)
    again = type(encoder).from_json(encoder.to_json())
    assert value_of(again, "dispersion", term="size") == np.inf


def test_a_level_for_each_row_does_not_hide_a_better_dispersion():
    X, mean, rng = counts()
    y = rng.negative_binomial(1, 1 / (1 + mean))
    alone, both = (
        encoder_of(groups, target_type="count", family="negative_binomial").fit(X, y).model_
        for groups in (["a"], ["a", "row"])
    )
    assert both.criterion <= alone.criterion + 1e-6


@pytest.mark.parametrize("outcome", ["few", "one", "large", "heavy"])
def test_extreme_counts(outcome):
    X, mean, rng = counts()
    y = {
        "few": rng.binomial(1, 0.02, len(X)),
        "one": 1000 * (np.arange(len(X)) == 3),
        "large": rng.negative_binomial(2, 2 / (2 + 1e6 * mean)),
        "heavy": np.minimum(np.rint(np.exp(3 * rng.standard_t(1.5, len(X)))), 1e9),
    }[outcome]
    encoder = encoder_of(["a"], target_type="count", family="negative_binomial", output="prediction").fit(X, y)
    model, prediction = encoder.model_, np.asarray(encoder.transform(X))
    assert np.isfinite([model.criterion, *model.fixed, model.dispersion]).all()
    assert np.isfinite(prediction.astype(float)).all()
    X = X.assign(one="all")
    flat = encoder_of(["one"], target_type="count", family="negative_binomial").fit(X, y).model_
    assert model.criterion <= flat.criterion + 1e-6


@pytest.mark.parametrize("dispersion", [0.0, 1e-12, 1e-3, 1.0, 50.0])
def test_the_likelihood_is_that_of_scipy(dispersion):
    rng = np.random.default_rng(0)
    y, weights, eta = rng.integers(0, 9000, 40).astype(float), rng.uniform(0.5, 3, 40), rng.normal(size=40) + 4
    exposure = rng.uniform(0.2, 5, 40)
    cells = DispersedCells(weights * y, weights, exposure, weights * y * y, y, weights)
    found = FAMILY.log_likelihood(cells, eta, dispersion).sum() + FAMILY.constant(cells, dispersion)
    mean = exposure * np.exp(eta)
    if dispersion > 1e-6:
        expected = weights @ nbinom.logpmf(y, 1 / dispersion, 1 / (1 + dispersion * mean))
    else:
        expected = weights @ poisson.logpmf(y, mean)
    assert found == pytest.approx(expected, rel=1e-9 if dispersion != 1e-12 else 1e-6)


@pytest.mark.parametrize("d", [1e-4, 0.3, 20.0])
def test_rising_factorials_of_many_steps(d):
    y = np.array([0, 1, 2, 7, 2047, 2048, 2049, 10**5])
    found, slopes = _rising(y, d)
    expected = [np.log1p(d * np.arange(each)).sum() for each in y]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(found, gammaln(y + 1 / d) - gammaln(1 / d) + y * np.log(d), rtol=1e-6, atol=1e-8)
    x = d * np.arange(10**5)
    np.testing.assert_allclose(slopes, [(x / (1 + x))[:each].sum() for each in y], rtol=1e-13, atol=1e-12)
