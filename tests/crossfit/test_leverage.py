"""Guards: training rows that are transformed, leaks, and constraints."""

import numpy as np
import pandas as pd
import pytest
from conftest import ENCODERS
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    TrainingRowsWarning,
    monotone_constraints,
)

ALL = {
    **{name: encoder(["city"]) for name, encoder in ENCODERS.items()},
    "nested": NestedEncoder(["shop", "city"]),
    "mixed": MixedModelEncoder(["city"]),
}


@pytest.mark.parametrize("encoder", ALL.values(), ids=ALL)
@pytest.mark.parametrize("how", ["the frame", "a copy"])
def test_training_rows_are_known_again(encoder, how, table):
    encoder.fit(table["X"], table["continuous"])
    with pytest.warns(TrainingRowsWarning, match=r"call fit_transform\(X, y\)"):
        encoder.transform(table["X"] if how == "the frame" else table["X"].copy())


@pytest.mark.parametrize("encoder", ALL.values(), ids=ALL)
@pytest.mark.filterwarnings("error::catpool.data.fingerprint.TrainingRowsWarning")
def test_other_rows_are_not(encoder, table):
    X = table["X"]
    encoder.fit_transform(X, table["continuous"])
    encoder.transform(X.iloc[:-1])
    encoder.transform(X.iloc[::-1])
    encoder.transform(X.set_axis(range(1000, 1000 + len(X))))
    encoder.transform(X.assign(city=X["city"].fillna("elsewhere")))
    EmpiricalBayesEncoder().fit([["a"]], [1.5]).transform([["a"]])


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


def test_the_count_is_of_all_rows_only_where_every_encoding_is():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(0, 4, 400)})
    y = np.column_stack([X["a"] + 0.1 * rng.normal(size=400), rng.normal(size=400)])
    encoder = EmpiricalBayesEncoder(crossfit="unreliable", output=["mean", "count"], random_state=0)
    out, whole = encoder.fit_transform(X, y), encoder.transform(X)
    assert (out[:, 0] == whole[:, 0]).all()
    assert (out[:, 1] != whole[:, 1]).any()
    assert (out[:, 2] < whole[:, 2]).all()
    one = EmpiricalBayesEncoder(crossfit="unreliable", output=["mean", "count"], random_state=0)
    np.testing.assert_array_equal(one.fit_transform(X, y[:, 0]), one.transform(X))


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_full_categories_alone_keep_one_value(encoder):
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.repeat([0, 1], 400), np.repeat(np.arange(2, 32), 4)])
    X, y = pd.DataFrame({"a": codes}), codes % 7 + rng.normal(size=len(codes))
    model = encoder(crossfit="unreliable", random_state=0)
    some, every = model.fit_transform(X, y)[:, 0], encoder(random_state=0).fit_transform(X, y)[:, 0]
    np.testing.assert_array_equal(some[:800], model.transform(X)[:800, 0])
    np.testing.assert_array_equal(some[800:], every[800:])
    assert (some[:800] != every[:800]).any()


def test_a_group_or_a_heavy_row_keeps_a_category_out_of_fold():
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame({"a": np.repeat([0, 1, 2], 200)}), np.repeat([0.0, 1, 2], 200) + 0.1 * rng.normal(size=600)
    groups, weights = np.arange(600) % 50, np.ones(600)
    groups[:200], weights[200] = np.arange(200) % 10, 500.0
    encoder = EmpiricalBayesEncoder(crossfit="unreliable", random_state=0)
    by_group = encoder.fit_transform(X, y, groups=groups)[:, 0] == encoder.transform(X)[:, 0]
    assert not by_group[:200].any()
    assert by_group[200:].all()
    by_weight = encoder.fit_transform(X, y, sample_weight=weights)[:, 0] == encoder.transform(X)[:, 0]
    assert not by_weight[200:400].any()
    assert by_weight[:200].all()


def test_crossfit_of_full_categories_is_refused_where_rows_keep_to_the_past():
    from sklearn.model_selection import TimeSeriesSplit

    X = pd.DataFrame({"a": list("xyz") * 10})
    with pytest.raises(ValueError, match="crossfit"):
        MeanEncoder(cv=TimeSeriesSplit(3), crossfit="unreliable").fit_transform(X, np.arange(30.0))


