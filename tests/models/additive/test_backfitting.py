"""Additive models: the equations that their effects and variances solve, and mixed models that they are close to."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from catpool import AdditiveEncoder, MixedModelEncoder
from catpool.data.targets.weights import Weights
from catpool.models.additive import backfitting
from catpool.models.additive.additive_rows import FactorRows, TargetColumn
from catpool.models.additive.backfitting import fit_additive, residuals
from catpool.priors.families.by_name import FAMILIES

SIZES = [7, 12]
LINKS = {"normal": lambda eta: eta, "binomial": expit, "poisson": np.exp}
NOISE = {
    "normal": lambda mean, rng: mean + rng.normal(size=len(mean)),
    "binomial": lambda mean, rng: (rng.random(len(mean)) < mean).astype(float),
    "poisson": lambda mean, rng: rng.poisson(mean).astype(float),
}


def crossed(family, n=1500, seed=0, weights=None, exposure=None):
    """Rows of two factors with effects, and one without."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(1, size - 1, n) for size in [*SIZES, 30]]
    eta = 0.3 + sum(rng.normal(size=size)[own] for size, own in zip(SIZES, codes, strict=False))
    exposed = 1.0 if exposure is None else exposure
    y = NOISE[family](exposed * LINKS[family](eta), rng)
    rows = FactorRows(codes, [*SIZES, 30], Weights(weights, exposure), ["a", "b", "c"])
    return rows, TargetColumn(None, y, FAMILIES[family])


def working(model, rows, target):
    """The weights of rows and their working targets at a fitted model."""
    eta = model.predictor(rows.codes)
    row = np.ones(len(target.y)) if rows.weights.row is None else rows.weights.row
    if target.family.homoscedastic:
        return row, target.y
    exposed = 1.0 if rows.weights.exposure is None else rows.weights.exposure
    variance = exposed * target.family.link.variance(eta)
    return row * variance, eta + (target.y - exposed * target.family.link.mean(eta)) / variance


class CountedBackfitting(backfitting.Backfitting):
    """Counts its rounds."""

    rounds = 0

    def improve(self):
        self.rounds += 1
        return super().improve()


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
@pytest.mark.parametrize("weighted", [False, True])
def test_effects_solve_the_penalized_equations_of_all_factors_at_once(family, weighted, monkeypatch):
    monkeypatch.setattr(backfitting, "ROUNDS", 2000)
    monkeypatch.setattr(backfitting, "STILL", 1e-7)
    weights = np.random.default_rng(1).uniform(0.5, 3, 1500) if weighted else None
    exposure = np.random.default_rng(2).uniform(0.5, 3, 1500) if weighted and family == "poisson" else None
    rows, target = crossed(family, weights=weights, exposure=exposure)
    model = fit_additive(rows, target)
    w, z = working(model, rows, target)
    kept = [factor for factor in range(3) if model.variances[factor] > 0]
    design = np.hstack([np.ones((1500, 1)), *(np.eye(rows.sizes[each])[rows.codes[each]] for each in kept)])
    strengths = [np.zeros(1), *(np.full(rows.sizes[each], 1 / model.variances[each]) for each in kept)]
    dispersion = model.dispersion
    system = design.T @ (w[:, None] * design) / dispersion + np.diag(np.concatenate(strengths))
    expected = np.linalg.solve(system, design.T @ (w * z) / dispersion)
    found = np.concatenate([[model.mean], *(model.effects[each] for each in kept)])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_variances_solve_schall_s_equations(family, monkeypatch):
    monkeypatch.setattr(backfitting, "ROUNDS", 2000)
    monkeypatch.setattr(backfitting, "STILL", 1e-7)
    rows, target = crossed(family)
    model = fit_additive(rows, target)
    w, z = working(model, rows, target)
    fitted = 1.0
    for factor in range(2):
        count = np.bincount(rows.codes[factor], w, rows.sizes[factor])
        reliability = count / (count + model.dispersion / model.variances[factor])
        fitted += reliability.sum()
        expected = (model.effects[factor] ** 2).sum() / reliability.sum()
        np.testing.assert_allclose(model.variances[factor], expected, rtol=1e-5)
    if family == "normal":
        squares = (w * (z - model.predictor(rows.codes)) ** 2).sum()
        np.testing.assert_allclose(model.dispersion, squares / (1500 - fitted), rtol=0.01)
    assert model.dispersion >= 1.0 or family == "normal"


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_effects_are_fitted_to_a_fraction_of_what_they_are_rounded_to(family, monkeypatch):
    rows, target = crossed(family)
    quick = fit_additive(rows, target)
    monkeypatch.setattr(backfitting, "ROUNDS", 2000)
    monkeypatch.setattr(backfitting, "STILL", 1e-7)
    exact = fit_additive(rows, target)
    for factor in range(2):
        apart = np.abs(quick.effects[factor] - exact.effects[factor])
        assert (apart <= exact.sds(factor) / 4).all()


def twins():
    """Rows of two columns that say almost the same, and both have effects."""
    rows, target = crossed("normal")
    rng = np.random.default_rng(3)
    alike = np.where(rng.random(1500) < 0.02, 1, rows.codes[1])
    rows = FactorRows([*rows.codes[:2], alike], [*SIZES, SIZES[1]], Weights(), ["shop", "city", "town"])
    return rows, TargetColumn(None, target.y + rng.normal(size=SIZES[1])[alike], target.family)


