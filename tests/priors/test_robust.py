"""Mixtures of which each category has a component of its own, against brute force, and against outliers."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.simulated import simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from catpool import EarlierRows, EmpiricalBayesEncoder
from catpool.moments.moments import Moments
from catpool.priors.families.by_name import FAMILIES
from catpool.priors.posterior import posterior_reliability
from catpool.priors.prior import NO_SPREAD, Prior, mean_variance, reliability
from catpool.priors.rules import prior_rule

ROBUST = ["scale_mixture", "npmle"]
KINDS = {"continuous": "normal", "binary": "binomial", "count": "poisson"}


def contaminated(rng, n_categories, kind="continuous", mean_rows=6):
    """Categories, of which a tenth are far from the others, and their rows."""
    rows = 1 + rng.poisson(mean_rows, n_categories)
    codes, far = np.repeat(np.arange(n_categories), rows), np.arange(n_categories) % 10 == 0
    if kind == "continuous":
        truth = np.where(far, 4.0, 0.0) + 0.3 * rng.normal(size=n_categories)
        return truth, codes[:, None], truth[codes] + rng.normal(size=len(codes))
    if kind == "binary":
        truth = np.where(far, 0.9, rng.beta(10, 40, n_categories))
        return truth, codes[:, None], (rng.random(len(codes)) < truth[codes]).astype(int)
    truth = np.where(far, 12.0, rng.gamma(20, 0.1, n_categories))
    return truth, codes[:, None], rng.poisson(truth[codes])


def density(prior, family, grid):
    """The probability of each cell of a grid under a fitted prior."""
    ends = np.concatenate([[-np.inf], (grid[1:] + grid[:-1]) / 2, [np.inf]])
    total = np.zeros(len(grid))
    for share, one in prior.each_component():
        mean, strength = float(one.mean), float(one.strength)
        if share == 0:
            continue
        if np.isinf(strength):
            total[np.abs(grid - mean).argmin()] += share
            continue
        known = {
            "normal": lambda m, s, own: stats.norm(m, np.sqrt(own.between)),
            "binomial": lambda m, s, own: stats.beta(m * s, (1 - m) * s),
            "poisson": lambda m, s, own: stats.gamma(m * s, scale=1 / s),
        }[family](mean, strength, one)
        total += share * np.diff(known.cdf(ends))
    return total


def likelihood(family, within, count, total, grid):
    """Of a category's rows at each value of a grid."""
    if family == "normal":
        log = -count / within / 2 * (total / count - grid) ** 2
    elif family == "binomial":
        log = stats.binom.logpmf(total, count, grid)
    else:
        log = stats.poisson.logpmf(total, count * grid)
    return np.exp(log - log.max())


