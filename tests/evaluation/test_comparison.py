"""Encoders compared on data."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, KFold
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from catpool import EmpiricalBayesEncoder, MeanEncoder, TreeEncoder, compare_encoders
from catpool.data import progress


@pytest.fixture
def shops():
    rng = np.random.default_rng(0)
    shop = rng.integers(0, 150, 900)
    X = pd.DataFrame({"area": rng.normal(size=900), "shop": shop.astype(str), "kind": np.array(list("abc"))[shop % 3]})
    return X, rng.normal(size=150)[shop] + 0.5 * X["area"].to_numpy() + rng.normal(size=900)


def test_every_default_is_scored(shops):
    X, y = shops
    table = compare_encoders(X, y, DecisionTreeRegressor(max_depth=5, random_state=0), cv=3, verbose=False)
    assert set(table.index) == {
        "without these columns",
        "ordinal codes",
        "one-hot below 30 levels",
        "TargetEncoder",
        "MeanEncoder",
        "SmoothedMeanEncoder",
        "EmpiricalBayesEncoder",
        "TreeEncoder",
        "TreeEncoder, rare",
    }
    assert table["score"].is_monotonic_decreasing
    assert table.loc["EmpiricalBayesEncoder", "score"] > table.loc["ordinal codes", "score"]
    assert table["wins"].sum() >= 3
    assert (table["seconds"] > 0).all()
    assert np.isnan(table["p_value"].iloc[0])
    assert table["p_value"].dropna().between(0, 1).all()
    assert table["p_value"].notna().sum() >= 5  # but for encoders that do the same as the best


def test_scores_are_those_of_a_loop_by_hand(shops):
    X, y = shops
    model, encoder = DecisionTreeRegressor(max_depth=4, random_state=0), MeanEncoder(["shop", "kind"], random_state=1)
    by_hand = []
    for train, test in KFold(4, shuffle=True, random_state=7).split(X):
        own = encoder.fit_transform(X.iloc[train], y[train])
        by_hand.append(model.fit(own, y[train]).score(encoder.transform(X.iloc[test]), y[test]))
    encoders = {"mean": MeanEncoder(random_state=1)}
    table = compare_encoders(X, y, model, encoders, cv=4, random_state=7, verbose=False)
    assert table.loc["mean", "score"] == pytest.approx(np.mean(by_hand), rel=1e-12)


@pytest.mark.parametrize("crossfit", ["all", "rare"])
def test_tree_encoders_get_all_columns_and_encode_those_that_are_compared(shops, crossfit):
    X, y = shops
    X = X.assign(shop=X["shop"].astype(int))  # categories that are numbers, beside an area that has an effect, too
    model = DecisionTreeRegressor(max_depth=5, random_state=0)
    encoder = TreeEncoder(["shop", "kind"], crossfit=crossfit, random_state=7)
    by_hand = []
    for train, test in KFold(3, shuffle=True, random_state=7).split(X):
        own = encoder.fit_transform(X.iloc[train], y[train])
        assert {"shop_adjusted", "area_adjusted"} <= set(own)
        by_hand.append(model.fit(own.to_numpy(), y[train]).score(encoder.transform(X.iloc[test]).to_numpy(), y[test]))
    name = "TreeEncoder" if crossfit == "all" else "TreeEncoder, rare"
    options = {"columns": ["shop", "kind"], "random_state": 7, "verbose": False}
    table = compare_encoders(X, y, model, {name: None}, cv=3, **options)
    assert table.loc[name, "score"] == pytest.approx(np.mean(by_hand), rel=1e-9)


def test_classes_groups_and_scorings(shops):
    X, y = shops
    label, groups = np.where(y > 0, "yes", "no"), np.arange(900) // 3
    encoders = {"codes": OrdinalEncoder(), "bayes": EmpiricalBayesEncoder(random_state=0)}
    options = {"columns": ["kind"], "groups": groups, "verbose": False}
    model = DecisionTreeClassifier(max_depth=3, random_state=0)
    X = X.drop(columns="shop")
    by_int = compare_encoders(X, label, model, encoders, cv=3, scoring="roc_auc", **options)
    folds = GroupKFold(3, shuffle=True, random_state=0)
    pd.testing.assert_frame_equal(
        by_int.drop(columns="seconds"),
        compare_encoders(X, label, model, encoders, cv=folds, scoring="roc_auc", **options).drop(columns="seconds"),
    )
    assert not by_int["score"].equals(compare_encoders(X, label, model, encoders, cv=3, **options)["score"])


def test_other_tables_give_the_same(shops):
    polars = pytest.importorskip("polars")
    X, y = shops
    model = RandomForestClassifier(5, random_state=0)
    encoders = {"bayes": EmpiricalBayesEncoder(random_state=0)}
    tables = [X, polars.DataFrame(X.to_dict("list"))]
    a, b = (compare_encoders(each, y > 0, model, encoders, cv=3, verbose=False)["score"] for each in tables)
    pd.testing.assert_series_equal(a, b)


def test_long_comparisons_are_shown_where_it_is_wanted(shops, capsys, monkeypatch):
    X, y = shops
    model, encoders = DecisionTreeRegressor(max_depth=2), {"mean": MeanEncoder()}
    compare_encoders(X, y, model, encoders, cv=3)
    assert not capsys.readouterr().err
    monkeypatch.setattr(progress, "DELAY", 0.0)
    compare_encoders(X, y, model, encoders, cv=3, verbose=False)
    assert not capsys.readouterr().err
    monkeypatch.setattr(progress.Watched, "bar", lambda *loop: progress.Lines(*loop))
    compare_encoders(X, y, model, encoders, cv=3)
    assert capsys.readouterr().err.startswith("compare_encoders: 1 of 3 fits")


def test_a_table_of_numbers_needs_columns():
    X, y = pd.DataFrame({"zip": np.arange(60) % 7}), np.arange(60.0)
    with pytest.raises(ValueError, match="columns"):
        compare_encoders(X, y, DecisionTreeRegressor(), verbose=False)
    table = compare_encoders(
        X, y, DecisionTreeRegressor(), {"mean": MeanEncoder()}, cv=3, columns=["zip"], verbose=False
    )
    assert len(table) == 1


@pytest.fixture
def small(shops):
    X, y = shops
    return X[:200], y[:200]


TREE = DecisionTreeRegressor(max_depth=3, random_state=0)


@pytest.mark.slow
def test_what_y_is_follows_from_the_estimator(small):
    X, y = small
    stars = np.clip(np.round(y + 3), 1, 5).astype(int)
    tables = [
        compare_encoders(X, numbers, TREE, cv=3, verbose=False)["score"].sort_index()
        for numbers in (stars, stars.astype(float))
    ]
    pd.testing.assert_series_equal(*tables)
    compare_encoders(X, np.arange(200), TREE, cv=3, verbose=False)
    counts = [compare_encoders(X, stars, TREE, cv=3, target_type=kind, verbose=False) for kind in ("count", None)]
    assert not counts[0]["score"].equals(counts[1]["score"])


def test_groups_may_be_fewer_than_folds(small):
    X, y = small
    table = compare_encoders(X, y, TREE, cv=3, groups=np.arange(200) % 5, verbose=False)
    assert len(table) == 9


def test_columns_that_are_no_numbers_are_named(small):
    X, y = small
    with pytest.raises(ValueError, match=r"\['shop'\]"):
        compare_encoders(X, y, TREE, cv=3, columns=["kind"], verbose=False)
    with pytest.raises(ValueError, match=r"\['wave'\]"):
        compare_encoders(X.assign(wave=1j), y, TREE, cv=3, columns=["kind", "shop"], verbose=False)
    flags = X.assign(flag=pd.array([True, None] * 100, dtype="boolean"))
    assert len(compare_encoders(flags, y, TREE, {"mean": MeanEncoder()}, cv=3, verbose=False)) == 1
    for wrong in ([MeanEncoder()], {}):
        with pytest.raises(ValueError, match="dict of transformers"):
            compare_encoders(X, y, TREE, wrong, verbose=False)


def test_noise_alone_is_a_constant(small):
    X, _ = small
    noise = np.tile([1.0, 2.0], 100)
    encoders = {"bayes": EmpiricalBayesEncoder(drop_noise=True)}
    table = compare_encoders(X.assign(kind=list("aabb") * 50)[["kind"]], noise, TREE, encoders, cv=2, verbose=False)
    assert table["score"].item() < 0.01


def test_any_integer_is_a_number_of_folds(small):
    X, y = small
    encoders = {"mean": MeanEncoder(random_state=0)}
    tables = [compare_encoders(X, y, TREE, encoders, cv=cv, verbose=False)["score"] for cv in (5, np.int64(5), None)]
    assert tables[0].item() == tables[1].item() == tables[2].item()


def test_missing_strings_of_pandas_go_through_the_default_encoders():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"shop": rng.choice(["a", "b", "c"], 90), "size": rng.normal(size=90)}).astype({"shop": "string"})
    X.loc[::7, "shop"] = pd.NA
    table = compare_encoders(X, rng.normal(size=90), DecisionTreeRegressor(max_depth=2), cv=2, verbose=False)
    assert table["score"].notna().all()
