"""Families of rows with a dispersion, which is estimated together with variances and coefficients."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.dense_dispersed import DENSITIES, DenseDispersed
from helpers.json_mutations import forge
from helpers.mixed import OUTPUTS, encoder_of, value_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, norm, poisson
from sklearn.base import clone

from catpool.data.targets.weights import Weights
from catpool.models.mixed.dispersed_rows import aggregate_dispersed
from catpool.models.mixed.laplace_criterion import LaplaceCriterion
from catpool.models.mixed.solver.grouping_factor import GroupingFactor
from catpool.priors.families.by_name import DISPERSED_FAMILIES, MIXED_FAMILIES
from catpool.priors.likelihoods.tweedie_series import distribution_of_sums

N = 240
KINDS = {"negative_binomial": "count", "gamma": "continuous", "tweedie": "continuous"}
PARAMETERS = {
    "negative_binomial": ("size", lambda d: 1 / d),
    "gamma": ("shape", lambda d: 1 / d),
    "tweedie": ("phi", lambda d: d),
}
FORMS = {
    "one": {"groups": ["a"]},
    "one with covariates": {"groups": ["a"], "covariates": ["x", "z"]},
    "slopes": {"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x"]}},
    "uncorrelated slopes": {"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x", "z"]}, "correlated": False},
    "crossed": {"groups": ["a", "c"]},
    "crossed with covariates": {"groups": ["a", "c"], "covariates": ["x", "z"]},
    "nested": {"groups": ["a", ("a", "b")], "covariates": ["z"]},
}
FAMILIES = pytest.mark.parametrize("family", sorted(KINDS))


def draw(family, rng, mean):
    """Of size 1.7, of shape 1.7, or sums of gamma variables with the power 1.5 and a phi of one."""
    if family == "negative_binomial":
        return rng.negative_binomial(1.7, 1.7 / (1.7 + mean)).astype(float)
    if family == "gamma":
        return rng.gamma(1.7, mean / 1.7)
    number = rng.poisson(2 * np.sqrt(mean))
    return np.where(number > 0, rng.gamma(np.maximum(number, 1), np.sqrt(mean) / 2), 0.0)


def rows_of(family, seed=0, n=N):
    """Rows of three factors and two covariates, a target with effects of all, weights, and exposures of counts."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.integers(0, 9, n), "b": rng.integers(0, 4, n), "c": rng.integers(0, 6, n)})
    X = X.assign(x=rng.normal(size=n) + 1, z=10 * rng.normal(size=n))
    eta = 0.7 * rng.normal(size=9)[X["a"]] + 0.6 * rng.normal(size=36)[4 * X["a"] + X["b"]]
    eta = eta + rng.normal(size=6)[X["c"]] + (0.5 + 0.6 * rng.normal(size=9)[X["a"]]) * X["x"].to_numpy()
    eta = eta + 0.03 * X["z"].to_numpy() + 0.5
    exposure = rng.choice([0.3, 1.0, 2.5], n) if KINDS[family] == "count" else np.ones(n)
    own = {"exposure": exposure} if KINDS[family] == "count" else {}
    y = draw(family, rng, exposure * np.exp(eta))
    return X, y, {**own, "sample_weight": rng.integers(1, 4, n).astype(float)}


def fitted(family, X, y, own, **parameters):
    return encoder_of(target_type=KINDS[family], family=family, **parameters).fit(X, y, **own)


def dense_of(family, X, y, parameters, sample_weight=None, exposure=None):
    groups, slopes = parameters["groups"], parameters.get("slopes", {})
    cells = [X[list(group)].apply(tuple, axis=1) if isinstance(group, tuple) else X[group] for group in groups]
    codes = [pd.factorize(each, sort=True)[0] for each in cells]
    numbers = [X[slopes.get(group, [])].to_numpy() for group in groups]
    design = np.column_stack([np.ones(len(X)), X[parameters.get("covariates", [])]])
    return DenseDispersed(family, y, design, codes, numbers, sample_weight, exposure)


@FAMILIES
@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=pytest.mark.slow if form != "nested" else []) for form in FORMS]
)
def test_the_fit_is_the_minimum_of_the_dense_criterion(form, family):
    parameters, (X, y, own) = FORMS[form], rows_of(family)
    encoder = fitted(family, X, y, own, **parameters)
    model, dense = encoder.model_, dense_of(family, X, y, parameters, **own)
    assert encoder.summary_.attrs == {"method": "Laplace", "solver": "exact"}
    lambdas = [np.linalg.cholesky(each + 1e-14 * np.eye(len(each))) for each in model.covariances]
    here = dense.at(lambdas, model.fixed, model.dispersion)
    assert model.criterion == pytest.approx(here, abs=1e-6)
    correlated = parameters.get("correlated", True)
    assert dense.least(lambdas, model.fixed, model.dispersion, correlated) == pytest.approx(here, abs=1e-6)


