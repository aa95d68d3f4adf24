"""Positive numbers, and amounts of which some are zero: the gamma and the Tweedie family."""

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import OUTPUTS, encoder_of, value_of
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, polygamma
from scipy.stats import gamma, poisson
from sklearn.linear_model import GammaRegressor, TweedieRegressor

from catpool.models.mixed.fitted_model import MixedModel
from catpool.priors.families.by_name import MIXED_FAMILIES
from catpool.priors.families.dispersed import DispersedCells
from catpool.priors.families.tweedie import Tweedie
from catpool.priors.likelihoods.tweedie_series import log_series

POWERS = [1.1, 1.3, 1.5, 1.7, 1.9]


def compound(rng, mean, phi, power):
    """Sums of a Poisson number of gamma variables."""
    number = rng.poisson(mean ** (2 - power) / (2 - power) / phi)
    shape, scale = (2 - power) / (power - 1), phi * (power - 1) * mean ** (power - 1)
    return np.where(number > 0, rng.gamma(np.maximum(number, 1) * shape, scale), 0.0)


def compound_log(y, mean, phi, power):
    """The log-density of these sums, by their numbers."""
    rate, shape = mean ** (2 - power) / (2 - power) / phi, (2 - power) / (power - 1)
    number = np.arange(1, int(3 * (rate.max() + (y ** (2 - power)).max() / phi / (2 - power)) + 100))[:, None]
    some, scale = np.where(y > 0, y, 1.0), phi * (power - 1) * mean ** (power - 1)
    each = poisson.logpmf(number, rate) + gamma.logpdf(some, number * shape, scale=scale)
    return np.where(y > 0, logsumexp(each, axis=0), -rate)


def amounts(power=1.5, n=500, seed=1):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.integers(0, 20, n), "x": rng.normal(size=n), "one": "all"})
    mean = np.exp(0.5 * rng.normal(size=20)[X["a"]] + 0.4 * X["x"].to_numpy())
    return X, rng.gamma(3, mean / 3) if power == 2 else compound(rng, mean, 0.8, power)


def parameters_of(power):
    return {"family": "gamma"} if power == 2 else {"family": "tweedie", "tweedie_power": power}


@pytest.mark.parametrize("power", [*POWERS, 2])
def test_without_effects_it_is_the_regression_of_scikit_learn(power):
    X, y = amounts(power)
    model = encoder_of(["one"], covariates=["x"], **parameters_of(power)).fit(X, y).model_
    settings = {"alpha": 0, "tol": 1e-10, "solver": "newton-cholesky"}
    other = GammaRegressor(**settings) if power == 2 else TweedieRegressor(power=power, link="log", **settings)
    other.fit(X[["x"]], y)
    np.testing.assert_allclose(model.fixed, [other.intercept_, *other.coef_], rtol=1e-6)
    mean = other.predict(X[["x"]])

    def criterion(log):
        d = np.exp(log)
        each = gamma.logpdf(y, 1 / d, scale=d * mean) if power == 2 else compound_log(y, mean, d, power)
        return -2 * each.sum()

    best = minimize_scalar(criterion, bounds=(-2, 2), method="bounded", options={"xatol": 1e-9})
    assert model.criterion == pytest.approx(best.fun, abs=1e-6)
    assert model.dispersion == pytest.approx(np.exp(best.x), rel=1e-5)


@pytest.mark.parametrize("power", [1.2, 1.5, 2])
@pytest.mark.parametrize("factor", [1e-90, 1e-3, 1e90])
@pytest.mark.parametrize("groups", [["a"], ["a", "b"]])
def test_units_of_y_carry_through(power, factor, groups):
    X, y = amounts(power)
    X = X.assign(b=np.arange(len(X)) % 7)
    parameters = {"groups": groups, "output": OUTPUTS, "remainder": "drop", **parameters_of(power)}
    one, other = (encoder_of(**parameters).fit(X, each) for each in (y, factor * y))
    expected = one.transform(X)
    expected["fixed"] += np.log(factor)
    expected["prediction"] *= factor
    np.testing.assert_allclose(other.transform(X), expected, rtol=1e-6, atol=1e-7)
    rows = (y > 0).sum()
    assert other.model_.criterion == pytest.approx(one.model_.criterion + 2 * rows * np.log(factor), abs=1e-5)
    assert other.model_.dispersion == pytest.approx(one.model_.dispersion * factor ** (2 - power), rel=1e-5)
    assert isinstance(other.model_, MixedModel)