def test_columns_that_say_almost_the_same_warn_if_the_rounds_do_not_suffice(monkeypatch):
    rows, target = twins()
    fit_additive(rows, target)
    monkeypatch.setattr(backfitting, "ROUNDS", 5)
    with pytest.warns(ConvergenceWarning, match="effects of '(city|town)' still change after 5 rounds"):
        fit_additive(rows, target)


def test_acceleration_finds_the_same_effects_in_fewer_rounds(monkeypatch):
    rows, target = twins()
    monkeypatch.setattr(backfitting, "STILL", 1e-5)
    found, rounds = [], []
    for settled in (10, 10_000):
        monkeypatch.setattr(backfitting, "SETTLED", settled)
        monkeypatch.setattr(backfitting, "ROUNDS", 10_000)
        fit = CountedBackfitting(rows, target)
        monkeypatch.setattr(backfitting, "Backfitting", lambda *_, fit=fit: fit)
        found.append(fit_additive(rows, target))
        rounds.append(fit.rounds)
    assert rounds[0] < rounds[1] / 3
    np.testing.assert_allclose(found[0].predictor(rows.codes), found[1].predictor(rows.codes), atol=1e-3)


def test_a_factor_without_signal_loses_its_variance():
    rows, target = crossed("normal", n=20_000)
    model = fit_additive(rows, target)
    assert model.variances[2] < 1e-3 < 0.3 < model.variances[:2].min()


def test_sds_are_those_of_a_posterior_given_the_other_factors():
    rows, target = crossed("normal")
    model = fit_additive(rows, target)
    count = np.bincount(rows.codes[1], minlength=SIZES[1])
    np.testing.assert_allclose(model.sds(1), (count / model.dispersion + 1 / model.variances[1]) ** -0.5)


def test_residuals_are_in_units_of_their_standard_deviation():
    for family in ("normal", "binomial", "poisson"):
        rows, target = crossed(family)
        left = residuals(fit_additive(rows, target), rows, target)
        assert 0.8 < (left**2).mean() < 1.2


@pytest.mark.parametrize("family", ["normal", "binomial", "poisson"])
def test_a_constant_target_has_no_effects(family):
    rows, target = crossed(family, n=50)
    model = fit_additive(rows, TargetColumn(None, np.zeros(50), target.family))
    assert max(np.abs(effects).max() for effects in model.effects) < (1e-9 if family == "normal" else 0.3)
    assert np.isfinite(residuals(model, rows, target)).all()


def test_a_category_that_is_all_of_one_class_has_a_finite_effect():
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 7, 3000)
    y = np.where(codes == 3, 1.0, (rng.random(3000) < 0.3).astype(float))
    model = fit_additive(FactorRows([codes], [8], Weights(), ["a"]), TargetColumn(None, y, FAMILIES["binomial"]))
    assert 2 < model.effects[0][3] < 12
    assert np.abs(np.delete(model.effects[0], 3)).max() < model.effects[0][3]


def test_effects_are_close_to_those_of_the_exact_mixed_model():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 40, 4000).astype(str), "b": rng.integers(0, 25, 4000).astype(str)})
    a, b = rng.normal(size=40), 0.5 * rng.normal(size=25)
    y = a[X["a"].astype(int)] + b[X["b"].astype(int)] + rng.normal(size=4000)
    additive = AdditiveEncoder(rounded=False).fit(X, y)
    exact = MixedModelEncoder(["a", "b"], prior="reml").fit(X, y)
    variances = exact.summary_.query("kind == 'variance'").set_index("group")["value"]
    for column, row in additive.summary_.set_index("column").iterrows():
        assert row["adjusted_sd"] ** 2 == pytest.approx(variances[column], rel=0.05)
    np.testing.assert_allclose(additive.transform(X), exact.transform(X), atol=0.02)


def test_effects_are_adjusted_for_columns_that_go_together_with_them():
    rng = np.random.default_rng(0)
    large = rng.random(6000) < np.repeat([0.9, 0.1], 3000)
    X = pd.DataFrame({"city": np.repeat(["Bonn", "Kiel"], 3000), "size": np.where(large, 9.0, 1.0)})
    y = X["size"] + rng.normal(size=6000)
    both = AdditiveEncoder(["city"], rounded=False).fit(X, y).encoding_table("city")["effect"]
    alone = AdditiveEncoder(["city"], adjust_for=[], rounded=False).fit(X, y).encoding_table("city")["effect"]
    assert np.ptp(alone) > 6
    assert np.ptp(both) < 0.2


def test_several_targets_have_effects_of_their_own():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 5, 500).astype(str)})
    y = np.column_stack([X["a"].astype(int) + rng.normal(size=500), rng.normal(size=500)])
    together = AdditiveEncoder(cv=3, random_state=0).fit_transform(X, y)
    assert together.columns.tolist() == ["a_0", "a_1"]
    for position in range(2):
        own = AdditiveEncoder(cv=3, random_state=0).fit_transform(X, y[:, position])
        np.testing.assert_array_equal(together.iloc[:, position], own["a"])
    assert AdditiveEncoder().fit(X, y).encoding_table("a")["target"].tolist() == ["0"] * 5 + ["1"] * 5