@FAMILIES
def test_the_summary_has_the_dispersion_and_counts_it(family):
    X, y, own = rows_of(family)
    encoder = fitted(family, X, y, own, groups=["a", "c"], covariates=["x"])
    model, (term, reported) = encoder.model_, PARAMETERS[family]
    assert value_of(encoder, "dispersion", term=term) == reported(model.dispersion)
    assert model.parameters == 2 + 2 + 1
    assert value_of(encoder, "model", term="aic") == model.criterion + 2 * 5
    assert value_of(encoder, "model", term="log_likelihood") == -model.criterion / 2


@FAMILIES
def test_modes_and_their_uncertainty(family):
    """Those of the dense equations with the observed information, coefficients included, at the parameters."""
    parameters, (X, y, own) = FORMS["crossed with covariates"], rows_of(family)
    encoder = fitted(family, X, y, own, **parameters)
    model, dense = encoder.model_, dense_of(family, X, y, parameters, **own)
    dense.dispersion = model.dispersion
    roots = [np.sqrt(each) for each in model.covariances]
    b = dense.modes(roots, model.fixed)[0]
    T = np.hstack([*(Z * root for Z, root in zip(dense.Z, roots, strict=True)), dense.X])
    W = dense.likelihood(T @ np.append(b, model.fixed))[2]
    inverse = np.linalg.inv((T.T * W) @ T + np.diag(np.append(np.ones(len(b)), np.zeros(3))))
    np.testing.assert_allclose(model.fixed_covariance, inverse[len(b) :, len(b) :], rtol=1e-6)
    tables = [encoder.encoding_table(group).query("count > 0") for group in parameters["groups"]]
    modes, sds = (np.concatenate([table.sort_values("category")[name] for table in tables]) for name in ("mode", "sd"))
    spread = np.repeat([root.item() for root in roots], [Z.shape[1] for Z in dense.Z])
    np.testing.assert_allclose(modes, spread * b, atol=1e-6)
    np.testing.assert_allclose(sds, spread * np.sqrt(np.diag(inverse)[: len(b)]), rtol=1e-6)


@FAMILIES
@pytest.mark.parametrize("widths", [(1,), (2,), (1, 1), (1, 3), (2, 1, 2)])
def test_the_gradient_is_exact(family, widths):
    X, y, own = rows_of(family)
    slopes = X[["x", "z"]].to_numpy() / [1, 10]
    factors = [
        GroupingFactor(X[name].to_numpy(), X[name].max() + 1, slopes[:, : width - 1])
        for name, width in zip("acb", widths, strict=False)
    ]
    weights = Weights(own["sample_weight"], own.get("exposure"))
    covariates = np.column_stack([np.ones(N), X["x"]])
    criterion = LaplaceCriterion(*aggregate_dispersed(y, covariates, factors, weights, MIXED_FAMILIES[family]))
    point = np.random.default_rng(1).normal(size=len(criterion.parameters.places)) / 2
    point = np.append(point, [0.4, 0.2, -0.3])
    gradient = criterion(point)[1]

    def difference(step):
        ahead, behind, far_ahead, far_behind = (criterion(point + k * step)[0] for k in (1, -1, 2, -2))
        return (8 * (ahead - behind) - far_ahead + far_behind) / 12e-4

    expected = [difference(step) for step in 1e-4 * np.eye(len(point))]
    np.testing.assert_allclose(gradient, expected, atol=1e-6 * np.abs(gradient).max())


@FAMILIES
def test_laplace_is_close_to_the_integral(family):
    """Which adaptive quadrature of each level gives; more rows of a level bring them closer."""
    errors = []
    for n in (60, 960):
        X, y, own = rows_of(family, n=n)
        model = fitted(family, X, y, own, groups=["a"]).model_
        dense = dense_of(family, X, y, {"groups": ["a"]}, **own)
        errors.append(
            model.criterion - dense.integrated(np.sqrt(model.covariances[0].item()), model.fixed, model.dispersion)
        )
    assert abs(errors[0]) < 0.2
    assert abs(errors[1]) < abs(errors[0]) / 3