def test_the_share_of_a_factor_under_the_gamma_family_is_that_of_logarithms():
    X, y = amounts(2)
    encoder = encoder_of(["a"], family="gamma").fit(X, y)
    between, shape = encoder.model_.covariances[0].item(), value_of(encoder, "dispersion", term="shape")
    assert value_of(encoder, "icc", group="a") == pytest.approx(between / (between + polygamma(1, shape)))


def test_the_share_of_a_factor_under_the_tweedie_family_depends_on_the_mean():
    X, y = amounts()
    assert "icc" not in set(encoder_of(["a"], family="tweedie").fit(X, y).summary_["kind"])


@pytest.mark.parametrize(
    ("family", "value", "words"),
    [
        ("gamma", 0.0, 'family="gamma" needs values of y above 0, but the least of y is 0'),
        ("gamma", -2.5, 'family="gamma" needs values of y above 0, but the least of y is -2.5'),
        ("tweedie", -0.5, 'family="tweedie" needs values of y of at least 0, but the least of y is -0.5'),
    ],
)
def test_values_that_a_family_does_not_have_are_refused(family, value, words):
    X, y = amounts(2)
    y[3] = value
    with pytest.raises(ValueError, match=words):
        encoder_of(["a"], family=family).fit(X, y)


@pytest.mark.parametrize("family", ["gamma", "tweedie"])
def test_kinds_of_targets(family):
    X, y = amounts(2)
    assert encoder_of(["a"], family=family, target_type="auto").fit(X, y).target_type_ == "continuous"
    with pytest.raises(ValueError, match=f'family="{family}" does not go with a count target'):
        encoder_of(["a"], family=family, target_type="count").fit(X, np.rint(y))
    with pytest.raises(ValueError, match="`exposure` goes with counts"):
        encoder_of(["a"], family=family).fit(X, y, exposure=np.ones(len(y)))


@pytest.mark.parametrize("family", ["gamma", "tweedie"])
@pytest.mark.parametrize("value", [3.0, 1e20])
def test_a_target_that_is_constant_is_refused(family, value):
    X, y = amounts(2)
    with pytest.raises(ValueError, match="needs different values of y, but its values are all alike"):
        encoder_of(["a"], family=family).fit(X, np.full(len(y), value))


def test_a_target_of_zeros_is_refused():
    X, y = amounts()
    with pytest.raises(ValueError, match="needs different values of y"):
        encoder_of(["a"], family="tweedie").fit(X, 0 * y)


@pytest.mark.parametrize("family", ["gamma", "tweedie"])
@pytest.mark.parametrize("covariates", [[], ["x"]])
def test_a_target_without_noise_is_refused(family, covariates):
    X, _ = amounts(2)
    y = np.exp(np.random.default_rng(0).normal(size=20)[X["a"]] + (0.3 * X["x"] if covariates else 0))
    with pytest.raises(ValueError, match="predict y exactly, or nearly so, and leave no dispersion"):
        encoder_of(["a"], family=family, covariates=covariates).fit(X, np.asarray(y))


@pytest.mark.parametrize("family", ["normal", "gamma", "auto"])
def test_a_power_without_its_family_is_refused(family):
    X, y = amounts(2)
    with pytest.raises(ValueError, match='`tweedie_power` goes with family="tweedie"'):
        encoder_of(["a"], family=family, tweedie_power=1.3).fit(X, y)


