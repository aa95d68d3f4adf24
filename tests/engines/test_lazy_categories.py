"""Lazy tables and the categories that the user lists."""

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import BUT_SPARK, ENGINES, LAZY, QUIET, assert_agrees, in_pandas
from sklearn.base import clone

from catpool import EmpiricalBayesEncoder, MeanEncoder

pytestmark = QUIET

LISTED = [["it's", "a", "none", ""], [3, 99, *range(-3, 2), 20]]
OUTPUTS = ["mean", "sd", "count", "size", "code"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("unknown", ["prior", "nan"])
@pytest.mark.filterwarnings("ignore::catpool.UnseenCategoriesWarning")
def test_numbers_are_those_of_memory(engine, unknown, rows, place):
    table = rows[["id", "city", "zip", "fold", "continuous"]]
    encoder = EmpiricalBayesEncoder(["city", "zip"], categories=LISTED, cv="fold", output=OUTPUTS, unknown=unknown)
    in_memory, lazy = clone(encoder), clone(encoder)
    expected, native = in_memory.fit_transform(table, y="continuous"), LAZY[engine](table, place)
    assert_agrees(lazy.fit_transform(native, y="continuous"), expected, rtol=1e-6)
    pd.testing.assert_frame_equal(lazy.summary_, in_memory.summary_, rtol=1e-6)
    new = table.iloc[::4].drop(columns=["continuous", "fold"])
    expected = in_memory.transform(new).reset_index(drop=True)
    for fitted in (lazy, clone(lazy).fit(native, y="continuous")):
        assert_agrees(fitted.transform(LAZY[engine](new, place)), expected, rtol=1e-6)


@pytest.mark.parametrize("engine", BUT_SPARK)
@pytest.mark.parametrize("weight_type", ["frequency", "precision"])
def test_weights_are_those_of_the_listed_rows(engine, weight_type, rows, place):
    table = rows[["id", "city", "zip", "weight", "fold", "continuous"]].assign(weight=rows["weight"] - 1)
    encoder = EmpiricalBayesEncoder(["city", "zip"], categories=LISTED, cv="fold", weight_type=weight_type)
    expected = encoder.fit_transform(table, y="continuous", sample_weight="weight")
    summary = encoder.summary_
    out = encoder.fit_transform(LAZY[engine](table, place), y="continuous", sample_weight="weight")
    assert_agrees(out, expected, rtol=1e-6)
    pd.testing.assert_frame_equal(encoder.summary_, summary, rtol=1e-6)
    assert summary["rows"].nunique() == 2
    again = encoder.partial_fit(table, "continuous", sample_weight="weight")
    twice = pd.concat([table, table], ignore_index=True)
    whole = clone(encoder).fit(twice, "continuous", sample_weight="weight")
    pd.testing.assert_frame_equal(again.summary_, whole.summary_, rtol=1e-6)


@pytest.mark.parametrize("engine", BUT_SPARK)
def test_exposures_count_in_the_likelihood_of_precisions(engine, rows, place):
    table = rows[["city", "weight", "years", "count"]]
    encoder = EmpiricalBayesEncoder(["city"], family="normal", weight_type="precision")
    columns = {"y": "count", "sample_weight": "weight", "exposure": "years"}
    expected = clone(encoder).fit(table, **columns).summary_
    pd.testing.assert_frame_equal(encoder.fit(LAZY[engine](table, place), **columns).summary_, expected, rtol=1e-6)


@pytest.mark.parametrize("engine", BUT_SPARK)
def test_errors_are_those_of_memory(engine, rows, place):
    table = rows[["city", "fold", "continuous"]].assign(fold=np.where(rows["city"] == "a", 0, 1 + rows["id"] % 2))
    table["city"] = table["city"].fillna("none")
    native = LAZY[engine](table, place)
    for parameters, message in (
        ({"categories": [["a"], ["b"]]}, r"for each of the 1 encoded columns"),
        ({"categories": [["a"]], "unknown": "error"}, r"Column 'city' must hold .*`categories` lists"),
        ({"categories": [["never"]]}, "list some of the categories of column 'city'"),
        ({"categories": [["a"]]}, r"fold \d is encoded from must have some categories of column 'city'"),
    ):
        encoder = MeanEncoder(["city"], cv="fold", **parameters)
        for own in (native, table):
            with pytest.raises(ValueError, match=message):
                encoder.fit_transform(own, y="continuous")


@pytest.mark.usefixtures("one_order")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("change", ["far", "near 0"])
def test_targets_of_unlisted_rows_move_no_bit(engine, change, rows, place):
    before = rows[["id", "city", "fold", "continuous"]].assign(city=rows["city"].fillna("none"))
    unlisted = ~before["city"].isin(LISTED[0])
    after = before.copy()
    after.loc[unlisted, "continuous"] = -1e9 if change == "far" else 0.1
    encoder = EmpiricalBayesEncoder(["city"], categories=LISTED[:1], cv="fold", output=["mean", "sd"])
    one, other = (
        in_pandas(encoder.fit_transform(LAZY[engine](table, place), y="continuous")).drop(columns="id").to_numpy(float)
        for table in (before, after)
    )
    assert one.tobytes() == other.tobytes()
    expected = encoder.fit_transform(before, y="continuous").drop(columns="id").to_numpy(float)
    np.testing.assert_allclose(other, expected, rtol=1e-8)
