"""Full Bayes against sums over grids of variances, and against draws and quadrature."""

import numpy as np
import pandas as pd
import pytest
from helpers.dense_full_bayes import integrate
from helpers.exact_effects import one_factor, two_factors
from helpers.mixed import encoder_of, value_of
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from catpool import NestedEncoder, sample_encodings
from catpool.models.mixed.joint_laplace import JointLaplace

N = 90
FORMS = {
    "one factor": ({"groups": ["a"]}, 60),
    "a covariate": ({"groups": ["a"], "covariates": ["x"]}, 60),
    "crossed": ({"groups": ["a", "b"]}, 40),
    "nested": ({"groups": ["a", ("a", "b")], "covariates": ["x"]}, 40),
    "uncorrelated slopes": ({"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x"]}, "correlated": False}, 40),
    "correlated slopes": ({"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x"]}}, 18),
    "three factors": ({"groups": ["a", "b", "c"]}, 18),
}


def rows_of(seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.integers(0, 6, N), "b": rng.integers(0, 4, N), "c": rng.integers(0, 5, N)})
    X["x"] = rng.normal(size=N)
    X["x"] -= X["x"].mean()  # about which priors of correlated slopes are
    y = 3 + 0.7 * rng.normal(size=6)[X["a"]] + 0.3 * rng.normal(size=4)[X["b"]] + rng.normal(size=N)
    return X, y + (0.5 + 0.4 * rng.normal(size=6)[X["a"]]) * X["x"].to_numpy()


def brute_force(X, y, parameters, points, **options):
    x = X["x"].to_numpy() / np.sqrt((X["x"] ** 2).mean())  # priors are for slopes of unit mean square
    slopes, factors = parameters.get("slopes", {}), []
    for group in parameters["groups"]:
        codes = X.groupby(list(group) if isinstance(group, tuple) else group).ngroup().to_numpy()
        indicators = (codes[:, None] == np.arange(codes.max() + 1)).astype(float)
        width = 2 if group in slopes else 1
        Z = np.stack([indicators, indicators * x[:, None]][:width], axis=2).reshape(len(X), -1)
        factors.append((Z, width, parameters.get("correlated", True)))
    design = np.column_stack([np.ones(len(X)), X[parameters.get("covariates", [])]])
    return integrate(y, design, factors, points, **options)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_posteriors_are_sums_over_all_variances(form):
    X, y = rows_of()
    parameters, points = FORMS[form]
    mean, covariance, scale = brute_force(X, y, parameters, points)
    encoder = encoder_of(prior="full_bayes", **parameters).fit(X, y)
    model, p = encoder.model_, len(encoder.model_.fixed)
    sds = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(model.fixed, mean[:p], atol=0.01 * sds[:p].min())
    np.testing.assert_allclose(np.sqrt(np.diag(model.fixed_covariance)), sds[:p], rtol=0.01)
    unit = np.sqrt((X["x"] ** 2).mean())
    effects, own = [], []
    for modes, variances in zip(model.effects, model.variances, strict=True):
        units = np.array([1.0, unit])[: modes.shape[1]]
        seen = np.any(modes != 0, axis=1)  # without the slots of missing and unseen levels
        effects.append((modes[seen] * units).ravel())
        own.append((np.sqrt(np.diagonal(variances[seen], axis1=1, axis2=2)) * units).ravel())
    assert (np.abs(np.concatenate(effects) - mean[p:]) < 0.01 * sds[p:]).all()
    np.testing.assert_allclose(np.concatenate(own), sds[p:], rtol=0.01)
    assert model.scale == pytest.approx(scale, rel=0.01)


def test_an_even_grid_is_exact():
    X, y = rows_of()
    mean, covariance, _ = brute_force(X, y, {"groups": ["a"]}, 60, scale=0.3)
    table = encoder_of(["a"], prior="full_bayes", prior_scale=0.3).fit(X, y).encoding_table("a")[:-1]
    np.testing.assert_allclose(table["mode"], mean[1:], atol=1e-3)
    np.testing.assert_allclose(table["sd"], np.sqrt(np.diag(covariance))[1:], rtol=2e-3)


