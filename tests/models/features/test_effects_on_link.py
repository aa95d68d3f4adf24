"""Effects of features on shares and counts, against the equations that they solve."""

import numpy as np
import pytest
from scipy.optimize import minimize

from catpool.models.features.feature_blocks import Block
from catpool.models.features.feature_prior import FeaturePrior
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.posterior import posterior_mean, posterior_sd
from catpool.priors.prior import ONLY_FEATURES

SIZE = 300


def simulated(rng, family, strength, rows=6000, width=4):
    """The moments of categories whose values vary about means that features tell; the values, and the features."""
    features = rng.normal(size=(SIZE, width))
    codes = rng.integers(0, SIZE, rows)
    eta = -1 + features @ np.linspace(0.2, 0.6, width)
    if family == "binomial":
        mean = 1 / (1 + np.exp(-eta))
        value = mean if np.isinf(strength) else rng.beta(mean * strength, (1 - mean) * strength)
        y = rng.random(rows) < value[codes]
    else:
        value = np.exp(eta) if np.isinf(strength) else rng.gamma(np.exp(eta) * strength, 1 / strength)
        y = rng.poisson(value[codes])
    count, total = np.bincount(codes, minlength=SIZE), np.bincount(codes, y, SIZE)
    return Moments(count.astype(float), total, np.array(((y - y.mean()) ** 2).sum())), value, features


def learn(blocks, moments, family, reml=True):
    return FeaturePrior(blocks, reml)([moments], FAMILIES[family])[0]


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_without_spread_beyond_features_effects_are_those_of_regression(family):
    moments, value, features = simulated(np.random.default_rng(3), family, np.inf)
    moments = Moments(
        moments.count, np.round(moments.count * value), moments.scatter
    )  # which varies less than by chance
    link = FAMILIES[family].link
    X = np.column_stack([np.ones(SIZE), features])

    def minus_log_likelihood(beta):
        return -link.log_likelihood(moments.total, moments.count, X @ beta).sum()

    def slope(beta):
        return -X.T @ (moments.total - moments.count * link.mean(X @ beta))

    expected = minimize(minus_log_likelihood, np.zeros(5), jac=slope, method="BFGS", options={"gtol": 1e-9}).x
    prior = learn([Block(features, penalized=False)], moments, family)

    assert prior.note == ONLY_FEATURES
    assert np.isinf(prior.strength)
    np.testing.assert_allclose(prior.regression.effects, expected[1:], atol=1e-6)
    np.testing.assert_allclose(prior.mean + prior.offset, link.mean(X @ expected), atol=1e-6)
    information = X.T @ (X * (moments.count * link.variance(X @ expected))[:, None])
    np.testing.assert_allclose(
        np.diagonal(prior.regression.covariance)[1:], np.diagonal(np.linalg.inv(information))[1:], rtol=1e-5
    )


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_effects_solve_their_equations(family, reml):
    moments, _, features = simulated(np.random.default_rng(4), family, 10.0)
    link = FAMILIES[family].link
    regression = learn([Block(features)], moments, family, reml).regression
    eta = regression.predictor(features)
    mean, slope = link.mean(eta), link.variance(eta)
    centered = features - features.mean(axis=0)

    def deviance(logs):
        """Of the working response at the solution, from dense matrices: -2 log-likelihood, and the effects."""
        between, of_features = np.exp(logs)
        seen = moments.count > 0
        X, Z = np.ones((seen.sum(), 1)), centered[seen]
        response = (eta + (moments.category_means - mean) / slope)[seen]
        V = np.diag((1 / moments.count[seen] + between) / slope[seen]) + of_features * Z @ Z.T
        inverse = np.linalg.inv(V)
        information = X.T @ inverse @ X
        intercept = np.linalg.solve(information, X.T @ inverse @ response)
        rest = response - X @ intercept
        logs = np.linalg.slogdet(V)[1] + reml * np.linalg.slogdet(information)[1]
        return logs + rest @ inverse @ rest, np.append(intercept, of_features * Z.T @ inverse @ rest)

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxfev": 2000}
    found = minimize(lambda logs: deviance(logs)[0], [-2.0, -2.0], method="Nelder-Mead", options=options)
    np.testing.assert_allclose([regression.intercept, *regression.effects], deviance(found.x)[1], atol=1e-6)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_values_are_found_with_honest_errors(family):
    rng = np.random.default_rng(5)
    errors, without = [], []
    for _ in range(10):
        moments, value, features = simulated(rng, family, 20.0)
        prior = learn([Block(features)], moments, family)
        plain = FAMILIES[family].likelihood_prior([moments], reml=True)[0]
        mean, sd = (compute(moments, prior, FAMILIES[family]) for compute in (posterior_mean, posterior_sd))
        errors.append((mean - value) / sd)
        without.append(
            np.mean((mean - value) ** 2) / np.mean((posterior_mean(moments, plain, FAMILIES[family]) - value) ** 2)
        )
    assert np.mean(without) < 0.8
    assert np.std(errors) == pytest.approx(1.0, abs=0.06)
    assert np.mean(errors) == pytest.approx(0.0, abs=0.06)


def test_classes_add_up_to_one():
    rng = np.random.default_rng(6)
    features = rng.normal(size=(SIZE, 3))
    features[-1] = np.nan
    codes = rng.integers(0, SIZE - 1, 3000)
    weights = np.exp(np.nan_to_num(features) @ rng.normal(size=(3, 3)))[codes]
    y = (rng.random(3000)[:, None] > np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)).sum(axis=1)
    count = np.bincount(codes, minlength=SIZE).astype(float)
    classes = [
        Moments(count, np.bincount(codes, y == each, SIZE), np.array(3000 * (y == each).var())) for each in range(3)
    ]
    priors = FeaturePrior([Block(features)], True)(classes, FAMILIES["binomial"])
    np.testing.assert_allclose(sum(each.mean + each.offset for each in priors), 1.0, rtol=1e-12)
    assert len({float(each.strength) for each in priors}) == 1
    unseen = priors[0].regression.unseen(features[:2], priors[0], FAMILIES["binomial"])
    np.testing.assert_allclose(unseen["mean"], (priors[0].mean + priors[0].offset)[:2], rtol=1e-12)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_class_that_no_row_or_each_row_has(share):
    features = np.random.default_rng(7).normal(size=(20, 2))
    moments = Moments(np.full(20, 3.0), np.full(20, 3.0 * share), np.array(0.0))
    prior = learn([Block(features)], moments, "binomial")
    np.testing.assert_array_equal(prior.mean + prior.offset, np.full(20, share))
    np.testing.assert_array_equal(posterior_mean(moments, prior, FAMILIES["binomial"]), np.full(20, share))
    assert prior.regression.share == 0.0