@FAMILIES
@pytest.mark.parametrize("covariates", [[], ["x", "z"]], ids=str)
def test_quadrature_is_the_integral_and_its_likeliest_parameters(family, covariates):
    X, y, own = rows_of(family, n=60)
    form = {"groups": ["a"], "covariates": covariates}
    encoder = fitted(family, X, y, own, quadrature=25, **form)
    model, dense = encoder.model_, dense_of(family, X, y, form, **own)
    assert encoder.summary_.attrs["method"] == "adaptive quadrature of 25 points"

    def criterion(point):
        return dense.integrated(np.exp(point[0]), point[1:-1], np.exp(point[-1]))

    point = np.array([np.log(model.covariances[0].item()) / 2, *model.fixed, np.log(model.dispersion)])
    least = criterion(point)
    assert model.criterion == pytest.approx(least, abs=1e-5)
    for step in 0.02 * np.diag([1, 1, *(1 / X[covariates].std()), 1]):
        behind, ahead = criterion(point - step), criterion(point + step)
        assert abs(ahead - behind) / (ahead - 2 * least + behind) < 0.1  # of a step of one in fifty


@FAMILIES
def test_quadrature_of_many_rows_changes_little_and_of_no_effects_nothing(family):
    X, y, own = rows_of(family, n=600)
    laplace, found = (fitted(family, X, y, own, quadrature=points, groups=["a"]).model_ for points in (1, 9))
    assert found.criterion == pytest.approx(laplace.criterion, abs=0.1)
    assert found.dispersion == pytest.approx(laplace.dispersion, rel=0.01)
    np.testing.assert_allclose(found.effects[0], laplace.effects[0], atol=0.02)
    quiet = draw(family, np.random.default_rng(3), np.full(600, 5.0))
    laplace, found = (fitted(family, X, quiet, {}, quadrature=points, groups=["a"]).model_ for points in (1, 9))
    if laplace.covariances[0].item() == 0:
        assert found.covariances[0].item() == 0
    assert found.criterion == pytest.approx(laplace.criterion, abs=0.02)


def test_quadrature_of_counts_without_dispersion_is_that_of_counts():
    X, _, _ = rows_of("negative_binomial", n=60)
    y = np.floor(np.exp(np.arange(60) % 9 / 4))
    X["a"] = np.arange(60) % 9
    found, counts = (
        encoder_of(["a"], target_type="count", family=family, quadrature=9).fit(X, y).model_
        for family in ("negative_binomial", "auto")
    )
    assert found.dispersion == 0
    assert found.criterion == pytest.approx(counts.criterion, abs=1e-6)
    np.testing.assert_allclose(found.effects[0], counts.effects[0], atol=1e-5)


@FAMILIES
@pytest.mark.parametrize("groups", [["a"], ["a", "c"]])
@pytest.mark.parametrize("covariates", [[], ["x"]])
def test_a_weight_is_so_many_copies_and_the_order_of_rows_does_not_matter(family, groups, covariates):
    X, y, own = rows_of(family)
    copies = np.random.default_rng(1).integers(0, 4, N)
    repeated = np.random.default_rng(2).permutation(np.repeat(np.arange(N), copies))
    exposure = {"exposure": own["exposure"]} if "exposure" in own else {}
    parameters = {"groups": groups, "covariates": covariates, "output": OUTPUTS, "remainder": "drop"}
    weighed = fitted(family, X, y, {**exposure, "sample_weight": copies}, **parameters)
    copied = fitted(family, X.iloc[repeated], y[repeated], {k: e[repeated] for k, e in exposure.items()}, **parameters)
    assert weighed.model_.criterion == pytest.approx(copied.model_.criterion, abs=1e-6)
    assert weighed.model_.dispersion == pytest.approx(copied.model_.dispersion, rel=1e-5)
    np.testing.assert_allclose(weighed.transform(X), copied.transform(X), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@FAMILIES
@pytest.mark.parametrize("form", ["one", "slopes", "crossed with covariates"])
def test_fit_transform_is_a_refit_for_each_fold(family, form):
    X, y, own = rows_of(family)
    folds = np.arange(N) % 3
    encoder = encoder_of(
        target_type=KINDS[family], family=family, cv=folds, output=OUTPUTS, remainder="drop", **FORMS[form]
    )
    encoded = np.asarray(encoder.fit_transform(X, y, **own))
    for fold in range(3):
        train, test = folds != fold, folds == fold
        refitted = clone(encoder).fit(X[train], y[train], **{name: each[train] for name, each in own.items()})
        np.testing.assert_allclose(encoded[test], refitted.transform(X[test]), rtol=1e-7, atol=1e-7)


@pytest.mark.slow
@FAMILIES
@settings(max_examples=5, deadline=None)
@given(
    st.sampled_from(["one", "slopes", "crossed"]), st.integers(0, 2), st.integers(0, 2**20), st.sampled_from([1, 100])
)
def test_a_fold_s_own_targets_do_not_reach_its_features_not_in_a_single_bit(family, form, fold, seed, factor):
    X, y, own = rows_of(family, n=90)
    own_rows, changed = np.arange(90) % 3 == fold, y.copy()
    changed[own_rows] = factor * np.random.default_rng(seed).permutation(y[own_rows])
    encoder = encoder_of(
        target_type=KINDS[family], family=family, cv=np.arange(90) % 3, output=OUTPUTS, remainder="drop", **FORMS[form]
    )
    before, after = (np.asarray(encoder.fit_transform(X, each, **own))[own_rows] for each in (y, changed))
    assert before.tobytes() == after.tobytes()


@FAMILIES
def test_a_model_in_a_file_is_the_same(family):
    X, y, own = rows_of(family)
    encoder = fitted(family, X, y, own, groups=["a"], covariates=["x"])
    again = type(encoder).from_json(encoder.to_json())
    assert again.model_.dispersion == encoder.model_.dispersion
    pd.testing.assert_frame_equal(again.summary_, encoder.summary_)
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))