@pytest.mark.parametrize(("levels", "averaged"), [(29, True), (30, False)])
def test_few_levels_are_averaged_and_many_are_not(levels, averaged):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"g": np.arange(300) % levels})
    y = rng.normal(size=levels)[X["g"]] + rng.normal(size=300)
    found = encoder_of(["g"], prior="auto", output=["mode", "sd"]).fit(X, y)
    other = encoder_of(["g"], prior="full_bayes" if averaged else "reml", output=["mode", "sd"]).fit(X, y)
    assert found.summary_.attrs["method"] == ("full Bayes" if averaged else "REML")
    pd.testing.assert_frame_equal(found.encoding_table("g"), other.encoding_table("g"))


def test_the_variances_of_large_factors_are_those_of_reml():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"few": rng.integers(0, 5, 600), "many": rng.integers(0, 60, 600)})
    y = 0.5 * rng.normal(size=5)[X["few"]] + rng.normal(size=60)[X["many"]] + rng.normal(size=600)
    auto, reml = (encoder_of(["few", "many"], prior=prior).fit(X, y).model_ for prior in ("auto", "reml"))
    ratios = [float(model.posterior.lambdas[1][0, 0, 0]) for model in (auto, reml)]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)
    assert np.ptp(auto.posterior.lambdas[1]) == 0
    assert np.ptp(auto.posterior.lambdas[0]) > 0


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
@pytest.mark.usefixtures("few_points")
def test_folds_are_fitted_by_themselves(kind):
    X, y = rows_of()
    y = {"continuous": y, "binary": (y > 3).astype(int), "count": np.maximum(y, 0).round().astype(int)}[kind]
    folds = np.arange(N) % 3
    encoder = encoder_of(
        ["a", "b"], prior="full_bayes", target_type=kind, cv=folds, output=["mode", "sd"], remainder="drop"
    )
    encoded = np.asarray(encoder.fit_transform(X, y))
    refitted = encoder.fit(X[folds != 1], y[folds != 1]).transform(X[folds == 1])
    np.testing.assert_allclose(encoded[folds == 1], refitted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
@pytest.mark.usefixtures("few_points")
def test_the_order_of_rows_moves_last_digits_alone(kind):
    X, y = rows_of()
    y = {"continuous": y, "binary": (y > 3).astype(int), "count": np.maximum(y, 0).round().astype(int)}[kind]
    encoder = encoder_of(["a", "b"], prior="full_bayes", target_type=kind, output=["mode", "sd"], remainder="drop")
    first = encoder.fit(X, y).transform(X)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(N)
        np.testing.assert_allclose(encoder.fit(X.iloc[order], y[order]).transform(X), first, rtol=1e-6, atol=1e-8)


def test_nested_levels_are_the_nested_mixed_model():
    X, y = rows_of()
    nested = NestedEncoder(["a", "b"], prior="full_bayes", target_type="continuous").fit(X, y)
    mixed = encoder_of(["a", ("a", "b")], prior="full_bayes").fit(X, y)
    rows = pd.concat([X.iloc[:9], pd.DataFrame({"a": [99, 1], "b": [0, 99], "c": [0, 0], "x": [0.0, 0.0]})])
    for kind in ("mean", "row"):
        pd.testing.assert_frame_equal(
            nested.predict(rows, kind=kind), mixed.predict(rows, kind=kind), rtol=2e-3, atol=2e-3
        )


def classes_or_counts(kind, eta, seed=0):
    rng = np.random.default_rng(seed)
    return rng.binomial(1, expit(eta)) if kind == "binary" else rng.poisson(np.exp(eta))


@pytest.mark.parametrize("kind", ["binary", "count"])
@pytest.mark.parametrize(
    ("mean", "levels", "rows"),
    [(-3.0, 10, 20), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((-1.2, 10, 20), (0.0, 8, 5)))],
)
def test_classes_and_counts_are_as_exact_as_quadrature(kind, mean, levels, rows):
    codes = np.repeat(np.arange(levels), rows)
    y = classes_or_counts(kind, mean + 0.7 * np.random.default_rng(1).normal(size=levels)[codes])
    means, sds = one_factor(y, codes, kind)
    table = encoder_of([0], prior="full_bayes", target_type=kind).fit(codes[:, None], y).encoding_table(0)[:-1]
    assert (np.abs(table["mode"] - means) < 0.01 * sds).all()
    np.testing.assert_allclose(table["sd"], sds, rtol=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "count"])
