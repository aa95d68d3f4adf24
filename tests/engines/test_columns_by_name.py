"""Columns of a table that have a role are named, whether the table is lazy or not."""

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import QUIET, assert_agrees

from catpool import (
    MeanEncoder,
    SmoothedMeanEncoder,
)

pytestmark = QUIET


def test_frames_take_targets_weights_and_folds_by_name(rows):
    table = rows[["id", "city", "zip", "weight", "fold", "continuous"]]
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    by_name = MeanEncoder(["city", "zip"], cv="fold", random_state=0)
    expected = by_name.fit_transform(table, "continuous", sample_weight="weight")
    plain = MeanEncoder(["city", "zip"], cv=table["fold"].to_numpy())
    given = plain.fit_transform(
        table[["id", "city", "zip"]], table["continuous"], sample_weight=table["weight"].to_numpy()
    )
    pd.testing.assert_frame_equal(expected, given)
    for frame in (polars.from_pandas(table), pyarrow.Table.from_pandas(table, preserve_index=False)):
        out = MeanEncoder(["city", "zip"], cv="fold").fit_transform(frame, "continuous", sample_weight="weight")
        assert type(out) is type(frame)
        np.testing.assert_allclose(np.column_stack([out["city"].to_numpy()]).ravel(), expected["city"], rtol=1e-12)
    pd.testing.assert_frame_equal(by_name.transform(table[::3]), plain.transform(table[["id", "city", "zip"]][::3]))
    with pytest.raises(ValueError, match="`y` names"):
        MeanEncoder().fit(table, "nothing")
    with pytest.raises(ValueError, match="`cv` names the column 'nothing', which X does not have"):
        MeanEncoder(cv="nothing").fit_transform(table, "continuous")


def test_keys_make_folds_in_memory_too(rows):
    table = rows[["id", "city", "continuous"]]
    encoder = MeanEncoder(["city"], cv=4)
    out = encoder.fit_transform(table, "continuous", key="id")
    stream = MeanEncoder(["city"], cv=4).partial_fit(table, "continuous", key=table["id"])
    pd.testing.assert_frame_equal(out, stream.transform_out_of_fold(table, table["id"]))
    with pytest.raises(ValueError, match=r"`key` .* number of folds.* `groups`"):
        encoder.fit_transform(table, "continuous", key="id", groups=table["city"].fillna("none"))


def test_columns_of_keys_and_exposures_are_no_categories(rows):
    table = rows[["id", "city", "years", "count"]]
    encoder = MeanEncoder(cv=4, target_type="count")
    out = encoder.fit_transform(table, "count", key="id", exposure="years")
    assert encoder.columns_ == ["city"]
    pd.testing.assert_frame_equal(out[["id", "years"]], table[["id", "years"]])
    assert MeanEncoder(["id"], target_type="count").fit(table, "count", exposure="years").columns_ == ["id"]
    lazy = MeanEncoder(cv=4, target_type="count")
    lazy.fit_transform(pytest.importorskip("polars").from_pandas(table).lazy(), "count", key="id", exposure="years")
    assert lazy.columns_ == ["city"]


def test_transform_runs_no_query(rows):
    polars = pytest.importorskip("polars")
    table = rows[["id", "city", "zip", "continuous"]]
    encoder = SmoothedMeanEncoder(["city", "zip"]).fit(table, "continuous")
    new = table[["id", "city", "zip"]].assign(zip=table["zip"] + 20)
    runs = []

    def counted(frame):
        runs.append(len(frame))
        return frame

    native = polars.from_pandas(new).lazy().map_batches(counted)
    out = encoder.transform(native)
    assert not runs
    assert_agrees(out, encoder.transform(new))
    assert runs
    for odd in (new.assign(zip=new["zip"].astype(float)), new.assign(zip=new["zip"].astype(str))):
        assert_agrees(encoder.transform(polars.from_pandas(odd).lazy()), encoder.transform(odd))
    assert encoder.transform(polars.from_pandas(new).lazy().head(0)).collect().shape == (0, 3)
    small = polars.from_pandas(new).with_columns(zip=polars.lit(5, polars.Int8)).lazy()
    assert_agrees(encoder.transform(small), encoder.transform(new.assign(zip=5)))


def test_counts_are_whole_and_names_are_free(place):
    polars = pytest.importorskip("polars")
    broken = polars.LazyFrame({"c": ["a", "b", "a"], "k": [0.0, 0.5, 99.0]})
    with pytest.raises(ValueError, match="counts"):
        MeanEncoder(target_type="count").fit(broken, "k")
    table = polars.LazyFrame({"c": ["a", "a", None], "catpool_no_c": ["u", "v", "u"], "y": [1.5, 2.5, 9.5]})
    odd = MeanEncoder(["c"]).fit(table, "y")
    assert odd.transform(table.drop("y")).collect().rows() == [(2.0, "u"), (2.0, "v"), (9.5, "u")]
    encoder = MeanEncoder(["c"]).fit(table.drop("catpool_no_c"), "y")
    with pytest.raises(ValueError, match="catpool_no_c"):
        encoder.transform(table)  # because it was not there at fit
    connection = place.connection()
    connection.execute("CREATE TABLE catpool_table AS SELECT 'a' AS c, 99.0 AS catpool_feature_0_1")
    connection.execute("CREATE TABLE catpool_rows AS SELECT 'a' AS c")
    assert encoder.transform(connection.table("catpool_rows")).fetchall() == [(2.0,)]


def test_one_column_may_have_two_roles(rows):
    polars = pytest.importorskip("polars")
    table = rows[["id", "city", "fold", "weight"]]
    encoder = MeanEncoder(["city"], cv="fold", target_type="continuous")
    expected = encoder.fit_transform(table, "weight", sample_weight="weight")
    assert_agrees(encoder.fit_transform(polars.from_pandas(table).lazy(), "weight", sample_weight="weight"), expected)
