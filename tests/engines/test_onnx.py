"""ONNX graphs predict what pipelines predict."""

import sys

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline

from catpool import (
    AdditiveEncoder,
    EarlierRows,
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    SmoothedMeanEncoder,
    TreeEncoder,
)
from catpool.onnx import register_converters

NUMBERS = ["mean", "sd", "reliability", "count", "size", "code"]
ENCODERS = {
    "mean": MeanEncoder(["city", "zip", "open", "grade"]),
    "smoothed": SmoothedMeanEncoder(["city", "grade"], missing="prior"),
    "all outputs": EmpiricalBayesEncoder(["zip", "city"], output=NUMBERS, remainder="drop"),
    "trees": EmpiricalBayesEncoder(["zip", "city"], output="trees", drop_noise=True),
    "interactions": EmpiricalBayesEncoder(["city"], interactions=[("city", "zip")], output=["mean", "reliability"]),
    "plain interactions": SmoothedMeanEncoder([], interactions=[("zip", "city", "open")], remainder="drop"),
    "nested": NestedEncoder(["zip", "city"]),
    "all levels": NestedEncoder(
        ["open", "city", "zip"], emit="all", output=["mean", "sd", "reliability", "count", "code"]
    ),
    "nested, missing as prior": NestedEncoder(["city", "zip"], emit="all", missing="prior"),
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    n = 800
    X = pd.DataFrame(
        {
            "city": rng.choice(np.array(["a", "A", "a ", "", "ünï", "it's"], dtype=object), n),
            "zip": rng.integers(-3, 40, n),
            "open": rng.random(n) < 0.5,
            "grade": rng.choice([1.0, 1.5, 2.5, np.nan], n),
            "size": rng.normal(size=n).astype(np.float32),
        }
    )
    X.loc[rng.random(n) < 0.1, "city"] = None
    X["grade"] = X["grade"].fillna(-1.0)  # forests of skl2onnx take NaN that passes through the wrong way
    signal = X["zip"] / 20 + X["open"] + X["size"] + rng.normal(size=n)
    new = X.iloc[::5].copy()
    new.loc[new["size"] > 0.5, "zip"] += 1000
    new.loc[new["size"] < -0.5, "city"] = "elsewhere"
    new.loc[new["zip"] < 5, "city"] = None
    new.loc[new["zip"] > 30, "grade"] = 7.0
    y = {
        "continuous": signal.to_numpy(),
        "binary": (signal > 1).to_numpy().astype(int),
        "multiclass": np.digitize(signal, [0.5, 2]),
        "count": np.random.default_rng(1).poisson(np.exp(signal / 3)),
    }
    return X, y, new


def session(model, inputs, **options):
    runtime, skl2onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("skl2onnx")
    register_converters()
    graph = skl2onnx.to_onnx(model, initial_types=inputs, target_opset={"": 18, "ai.onnx.ml": 3}, **options)
    return runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


def types_of(X):
    from skl2onnx.common import data_types as kinds

    of = {"O": kinds.StringTensorType, "i": kinds.Int64TensorType, "b": kinds.BooleanTensorType}
    return [(name, of.get(X[name].to_numpy(object if X[name].dtype.kind not in "ibf" else None).dtype.kind,
             kinds.FloatTensorType)([None, 1])) for name in X]  # fmt: skip


def run(own, X):
    kinds = {"tensor(string)": object, "tensor(int64)": np.int64, "tensor(bool)": bool, "tensor(float)": np.float32}
    return own.run(None, {each.name: X[[each.name]].to_numpy(dtype=kinds[each.type]) for each in own.get_inputs()})


def agree(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("target", ["continuous", "binary", "multiclass", "count"])
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_features_are_the_same(encoder, target, rows):
    pytest.importorskip("skl2onnx")
    X, y, new = rows
    fitted = clone(encoder).set_params(target_type=target).fit(X, y[target])
    agree(run(session(fitted, types_of(X)), new)[0], np.asarray(fitted.transform(new), dtype=float))


@pytest.mark.parametrize("policy", [{"unknown": "nan"}, {"missing": "nan"}, {"unknown": "nan", "missing": "prior"}])
@pytest.mark.parametrize("name", ["mean", "all outputs", "plain interactions", "nested", "all levels"])
def test_policies_are_the_same(name, policy, rows):
    pytest.importorskip("skl2onnx")
    X, y, new = rows
    fitted = clone(ENCODERS[name]).set_params(**policy).fit(X, y["continuous"])
    found = run(session(fitted, types_of(X)), new)[0]
    assert np.isnan(found).any()
    agree(found, np.asarray(fitted.transform(new), dtype=float))


@pytest.mark.parametrize(
    "encoder",
    [pytest.param(own, id=name, marks=[] if name == "mean" else pytest.mark.slow) for name, own in ENCODERS.items()],
)
@pytest.mark.parametrize("target", ["continuous", "binary", "multiclass"])
@pytest.mark.parametrize("forest", [True, False])
def test_predictions_are_the_same(encoder, target, forest, rows):
    pytest.importorskip("skl2onnx")
    X, y, new = rows
    if target == "continuous":
        model = RandomForestRegressor(20, random_state=0) if forest else LGBMRegressor(n_estimators=20, verbose=-1)
    else:
        model = RandomForestClassifier(20, random_state=0) if forest else LGBMClassifier(n_estimators=20, verbose=-1)
    pipeline = make_pipeline(clone(encoder).set_params(cv=4), model.set_params(n_jobs=1)).set_output(transform="pandas")
    pipeline.fit(X, y[target])
    options = {} if target == "continuous" else {"options": {"zipmap": False}}
    found = run(session(pipeline, types_of(X), **options), new)
    if target == "continuous":
        agree(found[0].ravel(), pipeline.predict(new))
    else:
        agree(found[1], pipeline.predict_proba(new))


def test_columns_may_be_chosen_before(rows):
    pytest.importorskip("skl2onnx")
    X, y, new = rows
    chosen = ColumnTransformer([("encoded", MeanEncoder(), ["city"])], remainder="passthrough")
    pipeline = make_pipeline(chosen, RandomForestRegressor(5, random_state=0))
    some = ["city", "size"]
    pipeline.fit(X[some], y["continuous"])
    agree(run(session(pipeline, types_of(X[some])), new[some])[0].ravel(), pipeline.predict(new[some]))


def test_one_input_may_have_several_columns(rows):
    kinds = pytest.importorskip("skl2onnx.common.data_types")
    X, y, new = rows
    strings = X[["city"]].assign(zip=X["zip"].astype(str))
    fitted = MeanEncoder().fit(strings.to_numpy(dtype=object), y["continuous"])
    own = session(fitted, [("X", kinds.StringTensorType([None, 2]))])
    later = new[["city"]].assign(zip=new["zip"].astype(str)).to_numpy(dtype=object)
    agree(own.run(None, {"X": later})[0], fitted.transform(later))
    numbers = MeanEncoder().fit(X[["zip", "grade"]].to_numpy(), y["continuous"])
    own = session(numbers, [("X", kinds.DoubleTensorType([None, 2]))])
    later = new[["zip", "grade"]].to_numpy()
    later[::3] = np.nan
    agree(own.run(None, {"X": later})[0], numbers.transform(later))


def test_inputs_are_known_by_name(rows):
    pytest.importorskip("skl2onnx")
    X, y, new = rows
    fitted = MeanEncoder(["city", "zip"], remainder="drop").fit(X, y["continuous"])
    agree(run(session(fitted, types_of(X)[::-1]), new)[0], fitted.transform(new))


@pytest.mark.parametrize("interactions", [None, [("zip", "city")]])
def test_graphs_have_the_distribution(rows, interactions):
    pytest.importorskip("skl2onnx")
    X, y, new = rows
    rest = [] if interactions else ["median", "q90", "spread", "skew"]
    output = ["mean", *rest, "histogram", "share_above_1"]
    encoder = EmpiricalBayesEncoder(
        ["city"], interactions=interactions, output=output, bins=[0.0, 1.0], remainder="drop", prior="reml"
    )
    fitted = encoder.fit(X, y["continuous"])
    agree(run(session(fitted, types_of(X)), new)[0], fitted.transform(new))


def test_words_for_missing_values_may_be_categories():
    pytest.importorskip("skl2onnx")
    fitted = MeanEncoder().fit(pd.DataFrame({"c": ["nan", "nan", None, "x"]}), [1.5, 2.5, 5.0, 9.0])
    own = session(fitted, types_of(pd.DataFrame({"c": ["x"]})))
    found = own.run(None, {"c": np.array([["nan"], [np.nan], [None], ["x"], ["<NA>"]], dtype=object)})
    assert found[0].ravel().tolist() == [2.0, 2.0, 5.0, 9.0, 5.0]


def test_what_a_graph_cannot_do_is_refused(rows):
    pytest.importorskip("skl2onnx")
    X, y, _ = rows
    times = X.assign(size=np.arange(len(X)))
    cases = [
        (MixedModelEncoder(["city"]), X, "MixedModelEncoder has no ONNX graph"),
        (AdditiveEncoder(["city"]), X, "AdditiveEncoder has no ONNX graph"),
        (TreeEncoder(), X, "TreeEncoder has no ONNX graph"),
        (MeanEncoder(["city"], unknown="error"), X, "cannot raise errors"),
        (MeanEncoder(["zip"], missing="error"), X, "cannot raise errors"),
        (MeanEncoder(["city"], cv=EarlierRows("size", half_life=5)), times, "cannot forget"),
        (MeanEncoder([], remainder="drop"), X, "no features, so there is nothing to export"),
        (EmpiricalBayesEncoder(interactions=[("city", "zip")], output="sd"), X, "the output 'sd' of interactions"),
        (EmpiricalBayesEncoder(interactions=[("city", "zip")], output="q10"), X, "the output 'q10' of interactions"),
        (MeanEncoder(["zip"]), X, "'city' passes through, but it holds strings"),
        (MeanEncoder(["c"]), pd.DataFrame({"c": pd.Series(["x", 1] * 400, dtype=object)}), "strings throughout"),
        (MeanEncoder(["c"]), pd.DataFrame({"c": [1.0, 1.0 + 1e-12] * 400}), "the same as 32-bit floats"),
    ]
    for encoder, table, match in cases:
        fitted = encoder.fit(table, y["continuous"])
        with pytest.raises(TypeError, match=match):
            session(fitted, types_of(table))
    with pytest.raises(TypeError, match="strings throughout"):
        session(MeanEncoder(["zip"]).fit(X[["zip"]].astype(str), y["continuous"]), types_of(X[["zip"]]))
    complex_numbers = [("zip", pytest.importorskip("skl2onnx.common.data_types").Complex64TensorType([None, 1]))]
    with pytest.raises(TypeError, match=r"Inputs must be strings, .* or floats, but 'zip' is Complex64"):
        session(MeanEncoder(["zip"]).fit(X[["zip"]], y["continuous"]), complex_numbers)
    with pytest.raises(TypeError, match="the 5 columns of fit"):
        session(MeanEncoder(["city"]).fit(X, y["continuous"]), types_of(X[["city", "zip"]]))


def test_without_skl2onnx_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"catpool\[onnx\]"):
        register_converters()
