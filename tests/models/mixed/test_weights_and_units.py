"""Weights are copies, and units of targets and covariates carry through."""

import numpy as np
import pandas as pd
import pytest
from helpers.dense_mixed import dense_of
from helpers.mixed import FORMS, OUTPUTS, encoder_of, mixed_rows


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_a_weight_is_so_many_copies(form):
    X, y = mixed_rows()
    copies = np.random.default_rng(1).integers(0, 4, 120)
    repeated, folds = np.repeat(np.arange(120), copies), np.arange(120) % 3
    encoder = encoder_of(cv=folds, output=OUTPUTS, remainder="drop", **FORMS[form])
    weighed = np.asarray(encoder.fit_transform(X, y, sample_weight=copies))[repeated]
    criterion, new = encoder.model_.criterion, np.asarray(encoder.transform(X))
    encoder.set_params(cv=folds[repeated])
    copied = np.asarray(encoder.fit_transform(X.iloc[repeated], y[repeated]))
    assert encoder.model_.criterion == pytest.approx(criterion, abs=1e-7)
    np.testing.assert_allclose(weighed, copied, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(new, np.asarray(encoder.transform(X)), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("weight_type", ["frequency", "precision"])
def test_rows_that_weigh_nothing_are_not_there(weight_type):
    X, y = mixed_rows()
    weights = np.where(np.arange(120) % 4 == 0, 0, np.random.default_rng(1).uniform(0.2, 3, 120))
    kept = weights > 0
    encoder = encoder_of(output=OUTPUTS, remainder="drop", weight_type=weight_type, **FORMS["two"])
    one = encoder.fit(X, np.where(kept, y, 1e6), sample_weight=weights).transform(X)
    criterion = encoder.model_.criterion
    other = encoder.fit(X[kept], y[kept], sample_weight=weights[kept]).transform(X)
    np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7)
    assert encoder.model_.criterion == pytest.approx(criterion, abs=1e-7)


@pytest.mark.parametrize("target_type", ["binary", "count"])
@pytest.mark.parametrize("form", ["one", "covariates", "two"])
def test_a_weight_is_so_many_copies_of_classes_and_counts(form, target_type):
    X, y = mixed_rows()
    y = (y > y.mean()).astype(int) if target_type == "binary" else np.maximum(y, 0).astype(int)
    copies = np.random.default_rng(1).integers(0, 4, 120)
    repeated = np.repeat(np.arange(120), copies)
    parameters = {key: value for key, value in FORMS[form].items() if key != "prior"}
    encoder = encoder_of(target_type=target_type, output=OUTPUTS, remainder="drop", **parameters)
    weighed = encoder.fit(X, y, sample_weight=copies).transform(X)
    copied = encoder.fit(X.iloc[repeated], y[repeated]).transform(X)
    np.testing.assert_allclose(weighed, copied, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "method", "scale", "shift"),
    [
        *[(form, "reml", 1e-6, 0) for form in FORMS if form != "offset"],
        *[(form, "ml", 1e6, -1e6) for form in ("one", "slopes", "three")],
        *[
            ("covariates", method, scale, shift)
            for method in ("reml", "ml")
            for scale, shift in [(1e-80, 0), (1e80, 0)]
        ],
        ("covariates", "reml", 1, 1e8),
        ("three", "reml", 1, 1e8),
    ],
)
@pytest.mark.slow
def test_units_of_y_carry_through(form, method, scale, shift):
    X, y = mixed_rows()
    encoder = encoder_of(output=OUTPUTS, remainder="drop", **{**FORMS[form], "prior": method})
    one, first = encoder.fit_transform(X, y), encoder.model_
    other, second = encoder.fit_transform(X, scale * y + shift), encoder.model_
    for name, found, expected in zip(
        encoder.get_feature_names_out(), np.asarray(other).T, np.asarray(one).T, strict=True
    ):
        if not name.endswith("_count"):
            expected = scale * expected + (shift if name in ("fixed", "prediction") else 0)
        rounded = 10 * np.spacing(shift)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * scale * np.abs(np.asarray(one)).max() + rounded)
    freedom = len(y) - (len(first.fixed) if method == "reml" else 0)
    assert second.criterion == pytest.approx(first.criterion + 2 * freedom * np.log(scale), abs=1e-6)


