"""Full Bayes against brute force."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.simulated import simulated

from catpool import EmpiricalBayesEncoder

DATA = Path(__file__).parents[1] / "reference" / "data"


def schools():
    """Rows of eight schools whose means and standard errors are the published ones (Rubin 1981)."""
    means, errors = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
    rows = [2 * round(1800 / error**2) for error in errors]
    codes = np.repeat(np.arange(8), rows)
    y = np.repeat(np.array(means, dtype=float), rows) + 60.0 * np.where(np.arange(len(codes)) % 2, 1, -1)
    return codes, y


def brute_force(codes, y, scale):
    """Posterior mean and sd of each category, by summing over mean, sigma and theta."""
    groups = [y[codes == code] for code in np.unique(codes)]
    n, m = np.array([len(g) for g in groups]), np.array([g.mean() for g in groups])
    within, sd = sum(((g - g.mean()) ** 2).sum() for g in groups), y.std()
    theta = np.geomspace(1e-5, 60, 180)[:, None, None]
    sigma = sd * np.exp(np.linspace(-1.6, 1.6, 90))[None, :, None]
    mu = y.mean() + sd * np.linspace(-6, 6, 141)[None, None, :]
    height = np.log(theta) - 2 * np.log1p((theta / scale) ** 2 / 3)
    height = height - np.log(sigma) * (len(y) - len(n)) - within / 2 / sigma**2
    for size, mean in zip(n, m, strict=True):
        variance = sigma**2 * (1 / size + theta**2)
        height = height - 0.5 * np.log(variance) - (mean - mu) ** 2 / 2 / variance
    p = np.exp(height - height.max())
    p /= p.sum()
    result = []
    for size, mean in zip(n, m, strict=True):
        trust = size / (size + theta**-2)
        center, variance = trust * mean + (1 - trust) * mu, sigma**2 / (size + theta**-2)
        average = (p * center).sum()
        result.append((average, np.sqrt((p * (variance + (center - average) ** 2)).sum())))
    return np.array(result)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 0.2])
@pytest.mark.parametrize("name", ["sleepstudy", "Dyestuff", "Dyestuff2", "schools"])
def test_full_bayes_is_the_integral_over_three_dimensions(name, scale):
    if name == "schools":
        codes, y = schools()
    else:
        data = pd.read_csv(DATA / f"{name}.csv")
        factor, response = {"sleepstudy": ("Subject", "Reaction")}.get(name, ("Batch", "Yield"))
        codes, y = pd.factorize(data[factor], sort=True)[0], data[response].to_numpy(dtype=float)
    encoder = EmpiricalBayesEncoder(prior="full_bayes", prior_scale=scale, target_type="continuous")
    table = encoder.fit(codes[:, None], y).encoding_table(0).iloc[:-1]
    expected = brute_force(codes, y, scale)
    np.testing.assert_allclose(table["encoding"], expected[:, 0], rtol=1e-3)
    np.testing.assert_allclose(table["sd"], expected[:, 1], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("n_categories", "ratio"), [(4, 0.05), (4, 0.25), (10, 0.05), (10, 1.0), (50, 0.25)])
def test_full_bayes_covers_where_there_are_few_categories(n_categories, ratio):
    rng = np.random.default_rng(2)
    hits = []
    for _ in range(800 // n_categories + 60):
        truth, X, y = simulated(rng, n_categories, ratio)
        table = EmpiricalBayesEncoder(prior="full_bayes").fit(X, y).encoding_table(0, interval=0.9).iloc[:-1]
        hits.append(((table["lower"] <= truth) & (truth <= table["upper"])).mean())
    assert 0.85 <= np.mean(hits) <= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass", "count"])
def test_full_bayes_is_out_of_fold_and_close_to_the_fit_where_there_is_much_data(target_type, table):
    X, y, folds = table["X"], table[target_type], np.arange(120) % 3
    parameters = {"prior": "full_bayes", "target_type": target_type, "output": ("mean", "sd", "reliability")}
    encoded = EmpiricalBayesEncoder(cv=folds, **parameters).fit_transform(X, y)
    assert np.isfinite(np.asarray(encoded)).all()
    test = folds == 2
    refitted = EmpiricalBayesEncoder(**parameters).fit(X[~test], y[~test])
    np.testing.assert_allclose(np.asarray(encoded)[test], refitted.transform(X[test]), rtol=1e-6)
    if target_type == "multiclass":
        np.testing.assert_allclose(np.asarray(encoded)[:, :9:3].sum(axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_full_bayes_approaches_the_most_likely_prior(family):
    truth, X, y = simulated(np.random.default_rng(3), 4000, 0.25, family)
    fixed, averaged = (EmpiricalBayesEncoder(prior=prior, family=family).fit(X, y) for prior in ("reml", "full_bayes"))
    assert averaged.summary_["prior_strength"].item() == pytest.approx(
        fixed.summary_["prior_strength"].item(), rel=0.05
    )
    one, other = (encoder.encoding_table(0).iloc[:-1] for encoder in (fixed, averaged))
    np.testing.assert_allclose(other["encoding"], one["encoding"], atol=0.02 * truth.std())
    np.testing.assert_allclose(other["sd"], one["sd"], rtol=0.05)


def test_the_scale_of_the_prior_matters_for_few_categories():
    _, X, y = simulated(np.random.default_rng(4), 4, 0.05)
    strengths = [
        EmpiricalBayesEncoder(prior="full_bayes", prior_scale=scale).fit(X, y).summary_["prior_strength"].item()
        for scale in (0.1, 1.0, 10.0)
    ]
    assert strengths[0] > 1.5 * strengths[1] > 1.5 * strengths[2]
    with pytest.raises(ValueError, match="prior_scale"):
        EmpiricalBayesEncoder(prior_scale=0).fit(X, y)


def test_full_bayes_of_a_constant_and_of_an_absent_class():
    rng = np.random.default_rng(199)
    X, weights = rng.integers(3, size=12)[:, None], rng.gamma(1, size=12) + 0.01
    encoder = EmpiricalBayesEncoder(prior="full_bayes", cv=6, random_state=0)
    np.testing.assert_allclose(encoder.fit_transform(X, np.full(12, 0.1), sample_weight=weights), 0.1)
    classes = EmpiricalBayesEncoder(prior="full_bayes", cv=[0] * 6 + [1] * 6)
    X = np.array(list("aabbaabbabab"), dtype=object)[:, None]
    encoded = classes.fit_transform(X, [0, 1, 2, 1, 0, 0, 1, 1, 0, 1, 0, 0], sample_weight=[1, 1, 0] + [1] * 9)
    assert np.isfinite(np.asarray(encoded)).all()
    assert classes.summary_["prior_strength"].nunique() == 1


def test_full_bayes_does_not_depend_on_units():
    rng = np.random.default_rng(0)
    X, y = np.repeat(np.arange(4), 6)[:, None], rng.normal(size=24) + np.repeat([0, 1, 2, 3], 6)
    counts = rng.poisson(np.repeat([2, 4, 8, 16], 6))
    normal, rates = [], []
    for unit in (1e-6, 1.0, 1e6):
        encoder = EmpiricalBayesEncoder(prior="full_bayes", weight_type="precision")
        normal.append(encoder.fit(X, y, sample_weight=np.full(24, unit)).transform(X))
        encoder = EmpiricalBayesEncoder(prior="full_bayes", target_type="count")
        rates.append(unit * np.asarray(encoder.fit(X, counts, exposure=np.full(24, unit)).transform(X)))
    for results in (normal, rates):
        np.testing.assert_allclose(results[0], results[1], rtol=1e-6)
        np.testing.assert_allclose(results[2], results[1], rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["count", "binary"])
def test_the_order_of_rows_moves_last_digits_alone(kind, weighted):
    """Where the prior is strong, differences of logarithms of large numbers must not lose the digits."""
    rng = np.random.default_rng(1)
    shop = rng.integers(0, 25, 300)
    y = rng.poisson(np.exp(0.1 * rng.normal(size=25))[shop]) if kind == "count" else rng.integers(0, 2, 300)
    weights = rng.random(300) if weighted else np.ones(300)
    encodings = []
    for order in (np.arange(300), rng.permutation(300)):
        encoder = EmpiricalBayesEncoder(prior="full_bayes", target_type=kind)
        encoder.fit(shop[order, None], y[order], sample_weight=weights[order])
        encodings.append(encoder.transform(np.arange(25)[:, None]))
    np.testing.assert_allclose(*encodings, rtol=1e-10)
