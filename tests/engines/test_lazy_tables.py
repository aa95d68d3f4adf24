"""Lazy tables give the numbers that frames in memory do, and their rows stay where they are."""

import numpy as np
import pandas as pd
import pytest
from helpers.engine_tables import BUT_SPARK, ENGINES, LAZY, QUIET, assert_agrees, in_pandas
from sklearn.base import clone

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    NestedEncoder,
    SmoothedMeanEncoder,
)
from catpool.engines.dispatch import find_engine

pytestmark = QUIET

OUTPUTS = ["mean", "sd", "reliability", "count", "size", "code"]
DISTRIBUTION = ["spread", "mean", "histogram", "share_above_1.5"]  # what sums over rows give
VARIANTS = {
    "mean": MeanEncoder(["city", "zip"]),
    "smoothed": SmoothedMeanEncoder(["city", "zip", "price"], missing="prior", unknown="nan"),
    "all outputs": EmpiricalBayesEncoder(["city", "zip", "price"], prior="moments", output=OUTPUTS),
    "reml": EmpiricalBayesEncoder(["city", "zip"]),
    "trees": EmpiricalBayesEncoder(["zip", "city"], output="trees", prior="moments", drop_noise=True),
    "interactions": EmpiricalBayesEncoder(["zip"], interactions=[("city", "zip")]),
    "distribution": EmpiricalBayesEncoder(["city"], prior="moments", output=DISTRIBUTION, bins=[-0.5, 0.5, 2.0]),
    "smoothed distribution": SmoothedMeanEncoder(["city", "zip"], output=DISTRIBUTION, bins=[0.5]),
    "full Bayes": EmpiricalBayesEncoder(["city"], prior="full_bayes"),
    "scale mixture": EmpiricalBayesEncoder(["city"], prior="scale_mixture"),
    "NPMLE": EmpiricalBayesEncoder(["city"], prior="npmle"),
    "nested": NestedEncoder(["city", "zip"]),
    "all levels": NestedEncoder(["zip", "city"], emit="all", output=["mean", "sd", "count", "code"], missing="prior"),
}


TARGETS = ["continuous", "binary", "multiclass", "count"]
ON_SPARK = [
    ("all outputs", "continuous"),
    ("smoothed", "multiclass"),
    ("interactions", "continuous"),
    ("nested", "count"),
]
NOT_THERE = [("scale mixture", "multiclass"), ("NPMLE", "multiclass")]
LONG = [("interactions", target) for target in TARGETS[1:]]
NOT_THERE += [(name, target) for name in VARIANTS if "distrib" in name for target in ("binary", "multiclass")]
CASES = [
    (name, variant, target)
    for name in LAZY
    for variant in VARIANTS
    for target in TARGETS
    if (variant, target) not in NOT_THERE + LONG and (name != "pyspark" or (variant, target) in ON_SPARK)
]
QUICK = {
    ("polars", "all outputs", "continuous"),
    ("polars", "smoothed", "multiclass"),
    ("polars", "distribution", "continuous"),
    ("duckdb", "smoothed distribution", "count"),
    ("duckdb", "mean", "binary"),
    ("duckdb", "nested", "continuous"),
}


@pytest.mark.parametrize(
    ("engine", "encoder", "target"),
    [
        pytest.param(
            name,
            VARIANTS[variant],
            target,
            id=f"{name}-{variant}-{target}",
            marks=[] if (name, variant, target) in QUICK else pytest.mark.slow,
        )
        for name, variant, target in CASES
    ],
)
def test_numbers_are_those_of_memory(engine, encoder, target, rows, place):
    table = rows[["id", "city", "zip", "price", "size", "fold", target]]
    options = {"cv": "fold", "target_type": target}
    in_memory, lazy = (clone(encoder).set_params(**options) for _ in range(2))
    exact = encoder.get_params().get("prior", "moments") == "moments"
    expected = in_memory.fit_transform(table, y=target)
    native = LAZY[engine](table, place)
    out = lazy.fit_transform(native, y=target)
    assert type(out) is type(native)
    assert_agrees(out, expected, rtol=1e-9 if exact else 1e-6)
    pd.testing.assert_frame_equal(lazy.summary_, in_memory.summary_, rtol=1e-6, atol=1e-9)
    new = table.iloc[::4].drop(columns=[target, "fold"]).assign(zip=lambda own: own["zip"] + 1)
    expected = in_memory.transform(new).reset_index(drop=True)
    for fitted in (lazy, clone(lazy).fit(native, y=target)):
        assert_agrees(fitted.transform(LAZY[engine](new, place)), expected, rtol=1e-9 if exact else 1e-6)


@pytest.mark.parametrize("engine", BUT_SPARK)
@pytest.mark.parametrize("precision", [False, True])
def test_weights_and_exposures_are_columns(engine, precision, rows, place):
    table = rows[["id", "city", "weight", "fold", "continuous"]]
    encoder = EmpiricalBayesEncoder(["city"], cv="fold", weight_type="precision" if precision else "frequency")
    expected = encoder.fit_transform(table, y="continuous", sample_weight="weight")
    assert expected.columns.tolist() == ["id", "city"]
    summary = encoder.summary_
    out = encoder.fit_transform(LAZY[engine](table, place), y="continuous", sample_weight="weight")
    assert_agrees(out, expected, rtol=1e-6)
    pd.testing.assert_frame_equal(encoder.summary_, summary, rtol=1e-6)
    table = rows[["id", "city", "years", "fold", "count"]]
    encoder = EmpiricalBayesEncoder(["city"], cv="fold", target_type="count", output=["mean", "count"])
    expected = encoder.fit_transform(table, y="count", exposure="years")
    assert_agrees(encoder.fit_transform(LAZY[engine](table, place), y="count", exposure="years"), expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_keys_are_hashed_where_the_rows_are(engine, rows, place):
    table = rows[["id", "city", "zip", "continuous"]].fillna({"zip": 0, "city": "none"}).astype({"zip": int})
    native = LAZY[engine](table, place)
    for key in ("id", ["city", "zip"]):
        encoder = MeanEncoder(["zip"], cv=5, output=["mean", "count"])
        out = encoder.fit_transform(native, y="continuous", key=key)
        own = LAZY[engine](table, place)
        folded = find_engine(own).hash_keys(own, [key] if isinstance(key, str) else key, 5, "fold")
        folds = in_pandas(folded)["fold"].to_numpy()
        assert np.bincount(folds, minlength=5).min() > 40
        named = table.groupby(key, dropna=False).ngroup()
        assert (pd.Series(folds).groupby(named).nunique() == 1).all()
        expected = (
            clone(encoder).set_params(cv=folds).fit_transform(table.drop(columns="continuous"), table["continuous"])
        )
        assert_agrees(out, expected)
        with pytest.raises(ValueError, match="partial_fit"):  # whose folds are other ones
            encoder.transform_out_of_fold(table, key)
    with pytest.raises(ValueError, match="fit_transform"):
        MeanEncoder(["zip"]).fit_transform(native, y="continuous")
    with pytest.raises(ValueError, match="nothing"):
        MeanEncoder(["zip"]).fit_transform(native, y="continuous", key=["nothing"])
    with pytest.raises(ValueError, match="`key` must have no missing"):
        MeanEncoder(["zip"]).fit_transform(
            LAZY[engine](rows[["city", "zip", "size"]], place), y="size", key=["zip", "city"]
        )