def test_crossed_classes_and_counts_are_close_to_quadrature(kind):
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 3, (90, 2))
    y = classes_or_counts(kind, -0.8 + rng.normal(size=3)[codes[:, 0]] + 0.6 * rng.normal(size=3)[codes[:, 1]])
    means, sds = two_factors(y, codes, kind)
    encoder = encoder_of([0, 1], prior="full_bayes", target_type=kind).fit(codes, y)
    tables = pd.concat([encoder.encoding_table(factor)[:-1] for factor in (0, 1)])
    assert (np.abs(tables["mode"] - means) < 0.02 * sds).all()
    np.testing.assert_allclose(tables["sd"], sds, rtol=0.03)


def test_rows_that_rounding_takes_for_certain_leave_the_mode(monkeypatch):
    codes = np.repeat(np.arange(5), 20)
    y = classes_or_counts("binary", np.random.default_rng(1).normal(size=5)[codes])
    encoder = encoder_of([0], prior="full_bayes", target_type="binary", output=["mode", "sd"])
    matched = encoder.fit(codes[:, None], y).encoding_table(0)

    def fail(*_):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(JointLaplace, "_propagate", fail)
    found = encoder.fit(codes[:, None], y).encoding_table(0)
    assert (found["mode"] != matched["mode"])[:-1].all()
    np.testing.assert_allclose(found["mode"], matched["mode"], atol=0.3)


def test_what_has_no_determinants_is_refused_and_left_to_the_likelihood():
    X, y = rows_of()
    with pytest.raises(ValueError, match="needs determinants, which conjugate gradients do not give"):
        encoder_of(["a", "b"], prior="full_bayes", solver="cg").fit(X, y)
    with pytest.warns(ConvergenceWarning):  # of so few rows
        encoder = encoder_of(["a", "b"], prior="auto", solver="cg").fit(X, y)
    assert encoder.summary_.attrs["method"] == "REML"
    classes = (y > 3).astype(int)
    for options in ({"approximation": "pql"}, {"quadrature": 5}):
        with pytest.raises(ValueError, match="goes with Laplace's approximation of one point"):
            encoder_of(["a"], prior="full_bayes", target_type="binary", **options).fit(X, classes)
        auto = encoder_of(["a"], prior="auto", target_type="binary", **options).fit(X, classes)
        assert auto.summary_.attrs["method"] != "full Bayes"


def test_the_summary_has_posterior_means():
    X, y = rows_of()
    encoder = encoder_of(["a", "b"], prior="full_bayes").fit(X, y)
    assert np.isnan(value_of(encoder, "model", term="log_likelihood"))
    draws = np.array([own for own, _ in encoder.model_.posterior.draw(np.random.default_rng(0), 4000)])
    error = encoder.summary_.query("term == 'intercept' and kind == 'fixed'")["se"].item()
    assert draws[:, 0].std() == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
@pytest.mark.parametrize("kind", ["continuous", "binary", "count"])
def test_draws_have_the_mean_and_the_sd_of_the_effects(prior, kind):
    X, y = rows_of()
    y = {"continuous": y, "binary": (y > 3).astype(int), "count": np.maximum(y, 0).round().astype(int)}[kind]
    parameters = {"covariates": ["x"], "slopes": {"a": ["x"]}, "target_type": kind, "prior": prior}
    encoder = encoder_of(["a", "b"], output=["mode", "sd"], remainder="drop", **parameters).fit(X, y)
    rows = pd.concat([X.iloc[:5], X.iloc[:1].assign(a=99)])
    draws, encoded = sample_encodings(encoder, rows, 3000, random_state=0), encoder.transform(rows)
    assert draws.shape == (3000, 6, 3)
    modes, sds = encoded[["a", "a_x", "b"]].to_numpy(), encoded[["a_sd", "a_x_sd", "b_sd"]].to_numpy()
    assert (np.abs(draws.mean(axis=0) - modes) <= 5 * sds / np.sqrt(3000)).all()
    np.testing.assert_allclose(draws.std(axis=0), sds, rtol=0.15)
