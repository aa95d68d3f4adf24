"""Offsets: a column that the linear predictor starts from."""

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import OUTPUTS, encoder_of, mixed_rows
from scipy.special import expit
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from catpool import MixedModelEncoder

N = 240
RNG = np.random.default_rng(4)
X = pd.DataFrame({"a": RNG.integers(0, 9, N), "c": RNG.integers(0, 6, N), "x": RNG.normal(size=N)})
X["off"] = RNG.normal(size=N)
EFFECTS = RNG.normal(size=9)[X["a"]] + RNG.normal(size=6)[X["c"]] + 0.5 * X["x"].to_numpy()
ETA = EFFECTS + X["off"].to_numpy()
Y = {
    "continuous": ETA + RNG.normal(size=N),
    "binary": (ETA + RNG.logistic(size=N) > 0).astype(int),
    "count": RNG.poisson(np.exp(ETA / 2)),
}
FORMS = {
    "one": {"groups": ["a"]},
    "quadrature": {"groups": ["a"], "quadrature": 9},
    "covariate": {"groups": ["a"], "covariates": ["x"]},
    "crossed": {"groups": ["a", "c"], "covariates": ["x"]},
    "pql": {"groups": ["a", "c"], "covariates": ["x"], "approximation": "pql"},
    "cg": {"groups": ["a", "c"], "covariates": ["x"], "solver": "cg"},
}


def encoder(form, kind, **parameters):
    return encoder_of(**FORMS[form], target_type=kind, output=OUTPUTS, remainder="drop", offset="off", **parameters)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("quadrature", "pql")])
def test_of_a_continuous_target_it_is_subtracted(form):
    with_it, without = encoder(form, "continuous"), encoder(form, "continuous").set_params(offset=None)
    folds = np.arange(N) % 3
    one = with_it.set_params(cv=folds).fit_transform(X, Y["continuous"])
    other = without.set_params(cv=folds).fit_transform(X, Y["continuous"] - X["off"])
    for name in other:
        expected = other[name] + (X["off"] if name in ("fixed", "prediction") else 0.0)
        np.testing.assert_allclose(one[name], expected, rtol=1e-7, atol=1e-9)
    pd.testing.assert_frame_equal(with_it.summary_, without.summary_)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "cg"])
def test_of_counts_it_is_the_logarithm_of_an_exposure(form):
    exposure, y = np.exp(X["off"].to_numpy() / 2), Y["count"]
    rows, folds = X.assign(off=X["off"] / 2), np.arange(N) % 3
    one, other = encoder(form, "count", cv=folds), encoder(form, "count", cv=folds).set_params(offset=None)
    found, expected = one.fit_transform(rows, y), other.fit_transform(rows, y, exposure=exposure)
    parts = [name for name in found if not name.endswith(("_count", "prediction", "fixed"))]
    np.testing.assert_allclose(found[parts], expected[parts], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["prediction"], expected["prediction"] * exposure, rtol=1e-5)
    np.testing.assert_allclose(one.model_.fixed, other.model_.fixed, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.model_.criterion, other.model_.criterion, atol=1e-6)