@pytest.mark.parametrize("forged", [None, -1.0, [1.0, 2.0], "one"])
def test_a_file_with_a_dispersion_that_cannot_be_is_refused(forged):
    X, y, own = rows_of("negative_binomial")
    content = json.loads(fitted("negative_binomial", X, y, own, groups=["a"]).to_json())

    def replace(value):
        if isinstance(value, list):
            return [replace(each) for each in value]
        if isinstance(value, dict):
            return {key: forged if key == "dispersion" else replace(each) for key, each in value.items()}
        return value

    changed = replace(content)
    assert changed != content
    with pytest.raises(ValueError, match="dispersion"):
        type(encoder_of(["a"])).from_json(forge(changed))


@FAMILIES
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"approximation": "pql"}, 'has Laplace\'s approximation alone.*Pass approximation="laplace"'),
        ({"solver": "cg"}, 'has Laplace\'s approximation alone.*solver="auto"'),
        ({"prior": "full_bayes"}, "prior=.full_bayes. does not go with family=.*Pass prior=.ml"),
        ({"quadrature": 5}, "`quadrature` of more than one point needs one factor without slopes"),
        ({"target_type": "binary"}, "does not go with a binary target"),
        ({"weight_type": "precision"}, 'weight_type="precision" goes with the normal family alone'),
    ],
)
def test_what_does_not_go_with_a_dispersion_is_refused(family, parameters, words):
    X, y, _ = rows_of(family)
    y = (y > 1).astype(float) if parameters.get("target_type") == "binary" else y
    with pytest.raises(ValueError, match=words):
        encoder_of(**{"groups": ["a", "c"], "target_type": KINDS[family], "family": family, **parameters}).fit(X, y)


@FAMILIES
def test_more_effects_than_can_be_exact_are_refused(family, monkeypatch):
    monkeypatch.setattr("catpool.models.mixed.solver.profiled_deviance.DENSE", 3)
    X, y, own = rows_of(family)
    with pytest.raises(ValueError, match=f'family="{family}" has Laplace.s approximation alone'):
        fitted(family, X, y, own, groups=["a", "c"])
    assert fitted(family, X, y, own, groups=["a", "c"], approximation="laplace").model_.dispersion > 0


@FAMILIES
@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_expected_values_have_intervals(family, unit):
    X, y, own = rows_of(family)
    unit = 1.0 if family == "negative_binomial" else unit
    encoder = fitted(family, X, unit * y, own, groups=["a", "c"], output=["mode", "prediction"])
    found, prediction = encoder.predict(X), encoder.transform(X)["prediction"]
    # the logarithm of the mean is normal
    spread = np.log(found["upper"] / found["lower"]) / 2
    np.testing.assert_allclose(np.sqrt(found["upper"] * found["lower"]), prediction, rtol=1e-6)
    sd = spread / norm.ppf(0.95)
    np.testing.assert_allclose(found["mean"], prediction * np.exp(sd**2 / 2), rtol=1e-6)
    np.testing.assert_allclose(found["sd"], found["mean"] * np.sqrt(np.expm1(sd**2)), rtol=1e-5)


