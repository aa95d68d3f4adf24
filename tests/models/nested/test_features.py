"""What comes out of nested levels."""

import pickle

import numpy as np
import pandas as pd
import polars
import pytest
from helpers.nested import LEVELS, OUTPUTS, nested, numbered
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from catpool import EmpiricalBayesEncoder, NestedEncoder

pytestmark = pytest.mark.slow  # taken together; each by itself is quick


POLICIES = {
    "unknown": [NestedEncoder(LEVELS, unknown=policy) for policy in ("prior", "nan")],
    "missing": [NestedEncoder(LEVELS, missing=policy) for policy in ("category", "prior", "nan")],
    "prior": [NestedEncoder(LEVELS, prior=prior) for prior in ("reml", "ml")],
    "emit": [NestedEncoder(LEVELS, emit=emit) for emit in ("deepest", "all")],
    "levels": [NestedEncoder(LEVELS[:depth], remainder="drop") for depth in (1, 2, 3)]
    + [NestedEncoder(["county", "state"], remainder="drop")],
    "remainder": [NestedEncoder(["county"], remainder=remainder) for remainder in ("passthrough", "drop")],
    "output": [NestedEncoder(LEVELS, output=output) for output in OUTPUTS],
    "family": [NestedEncoder(LEVELS, target_type="count", family=family) for family in ("normal", "poisson")],
    "target_type": [NestedEncoder(LEVELS, target_type=kind) for kind in ("continuous", "count", "multiclass")],
    "weight_type": [NestedEncoder(LEVELS, weight_type=kind, family="normal") for kind in ("frequency", "precision")],
    "random_state": [NestedEncoder(LEVELS, random_state=seed) for seed in (0, 1)],
    "cv": [NestedEncoder(LEVELS, cv=k) for k in (2, 5)],
}


@pytest.mark.parametrize("option", POLICIES)
@pytest.mark.slow
def test_each_value_of_an_option_makes_a_difference(land, option):
    results = []
    for encoder in POLICIES[option]:
        encoder = clone(encoder)
        if encoder.random_state is None:
            encoder.set_params(random_state=0)
        if encoder.cv == 10:
            encoder.set_params(cv=3)
        if encoder.target_type == "auto" and encoder.family == "auto":
            encoder.set_params(target_type="continuous")
        encoded = encoder.fit_transform(land["X"], land["count"], sample_weight=land["weights"] + 1)
        results.append(pd.DataFrame(np.asarray(encoded, dtype=object)))
    for i, one in enumerate(results):
        assert not any(one.equals(other) for other in results[:i])


@pytest.mark.parametrize("emit", ["deepest", "all"])
@pytest.mark.parametrize("remainder", ["passthrough", "drop"])
@pytest.mark.parametrize("target_type", ["continuous", "multiclass"])
def test_names_of_features(land, emit, remainder, target_type):
    X = land["X"].assign(size=np.arange(120.0), day=pd.Timestamp("2020-02-02"))[
        ["zip", "size", "state", "day", "county"]
    ]
    parameters = {"emit": emit, "remainder": remainder, "output": ["sd", "mean", "count"], "cv": 3, "random_state": 0}
    encoder = NestedEncoder(LEVELS, **parameters).set_output(transform="pandas")
    encoded = encoder.fit_transform(X, land[target_type])
    stems = ["_low", "_mid", "_top"] if target_type == "multiclass" else [""]
    names = []
    for column in X:
        if column in (LEVELS if emit == "all" else ["zip"]):
            names += [f"{column}{stem}{suffix}" for stem in stems for suffix in ("_sd", "")] + [f"{column}_count"]
        elif column not in LEVELS and remainder == "passthrough":
            names.append(column)
    assert encoded.columns.tolist() == names == encoder.get_feature_names_out().tolist()
    assert encoder.transform(X).columns.tolist() == names
    if remainder == "passthrough":
        pd.testing.assert_frame_equal(encoded[["size", "day"]], X[["size", "day"]])
    assert encoder.target_type_ == target_type
    assert encoder.levels_ == LEVELS
    assert encoder.feature_names_in_.tolist() == list(X)
    assert hasattr(encoder, "classes_") == (target_type == "multiclass")


