"""Laplace's approximation for several factors, slopes and covariates."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.dense_laplace import DenseLaplace
from helpers.json_mutations import forge
from helpers.mixed import encoder_of, value_of
from helpers.reference_data import REFERENCE
from scipy.special import expit, gammaln
from scipy.stats import norm

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.laplace import fit_random_intercepts
from catpool.models.mixed.laplace_criterion import LaplaceCriterion
from catpool.models.mixed.laplace_search import fit_laplace
from catpool.models.mixed.row_likelihood import CanonicalRows
from catpool.models.mixed.solver import cholesky
from catpool.models.mixed.solver.grouping_factor import GroupingFactor
from catpool.priors.families.by_name import FAMILIES

N = 240
FORMS = {
    "slopes": {"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x"]}},
    "uncorrelated slopes": {"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x", "z"]}, "correlated": False},
    "crossed": {"groups": ["a", "c"]},
    "crossed with covariates": {"groups": ["a", "c"], "covariates": ["x", "z"]},
    "two levels": {"groups": ["a", ("a", "b")], "covariates": ["z"]},
    "three levels": {"groups": ["a", ("a", "b"), ("a", "b", "c")]},
    "crossed with slopes": {"groups": ["c", "a"], "covariates": ["x"], "slopes": {"a": ["x"]}},
    "slopes alone": {"groups": ["a"], "covariates": ["x"], "slopes": {"a": ["x"]}, "intercepts": False},
    "one with an offset": {"groups": ["a"], "offset": "off"},
    "slopes alone and an offset": {
        "groups": ["c", "a"],
        "slopes": {"a": ["x"]},
        "intercepts": ["c"],
        "covariates": ["x"],
        "offset": "off",
    },
}


def rows_of(kind, seed=0):
    """Rows of three factors and two covariates, a target with effects of all, and weights or exposures."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.integers(0, 9, N), "b": rng.integers(0, 4, N), "c": rng.integers(0, 6, N)})
    X = X.assign(x=rng.normal(size=N) + 1, z=10 * rng.normal(size=N), off=2 + np.arange(N) % 7 / 4)
    eta = rng.normal(size=9)[X["a"]] + 0.7 * rng.normal(size=36)[4 * X["a"] + X["b"]] + rng.normal(size=6)[X["c"]]
    eta = eta + (0.5 + 0.8 * rng.normal(size=9)[X["a"]]) * X["x"].to_numpy() + 0.03 * X["z"].to_numpy() - 1
    if kind == "binary":
        return X, rng.binomial(1, expit(eta)), {"sample_weight": rng.integers(1, 4, N).astype(float)}
    exposure = rng.uniform(0.2, 3, N)
    return X, rng.poisson(exposure * np.exp(eta / 2)), {"exposure": exposure}


def dense_of(X, y, kind, parameters, sample_weight=None, exposure=None):
    groups, slopes = parameters["groups"], parameters.get("slopes", {})
    cells = [X[list(group)].apply(tuple, axis=1) if isinstance(group, tuple) else X[group] for group in groups]
    codes = [pd.factorize(each, sort=True)[0] for each in cells]
    numbers = [X[slopes.get(group, [])].to_numpy() for group in groups]
    design = np.column_stack([np.ones(len(X)), X[parameters.get("covariates", [])]])
    intercepts = [
        parameters.get("intercepts", True) is True or group in (parameters["intercepts"] or []) for group in groups
    ]
    offset = X[parameters["offset"]].to_numpy() if "offset" in parameters else 0.0
    return DenseLaplace(y, design, codes, numbers, kind == "binary", sample_weight, exposure, intercepts, offset)


