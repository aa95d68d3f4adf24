"""`GroupFeatures` of lazy tables gives the numbers that frames in memory do, and their rows stay where they are."""

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import ENGINES, LAZY, QUIET, assert_agrees, in_pandas
from sklearn.base import clone

from catpool import GroupFeatures, UnseenCategoriesWarning

pytestmark = QUIET
SUMS = ["mean", "sd", "ratio", "zscore", "count"]
GROUPS = GroupFeatures(["city", "zip", ("city", "zip"), "price"], of=["price", "size", "continuous"], output=SUMS)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weight", [None, "weight"])
def test_numbers_are_those_of_memory(engine, weight, rows, place):
    table = rows[["id", "city", "zip", "price", "size", "continuous", *([weight] if weight else [])]]
    memory, lazy = clone(GROUPS), clone(GROUPS)
    expected = memory.fit_transform(table, sample_weight=weight)
    native = LAZY[engine](table, place)
    out = lazy.fit_transform(native, sample_weight=weight)
    assert type(out) is type(native)
    assert_agrees(out, expected, rtol=1e-7)
    pd.testing.assert_frame_equal(lazy.summary_, memory.summary_, rtol=1e-6)
    new = table[:90].assign(city=["never", *table["city"][1:90]])
    assert_agrees(lazy.transform(LAZY[engine](new, place)), memory.transform(new), rtol=1e-7)
    lazy.set_params(remainder="drop"), memory.set_params(remainder="drop")
    some = LAZY[engine](new.drop(columns="id"), place)
    names = memory.get_feature_names_out().tolist()
    assert list(in_pandas(lazy.transform(some), names[0])) == names


@pytest.mark.parametrize("engine", ENGINES[:2])
@pytest.mark.parametrize("prior", [0, 2.5, np.inf, "auto"])
def test_pooling_is_that_of_memory(engine, prior, rows, place):
    table = rows[["id", "city", "price"]]
    groups = GroupFeatures(["city"], of=["price"], output=SUMS, prior=prior)
    expected = groups.fit_transform(table)
    assert_agrees(groups.fit_transform(LAZY[engine](table, place)), expected, rtol=1e-7)
    alone = groups.set_params(output="mean").fit_transform(table)
    assert_agrees(groups.fit_transform(LAZY[engine](table, place)), alone, rtol=1e-7)


@pytest.mark.parametrize("engine", ENGINES[:2])
def test_columns_are_chosen_as_in_memory(engine, rows, place):
    table = rows[["id", "city", "zip", "size"]].assign(late=rows["size"] > 0)
    groups = GroupFeatures(output="mean", remainder="drop")
    names = groups.fit(table).get_feature_names_out().tolist()
    assert groups.fit(LAZY[engine](table, place)).get_feature_names_out().tolist() == names
    flags = GroupFeatures(["city"], of=["late"], output=["mean", "zscore"])
    assert_agrees(flags.fit_transform(LAZY[engine](table, place)), flags.fit_transform(table), rtol=1e-7)


@pytest.mark.parametrize("engine", ENGINES[:2])
def test_values_that_do_not_vary(engine, place):
    table = pd.DataFrame({"id": range(5), "shop": list("aabbc"), "height": [0.1, 0.1, 0.7, 0.7, 0.3]})
    groups = GroupFeatures(["shop"], of=["height"], output=["sd", "zscore"])
    found = in_pandas(groups.fit_transform(LAZY[engine](table, place)))
    assert found.iloc[:, -2:].to_numpy().tolist() == [[0.0, 0.0]] * 5
    other = in_pandas(groups.transform(LAZY[engine](table.assign(height=0.2), place)))
    assert other["height_zscore_by_shop"].isna().all()
    with pytest.warns(UserWarning, match="The mean of column 'height' is 0 in 5 categories of 'shop'"):
        ratio = groups.set_params(output="ratio").fit_transform(LAZY[engine](table.assign(height=0.0), place))
    assert in_pandas(ratio)["height_ratio_by_shop"].isna().all()


def test_a_fit_in_memory_serves_lazy_tables_and_parts_follow_lazy_ones(rows, place):
    table = rows[["id", "city", "price"]]
    groups = GroupFeatures(["city"], of=["price"], output=SUMS).fit(table)
    assert_agrees(groups.transform(LAZY["polars"](table, place)), groups.transform(table))
    parts = clone(groups).fit(LAZY["polars"](table[:200], place)).partial_fit(table[200:])
    np.testing.assert_allclose(parts.transform(table).iloc[:, 3:], groups.transform(table).iloc[:, 3:], rtol=1e-7)


def test_unseen_categories_are_warned_of_where_they_are_asked_for(rows, place):
    table = rows[["id", "city", "zip", "price"]]
    groups = GroupFeatures([("city", "zip")], of=["price"]).fit(table)
    with pytest.warns(UnseenCategoriesWarning, match="600 of 600 rows of column 'city'"):
        groups.transform(LAZY["polars"](table.assign(city="never"), place))


@pytest.mark.parametrize("engine", ENGINES[:2])
@pytest.mark.parametrize(
    ("change", "parameters", "error", "message"),
    [
        ({}, {"output": ["mean", "rank"]}, ValueError, r"summed by its engine, from which \['rank'\] do not follow"),
        ({"price": np.inf}, {}, ValueError, r"Column 'price' must be finite, .* but it is inf"),
        ({"price": -1e200}, {}, ValueError, r"Column 'price' must be finite, .* but it is 1e\+200"),
        ({"price": np.nan}, {}, ValueError, "Column 'price' must hold some numbers in rows with a weight"),
        ({"price": "much"}, {}, ValueError, "Column 'price' must hold numbers"),
        ({}, {"of": ["absent"]}, ValueError, r"`of` names \['absent'\], which X does not have"),
        ({"weight": -1.0}, {}, ValueError, "`sample_weight` must be finite, not negative"),
        ({"weight": "two"}, {}, ValueError, "`sample_weight` must"),
    ],
)
def test_what_cannot_be_is_refused(engine, change, parameters, error, message, rows, place):
    table = rows[["id", "city", "price", "weight"]].assign(**change)
    groups = GroupFeatures(["city"], of=["price"]).set_params(**parameters)
    with pytest.raises(error, match=message):
        groups.fit(LAZY[engine](table, place), sample_weight="weight")
    assert not hasattr(groups, "_fitted")


def test_what_lazy_tables_cannot_do_is_refused(rows, place):
    table = rows[["id", "city", "price"]]
    native = LAZY["polars"](table, place)
    groups = GroupFeatures(["city"], of=["price"], output=["mean", "rank"]).fit(table)
    with pytest.raises(ValueError, match=r"An engine adds what follows from sums, from which \['rank'\] do not follow"):
        groups.transform(native)
    groups.set_params(output="mean")
    with pytest.raises(ValueError, match="`sample_weight` must be the name of a column of the lazy table"):
        groups.fit(native, sample_weight=np.ones(len(table)))
    with pytest.raises(ValueError, match="y must not be the name of a column"):
        groups.fit(native, "id")
    with pytest.raises(TypeError, match=r"takes rows in memory\. Collect the table"):
        groups.partial_fit(native)
    with pytest.raises(ValueError, match="A lazy table stays lazy, but set_output"):
        groups.set_output(transform="pandas").fit_transform(native)