@pytest.mark.slow
def test_training_rows_are_known_again_after_pickling_in_another_process(table, tmp_path):
    import pickle
    import subprocess
    import sys

    path = tmp_path / "fitted.pickle"
    path.write_bytes(pickle.dumps((MeanEncoder(["city"]).fit(table["X"], table["continuous"]), table["X"])))
    code = "import pickle, sys; encoder, X = pickle.load(open(sys.argv[1], 'rb')); encoder.transform(X)"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "TrainingRowsWarning" in run.stderr


def towns(rng, apart, rows=2000):
    """A county of one full town and five of a row each, towns that lie so far apart; and counties of ten full ones."""
    town = np.concatenate([np.zeros(rows, dtype=int), np.arange(1, 6), np.repeat(np.arange(6, 46), rows // 4)])
    county = np.concatenate([np.zeros(rows + 5, dtype=int), np.repeat(np.arange(1, 5), 10 * (rows // 4))])
    effects = 10.0 * np.arange(5)[county] + apart * rng.normal(size=46)[town]
    return pd.DataFrame({"county": county, "town": town}), effects + rng.normal(size=len(town))


@pytest.mark.slow
@pytest.mark.parametrize(("apart", "county", "full_town"), [(0.0, True, False), (1.0, False, True)])
def test_a_rare_town_keeps_its_county_out_of_fold_where_towns_differ(apart, county, full_town):
    X, y = towns(np.random.default_rng(0), apart)
    encoder = NestedEncoder(["county", "town"], emit="all", crossfit="unreliable", random_state=0)
    out, whole = encoder.fit_transform(X, y), encoder.transform(X)
    one_value = (out == whole)[: 2000 + 5]
    assert one_value[:, 0].all() == county
    assert one_value[:2000, 1].all() == full_town  # where towns do not differ, its own rows do not decide its value
    assert not one_value[2000:, 1].any()
    plain = NestedEncoder(["county", "town"], emit="all", random_state=0).fit_transform(X, y)
    np.testing.assert_array_equal(out[out != whole], plain[out != whole])


@pytest.mark.slow
def test_levels_without_variance_pass_on_what_lies_below_them():
    """Counties do not differ, zips in them do: a rare zip has a great say in its state's value all the same."""
    rng = np.random.default_rng(4)
    full = [(state, 0, "big") for state in range(12) for _ in range(300)]
    X = pd.DataFrame(full + [(s, 1, f"r{j}") for s in range(12) for j in range(10)], columns=["state", "county", "zip"])
    zips = X.groupby(["state", "county", "zip"]).ngroup().to_numpy()
    y = 30 * rng.normal(size=12)[X["state"]] + 3 * rng.normal(size=zips.max() + 1)[zips] + 0.3 * rng.normal(size=len(X))
    encoder = NestedEncoder(list(X), emit="all", crossfit="unreliable", random_state=0)
    before = encoder.fit_transform(X, y)[-1]
    assert encoder.summary_["between_sd"].iloc[1] < 1e-3
    np.testing.assert_array_equal(encoder.fit_transform(X, y + (np.arange(len(y)) == len(y) - 1))[-1], before)


@pytest.mark.parametrize("output", ["count", ["count", "code"], ["size", "count"]])
def test_counts_alone_are_crossfitted_too(output):
    X, y = pd.DataFrame({"a": list("xyz") * 100}), np.tile([0.0, 5.0, 9.0], 100) + np.sin(np.arange(300))
    encoder = EmpiricalBayesEncoder(output=output, crossfit="unreliable", random_state=0)
    out = encoder.fit_transform(X, y).reshape(300, -1)
    assert (out[:, -1 if output == ["size", "count"] else 0] == 100).all()
    with pytest.raises(ValueError, match="output"):
        NestedEncoder(["a"], output="size").fit(X, y)


def test_a_group_of_rows_keeps_its_levels_out_of_fold():
    X, y = towns(np.random.default_rng(0), 0.0)
    encoder = NestedEncoder(["county", "town"], emit="all", crossfit="unreliable", random_state=0)
    groups = np.arange(len(X)) // 3
    groups[:500] = groups.max() + 1  # a quarter of the first county
    out = encoder.fit_transform(X, y, groups=groups)[:, 0] == encoder.transform(X)[:, 0]
    assert not out[:2005].any()
    assert out[2005:].all()