@FAMILIES
def test_new_rows_are_drawn_from_the_family_at_each_expected_value(family):
    X, y, own = rows_of(family)
    parameters = {"tweedie_power": 1.7} if family == "tweedie" else {}
    encoder = fitted(family, X, y, own, groups=["a", "c"], **parameters)
    rows = pd.concat([X.iloc[:3], X.iloc[:1].assign(a=99)])
    means, found = encoder.predict(rows), encoder.predict(rows, kind="row", interval=0.8)
    np.testing.assert_allclose(found["mean"], means["mean"])
    sds = np.log(means["upper"] / means["lower"]) / (2 * norm.ppf(0.95))
    rng, d = np.random.default_rng(0), encoder.model_.dispersion
    eta = np.log(means["lower"] * means["upper"]).to_numpy() / 2 + sds.to_numpy() * rng.normal(size=(200_000, 4))
    drawn = draw_of(family, rng, np.exp(eta), d)
    np.testing.assert_allclose(found["sd"], drawn.std(axis=0), rtol=0.05)
    for end, share in (("lower", 0.1), ("upper", 0.9)):
        ends = found[end].to_numpy()
        assert ((drawn <= ends).mean(axis=0) >= share - 0.004).all()  # exact where rows are no counts
        assert ((drawn < ends).mean(axis=0) <= share + 0.004).all()


def draw_of(family, rng, mean, d):
    if family == "negative_binomial":
        return rng.poisson(mean * rng.gamma(1 / d, d, mean.shape))
    if family == "gamma":
        return rng.gamma(1 / d, d * mean)
    p = 1.7
    number = rng.poisson(mean ** (2 - p) / ((2 - p) * d))
    shape, scale = number * (2 - p) / (p - 1), (p - 1) * d * mean ** (p - 1)
    return np.where(number > 0, rng.gamma(np.maximum(shape, 1e-9), scale), 0.0)


@FAMILIES
def test_intervals_hold_new_rows(family):
    X, y, _ = rows_of(family, n=1500)
    known = np.arange(1500) % 3 > 0
    found = fitted(family, X[known], y[known], {}, groups=["a", ("a", "b"), "c"], slopes={"a": ["x"]}, covariates=["x"])
    rows = found.predict(X[~known], kind="row", interval=0.9)
    inside = (rows["lower"] <= y[~known]) & (y[~known] <= rows["upper"])
    assert 0.87 < inside.mean() < 0.96  # exposures of counts are not told apart


@pytest.mark.parametrize("power", [1.1, 1.5, 1.9])
def test_the_distribution_of_sums_of_few_and_of_many(power):
    a = (2 - power) / (power - 1)
    for rate in (0.3, 7.9, 8.1, 47.0, 49.0, 2000.0):
        j = np.arange(0, int(rate + 12 * np.sqrt(rate) + 30))
        values = a * (rate + np.sqrt(rate) * np.array([-2.5, -1.0, 0.0, 1.5, 3.0]))
        values = np.append(values[values > 0], 0.0)
        weights = poisson.pmf(j, rate)
        exact = [weights[0] + weights[1:] @ gamma.cdf(own, a * j[1:]) for own in values]
        found = distribution_of_sums(values, np.full(len(values), rate), a)
        np.testing.assert_allclose(found, exact, atol=5e-5)


@FAMILIES
def test_by_default_the_likelihood_is_maximized(family):
    X, y, own = rows_of(family)
    encoders = [fitted(family, X, y, own, groups=["a", "c"], prior=prior) for prior in ("auto", "ml")]
    pd.testing.assert_frame_equal(*(encoder.summary_ for encoder in encoders))


def test_other_encoders_do_not_have_these_families():
    from catpool import EmpiricalBayesEncoder

    X, y, _ = rows_of("negative_binomial")
    for family in set(KINDS) - {"negative_binomial"}:  # which has a conjugate prior
        with pytest.raises(ValueError, match="'family' parameter"):
            EmpiricalBayesEncoder(["a"], family=family).fit(X, y)


def test_every_family_with_a_dispersion_is_tested_here():
    assert sorted(DENSITIES) == sorted(KINDS) == sorted(PARAMETERS) == sorted(DISPERSED_FAMILIES)
