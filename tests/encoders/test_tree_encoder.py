"""TreeEncoder: which features it makes of a table, and that no row's own target reaches its own."""

import datetime
import decimal
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from catpool import (
    AdditiveEncoder,
    EarlierRows,
    EmpiricalBayesEncoder,
    NestedEncoder,
    TreeEncoder,
    monotone_constraints,
)

KINDS = ("continuous", "binary", "count", "multiclass")


def table(n=1500, seed=0):
    """Shops in cities, a color, a truth value, a number with gaps, and a date."""
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 40, n)
    X = pd.DataFrame(
        {
            "city": np.array([f"city {each % 12:02d}" for each in range(40)], dtype=object)[shop],
            "shop": shop.astype(str),
            "color": pd.Categorical(rng.choice(["red", "blue", "green"], n), categories=["red", "blue", "green", "-"]),
            "open": rng.random(n) < 0.5,
            "price": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), unit="D"),
        }
    )
    X.loc[::50, "shop"] = None
    eta = rng.normal(size=40)[shop] + np.nan_to_num(X["price"]) + (X["color"] == "red") * rng.normal(size=40)[shop]
    return X, eta.to_numpy(), rng


def target(eta, kind, rng):
    return {
        "continuous": lambda: eta + rng.normal(size=len(eta)),
        "binary": lambda: (eta + rng.logistic(size=len(eta)) > 0).astype(int),
        "count": lambda: rng.poisson(np.exp(0.5 * eta)),
        "multiclass": lambda: np.digitize(eta + rng.normal(size=len(eta)), [-1, 1]),
    }[kind]()


def test_each_column_has_the_features_of_its_kind():
    X, eta, rng = table()
    encoder = TreeEncoder(random_state=0)
    features = encoder.fit_transform(X, target(eta, "continuous", rng))
    names = features.columns.tolist()
    assert names[:4] == ["city", "city_size", "city_code", "shop"]
    assert {"shop_size", "color_code", "open_code", "price", "day", "shop_adjusted", "price_adjusted"} <= set(names)
    assert not {"color", "color_size", "open", "day_adjusted", "open_adjusted"} & set(names)
    pd.testing.assert_series_equal(features["price"], X["price"])
    assert encoder.get_feature_names_out().tolist() == names
    assert encoder.transform(X.iloc[:9]).columns.tolist() == names
    assert encoder.interactions_["columns"].tolist()[0] == ("shop", "color")
    assert set(encoder.summary_["column"]) >= {"city", "shop", "color", "open", "price", "shop_x_color"}


def test_objects_are_categories_unless_they_are_numbers_or_dates():
    X, eta, rng = table(n=300)
    others = {
        "cost": pd.Series([decimal.Decimal("1.5"), decimal.Decimal("2.5")] * 150, dtype=object),
        "date": pd.Series([datetime.date(2020, 1, 1)] * 300, dtype=object),
        "month": pd.Series(pd.period_range("2020", periods=300, freq="M")),
        "flag": pd.Series([True, None] * 150, dtype=object),
    }
    encoder = TreeEncoder(random_state=0, interactions=None, drop_noise=False)
    features = encoder.fit_transform(X[["shop"]].assign(**others), target(eta, "continuous", rng))
    assert features.columns.tolist() == [
        *("shop", "shop_size", "cost", "date", "month", "flag_code", "shop_adjusted", "flag_adjusted", "cost_adjusted")
    ]
    for name in ("cost", "date", "month"):
        pd.testing.assert_series_equal(features[name], others[name], check_names=False)


