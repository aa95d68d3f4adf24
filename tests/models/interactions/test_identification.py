"""Cells whose parts are confounded: the split between part and cell is a rule, never a matter of rounding."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from catpool import EmpiricalBayesEncoder
from catpool.models.interactions.cell_parts import CellParts

OUTPUT = ["mean", "sd", "reliability"]
KINDS = ["continuous", "binary", "count"]


def nested_shops(seed=0, n=300):
    """Each shop is in one city, and each city has one mayor."""
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 25, n)
    city = shop % 6
    effect = rng.normal(size=6)[city] + 0.7 * rng.normal(size=25)[shop]
    X = pd.DataFrame({"city": city, "shop": shop, "mayor": (city * 5) % 7}).astype(str)
    weights = rng.choice([0.5, 1.0, 3.0], n)
    return (
        X,
        weights,
        {
            "continuous": effect + rng.normal(size=n),
            "binary": (effect + rng.logistic(size=n) > 0).astype(int),
            "count": rng.poisson(np.exp(0.4 * effect)),
        },
    )


def cells(*parts, **parameters):
    return EmpiricalBayesEncoder([], interactions=[parts], output=OUTPUT, remainder="drop", **parameters)


def test_parts_that_group_the_cells_alike_are_one_factor_and_constant_parts_none():
    #                         a  b  c  d: c groups the cells as a does, b is constant, d has a category for each cell
    parts = CellParts(np.array([[3, 1, 7, 1], [3, 1, 7, 2], [1, 1, 2, 3], [3, 1, 7, 4]]), (5, 3, 9, 6))
    alike, each = parts.factors()
    assert sorted(alike.found) == [0, 2]
    assert alike.codes.tolist() == [0, 0, 1, 0]
    assert alike.found[2].tolist() == [7, 2]
    assert each.levels == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_with_a_category_for_each_cell_has_the_whole_effect(kind):
    X, _, y = nested_shops()
    encoder = cells("city", "shop", target_type=kind).fit(X, y[kind])
    prior = encoder.tables_[0].encodings[0].prior
    assert prior.strength == np.inf
    assert np.ptp(prior.regression.effects[1]) > 0.1
    table = encoder.transform(X)
    assert (table["city_x_shop_reliability"] == 0).all()
    # a shop that has moved to another city keeps its effect
    moved = encoder.transform(pd.DataFrame({"city": "1", "shop": X["shop"].unique()}))
    assert moved["city_x_shop"].nunique() > 20


def test_parts_that_group_alike_share_one_effect_equally():
    X, _, y = nested_shops()
    X["town"] = X["city"] + "!"
    X["part"] = np.random.default_rng(1).integers(0, 4, len(X)).astype(str)
    encoder = cells("city", "town", "part").fit(X, y["continuous"])
    table = encoder.tables_[0]
    prior = table.encodings[0].prior
    parts = table.vocabulary.paths.parts
    city = dict(zip(parts[0].categories, prior.regression.effects[0][1:-1], strict=True))
    town = dict(zip(parts[1].categories, prior.regression.effects[1][1:-1], strict=True))
    assert {f"{name}!": value for name, value in city.items()} == town
    without = cells("city", "part").fit(X, y["continuous"]).transform(X).to_numpy()
    np.testing.assert_allclose(encoder.transform(X).to_numpy(), without, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parts", [("city", "shop"), ("shop", "city"), ("city", "mayor"), ("city", "shop", "mayor")])
def test_unused_categories_and_the_order_of_rows_change_nothing(parts, kind):
    X, weights, y = nested_shops()
    encoder = cells(*parts, target_type=kind)
    plain = encoder.fit(X, y[kind], sample_weight=weights).transform(X).to_numpy()
    unused = X.apply(lambda column: column.astype(pd.CategoricalDtype([*"zyx", *sorted(column.unique()), *"uvw"])))
    with_unused = encoder.fit(unused, y[kind], sample_weight=weights).transform(unused).to_numpy()
    np.testing.assert_allclose(with_unused, plain, rtol=1e-6, atol=1e-8)
    order = np.random.default_rng(2).permutation(len(X))
    encoder.fit(X.iloc[order], y[kind][order], sample_weight=weights[order])
    np.testing.assert_allclose(encoder.transform(X).to_numpy(), plain, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parts", [("city", "shop"), ("city", "mayor", "shop")])
@pytest.mark.parametrize("seed", range(2))
def test_out_of_fold_is_a_refit_for_each_fold(parts, kind, seed):
    X, weights, y = nested_shops(seed, n=120)
    y, folds = y[kind], np.arange(len(X)) % 4
    encoder = cells(*parts, target_type=kind, cv=folds)
    encoded = encoder.fit_transform(X, y, sample_weight=weights).to_numpy()
    for fold in range(4):
        train, test = folds != fold, folds == fold
        refit = clone(encoder).fit(X[train], y[train], sample_weight=weights[train])
        np.testing.assert_allclose(encoded[test], refit.transform(X[test]).to_numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_lazy_tables_decide_alike(kind):
    pl = pytest.importorskip("polars")
    X, _, y = nested_shops()
    encoder = cells("city", "shop", target_type=kind)
    memory = encoder.fit(X, y[kind]).transform(X).to_numpy()
    lazy = pl.LazyFrame({name: X[name].tolist() for name in X} | {"y": y[kind]})
    encoder.fit(lazy, "y")
    np.testing.assert_allclose(encoder.transform(X).to_numpy(), memory, rtol=1e-6, atol=1e-8)