@pytest.mark.parametrize("kind", ["binary", "count"])
@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=pytest.mark.slow if "three" in form else []) for form in FORMS]
)
def test_the_fit_is_the_minimum_of_the_dense_criterion(form, kind):
    parameters, (X, y, own) = FORMS[form], rows_of(kind)
    encoder = encoder_of(target_type=kind, **parameters).fit(X, y, **own)
    model, dense = encoder.model_, dense_of(X, y, kind, parameters, **own)
    assert encoder.summary_.attrs == {"method": "Laplace", "solver": "exact"}
    assert value_of(encoder, "model", term="log_likelihood") == -model.criterion / 2
    lambdas = [np.linalg.cholesky(each + 1e-14 * np.eye(len(each))) for each in model.covariances]
    here = dense.laplace(lambdas, model.fixed)
    assert model.criterion == pytest.approx(here, abs=1e-6)
    assert dense.search(lambdas, model.fixed, parameters.get("correlated", True)) == pytest.approx(here, abs=1e-6)


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_modes_and_their_uncertainty(kind):
    """Those of the dense equations, coefficients included, at the parameters of the fit."""
    parameters, (X, y, own) = FORMS["crossed with slopes"], rows_of(kind)
    encoder = encoder_of(target_type=kind, **parameters).fit(X, y, **own)
    model, dense = encoder.model_, dense_of(X, y, kind, parameters, **own)
    lambdas = [np.linalg.cholesky(each) for each in model.covariances]
    b = dense.modes(lambdas, model.fixed)[0]
    spread = dense.spread(lambdas)
    ends = np.cumsum([len(each) for each in spread])
    modes = [own @ part for own, part in zip(spread, np.split(b, ends[:-1]), strict=True)]
    eta = dense.X @ model.fixed + sum(Z @ each for Z, each in zip(dense.Z, modes, strict=True))
    W = dense.likelihood(eta)[2]
    T = np.hstack([*(Z @ own for Z, own in zip(dense.Z, spread, strict=True)), dense.X])
    penalty = np.append(np.ones(len(b)), np.zeros(dense.X.shape[1]))
    inverse = np.linalg.inv((T.T * W) @ T + np.diag(penalty))
    np.testing.assert_allclose(model.fixed_covariance, inverse[len(b) :, len(b) :], rtol=1e-6)
    for group, Z, mode, root, end in zip(parameters["groups"], dense.Z, modes, spread, ends, strict=True):
        table = encoder.encoding_table(group).query("count > 0").sort_values("category")
        expected = mode.reshape(len(table), -1)
        np.testing.assert_allclose(table.filter(like="mode"), expected, atol=1e-6)
        own = inverse[end - Z.shape[1] : end, end - Z.shape[1] : end]
        variances = np.diag(root @ own @ root.T).reshape(expected.shape)
        np.testing.assert_allclose(table.filter(like="sd") ** 2, variances, rtol=1e-5)


def aggregated(kind, widths):
    X, y, own = rows_of(kind)
    slopes = X[["x", "z"]].to_numpy() / [1, 10]
    factors = [
        GroupingFactor(X[name].to_numpy(), X[name].max() + 1, slopes[:, : width - 1])
        for name, width in zip("acb", widths, strict=False)
    ]
    covariates = np.column_stack([np.ones(N), X["x"]])
    return AggregatedRows(y.astype(float), own.get("exposure", np.ones(N)), covariates, factors, 0.0)


@pytest.mark.parametrize("chunk", [1 << 22, 20])
@pytest.mark.parametrize("widths", [(1,), (2,), (1, 1), (2, 1), (1, 3), (2, 1, 2)])
@pytest.mark.parametrize(("kind", "family"), [("binary", "binomial"), ("count", "poisson")])
def test_the_gradient_is_exact(kind, family, widths, chunk, monkeypatch):
    monkeypatch.setattr(cholesky, "CHUNK", chunk)  # as if there were many levels
    rows = aggregated(kind, widths)
    criterion = LaplaceCriterion(rows, CanonicalRows(rows.total, rows.count, FAMILIES[family].link))
    point = np.random.default_rng(1).normal(size=len(criterion.parameters.places)) / 2
    point = np.append(point, [-0.3, 0.2])
    gradient = criterion(point)[1]

    def difference(step):
        ahead, behind, far_ahead, far_behind = (criterion(point + k * step)[0] for k in (1, -1, 2, -2))
        return (8 * (ahead - behind) - far_ahead + far_behind) / 12e-4

    expected = [difference(step) for step in 1e-4 * np.eye(len(point))]
    np.testing.assert_allclose(gradient, expected, atol=1e-6 * np.abs(gradient).max())


