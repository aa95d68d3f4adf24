"""An offset is what the linear predictor starts from, so that effects are what a model of the user's misses."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from catpool import AdditiveEncoder

KINDS = ["continuous", "binary", "count"]


@pytest.fixture
def rows():
    """Rows of two columns of categories and an offset that is related to both, with a target of each kind."""
    rng = np.random.default_rng(3)
    n = 400
    city, shop, effects = rng.integers(0, 5, n), rng.integers(0, 12, n), np.array([-1.2, -0.6, 0.0, 0.6, 1.2])
    offset = rng.normal(size=n) - 0.9 * effects[city]
    eta = offset + effects[city] - 0.8
    return {
        "effects": effects,
        "X": pd.DataFrame({"city": np.array(list("abcde"))[city], "shop": [f"s{each}" for each in shop]}),
        "offset": offset,
        "folds": rng.integers(0, 4, n),
        "continuous": eta + rng.normal(size=n),
        "binary": (eta + rng.logistic(size=n) > 0).astype(int),
        "count": rng.poisson(np.exp(eta)),
    }


def encoder_of(kind="continuous", **parameters):
    return AdditiveEncoder(**{"target_type": kind, "random_state": 0, "rounded": False, "cv": 4} | parameters)


def model(encoder):
    [own] = encoder._additive.models
    return own


def assert_same_effects(one, other, tolerance):
    for own, theirs in zip(model(one).effects, model(other).effects, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_what_the_offset_misses(rows, kind):
    """The offset takes nine tenths of the effects of cities out of y, which come back."""
    X, y = rows["X"][["city"]], rows[kind]
    with_it, without = (encoder_of(kind, adjust_for=[]).fit(X, y, offset=each) for each in (rows["offset"], None))
    cities = pd.DataFrame({"city": list("abcde")})
    np.testing.assert_allclose(with_it.transform(cities)["city"], rows["effects"], atol=0.6)
    assert np.abs(without.transform(cities)["city"]).max() < 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_a_fold_s_own_targets_and_offsets_do_not_reach_its_encodings(rows, kind):
    own = rows["folds"] == 0
    encoder = encoder_of(kind, cv=rows["folds"])
    before = encoder.fit_transform(rows["X"], rows[kind], offset=rows["offset"]).to_numpy()
    y, offset = rows[kind].copy(), rows["offset"].copy()
    y[own], offset[own] = rows[kind][own][::-1], -3 * rows["offset"][own]
    after = encoder.fit_transform(rows["X"], y, offset=offset).to_numpy()
    assert before[own].tobytes() == after[own].tobytes()
    assert not np.allclose(before[~own], after[~own])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_equals_brute_force(rows, kind, weighted):
    weights = np.random.default_rng(0).integers(0, 3, 400).astype(float) if weighted else np.ones(400)
    encoder = encoder_of(kind, cv=rows["folds"])
    arguments = {"sample_weight": weights, "offset": rows["offset"]}
    encoded = encoder.fit_transform(rows["X"], rows[kind], **arguments).to_numpy()
    for fold in range(4):
        test = rows["folds"] == fold
        training = {name: values[~test] for name, values in arguments.items()}
        fitted = encoder_of(kind).fit(rows["X"][~test], rows[kind][~test], **training)
        np.testing.assert_allclose(encoded[test], fitted.transform(rows["X"][test]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constant", [0.0, 1.5, -40.0])
def test_a_constant_offset_changes_the_mean_alone(rows, kind, constant):
    without = encoder_of(kind).fit(rows["X"], rows[kind])
    fitted = encoder_of(kind).fit(rows["X"], rows[kind], offset=np.full(400, constant))
    assert_same_effects(fitted, without, 1e-8)
    assert model(fitted).mean == pytest.approx(model(without).mean - constant, abs=1e-8)


def test_for_a_continuous_y_it_equals_the_difference(rows):
    y, offset = rows["continuous"], rows["offset"]
    encoder = encoder_of(interactions="auto")
    one = encoder.fit_transform(rows["X"], y, offset=offset)
    np.testing.assert_allclose(one, encoder.fit_transform(rows["X"], y - offset), rtol=0, atol=1e-12)


def test_for_counts_the_logarithm_of_an_exposure_is_an_offset(rows):
    exposure = np.exp(rows["offset"])
    one = encoder_of("count").fit(rows["X"], rows["count"], offset=rows["offset"])
    other = encoder_of("count").fit(rows["X"], rows["count"], exposure=exposure)
    assert_same_effects(one, other, 1e-3)
    assert model(one).mean == pytest.approx(model(other).mean, abs=1e-3)
    both = encoder_of("count").fit(rows["X"], rows["count"], exposure=exposure, offset=-rows["offset"])
    assert_same_effects(both, encoder_of("count").fit(rows["X"], rows["count"]), 1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_does_not_matter_and_weights_are_copies(rows, kind):
    weights = np.random.default_rng(1).integers(0, 3, 400)
    weighted = encoder_of(kind).fit(rows["X"], rows[kind], offset=rows["offset"], sample_weight=weights)
    copies = np.random.default_rng(2).permutation(np.repeat(np.arange(400), weights))
    copied = encoder_of(kind).fit(rows["X"].iloc[copies], rows[kind][copies], offset=rows["offset"][copies])
    new = rows["X"].iloc[copies[:50]]
    np.testing.assert_allclose(weighted.transform(new), copied.transform(new), rtol=0, atol=1e-8)


def test_interactions_are_found_in_what_the_offset_misses(rows):
    city, shop = rows["X"]["city"].isin(["a", "b"]), rows["X"]["shop"].str[1:].astype(int) % 2
    crossed = np.where(city == shop, 2.0, -2.0)
    y = rows["continuous"] + crossed
    encoder = encoder_of(interactions="auto")
    assert len(encoder.fit(rows["X"], y, offset=rows["offset"]).interactions_)
    assert not len(encoder.fit(rows["X"], y, offset=rows["offset"] + crossed).interactions_)


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_of_any_size_give_finite_effects(rows, kind):
    for scale in (1e-3, 30.0, 1e4):
        encoded = encoder_of(kind).fit_transform(rows["X"], rows[kind], offset=scale * rows["offset"])
        assert np.isfinite(encoded.to_numpy()).all()


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_a_named_column_is_the_offset_and_goes(rows, library):
    X, frame = rows["X"], rows["X"].assign(expected=rows["offset"])
    encoded = encoder_of().fit_transform(X, rows["continuous"], offset=rows["offset"])
    if library == "polars":
        frame = pytest.importorskip("polars").from_pandas(frame)
    elif library == "arrow":
        frame = pytest.importorskip("pyarrow").Table.from_pandas(frame)
    encoder = encoder_of()
    named = encoder.fit_transform(frame, rows["continuous"], offset="expected")
    names = named.column_names if library == "arrow" else list(named.columns)
    assert names == ["city", "shop"] == encoder.get_feature_names_out().tolist()
    named = named.to_pandas() if library != "pandas" else named
    np.testing.assert_array_equal(named, encoded)
    assert encoder.transform(X[:3]).shape == (3, 2)  # new rows need none
    assert encoder.transform(frame[:3]).shape == (3, 2)
    again = AdditiveEncoder.from_json(encoder.to_json())
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))


def test_its_units_may_be_a_list_or_a_masked_array(rows):
    expected = encoder_of().fit(rows["X"], rows["continuous"], offset=rows["offset"])
    for offset in (
        rows["offset"].tolist(),
        np.ma.masked_array(rows["offset"]),
        pd.Series(rows["offset"], range(1, 401)),
    ):
        assert_same_effects(encoder_of().fit(rows["X"], rows["continuous"], offset=offset), expected, 0.0)


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (np.zeros(7), r"`offset` must hold one number for each of the 400 rows of X, but it has the shape \(7,\)"),
        (np.zeros((400, 1)), r"it has the shape \(400, 1\)"),
        (["a"] * 400, "`offset` must be finite numbers, but its dtype is <U1. Convert it to floats"),
        (np.full(400, np.nan), r"`offset` must be finite and at most 1e\+100, but it ranges from nan to nan"),
        (np.full(400, -np.inf), "it ranges from -inf to -inf. Fill in missing values"),
        (np.full(400, 1e200), r"it ranges from 1e\+200"),
        (np.ma.masked_array(np.zeros(400), np.arange(400) == 7), "it ranges from nan to nan"),
        ("absent", r"`offset` names \['absent'\], which X does not have"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_what_is_no_offset_is_refused(rows, offset, message, method):
    encoder = encoder_of()
    with pytest.raises(ValueError, match=message):
        getattr(encoder, method)(rows["X"], rows["continuous"], offset=offset)
    assert not hasattr(encoder, "_fitted")


@pytest.mark.parametrize(
    ("y", "columns"), [(np.arange(400) % 3, 3), (np.random.default_rng(0).normal(size=(400, 2)), 2)]
)
def test_several_columns_of_y_are_refused(rows, y, columns):
    message = f"`offset` goes with one column of y, but y has {columns} columns or classes. Fit an encoder to each"
    with pytest.raises(ValueError, match=message):
        AdditiveEncoder().fit(rows["X"], y, offset=rows["offset"])


def test_lazy_tables_are_refused(rows):
    lazy = pytest.importorskip("polars").from_pandas(rows["X"].assign(y=rows["continuous"])).lazy()
    with pytest.raises(ValueError, match=r"`offset` needs rows in memory\. Collect the table"):
        AdditiveEncoder().fit(lazy, "y", offset=rows["offset"])


def test_it_is_routed_through_pipelines(rows):
    direct = encoder_of().fit(rows["X"], rows["continuous"], offset=rows["offset"])
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(encoder_of().set_fit_request(offset=True), Ridge())
        pipeline = clone(pipeline).fit(rows["X"], rows["continuous"], offset=rows["offset"])
    assert_same_effects(pipeline[0], direct, 0.0)