@pytest.mark.parametrize("prior", ROBUST)
@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_sd_are_integrals_over_the_fitted_prior(prior, kind):
    _, X, y = contaminated(np.random.default_rng(0), 40, kind)
    encoder = EmpiricalBayesEncoder(prior=prior, target_type=kind).fit(X, y)
    fitted, table = encoder.tables_[0].encodings[0], encoder.encoding_table(0).iloc[:-1]
    own, moments, family = fitted.prior, fitted.moments, KINDS[kind]
    low, high = (1e-7, 1 - 1e-7) if kind == "binary" else (1e-7, 40.0) if kind == "count" else (-8.0, 12.0)
    grid = np.unique(np.append(np.linspace(low, high, 40_001), float(own.mean)))
    prior_of_cells = density(own, family, grid)
    assert prior_of_cells.sum() == pytest.approx(1, abs=1e-6)
    assert prior_of_cells @ grid == pytest.approx(float(own.mean), rel=1e-3, abs=1e-3)
    spread = prior_of_cells @ (grid - float(own.mean)) ** 2
    assert spread == pytest.approx(float(own.between), rel=1e-2)
    error = mean_variance(moments, own.strength, reliability(moments.count, own.strength), own.between, own.within)
    passed = 1 - table["reliability"].to_numpy()
    for row, extra in zip(table.itertuples(), passed**2 * float(error), strict=True):
        posterior = prior_of_cells * likelihood(family, float(own.within), row.count, row.count * row.mean, grid)
        posterior /= posterior.sum()
        mean = posterior @ grid
        assert row.encoding == pytest.approx(mean, rel=1e-3, abs=1e-3)
        assert row.sd == pytest.approx(np.sqrt(posterior @ (grid - mean) ** 2 + extra), rel=5e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_reliability_of_a_scale_mixture_is_the_weight_of_own_rows(kind):
    _, X, y = contaminated(np.random.default_rng(1), 60, kind)
    encoder = EmpiricalBayesEncoder(prior="scale_mixture", target_type=kind).fit(X, y)
    table, mean = encoder.encoding_table(0).iloc[:-1], encoder.summary_["prior_mean"].item()
    blend = table["reliability"] * table["mean"] + (1 - table["reliability"]) * mean
    np.testing.assert_allclose(table["encoding"], blend, rtol=1e-9)
    far = np.abs(table["mean"] - mean) > 2 * np.abs(table["mean"] - mean).median()
    assert table["reliability"][far].mean() > table["reliability"][~far].mean()


@pytest.mark.parametrize("prior", ROBUST)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), few=st.booleans())
def test_own_targets_move_no_bit_and_folds_are_refits(prior, kind, seed, few):
    rng = np.random.default_rng(seed)
    _, X, y = contaminated(rng, 3 if few else 30, kind, mean_rows=3)
    y[:2] = [0, 1]
    folds = rng.integers(0, 3, len(y))
    folds[:3] = [1, 2, 0]
    parameters = {"prior": prior, "target_type": kind, "output": ["mean", "sd", "reliability"]}
    encoded = EmpiricalBayesEncoder(cv=folds, **parameters).fit_transform(X, y)
    own = folds == 0
    changed = np.where(own, y[::-1] if kind != "continuous" else 100 * y, y)
    after = EmpiricalBayesEncoder(cv=folds, **parameters).fit_transform(X, changed)
    assert np.asarray(encoded)[own].tobytes() == np.asarray(after)[own].tobytes()
    assert np.isfinite(encoded).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of categories without training rows
        refit = EmpiricalBayesEncoder(**parameters).fit(X[~own], y[~own]).transform(X[own])
    np.testing.assert_allclose(np.asarray(encoded)[own], refit, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("prior", ROBUST)
@pytest.mark.parametrize("kind", KINDS)
def test_order_of_rows_names_and_copies_do_not_matter(prior, kind):
    rng = np.random.default_rng(5)
    _, X, y = contaminated(rng, 50, kind)
    weights = rng.integers(1, 4, len(y))
    order = rng.permutation(len(y))
    encoder = EmpiricalBayesEncoder(prior=prior, target_type=kind)
    plain = encoder.fit(X, y, sample_weight=weights).transform(X)
    moved = encoder.fit(99 - X[order], y[order], sample_weight=weights[order]).transform(99 - X)
    copied = encoder.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights)).transform(X)
    np.testing.assert_allclose(moved, plain, rtol=1e-7)
    np.testing.assert_allclose(copied, plain, rtol=1e-7)


