"""The joint posterior is in the units of the model, whatever its terms."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.json_mutations import forge
from helpers.mixed import encoder_of, mixed_rows
from scipy.stats import norm

from catpool import MixedModelEncoder, sample_encodings

X, Y = mixed_rows()
FAR = X.assign(x=X["x"] + 1000)
FORMS = {
    "offset": (X, {"groups": ["a", "c"], "covariates": ["z"], "offset": "x"}),
    "slopes alone": (X, {"groups": ["a", "c"], "covariates": ["x"], "slopes": {"c": ["x"]}, "intercepts": ["a"]}),
    "far slopes": (FAR, {"groups": ["a", "c"], "covariates": ["x"], "slopes": {"a": ["x"]}}),
    "two far slopes": (FAR, {"groups": ["a"], "slopes": {"a": ["x", "z"]}}),
    "far, but uncorrelated": (FAR, {"groups": ["a"], "slopes": {"a": ["x"]}, "correlated": False}),
    "strings": (X, {"groups": ["a"], "covariates": ["s", ("s", "x")]}),
    "slopes of strings": (X, {"groups": ["a"], "covariates": ["s"], "slopes": {"a": ["s"]}, "offset": "x"}),
}


@pytest.fixture(params=FORMS, scope="module")
def fitted(request):
    table, parameters = FORMS[request.param]
    return table, encoder_of(**parameters, output=["mode", "sd", "prediction"], remainder="drop").fit(table, Y)


def new_rows(table):
    return table.iloc[:12].assign(a=[*table["a"].iloc[:10], "new", None])


def test_the_mean_is_the_prediction(fitted):
    table, encoder = fitted
    rows = new_rows(table)
    np.testing.assert_allclose(encoder.predict(rows)["mean"], encoder.transform(rows)["prediction"], rtol=1e-7)


def test_intervals_are_those_of_modes_and_sds(fitted):
    _, encoder = fitted
    unit = norm.ppf(0.95)
    for table in encoder.tables_:
        found = encoder.encoding_table(table.label)
        for mode in [column for column in found if column.endswith("mode")]:
            stem = mode.removesuffix("mode")
            for end, sign in (("lower", -1), ("upper", 1)):
                expected = found[mode] + sign * unit * found[f"{stem}sd"]
                np.testing.assert_allclose(found[f"{stem}{end}"], expected, rtol=1e-6, atol=1e-8)


def test_draws_have_the_modes_and_sds(fitted):
    table, encoder = fitted
    rows = new_rows(table)
    draws, encoded = sample_encodings(encoder, rows, 2000, random_state=0), encoder.transform(rows)
    sds = encoded.filter(like="_sd").to_numpy()
    modes = encoded[[name for name in encoded if not name.endswith(("_sd", "prediction"))]].to_numpy()
    assert draws.shape == (2000, len(rows), modes.shape[1])
    assert (np.abs(draws.mean(axis=0) - modes) <= 0.12 * sds + 1e-9).all()
    np.testing.assert_allclose(draws.std(axis=0), sds, rtol=0.12, atol=1e-9)


@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
def test_predictions_do_not_depend_on_where_slopes_have_their_zero(prior):
    parameters = {"groups": ["a", "c"], "covariates": ["x"], "slopes": {"a": ["x"]}, "prior": prior}
    near, far = (encoder_of(**parameters).fit(each, Y).predict(each) for each in (X, FAR))
    np.testing.assert_allclose(far, near, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prior", ["ml", "full_bayes"])
def test_a_logarithmic_offset_is_an_exposure(prior):
    rng = np.random.default_rng(0)
    exposure = rng.uniform(5, 50, len(X))
    rows, y = X.assign(log=np.log(exposure)), rng.poisson(exposure * np.exp(0.3 * Y))
    own = {"groups": ["a", "c"], "covariates": ["z"], "target_type": "count", "prior": prior}
    one = encoder_of(**own, offset="log").fit(rows, y)
    other = encoder_of(**own).fit(rows, y, exposure=exposure)
    found, expected = one.predict(rows.assign(log=0.0)), other.predict(rows)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(one.predict(rows)["mean"], exposure * found["mean"], rtol=1e-9)


@pytest.mark.parametrize("family", ["negative_binomial", "gamma", "tweedie"])
def test_families_with_a_dispersion_have_offsets_and_slopes_alone(family):
    rng = np.random.default_rng(0)
    mean = np.exp(0.3 * Y + X["x"].to_numpy())
    y = mean * rng.gamma(2, 0.5, len(X))
    y = rng.poisson(y) if family == "negative_binomial" else y
    own = {"groups": ["c", "a"], "slopes": {"c": ["x"]}, "intercepts": ["a"], "offset": "x", "family": family}
    own["target_type"] = "count" if family == "negative_binomial" else "continuous"
    encoder = encoder_of(**own, output=["mode", "prediction"]).fit(X, y)
    moved = encoder_of(**{**own, "offset": "o"}, output=["mode", "prediction"]).fit(X.assign(o=X["x"] + 5), y)
    names = ["a", "c_x", "prediction"]
    expected, found = encoder.transform(X)[names], moved.transform(X.assign(o=X["x"] + 5))[names]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    ends = encoder.predict(X)
    np.testing.assert_allclose(np.sqrt(ends["lower"] * ends["upper"]), expected["prediction"], rtol=1e-6)


@pytest.mark.parametrize(
    ("field", "change", "words"),
    [
        ("slope_centers", lambda own: [], "factors without their units"),
        ("slopes", lambda own: [{**own[0], "shape": [4], "values": 2 * own[0]["values"]}], "units of other slopes"),
        ("centers", lambda own: {**own, "shape": [1], "values": [1.0]}, "centers"),
    ],
)
def test_forged_units_are_refused(field, change, words):
    content = json.loads(encoder_of(["a"], slopes={"a": ["x", "z"]}).fit(X, Y).to_json())
    scales = content["fitted"]["state"]["tables"][0]["model"]["posterior"]["design_scales"]
    scales[field] = change(scales[field])
    with pytest.raises(ValueError, match=words):
        MixedModelEncoder.from_json(forge(content))


def test_files_hold_the_units():
    encoder = encoder_of(["a"], slopes={"a": ["x"]}, offset="z").fit(FAR, Y)
    again = MixedModelEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(again.predict(FAR), encoder.predict(FAR))