@pytest.mark.parametrize("power", [1.0, 1.05, 2.0, "1.5"])
def test_powers_beyond_the_range_are_refused(power):
    X, y = amounts()
    with pytest.raises(ValueError, match="'tweedie_power' parameter"):
        encoder_of(["a"], family="tweedie", tweedie_power=power).fit(X, y)


def test_the_power_is_part_of_a_file():
    X, y = amounts(1.3)
    encoder = encoder_of(["a"], family="tweedie", tweedie_power=1.3).fit(X, y)
    again = type(encoder).from_json(encoder.to_json())
    assert again.tweedie_power == 1.3
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
    other = encoder_of(["a"], family="tweedie", tweedie_power=1.4).fit(X, y)
    assert other.model_.criterion > encoder.model_.criterion  # the power that the rows have is the likelier one


@pytest.mark.parametrize("phi", [1e-2, 0.3, 4.0])
@pytest.mark.parametrize("power", POWERS)
def test_the_series_is_the_density_of_sums(power, phi):
    y = np.array([1e-3, 0.1, 0.7, 1.0, 1.5, 4.0, 20.0])
    for mean in (0.2, 1.0, 8.0):
        found = log_series(y, phi, power)[0] - np.log(y)
        found += (y * mean ** (1 - power) / (1 - power) - mean ** (2 - power) / (2 - power)) / phi
        expected = compound_log(y, np.full(len(y), mean), phi, power)
        possible = expected > -600
        np.testing.assert_allclose(found[possible], expected[possible], rtol=1e-10, atol=1e-10)
    ahead, behind = (log_series(y, phi * np.exp(step), power)[0] for step in (1e-5, -1e-5))
    np.testing.assert_allclose(log_series(y, phi, power)[1], (ahead - behind) / 2e-5, rtol=1e-7)


def test_the_series_of_many_values_and_of_a_small_dispersion():
    """The parts that are added in turn join, and a wide step gives what single terms do."""
    y, phi = np.geomspace(1e-6, 1e6, 40_000), 0.05
    values = log_series(y, phi, 1.6)[0]
    logs = np.log(y)
    slopes = np.diff(values) / np.diff(logs)
    assert (np.diff(slopes) > -1e-6).all()  # convex in log y
    wide = log_series(np.array([3.0]), 1e-9, 1.5)[0].item()
    rate = 2 * np.sqrt(3.0) / 1e-9  # the sum is a Bessel function, here in its asymptotic form
    assert wide == pytest.approx(2 * rate + np.log(rate) - np.log(4 * np.pi * rate) / 2, rel=1e-12)


def test_the_likelihood_of_cells_is_that_of_their_rows():
    rng = np.random.default_rng(2)
    y, weights = compound(rng, np.full(60, 2.0), 0.7, 1.4), rng.uniform(0.5, 2, 60)
    family, codes, eta = Tweedie(1.4), np.arange(60) % 3, np.array([0.1, 0.9, -0.4])
    total, count, squares = (np.bincount(codes, weights * each) for each in (y, np.ones(60), y * y))
    cells = DispersedCells(total, count, np.ones(3), squares, y, weights)
    found = family.log_likelihood(cells, eta, 0.7).sum() + family.constant(cells, 0.7)
    assert found == pytest.approx(weights @ compound_log(y, np.exp(eta)[codes], 0.7, 1.4), rel=1e-10)
    assert repr(family) == "Tweedie(1.4)"
    assert repr(MIXED_FAMILIES["gamma"]) == "Gamma()"


@pytest.mark.parametrize("family", ["gamma", "tweedie"])
def test_a_level_for_each_row_has_no_variance_beside_a_dispersion(family):
    X, y = amounts(2 if family == "gamma" else 1.5)
    X = X.assign(row=np.arange(len(X)), pair=np.arange(len(X)) // 2)
    alone, both, pairs = (
        encoder_of(groups, family=family).fit(X, y).model_ for groups in (["a"], ["a", "row"], ["a", "pair"])
    )
    assert both.covariances[1].item() == 0
    assert both.criterion == pytest.approx(alone.criterion, abs=1e-6)
    assert pairs.criterion <= alone.criterion + 1e-6