@pytest.mark.parametrize("kind", Y)
@pytest.mark.parametrize("form", FORMS)
def test_a_constant_moves_the_intercept_alone(form, kind):
    if kind == "continuous" and form in ("quadrature", "pql"):
        pytest.skip("for classes and counts alone")
    for constant in (0.7, -40.0, 1e4):
        rows = X.assign(off=constant)
        one, other = encoder(form, kind).fit(rows, Y[kind]), encoder(form, kind, cv=2).set_params(offset=None)
        other.fit(rows, Y[kind])
        np.testing.assert_allclose(one.model_.fixed[0] + constant, other.model_.fixed[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(one.transform(rows), other.transform(rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["one", "crossed", "pql"])
@pytest.mark.parametrize("kind", ["binary", "count"])
def test_the_effects_beside_what_is_known_already(kind, form):
    """With X beta as the offset, the model is that without it: the covariate has no coefficient, nor has the mean."""
    first = encoder_of(["a"], covariates=["x"], target_type=kind, output=OUTPUTS, remainder="drop").fit(X, Y[kind])
    known = X.assign(off=first.transform(X)["fixed"])
    again = encoder(form, kind).set_params(groups=["a"], covariates=["x"]).fit(known, Y[kind])
    if form == "pql":
        first.set_params(approximation="pql").fit(X, Y[kind])
        known = X.assign(off=first.transform(X)["fixed"])
        again.fit(known, Y[kind])
    np.testing.assert_allclose(again.model_.fixed, 0.0, atol=1e-4)
    np.testing.assert_allclose(again.transform(known), first.transform(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_fit_transform_is_a_refit_for_each_fold(kind):
    folds = np.arange(N) % 3
    whole = encoder("crossed", kind, cv=folds)
    encoded = whole.fit_transform(X, Y[kind])
    for fold in range(3):
        own, rest = folds == fold, folds != fold
        refitted = clone(whole).set_params(cv=2).fit(X[rest], Y[kind][rest]).transform(X[own])
        np.testing.assert_allclose(encoded[own], refitted, rtol=1e-7, atol=1e-7)
    inverse = {"binary": expit, "count": np.exp}[kind]
    np.testing.assert_allclose(
        encoded["prediction"], inverse(encoded["fixed"] + encoded["a"] + encoded["c"]), rtol=1e-9
    )


@pytest.mark.parametrize("kind", ["binary", "count"])
def test_wide_offsets_do_not_mislead_the_search(kind):
    wide = X.assign(off=6 * X["off"])
    eta = EFFECTS + wide["off"].to_numpy()
    rng = np.random.default_rng(0)
    y = (eta + rng.logistic(size=N) > 0).astype(int) if kind == "binary" else rng.poisson(np.exp(np.minimum(eta, 12)))
    wide = wide.assign(off=np.minimum(wide["off"], 12 - EFFECTS) if kind == "count" else wide["off"])
    for form in ("covariate", "crossed", "pql"):
        model = encoder(form, kind).fit(wide, y).model_
        assert abs(model.fixed[1] - 0.5) < 0.4
        assert 0.2 < model.covariances[0].item() < 4


def test_a_row_s_own_targets_stay_out_of_its_features():
    folds, y = np.arange(N) % 3, Y["count"]
    changed = np.where(folds == 0, y[::-1] + 3, y)
    before, after = (np.asarray(encoder("crossed", "count", cv=folds).fit_transform(X, each)) for each in (y, changed))
    assert before[folds == 0].tobytes() == after[folds == 0].tobytes()


def test_it_passes_through_and_is_needed_in_new_rows():
    columns = encoder_of(["a"], offset="off", output="prediction").fit(X, Y["continuous"])
    assert columns.get_feature_names_out().tolist() == ["c", "x", "off", "prediction"]
    assert encoder_of(["a"], offset="off").fit(X, Y["continuous"]).get_feature_names_out().tolist() == list(X)
    dropping = encoder("one", "continuous").fit(X, Y["continuous"])
    assert len(dropping.transform(X[["off", "a"]])) == N
    with pytest.raises(ValueError, match="off"):
        dropping.transform(X[["a"]])
    with pytest.raises(ValueError, match="offset 'off' must be finite"):
        dropping.transform(X.assign(off=X["off"].where(X["off"] < 1)))


def test_it_goes_through_files_pipelines_and_arrays():
    loaded = MixedModelEncoder.from_json(encoder("crossed", "count").fit(X, Y["count"]).to_json())
    assert loaded.offset == "off"
    expected = encoder("crossed", "count").fit(X, Y["count"]).transform(X.iloc[:9])
    pd.testing.assert_frame_equal(loaded.transform(X.iloc[:9]), expected)
    columns = ColumnTransformer([("effects", encoder("crossed", "continuous"), list(X))])
    assert make_pipeline(columns, Ridge()).fit(X, Y["continuous"]).score(X, Y["continuous"]) > 0.5
    by_position = encoder_of([0], offset=3, output="prediction", remainder="drop")
    found = by_position.fit(X.to_numpy(), Y["continuous"]).transform(X.to_numpy())
    named = encoder("one", "continuous").fit(X, Y["continuous"]).transform(X)["prediction"]
    np.testing.assert_allclose(found[:, 0], named, rtol=1e-9)


def test_a_column_may_be_offset_and_covariate():
    """Whose coefficient is then what is left to one."""
    rows, y = mixed_rows()
    one = encoder_of(["a"], covariates=["x"], offset="x", output="prediction").fit(rows, y)
    other = encoder_of(["a"], covariates=["x"], output="prediction").fit(rows, y)
    np.testing.assert_allclose(one.model_.fixed[1] + 1, other.model_.fixed[1], rtol=1e-7)
    np.testing.assert_allclose(one.transform(rows)["prediction"], other.transform(rows)["prediction"], rtol=1e-7)