@pytest.mark.parametrize("prior", ROBUST)
def test_units_of_targets_precisions_and_exposures_do_not_matter(prior):
    rng = np.random.default_rng(6)
    _, X, y = contaminated(rng, 40)
    _, Z, counts = contaminated(rng, 40, "count")
    normal, rates = [], []
    for unit in (1e-6, 1.0, 1e6):
        encoder = EmpiricalBayesEncoder(prior=prior, weight_type="precision")
        normal.append(encoder.fit(X, unit * y + unit, sample_weight=np.full(len(y), unit)).transform(X) / unit)
        encoder = EmpiricalBayesEncoder(prior=prior, target_type="count")
        rates.append(unit * np.asarray(encoder.fit(Z, counts, exposure=np.full(len(Z), unit)).transform(Z)))
    for results in (normal, rates):
        np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(results[2], results[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prior", ROBUST)
def test_without_spread_or_noise_the_prior_is_that_of_reml(prior):
    X = np.repeat(np.arange(5), 4)[:, None]
    alike = np.tile([1.0, 2.0, 3.0, 4.0], 5)
    for y in (alike, X[:, 0] * 1.0, np.ones(20)):
        robust, reml = (EmpiricalBayesEncoder(prior=each, output=["mean", "sd"]).fit(X, y) for each in (prior, "reml"))
        np.testing.assert_array_equal(robust.transform(X), reml.transform(X))
        assert robust.summary_["note"].item() == reml.summary_["note"].item() != ""
    assert EmpiricalBayesEncoder(prior=prior, drop_noise=True).fit_transform(X, alike).shape == (20, 0)


def test_a_mixture_of_nothing_but_points_at_the_mean_has_no_spread():
    from catpool.priors.mixtures.robust import conjugate, mixture_of_own

    fitted = simulated_prior("reml")
    components = conjugate(np.full(3, 2.0), np.array([0.0, 1.0, 2.0]), fitted, FAMILIES["normal"])
    found = mixture_of_own(np.array([1.0, 0.0, 0.0]), components)
    assert (float(found.between), float(found.strength), str(found.note)) == (0.0, np.inf, NO_SPREAD)
    moments = Moments(np.array([3.0, 0.0]), np.array([9.0, 0.0]), np.array(1.0))
    np.testing.assert_array_equal(posterior_reliability(moments, found, FAMILIES["normal"]), 0)


def simulated_prior(prior, family="normal", n_categories=200):
    _, X, y = simulated(np.random.default_rng(0), n_categories, 0.25, family)
    count, total = np.bincount(X[:, 0]).astype(float), np.bincount(X[:, 0], y)
    (fitted,) = prior_rule(prior, scale=1.0)([Moments(count, total, ((y - y.mean()) ** 2).sum())], FAMILIES[family])
    return fitted


@pytest.mark.parametrize("prior", ROBUST)
def test_what_they_do_not_go_with_is_refused(prior):
    X, y = pd.DataFrame({"a": list("xyz") * 8, "b": list("pq") * 12, "t": range(24)}), np.arange(24) % 3
    with pytest.raises(ValueError, match=f"prior='{prior}' is learned for each class by itself.*3 classes"):
        EmpiricalBayesEncoder(["a"], prior=prior).fit(X, y)
    EmpiricalBayesEncoder(["a"], prior=prior, family="normal").fit(X, y)
    with pytest.raises(ValueError, match='interaction_prior="own"'):
        EmpiricalBayesEncoder([], interactions=[("a", "b")], prior=prior).fit(X, y * 1.5)
    past = EmpiricalBayesEncoder(["a"], prior=prior, cv=EarlierRows("t"))
    with pytest.raises(ValueError, match=r'prior="scale_mixture" and "npmle" do not go with EarlierRows'):
        past.fit_transform(X, y + np.random.default_rng(0).normal(size=24))
    with pytest.raises(ValueError, match=r'prior="scale_mixture" and "npmle" do not go with EarlierRows'):
        past.fit(X, np.ones(24))  # whatever the rows, of which these make no mixture


@pytest.mark.parametrize("prior", ROBUST)
def test_a_family_without_a_marginal_likelihood_is_named(prior, monkeypatch):
    from catpool.priors.families.family import Family

    class Plain(Family):
        name = "plain"

        def variance(self, moments):
            return np.ones_like(moments.mean)

    monkeypatch.setitem(FAMILIES, "plain", Plain())
    _, X, y = contaminated(np.random.default_rng(0), 30)
    with pytest.raises(ValueError, match=r'"plain" has no `log_marginal`.*Plain.log_marginal'):
        EmpiricalBayesEncoder(family="plain", prior=prior).fit(X, y)


def errors(effects, seeds, priors=("reml", *ROBUST), n_categories=300):
    """The mean squared error by prior, relative to that of Bayes' rule with the true distribution of effects.

    Parameters
    ----------
    effects : callable
        From a generator and a number to effects.
    """
    true = np.sort(effects(np.random.default_rng(99), 20_001))
    ratios = {prior: [] for prior in ("oracle", *priors)}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        truth, rows = effects(rng, n_categories), 1 + rng.poisson(4, n_categories)
        codes = np.repeat(np.arange(n_categories), rows)
        y = truth[codes] + rng.normal(size=len(codes))
        means = np.bincount(codes, y) / rows
        weights = np.exp(-(rows[:, None]) / 2 * (means[:, None] - true) ** 2)
        ratios["oracle"].append(((weights @ true / weights.sum(axis=1) - truth) ** 2).mean())
        for prior in priors:
            encoded = EmpiricalBayesEncoder(prior=prior).fit(codes[:, None], y).encoding_table(0).iloc[:-1]["encoding"]
            ratios[prior].append(((encoded - truth) ** 2).mean())
    return {prior: np.mean(each) / np.mean(ratios["oracle"]) for prior, each in ratios.items()}


@pytest.mark.slow
def test_a_scale_mixture_costs_little_where_effects_are_normal_and_saves_much_where_they_have_tails():
    found = errors(lambda rng, n: rng.normal(size=n), 20, ["scale_mixture"])
    assert found["scale_mixture"] <= 1.02
    found = errors(lambda rng, n: rng.standard_t(3, size=n) / np.sqrt(3), 20, ["reml", "scale_mixture"])
    assert found["scale_mixture"] <= 1.05 < found["reml"]


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "sd"), [(4.0, 0.3), (3.0, 0.2), (8.0, 1.0)])
def test_the_npmle_finds_a_cluster_of_outliers(shift, sd):
    found = errors(lambda rng, n: np.where(rng.random(n) < 0.1, shift, 0.0) + sd * rng.normal(size=n), 12)
    assert found["npmle"] <= 1.15
    assert found["npmle"] < found["scale_mixture"] < found["reml"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "count"])
