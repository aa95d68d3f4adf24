"""Nested levels of odd data."""

import numpy as np
import pandas as pd
import pytest
from helpers.nested import LEVELS, NO_SPREAD, NUMBERS, nested

from catpool import NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


def test_a_level_without_a_spread_has_the_values_of_the_one_above():
    X = pd.DataFrame({"state": np.repeat(list("abc"), 8), "city": np.tile(np.repeat([1, 2], 4), 3)})
    y = np.tile([1, 2, 3, 4.0], 6) + np.repeat([0, 5, 20.0], 8)
    for prior in ("reml", "ml"):
        encoder = nested(X, y, prior=prior, emit="all", output=NUMBERS)
        assert encoder.summary_["note"].tolist() == ["", NO_SPREAD]
        assert encoder.summary_["prior_strength"][1] == np.inf
        encoded = encoder.transform(X)
        np.testing.assert_array_equal(np.asarray(encoded)[:, 3:5], np.asarray(encoded)[:, :2])
        assert (np.asarray(encoded)[:, 5] == 0).all()
        alone = nested(X[["state"]], y, prior=prior, output=NUMBERS).transform(X[["state"]])
        np.testing.assert_allclose(np.asarray(encoded)[:, :3], alone, rtol=1e-7)
    flat = nested(X, np.tile([1, 2, 3, 4.5], 6), emit="all")
    assert flat.summary_["note"].tolist() == [NO_SPREAD, NO_SPREAD]
    np.testing.assert_allclose(flat.transform(X), 2.625, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 7.1, 1 / 3, -1e9])
@pytest.mark.parametrize("weights", [None, "frequency", "precision"])
def test_a_constant_target_has_no_spread(land, value, weights):
    sample_weight = None if weights is None else land["precisions"]
    encoder = NestedEncoder(
        LEVELS, cv=3, random_state=0, emit="all", output=NUMBERS, weight_type=weights or "frequency"
    )
    y = np.full(120, value)
    for frame in (encoder.fit_transform(land["X"], y, sample_weight=sample_weight), encoder.transform(land["X"])):
        encoded = frame.to_numpy()
        np.testing.assert_allclose(encoded[:, ::3], value, rtol=1e-14)
        np.testing.assert_allclose(encoded[:, 1::3], 0, atol=1e-12 * abs(value))
        np.testing.assert_array_equal(encoded[:, 2::3], 0)
    assert encoder.summary_["note"].tolist() == [NO_SPREAD] * 3
    assert (encoder.summary_["between_sd"] == 0).all()


@pytest.mark.parametrize("prior", ["reml", "ml"])
def test_a_level_whose_variance_cannot_be_told_has_none(land, prior):
    """One row a zip, one zip a county, one state: the model is that of the other levels."""
    X, y = land["X"].fillna("none"), land["continuous"]
    whole = X.assign(row=range(120), again=X["county"], country="here")
    parameters = {"prior": prior, "remainder": "drop", "emit": "all", "output": NUMBERS}

    def encoded(*levels):
        encoder = nested(whole, y, list(levels), **parameters)
        features = [f"{name}{end}" for name in levels for end in ("", "_sd")]
        return encoder.summary_.set_index("column"), encoder.transform(whole)[features]

    _, two = encoded("state", "county")
    summary, three = encoded("state", "county", "row")
    assert summary["note"]["row"].startswith("not identified")
    assert summary["between_sd"]["row"] == 0
    np.testing.assert_allclose(three[two.columns], two, rtol=1e-7)
    np.testing.assert_array_equal(three[["row", "row_sd"]], three[["county", "county_sd"]])

    summary, three = encoded("state", "county", "again")
    assert summary["note"].tolist() == ["", "not identified", ""]
    np.testing.assert_allclose(three[["again", "again_sd"]], two[["county", "county_sd"]], rtol=1e-7)
    np.testing.assert_array_equal(three[["county", "county_sd"]], three[["state", "state_sd"]])

    summary, three = encoded("country", "state", "county")
    assert summary["note"].tolist() == ["not identified", "", ""]
    np.testing.assert_allclose(three[two.columns], two, rtol=1e-7)
    assert (three["country"] == summary["prior_mean"].iloc[0]).all()


@pytest.mark.parametrize("prior", ["reml", "ml"])
def test_without_noise_the_deepest_values_are_the_means(prior):
    X = pd.DataFrame({"state": np.repeat(list("abcd"), 8), "city": np.tile(np.repeat([1, 2, 3, 4], 2), 4)})
    y = np.random.default_rng(0).normal(size=16).repeat(2)
    encoder = nested(X, y, prior=prior, emit="all", output=NUMBERS)
    encoded = encoder.transform(X)
    np.testing.assert_allclose(np.asarray(encoded)[:, 3], y, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.asarray(encoded)[:, 4], 0, atol=1e-5)
    np.testing.assert_allclose(np.asarray(encoded)[:, 5], 1, atol=1e-6)
    assert encoder.summary_["note"][1] == "no noise within categories"
    cities = X.drop_duplicates()  # one exact observation a city
    means = nested(cities[["state"]], y[::2], prior=prior)
    np.testing.assert_allclose(np.asarray(encoded)[:, 0], np.asarray(means.transform(X[["state"]]))[:, 0], rtol=1e-5)


