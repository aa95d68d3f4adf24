"""Fits against matrices of all rows, and singular ones."""

import numpy as np
import pandas as pd
import pytest
from helpers.dense_mixed import KINDS, dense_of, unbalanced
from helpers.mixed import close_to_largest, encoder_of, mixed_rows, value_of
from helpers.reference_data import REFERENCE

from catpool import EmpiricalBayesEncoder


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["reml", "ml"])
@pytest.mark.parametrize("ratio", [0.1, 1, 30, 1000])
def test_one_factor_is_empirical_bayes(prior, ratio):
    rng = np.random.default_rng(1)
    X = rng.integers(0, 9, (150, 1))
    y = ratio * rng.normal(size=9)[X[:, 0]] + rng.normal(size=150) + 5
    for weights in (None, rng.integers(0, 4, 150), rng.uniform(0.2, 3, 150)):
        kind = "precision" if weights is not None and weights.dtype == float else "frequency"
        bayes = EmpiricalBayesEncoder(prior=prior, target_type="continuous", weight_type=kind)
        bayes.fit(X, y, sample_weight=weights)
        encoder = encoder_of([0], prior=prior, weight_type=kind).fit(X, y, sample_weight=weights)
        learned, table = bayes.summary_.iloc[0], encoder.encoding_table(0)
        assert encoder.model_.criterion == pytest.approx(-2 * learned["log_likelihood"], abs=1e-6)
        assert encoder.model_.scale == pytest.approx(learned["within_sd"] ** 2, rel=1e-8)
        between = encoder.model_.covariances[0].item()
        assert between == pytest.approx(learned["between_sd"] ** 2, rel=1e-7)
        np.testing.assert_allclose(
            table["mode"] + encoder.model_.fixed, bayes.encoding_table(0)["encoding"], rtol=0, atol=1e-8 * ratio
        )


@pytest.mark.parametrize(("method", "spread"), [("reml", 0), ("reml", 0.5), ("ml", 0), ("ml", 3)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_no_search_of_a_dense_likelihood_finds_a_better_fit(kind, spread, method):
    """Where effects have no spread, variances of zero and correlations of one are among the answers."""
    X, y, groups, parameters = unbalanced(kind, 3 * (method == "ml") + int(2 * spread), spread)
    encoder = encoder_of(groups, prior=method, output=["mode", "sd"], **parameters).fit(X, y)
    model, dense = encoder.model_, dense_of(X, y, groups, parameters)
    reml = method == "reml"
    assert model.criterion == pytest.approx(dense.criterion(model.covariances, model.scale, reml), abs=1e-7)
    assert model.criterion <= dense.best(reml, parameters["correlated"]) + 1e-6


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spread", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_effects_are_those_of_dense_formulas(kind, spread, weighted):
    for seed in range(2):
        X, y, groups, parameters = unbalanced(kind, seed, spread)
        weights = np.random.default_rng(seed).uniform(0.2, 3, len(y)) if weighted else None
        encoder = encoder_of(groups, weight_type="precision", **parameters).fit(X, y, sample_weight=weights)
        model, dense = encoder.model_, dense_of(X, y, groups, parameters, weights)
        assert model.criterion == pytest.approx(dense.criterion(model.covariances, model.scale, True), abs=1e-7)
        _, inverse_X, fixed, _ = dense.solved(model.covariances, model.scale)
        close_to_largest(model.fixed, fixed, 1e-8)
        close_to_largest(model.fixed_covariance, np.linalg.inv(dense.X.T @ inverse_X), 1e-7)
        for group, (modes, variances) in zip(groups, dense.effects(model.covariances, model.scale), strict=True):
            table = encoder.encoding_table(group)[:-1].sort_values("category")
            intercept = [""] if group in parameters["intercepts"] else []
            for position, stem in enumerate([*intercept, *(f"{x}_" for x in parameters["slopes"].get(group, []))]):
                tiny = 1e-9 * y.std() / (X["x"].std() if stem else 1)
                scale = max(np.abs(modes[:, position]).max(), tiny)
                np.testing.assert_allclose(table[f"{stem}mode"], modes[:, position], rtol=0, atol=1e-8 * scale)
                largest = max(variances[:, position].max(), tiny**2)
                np.testing.assert_allclose(table[f"{stem}sd"] ** 2, variances[:, position], rtol=0, atol=1e-8 * largest)


def test_singular_fits_say_so():
    data = pd.read_csv(REFERENCE / "data" / "Dyestuff2.csv")
    encoder = encoder_of(["Batch"], output=["mode", "sd"]).fit(data[["Batch"]], data["Yield"])
    assert value_of(encoder, "variance", group="Batch") == 0
    assert value_of(encoder, "model", term="singular") == 1
    assert (np.asarray(encoder.transform(data[["Batch"]])) == 0).all()
    levels = data.assign(Other=data["Batch"].map(dict(zip("ABCDEF", "uuvvww", strict=True))))
    both = encoder_of(["Batch", "Other"]).fit(levels[["Batch", "Other"]], data["Yield"] + 9 * (levels["Other"] == "u"))
    assert both.model_.singular == [True, False]


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1, 1e9])
@pytest.mark.parametrize("together", [False, True])
def test_whether_a_fit_is_singular_does_not_depend_on_units(unit, together):
    rng = np.random.default_rng(0)
    g, x = rng.integers(0, 15, 300), rng.normal(size=300)
    levels = rng.normal(size=(2, 15))
    y = levels[0][g] + levels[0 if together else 1][g] * x + (0.3 if together else 1) * rng.normal(size=300)
    encoder = encoder_of(["g"], slopes={"g": ["x"]}).fit(pd.DataFrame({"g": g, "x": unit * x}), y)
    if together:
        assert value_of(encoder, "correlation") > 0.99
    assert encoder.model_.singular == [abs(value_of(encoder, "correlation")) > 1 - 1e-9]


@pytest.mark.slow
def test_effects_beside_a_variance_of_zero_are_as_exact_as_others():
    """What is left of the model is the model without the factor whose variance is zero."""
    X, y = mixed_rows()
    zeros = 0
    for seed in range(20):
        extra = X.assign(idle=np.random.default_rng(seed).integers(0, 10, len(X)))
        encoder = encoder_of(["a", "c", "idle"], covariates=["x"], remainder="drop").fit(extra, y)
        if value_of(encoder, "variance", group="idle") > 0:
            continue
        zeros += 1
        alone = encoder_of(["a", "c"], covariates=["x"], remainder="drop").fit(extra, y)
        assert encoder.model_.criterion == pytest.approx(alone.model_.criterion, abs=1e-9)
        close_to_largest(np.asarray(encoder.transform(extra))[:, :2], np.asarray(alone.transform(extra)), 1e-7)
    assert zeros > 2