def test_outliers_among_shares_and_rates(kind):
    squares = dict.fromkeys(("reml", *ROBUST), 0.0)
    for seed in range(5):
        truth, X, y = contaminated(np.random.default_rng(seed), 300, kind)
        for prior in squares:
            table = EmpiricalBayesEncoder(prior=prior, target_type=kind).fit(X, y).encoding_table(0).iloc[:-1]
            squares[prior] += ((table["encoding"] - truth) ** 2).mean()
    assert 2 * squares["npmle"] < squares["reml"]
    assert squares["npmle"] < squares["scale_mixture"] < squares["reml"]


@pytest.mark.parametrize("prior", ["scale_mixture", "npmle"])
@pytest.mark.parametrize("scale", [1e-80, 1e80])
def test_the_unit_of_y_does_not_matter(prior, scale):
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 12, 150)
    y = rng.normal(size=12)[codes] + rng.normal(size=150)
    encoder = EmpiricalBayesEncoder(None, prior=prior, output=["mean", "sd", "reliability"])
    plain, scaled = (encoder.fit(codes[:, None], each).transform([[0], [99]]) for each in (y, scale * y))
    np.testing.assert_allclose(scaled, plain * [scale, scale, 1.0], rtol=1e-7)


def test_a_category_at_the_mean_of_a_prior_without_noise_has_a_likelihood():
    moments = Moments(np.array([9.0, 9.0]), np.array([0.0, 9.0]), np.array(1.0))
    found = FAMILIES["normal"].log_marginal(moments, Prior(np.zeros(()), np.zeros(()), np.ones(()), np.zeros(())))
    assert np.isfinite(found).all()
    assert found[0] > found[1]
