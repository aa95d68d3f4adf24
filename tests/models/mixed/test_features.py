"""What comes out of mixed models."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.mixed import OUTPUTS, encoder_of
from scipy.special import expit
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from catpool import MixedModelEncoder


def test_an_unseen_level_has_the_prior_s_mode_and_sd(shops):
    X, y = shops
    encoder = encoder_of(["shop"], covariates=["price"], slopes={"shop": ["price"]}, output=OUTPUTS).fit(X, y)
    new = encoder.transform(X.assign(shop="nowhere"))
    assert (new[["shop", "shop_price", "shop_count"]] == 0).all(axis=None)
    D = encoder.model_.covariances[0]
    np.testing.assert_allclose(new[["shop_sd", "shop_price_sd"]], np.tile(np.sqrt(np.diag(D)), (len(X), 1)), rtol=1e-12)
    np.testing.assert_array_equal(new["prediction"], new["fixed"])
    fixed = encoder.model_.fixed
    np.testing.assert_allclose(new["fixed"], fixed[0] + fixed[1] * X["price"], rtol=1e-12)


@pytest.mark.slow
def test_a_prediction_is_the_sum_of_its_parts(shops):
    X, y = shops
    slopes = {"shop": ["price"], ("shop", "note"): ["size"]}
    encoder = encoder_of(["shop", "item", ("shop", "note")], covariates=["size"], slopes=slopes, output=OUTPUTS)
    for encoded in (encoder.fit_transform(X, y), encoder.transform(X)):
        parts = encoded["fixed"] + encoded["shop"] + encoded["shop_price"] * X["price"] + encoded["item"]
        parts += encoded["shop_x_note"] + encoded["shop_x_note_size"] * X["size"]
        np.testing.assert_allclose(encoded["prediction"], parts, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("target_type", ["binary", "count"])
def test_predictions_of_classes_and_counts_are_on_the_scale_of_y(shops, target_type):
    X, y = shops
    y = (y > 0).astype(int) if target_type == "binary" else np.abs(y).astype(int)
    encoder = encoder_of(["shop"], covariates=["price"], target_type=target_type, output=OUTPUTS, family="auto")
    encoded = encoder.fit(X, y).transform(X)
    eta = encoded["fixed"] + encoded["shop"]
    expected = expit(eta) if target_type == "binary" else np.exp(eta)
    np.testing.assert_allclose(encoded["prediction"], expected, rtol=1e-12)
    assert encoder.target_type_ == target_type
    normal = encoder.set_params(family="normal").fit(X, y)
    assert normal.model_.method == "REML"
    encoded = normal.transform(X)
    np.testing.assert_allclose(encoded["prediction"], encoded["fixed"] + encoded["shop"], rtol=1e-12)


def test_string_classes_are_numbered_as_scikit_learn_does(shops):
    X, y = shops
    encoder = encoder_of(["shop"], target_type="auto", output="prediction", remainder="drop")
    named = encoder.fit(X, np.where(y > 0, "yes", "no")).transform(X)
    assert encoder.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(named, encoder.fit(X, (y > 0).astype(int)).transform(X))


def test_count_is_of_the_rows_that_a_row_learns_from(shops):
    X, y = shops
    weights, folds = np.arange(90) % 4, np.arange(90) % 3
    encoder = encoder_of(["shop"], cv=folds, output="count", remainder="drop")
    out_of_fold = np.asarray(encoder.fit_transform(X, y, sample_weight=weights))[:, 0]
    shop = X["shop"].fillna("missing")
    for fold in range(3):
        own = folds == fold
        sums = pd.Series(weights[~own]).groupby(shop[~own].to_numpy()).sum()
        np.testing.assert_array_equal(out_of_fold[own], sums[shop[own]])
    sums = pd.Series(weights).groupby(shop.to_numpy()).sum()
    np.testing.assert_array_equal(np.asarray(encoder.transform(X))[:, 0], sums[shop])
    table = encoder.encoding_table("shop").query("count > 0")
    np.testing.assert_array_equal(table["count"], sums[table["category"].fillna("missing")])


def test_policies_differ(shops):
    X, y = shops
    new = pd.DataFrame({"shop": ["nowhere", None, "north"]})
    output = ["mode", "sd", "count"]
    got = {
        (unknown, missing): np.asarray(
            encoder_of(["shop"], output=output, unknown=unknown, missing=missing).fit(X[["shop"]], y).transform(new)
        )
        for unknown in ("prior", "nan")
        for missing in ("category", "prior", "nan")
    }
    assert np.isnan(got["nan", "category"][0]).tolist() == [True, True, False]
    assert np.isnan(got["prior", "nan"][1]).tolist() == [True, True, False]
    assert got["prior", "category"][1, 0] != 0
    np.testing.assert_array_equal(got["prior", "prior"][1, :2], got["prior", "prior"][0, :2])
    assert got["prior", "prior"][1, 0] == 0
    for result in got.values():
        np.testing.assert_array_equal(result[2], got["prior", "category"][2])
        assert result[:, 2].tolist() == [0, X["shop"].isna().sum(), (X["shop"] == "north").sum()]
    whole = X[["shop"]].dropna()
    strict = encoder_of(["shop"], unknown="error", missing="error").fit(whole, y[whole.index])
    with pytest.raises(ValueError, match="'shop' must have no missing values"):
        strict.transform(new[1:])
    with pytest.raises(ValueError, match="'nowhere'"):
        strict.transform(new[:1])
    with pytest.raises(ValueError, match="'shop' must have no missing values"):
        encoder_of(["shop"], missing="error").fit(X[["shop"]], y)


@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_predictions_are_nan_where_the_policy_hides_an_effect(kind):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 4, 90).astype(str), "b": rng.integers(0, 3, 90).astype(str)})
    y = (rng.normal(size=4)[X["a"].astype(int)] + rng.normal(size=90) > 0) * 1
    X.loc[::9, "a"] = None
    new = pd.DataFrame({"a": ["0", None, "new", "0"], "b": ["0", "0", "0", "new"]})

    def predicted(**policy):
        encoder = encoder_of(["a", "b"], output=["prediction", "fixed"], target_type=kind, **policy).fit(X, y)
        found = encoder.transform(new)
        assert not found["fixed"].isna().any()
        assert found["prediction"].isna().tolist() == encoder.predict(new)["mean"].isna().tolist()
        return found["prediction"]

    shown = predicted()
    assert not shown.isna().any()
    for policy, hidden in (({"missing": "nan"}, [1]), ({"unknown": "nan"}, [2, 3])):
        found = predicted(**policy)
        assert np.flatnonzero(found.isna()).tolist() == hidden
        np.testing.assert_array_equal(found.dropna(), shown.drop(hidden))
    encoder = encoder_of(["a"], missing="nan", output="prediction", remainder="drop")
    assert np.isnan(np.asarray(encoder.fit_transform(X, y))[::9]).all()


def test_policies_hold_out_of_fold_and_for_cells(shops):
    X, y = shops
    X = X[["shop", "note"]].assign(note=np.where(np.arange(90) == 4, "only here", X["note"]))
    for groups in (["note"], [("shop", "note")]):
        encoder = encoder_of(groups, cv=np.arange(90) % 3, unknown="nan", remainder="drop")
        encoded = np.asarray(encoder.fit_transform(X.fillna("east"), y))
        assert np.isnan(encoded[4]).all()
        encoded = np.asarray(encoder.set_params(unknown="prior").fit_transform(X.fillna("east"), y))
        assert encoded[4].tolist() == [0]
    encoder = encoder_of([("shop", "note")], missing="nan", unknown="error", remainder="drop").fit(X, y)
    np.testing.assert_array_equal(np.isnan(np.asarray(encoder.transform(X)))[:, 0], X["shop"].isna())
    with pytest.raises(ValueError, match=r"\('nowhere', 'u'\)"):
        encoder.transform(X.assign(shop="nowhere", note="u"))


def test_names_and_their_order(shops):
    X, y = shops
    slopes = {"shop": ["price", "size"], ("shop", "item"): ["size"]}
    encoder = encoder_of(["item", "shop", ("shop", "item")], covariates=["price"], slopes=slopes)
    encoder.fit(X, y)
    cells = ["shop_x_item", "shop_x_item_size"]
    expected = ["shop", "shop_price", "shop_size", "price", "item", "size", "note", *cells]
    assert encoder.get_feature_names_out().tolist() == expected
    assert encoder.transform(X).columns.tolist() == expected
    encoder.set_params(output=["prediction", "sd", "mode", "count"], remainder="drop", groups=["shop", "item"])
    encoder.set_params(slopes={"shop": ["price"]}).fit(X, y)
    assert encoder.get_feature_names_out().tolist() == [
        *["shop_sd", "shop_price_sd", "shop", "shop_price", "shop_count", "item_sd", "item", "item_count", "prediction"]
    ]
    assert encoder.transform(X).shape == (90, 9)
    only = encoder_of([("note", "item")], remainder="drop").fit(X, y)
    assert only.get_feature_names_out().tolist() == ["note_x_item"]


@pytest.mark.slow
def test_arrays_have_positions(shops):
    X, y = shops
    frame = encoder_of(["item"], covariates=["price"], slopes={"item": ["size"]}, output=OUTPUTS, remainder="drop")
    array = clone(frame).set_params(groups=[0], covariates=[1], slopes={0: [2]})
    values = X[["item", "price", "size"]].to_numpy()
    np.testing.assert_allclose(array.fit_transform(values, y), frame.fit_transform(X, y), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(array.transform(values), frame.transform(X), rtol=1e-7, atol=1e-7)
    names = ["x0", "x0_x2", "x0_sd", "x0_x2_sd", "x0_count", "fixed", "prediction"]
    assert array.get_feature_names_out().tolist() == names
    own = ["item", "item_size", "item_sd", "item_size_sd", "item_count", "fixed", "prediction"]
    assert array.get_feature_names_out(["item", "price", "size"]).tolist() == own
    assert array.summary_.query("kind == 'fixed'")["term"].tolist() == ["intercept", "x1"]
    tables = array.encoding_table(0)[:-1], frame.encoding_table("item")[:-1]
    table, own = (each.sort_values("category") for each in tables)
    numbers = ["mode", "sd", "lower", "upper"]
    assert table.columns.tolist() == ["category", "count", *numbers, *(f"x2_{each}" for each in numbers)]
    np.testing.assert_allclose(table.to_numpy(dtype=float), own.to_numpy(dtype=float), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_set_output_and_polars(shops, kind):
    X, y = shops
    encoder = encoder_of(["shop"], covariates=["price"], output=["mode", "prediction"])
    plain = encoder.fit(X, y).transform(X)
    wanted = clone(encoder).set_output(transform=kind).fit(X, y).transform(X)
    assert type(wanted).__module__.startswith(kind)
    assert list(wanted.columns) == plain.columns.tolist()
    np.testing.assert_array_equal(wanted["prediction"].to_numpy(), plain["prediction"])
    polars = pytest.importorskip("polars")
    own = clone(encoder).fit(polars.from_pandas(X), y).transform(polars.from_pandas(X))
    assert isinstance(own, polars.DataFrame)
    np.testing.assert_array_equal(own["shop"].to_numpy(), plain["shop"])


@pytest.mark.slow
def test_inside_of_scikit_learn(shops):
    X, y = shops
    slopes = {"shop": ["price"]}
    encoder = encoder_of(["shop", ("shop", "item")], covariates=["price"], slopes=slopes, output=["mode", "sd"])
    copied = clone(encoder)
    assert copied.get_params() == encoder.get_params()
    features = X[["shop", "item", "price"]]
    expected = np.asarray(encoder.fit_transform(features, y))
    loaded = pickle.loads(pickle.dumps(encoder))
    pd.testing.assert_frame_equal(loaded.transform(features), encoder.transform(features))
    pd.testing.assert_frame_equal(loaded.summary_, encoder.summary_)
    columns = ColumnTransformer([("effects", copied, list(features))])
    np.testing.assert_array_equal(np.asarray(columns.fit_transform(X, y)), expected)
    assert columns.get_feature_names_out()[0] == "effects__shop"
    scores = cross_val_score(make_pipeline(columns, Ridge()), X, y, cv=3)
    assert (scores > 0.3).all()


def test_the_model_is_worth_its_adjustment(shops):
    """Where prices differ by shop, the raw mean of a shop is not its effect."""
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 8, 2000)
    X = pd.DataFrame({"shop": shop, "price": rng.normal(size=2000) + shop})
    effects = rng.normal(size=8)
    encoder = encoder_of(["shop"], covariates=["price"]).fit(X, effects[shop] - X["price"] + rng.normal(size=2000))
    modes = encoder.encoding_table("shop").query("count > 0").sort_values("category")["mode"]
    np.testing.assert_allclose(modes, effects - effects.mean(), atol=0.4)


def test_a_tuple_may_be_the_label_of_one_column():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({("shop", 1): rng.integers(0, 5, 60).astype(str), ("size", "cm"): rng.normal(size=60)})
    y = rng.normal(size=60)
    encoder = MixedModelEncoder([("shop", 1)], covariates=[("size", "cm")])
    plain = MixedModelEncoder(["shop"], covariates=["size"]).fit(X.set_axis(["shop", "size"], axis=1), y)
    expected = plain.transform(X.set_axis(["shop", "size"], axis=1))
    for result in (encoder.fit(X, y).transform(X), MixedModelEncoder.from_json(encoder.to_json()).transform(X)):
        np.testing.assert_allclose(np.asarray(result), np.asarray(expected), rtol=1e-9)


@pytest.mark.parametrize("target_type", ["continuous", "count"])
def test_effects_without_a_variance_are_zero_and_so_are_their_sds(target_type):
    """The sd is of the effect, given its variance; what is not known is the intercept, which has a standard error."""
    X, y = pd.DataFrame({"shop": np.repeat(list("abcd"), 10)}), np.tile(np.arange(10), 4)
    encoder = encoder_of(["shop"], target_type=target_type, output=OUTPUTS, remainder="drop").fit(X, y)
    found = encoder.transform(pd.DataFrame({"shop": ["a", "new"]}))
    assert (found[["shop", "shop_sd"]] == 0).all(axis=None)
    np.testing.assert_allclose(found["prediction"], 4.5, rtol=1e-6)
    error = {"continuous": y.std(ddof=1) / np.sqrt(40), "count": 1 / np.sqrt(4.5 * 40)}[target_type]
    assert encoder.summary_["se"][0] == pytest.approx(error, rel=1e-6)