@pytest.mark.parametrize(
    ("form", "method", "unit"),
    [
        ("covariates", "reml", 1e-8),
        ("covariates", "ml", 1e8),
        ("three", "reml", 1e8),
        ("slopes", "reml", 1e-3),
        ("slopes", "ml", 1e8),
        ("uncorrelated", "reml", 1e8),
        ("uncorrelated", "ml", 1e-3),
        ("cells", "reml", 1e-8),
        ("cells", "reml", 1e3),
    ],
)
@pytest.mark.slow
def test_units_of_covariates_carry_through(form, method, unit):
    X, y = mixed_rows()
    encoder = encoder_of(output=OUTPUTS, remainder="drop", **{**FORMS[form], "prior": method})
    one, first = encoder.fit_transform(X, y), encoder.model_
    changed = X.assign(x=unit * X["x"])
    other, second = encoder.fit_transform(changed, y), encoder.model_
    assert second.criterion == pytest.approx(first.criterion + 2 * np.log(unit) * (method == "reml"), abs=1e-7)
    assert second.singular == first.singular
    slopes = [name.removesuffix("_sd").endswith("_x") for name in encoder.get_feature_names_out()]
    np.testing.assert_allclose(np.asarray(other) * np.where(slopes, unit, 1.0), one, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["covariates", "two", "three"])
def test_covariates_far_from_zero_are_no_worse(form):
    X, y = mixed_rows()
    parameters = {**FORMS[form], "covariates": ["x"]}
    encoder = encoder_of(output=OUTPUTS, remainder="drop", **parameters)
    one, first = encoder.fit_transform(X, y), encoder.model_
    far = X.assign(x=1e4 + 0.01 * X["x"])
    other, second = encoder.fit_transform(far, y), encoder.model_
    np.testing.assert_allclose(other, one, rtol=0, atol=1e-7 * np.abs(np.asarray(one)).max())
    reml = parameters.get("prior") != "ml"
    assert second.criterion == pytest.approx(first.criterion + 2 * np.log(0.01) * reml, abs=1e-7)
    assert second.fixed[1] == pytest.approx(100 * first.fixed[1], rel=1e-7)


@pytest.mark.parametrize("shift", [-3.0, 10.0, 1000.0])
@pytest.mark.slow
def test_correlated_slopes_may_be_measured_from_anywhere(shift):
    X, y = mixed_rows()
    encoder = encoder_of(["a", "c"], covariates=["x"], slopes={"a": ["x"]}, output=["prediction", "fixed"])
    moved = X.assign(x=X["x"] + shift)
    one, other = encoder.fit_transform(X, y), encoder.fit_transform(moved, y)
    np.testing.assert_allclose(other["prediction"], one["prediction"], rtol=0, atol=1e-5)
    assert encoder.fit(moved, y).model_.criterion == pytest.approx(encoder.fit(X, y).model_.criterion, abs=1e-6)


TENTH = np.arange(120) % 10 == 0
PRECISIONS = {
    "large": np.full(120, 1e10),
    "small": np.full(120, 1e-10),
    "some large": np.where(TENTH, 1e10, 1.0),
    "some small": np.where(TENTH, 1e-10, 1.0),
    "of all sizes": 10 ** np.random.default_rng(0).uniform(-5, 5, 120),
}


@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.parametrize("weights", PRECISIONS)
def test_precisions_of_any_size_have_the_best_fit(weights, method):
    X, y = mixed_rows()
    X, own = X.assign(a=pd.factorize(X["a"])[0]), PRECISIONS[weights]
    encoder = encoder_of(["a", "c"], covariates=["x"], weight_type="precision", prior=method)
    model = encoder.fit(X, y, sample_weight=own).model_
    # in a unit that suits a general-purpose search; the covariance of y is the same
    unit, reml = np.median(own), method == "reml"
    dense = dense_of(X, y, ["a", "c"], {"covariates": ["x"], "slopes": {}}, own / unit)
    assert model.criterion == pytest.approx(dense.criterion(model.covariances, model.scale / unit, reml), abs=1e-5)
    assert model.criterion <= dense.best(reml, True) + 1e-5


def test_a_unit_of_precisions_is_one_of_the_residual_variance():
    X, y = mixed_rows()
    encoder = encoder_of(output=OUTPUTS, remainder="drop", weight_type="precision", **FORMS["three"])
    weights = np.random.default_rng(0).uniform(0.2, 3, 120)
    one, first = encoder.fit(X, y, sample_weight=weights).transform(X), encoder.model_
    for unit in (1e-10, 1e10):
        other, second = encoder.fit(X, y, sample_weight=unit * weights).transform(X), encoder.model_
        effects = [name for name in other if not name.endswith("_count")]
        np.testing.assert_allclose(other[effects], one[effects], rtol=1e-5, atol=1e-6)
        assert second.scale == pytest.approx(unit * first.scale, rel=1e-6)
        assert second.criterion == pytest.approx(first.criterion, abs=1e-6)


def test_full_bayes_does_not_depend_on_the_unit_of_precisions():
    X, y = mixed_rows()
    weights = np.random.default_rng(1).uniform(0.2, 3, 120)
    encoder = encoder_of(
        prior="full_bayes", output=OUTPUTS[:2], remainder="drop", weight_type="precision", groups=["a"]
    )
    one, other = (encoder.fit(X, y, sample_weight=unit * weights).transform(X) for unit in (1.0, 1e5))
    np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-8)