@pytest.mark.parametrize("distance", [1e4, 1e8])
@pytest.mark.parametrize("learn", ["fit", "fit_transform"])
def test_noise_is_seen_however_far_the_categories_are_apart(distance, learn):
    X = pd.DataFrame({"a": np.repeat([0, 1], 12), "b": np.repeat(range(6), 4)})
    noise = np.array([1, 2, 1.5, 1.5, 5, 6, 5.5, 5.5, 9, 9.5, 8, 9] * 2) - np.tile(np.repeat([1.5, 5.5, 8.875], 4), 2)
    encoder = NestedEncoder(["a", "b"], prior="reml", cv=2)
    getattr(encoder, learn)(X, noise + distance * np.array([0, 3, 1, 7, 4, 9.0])[X["b"]])
    assert encoder.summary_["within_sd"][1] == pytest.approx(np.sqrt((noise**2).sum() / 18), rel=1e-6)


Y = np.array([1, 2, 4, 3, 9, 5.5, 2, 2.5, 7, 8, 1, 0.5])


FRAMES = {
    "two by three": pd.DataFrame({"a": np.repeat([0, 1], 6), "b": np.tile([0, 1, 2], 4)}),
    "a row each": pd.DataFrame({"a": np.repeat([0, 1, 2], 4), "b": range(12)}),
    "two ids": pd.DataFrame({"a": range(12), "b": range(12)}),
    "one path": pd.DataFrame({"a": [0] * 12, "b": [0] * 12}),
    "one state": pd.DataFrame({"a": [0] * 12, "b": np.arange(12) // 2}),
    "one county each": pd.DataFrame({"a": np.arange(12) // 3, "b": np.arange(12) // 3}),
    "all missing": pd.DataFrame({"a": [None] * 12, "b": [None] * 12}, dtype=object),
    "in one fold": pd.DataFrame({"a": [0] * 11 + [1], "b": [*range(3)] * 4}),
}


TARGETS = {
    "numbers": (Y, "continuous"),
    "one class": (["x"] * 12, "binary"),
    "two classes": ([0, 1] * 6, "binary"),
    "pure classes": ([0] * 6 + [1] * 6, "binary"),
    "three classes": ([0, 1, 2] * 4, "multiclass"),
    "zeros": ([0] * 12, "count"),
    "large counts": ([10**6] * 11 + [0], "count"),
}


@pytest.mark.parametrize("weights", [None, [0, 1] * 6, [1e-3] * 12, [1e6] * 12], ids=["none", "some", "light", "heavy"])
@pytest.mark.parametrize(("target", "prior"), [*((target, "reml") for target in TARGETS), ("numbers", "ml")])
@pytest.mark.parametrize("frame", FRAMES)
def test_what_is_odd_but_legal(frame, target, weights, prior):
    X, (y, target_type) = FRAMES[frame], TARGETS[target]
    encoder = NestedEncoder(["a", "b"], cv=3, random_state=0, prior=prior, target_type=target_type, emit="all")
    encoder.set_params(output=NUMBERS)
    new = pd.concat([X, pd.DataFrame({"a": ["never", X["a"][0], None], "b": ["never", "never", None]}, dtype=object)])
    for features in (encoder.fit_transform(X, y, sample_weight=weights), encoder.transform(new)):
        encoded = features.to_numpy()
        assert np.isfinite(encoded).all()
        assert (encoded[:, 1::3] >= 0).all()
        assert (encoded[:, 2::3] >= 0).all()
        assert (encoded[:, 2::3] <= 1).all()
    summary = encoder.summary_
    shown = summary[["categories", "rows", "prior_mean", "between_sd", "within_sd", "reliability"]]
    assert np.isfinite(shown.to_numpy(dtype=float)).all()
    assert (summary["prior_strength"] >= 0).all()
    encoder.encoding_table("b")


@pytest.mark.parametrize("levels", [["a"], ["a", "b"]])
def test_rows_that_weigh_less_than_one_have_no_restricted_likelihood(levels):
    encoder = nested(FRAMES["two by three"][levels], Y, sample_weight=[0.05] * 12)
    assert encoder.summary_["log_likelihood"].isna().all()


@pytest.mark.parametrize("prior", ["reml", "full_bayes"])
def test_effects_that_dwarf_the_noise_leave_the_levels_below_as_they_are(prior):
    rng = np.random.default_rng(0)
    state, county = rng.integers(0, 40, 1000), rng.integers(0, 5, 1000)
    X = pd.DataFrame({"state": state, "county": county})
    effects, y = rng.normal(size=40)[state], rng.normal(size=200)[5 * state + county] + rng.normal(size=1000)
    found = [NestedEncoder(["state", "county"], prior=prior).fit(X, y + ratio * effects) for ratio in (1e4, 1e8)]
    for column in ("within_sd", "between_sd"):
        usual, extreme = (each.summary_[column].to_numpy() for each in found)
        np.testing.assert_allclose(extreme[-1], usual[-1], rtol=1e-4)
    sds = [each.encoding_table("county")["sd"][:-1] for each in found]
    np.testing.assert_allclose(*sds, rtol=1e-4)
