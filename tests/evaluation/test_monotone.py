"""Constraints for models whose features rise with the target."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    monotone_constraints,
)


def test_means_of_one_target_rise():
    X = pd.DataFrame({"a": list("xyz") * 10, "b": list("uv") * 15, "size": np.arange(30.0)})
    y = np.random.default_rng(0).normal(size=30)
    encoder = EmpiricalBayesEncoder(["a"], interactions=[("a", "b")], output=["sd", "mean", "code", "count"]).fit(X, y)
    names = encoder.get_feature_names_out().tolist()
    assert [name for name, sign in zip(names, monotone_constraints(encoder), strict=True) if sign] == ["a", "a_x_b"]
    classes = np.array(list("pqr") * 10)
    assert not any(monotone_constraints(MeanEncoder(["a"]).fit(X, classes)))
    assert not any(monotone_constraints(MeanEncoder(["a"]).fit(X, np.column_stack([y, y]))))
    assert monotone_constraints(NestedEncoder(["b", "a"], emit="all", output=["mean", "sd"]).fit(X, y)) == [
        1,
        0,
        1,
        0,
        0,
    ]
    mixed = MixedModelEncoder(["a"], covariates=["size"], slopes={"a": ["size"]}, output=["mode", "prediction"]).fit(
        X, y
    )
    assert dict(zip(mixed.get_feature_names_out(), monotone_constraints(mixed), strict=True)) == {
        "a": 1,
        "a_size": 0,
        "b": 0,
        "size": 0,
        "prediction": 1,
    }


def test_constraints_find_encoders_in_column_transformers_and_pipelines():
    X = pd.DataFrame({"a": list("xyz") * 10, "b": list("uv") * 15, "size": np.arange(30.0)})
    y = np.random.default_rng(0).normal(size=30)
    columns = ColumnTransformer(
        [("scaled", StandardScaler(), ["size"]), ("means", MeanEncoder(output=["mean", "count"]), ["a", "b"])]
    )
    assert monotone_constraints(columns.fit(X, y)) == [0, 1, 0, 1, 0]
    assert monotone_constraints(make_pipeline(columns).fit(X, y)) == [0, 1, 0, 1, 0]
    with pytest.raises(TypeError, match="an encoder of catpool"):
        monotone_constraints(StandardScaler().fit(X[["size"]]))


def test_lightgbm_takes_the_constraints():
    from lightgbm import LGBMRegressor

    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 50, 2000), "size": rng.normal(size=2000)})
    y = rng.normal(size=50)[X["a"]] + X["size"] + rng.normal(size=2000)
    encoder = EmpiricalBayesEncoder(["a"], random_state=0)
    train = encoder.fit_transform(X, y)
    model = LGBMRegressor(n_estimators=20, verbosity=-1, monotone_constraints=monotone_constraints(encoder)).fit(
        train, y
    )
    grid = pd.DataFrame({"a": np.linspace(-2, 2, 50), "size": 0.0})
    assert (np.diff(model.predict(grid)) >= 0).all()