@pytest.mark.parametrize(("kind", "family"), [("binary", "binomial"), ("count", "poisson")])
def test_one_factor_has_the_fit_that_its_levels_give_one_by_one(kind, family):
    rows, link = aggregated(kind, (1,)), FAMILIES[family].link
    mean = rows.total.sum() / rows.count.sum()
    by_level, criterion, _ = fit_random_intercepts(rows, link, mean, 1)
    fit, other, dispersion = fit_laplace(rows, CanonicalRows(rows.total, rows.count, link), mean)
    assert dispersion is None
    assert other == pytest.approx(criterion, abs=1e-8)
    np.testing.assert_allclose(fit.lambdas[0], by_level.lambdas[0], rtol=1e-6)
    np.testing.assert_allclose(fit.fixed, by_level.fixed, rtol=1e-6)
    np.testing.assert_allclose(fit.effects[0], by_level.effects[0], atol=1e-6)


def test_a_factor_without_effects_has_a_variance_of_zero():
    X, y, own = rows_of("binary")
    rank = np.empty(N, dtype=int)
    rank[np.lexsort((own["sample_weight"], y, X["a"]))] = np.arange(N)
    X["noise"] = rank % 2  # in half of the rows of each level, class and weight
    encoder = encoder_of(["a", "noise"], target_type="binary").fit(X, y, **own)
    alone = encoder_of(["a"], target_type="binary").fit(X, y, **own)
    assert encoder.model_.covariances[1].item() == 0
    assert value_of(encoder, "model", term="singular", group="noise") == 1
    assert encoder.model_.criterion == pytest.approx(alone.model_.criterion, abs=1e-7)


def test_a_factor_of_one_level_has_no_variance():
    X, y, own = rows_of("count")
    encoder = encoder_of(["a", "one"], target_type="count").fit(X.assign(one="all"), y, **own)
    assert encoder.model_.covariances[1].item() == 0


def test_quasi_likelihood_has_smaller_variances_and_no_likelihood():
    X, y, own = rows_of("binary")
    parameters = {"target_type": "binary", **FORMS["crossed"]}
    laplace = encoder_of(**parameters, approximation="laplace").fit(X, y, **own)
    quasi = encoder_of(**parameters, approximation="pql").fit(X, y, **own)
    assert quasi.summary_.attrs["method"] == "PQL"
    assert np.isnan(quasi.model_.criterion)
    for own, other in zip(quasi.model_.covariances, laplace.model_.covariances, strict=True):
        assert 0.5 < own.item() / other.item() < 1


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_one_factor_is_fitted_by_quasi_likelihood_on_request(kind):
    X, y, own = rows_of(kind)
    encoder = encoder_of(["a"], target_type=kind, approximation="pql").fit(X, y, **own)
    assert encoder.summary_.attrs["method"] == "PQL"
    default = encoder_of(["a"], target_type=kind).fit(X, y, **own)
    assert 0.5 < encoder.model_.covariances[0].item() / default.model_.covariances[0].item() < 1


def test_conjugate_gradients_go_with_quasi_likelihood():
    X, y, own = rows_of("binary")
    encoder = encoder_of(target_type="binary", solver="cg", **FORMS["crossed"]).fit(X, y, **own)
    assert encoder.summary_.attrs == {"method": "PQL", "solver": "cg"}