@pytest.mark.parametrize("output", ["sd", "code", ["count", "mean"], ["reliability", "code", "sd"]])
@pytest.mark.parametrize("cv", [np.arange(120) % 3, TimeSeriesSplit(3)], ids=["labels", "past only"])
@pytest.mark.filterwarnings("ignore:.*rows are in no test fold")
def test_outputs_in_any_combination(land, output, cv):
    whole, some = (
        NestedEncoder(LEVELS, cv=cv, emit="all", output=each)
        .set_output(transform="pandas")
        .fit_transform(land["X"], land["continuous"])
        for each in (OUTPUTS, output)
    )
    assert len(some.columns) == 3 * (1 if isinstance(output, str) else len(output))
    pd.testing.assert_frame_equal(some, whole[some.columns])


def test_columns_of_arrays_are_positions(land):
    X, y = land["X"].assign(size=range(120))[["zip", "size", "county", "state"]], land["continuous"]
    expected = NestedEncoder(LEVELS, cv=3, emit="all", random_state=0).fit_transform(X, y)
    for form in (X.to_numpy(dtype=object), X.to_numpy(dtype=object).tolist()):
        encoder = NestedEncoder([3, 2, 0], cv=3, emit="all", random_state=0)
        np.testing.assert_array_equal(np.asarray(encoder.fit_transform(form, y)).astype(float), expected)
        assert encoder.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x3"]
        assert encoder.get_feature_names_out(list("abcd")).tolist() == list("abcd")
        assert encoder.encoding_table(0).columns[:3].tolist() == ["x3", "x2", "x0"]
        assert encoder.transform(form).shape == (120, 4)


def test_levels_may_be_an_array_and_frames_polars(land):
    expected = NestedEncoder(LEVELS, cv=3, random_state=0).fit_transform(land["X"], land["continuous"])
    encoder = NestedEncoder(np.array(LEVELS), cv=3, random_state=0)
    np.testing.assert_array_equal(encoder.fit_transform(land["X"], land["continuous"]), expected)
    X = polars.DataFrame(
        {name: land["X"][name].astype(object).where(land["X"][name].notna(), None).tolist() for name in LEVELS}
    )
    np.testing.assert_array_equal(encoder.fit_transform(X, land["continuous"]), expected)
    dropped = encoder.set_output(transform="polars").fit_transform(X, land["continuous"])
    assert isinstance(dropped, polars.DataFrame)
    assert dropped.columns == ["zip"]


def test_several_outputs_have_features_each(land):
    y = pd.DataFrame({"price": land["continuous"], "sold": land["binary"]})
    parameters = {"cv": KFold(3), "emit": "all", "output": ["mean", "sd"]}
    encoder = NestedEncoder(LEVELS, **parameters).set_output(transform="pandas")
    both = encoder.fit_transform(land["X"], y)
    assert encoder.summary_[["column", "target"]].to_numpy().tolist() == [[c, t] for t in y for c in LEVELS]
    for name in y:
        alone = NestedEncoder(LEVELS, **parameters).fit_transform(land["X"], y[name])
        own = [f"{column}_{name}{suffix}" for column in LEVELS for suffix in ("", "_sd")]
        np.testing.assert_array_equal(both[own], alone)


@pytest.mark.parametrize("copy", [clone, lambda x: pickle.loads(pickle.dumps(x))], ids=["clone", "pickle"])
def test_a_copy_does_the_same(land, copy):
    X, y = land["X"], land["continuous"]
    encoder = NestedEncoder(LEVELS, cv=3, output=OUTPUTS, random_state=0)
    expected = encoder.fit_transform(X, y)
    np.testing.assert_array_equal(copy(encoder).fit_transform(X, y), expected)
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(X[:50]), encoder.transform(X[:50]))
    pd.testing.assert_frame_equal(again.summary_, encoder.summary_)
    assert repr(NestedEncoder(["a", "b"], emit="all")) == "NestedEncoder(emit='all', levels=['a', 'b'])"