def test_means_and_effects_are_those_of_the_encoders_that_have_them():
    X, eta, rng = table()
    X, y = X.drop(columns="day"), target(eta, "continuous", rng)
    cv = np.arange(len(y)) % 5
    tree = TreeEncoder(interactions=[("shop", "color")], drop_noise=False, cv=cv)
    means = EmpiricalBayesEncoder(["city", "shop"], output="trees", cv=cv, remainder="drop", prior="reml")
    effects = AdditiveEncoder(interactions=[("shop", "color")], cv=cv, remainder="drop")
    for rows in (slice(None), slice(0, 40)):
        own, mean, effect = (
            each.fit_transform(X, y) if rows == slice(None) else each.transform(X.iloc[rows])
            for each in (tree, means, effects)
        )
        pd.testing.assert_frame_equal(own[mean.columns], mean)
        pd.testing.assert_frame_equal(own[[f"{name}_adjusted" for name in effect]], effect.add_suffix("_adjusted"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_fold_s_own_targets_move_no_bit_of_its_features(kind):
    X, eta, rng = table(n=400)
    y, folds = target(eta, kind, rng), np.arange(400) % 3
    changed = np.where(folds == 0, rng.permutation(y), y)
    encoder = TreeEncoder(interactions=[("shop", "color")], drop_noise=False, cv=folds, target_type=kind)
    before, after = (clone(encoder).fit_transform(X.drop(columns="day"), each) for each in (y, changed))
    own = [name for name in before if name in after]  # codes are chosen once for all rows
    assert {name for name in own if name.endswith("_adjusted")} == {
        name for name in before if name.endswith("_adjusted")
    }
    assert (before[own][folds == 0].to_numpy(float)).tobytes() == (after[own][folds == 0].to_numpy(float)).tobytes()
    assert not np.allclose(before[own][folds == 1].fillna(0), after[own][folds == 1].fillna(0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_gives_the_same_features(kind):
    X, eta, rng = table()
    encoder = TreeEncoder(random_state=0, nested=[["city", "shop"]], target_type=kind).fit(X, target(eta, kind, rng))
    again = TreeEncoder.from_json(encoder.to_json())
    pd.testing.assert_frame_equal(again.transform(X.iloc[:99]), encoder.transform(X.iloc[:99]))
    pd.testing.assert_frame_equal(again.summary_, encoder.summary_)
    pd.testing.assert_frame_equal(again.interactions_, encoder.interactions_)
    row = X.iloc[3].to_dict()
    expected = encoder.transform(X.iloc[[3]])
    looked_up = again.lookup(row)
    assert looked_up == {name: expected[name].item() for name in looked_up}


def test_ids_are_left_out_with_a_warning():
    X, eta, rng = table()
    X["id"] = [f"row {each}" for each in range(len(X))]
    y = target(eta, "continuous", rng)
    encoder = TreeEncoder(random_state=0)
    with pytest.warns(UserWarning, match=r"Columns \['id'\] have a category of their own in each row"):
        features = encoder.fit_transform(X, y)
    assert encoder.left_out_ == ["id"]
    assert not [name for name in features if name.startswith("id")]
    pd.testing.assert_frame_equal(features, TreeEncoder(random_state=0).fit_transform(X.drop(columns="id"), y))
    assert "id" not in encoder.transform(X.iloc[:5])
    assert TreeEncoder().fit([[each] for each in "abcdefghij"], np.arange(10.0)).left_out_ == []


def test_levels_within_levels_are_encoded_as_nested_ones():
    X, eta, rng = table()
    y, cv = target(eta, "continuous", rng), np.arange(len(eta)) % 4
    nested = NestedEncoder(
        ["city", "shop"], emit="all", prior="reml", output=["mean", "count"], cv=cv, remainder="drop"
    )
    own = TreeEncoder(nested=[["city", "shop"]], cv=cv).fit_transform(X, y)
    alone = nested.fit_transform(X[["city", "shop"]], y)
    pd.testing.assert_frame_equal(own[alone.columns], alone)
    assert "shop_size" not in own
    assert "shop_adjusted" in own


def test_parameters_say_what_there_is():
    X, eta, rng = table()
    y = target(eta, "continuous", rng)
    names = {
        "none": TreeEncoder(adjust=False, interactions=None, random_state=0),
        "pairs": TreeEncoder(adjust=False, interactions=[("city", "color")], random_state=0),
        "noise": TreeEncoder(interactions=None, drop_noise=False, random_state=0),
        "columns": TreeEncoder(["shop"], random_state=0),
        "rare": TreeEncoder(crossfit="rare", random_state=0),
    }
    names = {
        key: encoder.fit_transform(X.drop(columns="day") if key != "columns" else X[["shop", "price"]], y)
        for key, encoder in names.items()
    }
    adjusted = {key: [name for name in own if name.endswith("_adjusted")] for key, own in names.items()}
    assert adjusted["none"] == []
    assert adjusted["pairs"] == ["city_x_color_adjusted"]
    assert adjusted["noise"] == [f"{name}_adjusted" for name in ["city", "shop", "color", "open", "price"]]
    assert adjusted["columns"] == ["shop_adjusted", "price_adjusted"]
    assert names["rare"]["shop"].nunique() < TreeEncoder(random_state=0).fit_transform(X, y)["shop"].nunique()


def test_frames_of_all_libraries_and_arrays_give_the_same_numbers():
    X, eta, rng = table()
    X, y = X.drop(columns="day"), target(eta, "continuous", rng)
    X["color"] = X["color"].astype(object)
    pandas = TreeEncoder(random_state=0).fit_transform(X, y)
    polars = TreeEncoder(random_state=0).fit_transform(pl.from_pandas(X), y)
    assert isinstance(polars, pl.DataFrame)
    array = TreeEncoder(random_state=0).fit_transform(X.to_numpy(dtype=object), y)
    np.testing.assert_array_equal(polars.to_numpy().astype(float), pandas.to_numpy(float))
    np.testing.assert_array_equal(array.astype(float), pandas.to_numpy(float))


def test_numbers_alone_have_adjusted_effects():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    features = TreeEncoder(random_state=0).fit_transform(X, np.sin(3 * X[:, 0]) + rng.normal(size=500) / 4)
    np.testing.assert_array_equal(features[:, :3], X)
    assert np.corrcoef(features[:, 3], np.sin(3 * X[:, 0]))[0, 1] > 0.9


def test_codes_are_there_where_trees_gain_from_them():
    rng = np.random.default_rng(0)
    n = 6000
    shop, title = rng.integers(0, 1500, n), rng.integers(0, 300, n)
    X = pd.DataFrame(
        {
            "shop": shop.astype(str),
            "title": [f"{each:03d}" for each in title],
            "few": rng.choice(list("abcdefghijkl"), n),
        }
    )
    y = rng.normal(size=1500)[shop] + 2 * np.sin(title / 30) + rng.normal(size=n)
    names = TreeEncoder(random_state=0, interactions=None).fit(X, y).get_feature_names_out()
    assert "shop_code" not in names  # four rows each, in an order that says nothing
    assert {"title_code", "few_code"} <= set(names)  # titles next to each other are alike; many rows each


def test_it_works_in_pipelines_and_searches():
    X, eta, rng = table()
    X, y = X.drop(columns="day").fillna({"price": 0.0}), target(eta, "continuous", rng)
    pipeline = make_pipeline(TreeEncoder(random_state=0, cv=3), LinearRegression())
    search = GridSearchCV(pipeline, {"treeencoder__adjust": [True, False]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.4
    assert search.best_params_ == {"treeencoder__adjust": True}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"columns": ["absent"]}, r"`columns` names \['absent'\]"),
        ({"interactions": [("shop", "absent")]}, "`interactions` must combine"),
        ({"nested": [["city", "absent"]]}, r"`nested` names \['absent'\]"),
        ({"nested": [["city", "shop"], ["shop", "color"]]}, "`nested` must name each column once"),
        ({"columns": "all"}, "'columns' parameter"),
        ({"cv": EarlierRows("day")}, "works only with encoders of single columns"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters, message):
    X, eta, _ = table(n=60)
    with pytest.raises(ValueError, match=message):
        TreeEncoder(**parameters).fit_transform(X, eta)


def test_lazy_tables_are_refused():
    X, eta, _ = table(n=60)
    with pytest.raises(TypeError, match="in memory"):
        TreeEncoder().fit(pl.from_pandas(X.assign(y=eta)).lazy(), "y")


def test_nothing_warns_on_an_ordinary_table():
    X, eta, rng = table()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TreeEncoder(random_state=0).fit_transform(X, target(eta, "binary", rng))


def test_tables_without_any_factor_pass_through():
    days = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=30)})
    y = np.random.default_rng(0).normal(size=30)
    pd.testing.assert_frame_equal(TreeEncoder().fit_transform(days, y), days)
    pd.testing.assert_frame_equal(AdditiveEncoder(interactions="auto").fit_transform(days, y), days)
    texts = pd.DataFrame({"shop": list("abc") * 10})
    pd.testing.assert_frame_equal(TreeEncoder([]).fit_transform(texts, y), texts)


def test_what_columns_are_adjusted_for_is_not_encoded():
    X = pd.DataFrame({"shop": list("abc") * 20, "city": list("xy") * 30})
    encoder = AdditiveEncoder(adjust_for=["city"]).fit(X, np.arange(60.0))
    assert encoder.summary_["column"].tolist() == ["shop", "city"]
    with pytest.raises(ValueError, match=r"that `columns` names too: \['city'\]\. Remove them from it"):
        AdditiveEncoder(["shop", "city"], adjust_for=["city"]).fit(X, np.arange(60.0))


@pytest.mark.parametrize("nested", [[5], [None], ["ab"], [{"shop": 1}]])
def test_levels_are_lists(nested):
    X = pd.DataFrame({"shop": list("abc") * 20})
    with pytest.raises(ValueError, match="`nested` must be a list of lists of columns"):
        TreeEncoder(nested=nested).fit(X, np.arange(60.0))


@pytest.mark.parametrize("interactions", [[5], [None], [{"shop": 1}], [("shop", ["city"])]])
def test_interactions_are_tuples_of_labels(interactions):
    X = pd.DataFrame({"shop": list("abc") * 20, "city": list("xy") * 30})
    for encoder in (TreeEncoder, AdditiveEncoder, EmpiricalBayesEncoder):
        with pytest.raises(ValueError, match="`interactions` must hold tuples of"):
            encoder(interactions=interactions).fit(X, np.arange(60.0))


def test_a_row_is_a_dict():
    X = pd.DataFrame({"shop": list("abc") * 20})
    with pytest.raises(TypeError, match="The row must be a dict of values by column"):
        TreeEncoder().fit(X, np.arange(60.0)).lookup(5)


def test_means_of_nested_levels_rise():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"state": rng.choice(list("ab"), 200)})
    X["county"] = X["state"] + rng.choice(list("xyz"), 200)
    encoder = TreeEncoder(nested=[["state", "county"]]).fit(X, rng.normal(size=200))
    found = dict(zip(encoder.get_feature_names_out(), monotone_constraints(encoder), strict=True))
    assert found["state"] == found["county"] == 1