def test_many_effects_are_left_to_quasi_likelihood_unless_exactness_is_asked_for(monkeypatch):
    monkeypatch.setattr("catpool.models.mixed.solver.profiled_deviance.DENSE", 3)
    X, y, own = rows_of("binary")
    parameters = {"target_type": "binary", **FORMS["crossed"]}
    answers = {
        choice: encoder_of(**parameters, **choice_of).fit(X, y, **own).summary_.attrs
        for choice, choice_of in {
            "auto": {},
            "laplace": {"approximation": "laplace"},
            "exact": {"solver": "exact"},
        }.items()
    }
    exact = {"method": "Laplace", "solver": "exact"}
    assert answers == {"auto": {"method": "PQL", "solver": "cg"}, "laplace": exact, "exact": exact}


def test_a_file_without_the_parameter_is_read():
    X, y, own = rows_of("binary")
    encoder = encoder_of(target_type="binary", **FORMS["crossed"]).fit(X, y, **own)
    again = type(encoder).from_json(encoder.to_json())
    pd.testing.assert_frame_equal(again.summary_, encoder.summary_)
    content = json.loads(encoder.to_json())
    assert content["parameters"].pop("approximation") == "auto"
    old = type(encoder).from_json(forge(content))
    assert old.approximation == "auto"
    pd.testing.assert_frame_equal(old.summary_, encoder.summary_)


def test_a_factor_with_a_level_for_each_row():
    """Ticks on grouse chicks, overdispersed: broods, locations and rows; the criterion is the dense one."""
    data = pd.read_csv(REFERENCE / "data" / "grouseticks.csv")
    data = data.assign(y96=1.0 * (data["YEAR"] == 96), y97=1.0 * (data["YEAR"] == 97))
    parameters = {"groups": ["BROOD", "INDEX", "LOCATION"], "covariates": ["y96", "y97", "cHEIGHT"]}
    model = encoder_of(target_type="count", **parameters).fit(data.drop(columns="TICKS"), data["TICKS"]).model_
    dense = dense_of(data, data["TICKS"], "count", parameters)
    roots = [np.sqrt(each) for each in model.covariances]
    here = dense.laplace(roots, model.fixed)
    assert model.criterion == pytest.approx(here, abs=1e-6)
    for position in range(3):
        for factor in (0.9, 1.1):
            others = [own * (factor if place == position else 1) for place, own in enumerate(roots)]
            assert dense.laplace(others, model.fixed) > here


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_quadrature_with_covariates_is_the_integral_and_its_likeliest_parameters(kind):
    rng = np.random.default_rng(8)
    X = pd.DataFrame({"g": np.arange(90) % 15, "x": rng.normal(size=90)})
    eta = rng.normal(size=15)[X["g"]] + 0.8 * X["x"].to_numpy()
    y = (rng.random(90) < 1 / (1 + np.exp(-eta))).astype(int) if kind == "binary" else rng.poisson(np.exp(eta))
    model = encoder_of(["g"], covariates=["x"], target_type=kind, quadrature=25).fit(X, y).model_
    effects = np.linspace(-9, 9, 2001)

    def criterion(point):
        at = point[1] + point[2] * X["x"].to_numpy()[:, None] + np.exp(point[0]) * effects
        rows = y[:, None] * at - np.logaddexp(0, at) if kind == "binary" else y[:, None] * at - np.exp(at)
        rows = rows - gammaln(y + 1.0)[:, None] * (kind == "count")
        heights = np.stack([rows[X["g"] == level].sum(axis=0) for level in range(15)])
        return -2 * np.log((np.exp(heights) * norm.pdf(effects)).sum(axis=1) * (effects[1] - effects[0])).sum()

    point = np.array([np.log(model.covariances[0].item()) / 2, *model.fixed])
    least = criterion(point)
    assert model.criterion == pytest.approx(least, abs=1e-6)
    for step in 0.01 * np.eye(3):
        behind, ahead = criterion(point - step), criterion(point + step)
        assert abs(ahead - behind) / (ahead - 2 * least + behind) < 0.05  # of a step of a hundredth