def test_in_pipelines_and_column_transformers(land):
    X, y = land["X"].assign(size=np.arange(120.0)), land["continuous"]
    model = make_pipeline(NestedEncoder(LEVELS, cv=3, emit="all", random_state=0), LinearRegression())
    assert cross_val_score(model, X, y, cv=3, error_score="raise").shape == (3,)
    model.fit(X, y, nestedencoder__sample_weight=land["weights"])
    transformer = make_column_transformer((NestedEncoder(["county", "zip"], cv=3), ["county", "zip"]), remainder="drop")
    assert make_pipeline(transformer, LinearRegression()).fit(X, y).predict(X).shape == (120,)
    assert transformer.fit(X, y).get_feature_names_out().tolist() == ["nestedencoder__zip"]


def test_columns_are_found_by_name(land):
    X, y = land["X"].assign(size=np.arange(120.0)), land["continuous"]
    encoder = nested(X, y, LEVELS)
    expected = encoder.transform(X)
    pd.testing.assert_frame_equal(encoder.transform(X[["size", "zip", "state", "county"]]), expected)
    for bad in (X[["zip", "size"]], X[LEVELS]):
        with pytest.raises(ValueError, match="yet now missing"):
            encoder.transform(bad)
    dropping = nested(X, y, LEVELS, remainder="drop")
    np.testing.assert_array_equal(dropping.transform(X[LEVELS]), expected[["zip"]])


def test_summary_and_encoding_table(land):
    X, y = land["X"].fillna("none"), land["continuous"]
    encoder = nested(X, y, emit="all", output=["mean", "sd"])
    summary, encoded = encoder.summary_, encoder.transform(X)
    other = EmpiricalBayesEncoder().fit(X[["zip"]], y)
    assert summary.columns.tolist() == other.summary_.columns.tolist()
    assert summary["column"].tolist() == LEVELS
    assert summary["categories"].tolist() == [numbered(X.iloc[:, : level + 1]).max() + 1 for level in range(3)]
    assert (summary["rows"] == 120).all()
    np.testing.assert_allclose(summary["prior_strength"], (summary["within_sd"] / summary["between_sd"]) ** 2)
    own = other.encoding_table("zip").columns.drop("category").tolist()
    for level, column in enumerate(LEVELS):
        table = encoder.encoding_table(column, interval=0.5)
        paths = LEVELS[: level + 1]
        assert table.columns.tolist() == paths + own
        rows = X.assign(y=y, encoding=np.asarray(encoded)[:, 2 * level], sd=np.asarray(encoded)[:, 2 * level + 1])
        rows = rows.groupby(paths).agg(
            count=("y", "size"), mean=("y", "mean"), encoding=("encoding", "first"), sd=("sd", "first")
        )
        ours = table.set_index(paths).loc[rows.index]
        np.testing.assert_allclose(ours[rows.columns], rows, rtol=1e-12)
        np.testing.assert_allclose((ours["upper"] - ours["lower"]) / ours["sd"], 2 * 0.6744897501960817)
        assert summary["reliability"][level] == pytest.approx(np.average(table["reliability"], weights=table["count"]))
    with pytest.raises(ValueError, match="must be one of the encoded columns"):
        encoder.encoding_table("town")
    with pytest.raises(ValueError, match="between 0 and 1"):
        encoder.encoding_table("zip", interval=90)
    missing = nested(land["X"], y).encoding_table("zip")
    assert missing["count"].sum() == 120
    assert missing[LEVELS].isna().any().all()
    classes = nested(X, land["multiclass"]).encoding_table("county")
    assert classes["target"].unique().tolist() == ["low", "mid", "top"]
    np.testing.assert_allclose(classes.groupby(["state", "county"])["encoding"].sum(), 1)
