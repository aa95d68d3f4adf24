"""Lazy tables give the numbers that frames in memory do, and their rows stay where they are."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from catpool import (
    EarlierRows,
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    SmoothedMeanEncoder,
)
from catpool.engines.dispatch import find_engine

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'future.infer_string'"),  # Ibis sets an option that pandas 3 does without
    pytest.mark.filterwarnings("ignore:Dask support is moving out"),  # of narwhals
]
STRINGS = ["a", "A", "a ", "", "ünï", "it's", 'quo"te', "; drop table rows --", "NULL"]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    n = 600
    table = pd.DataFrame(
        {
            "id": np.arange(n),
            "city": rng.choice(np.array(STRINGS, dtype=object), n),
            "zip": rng.integers(-3, 40, n),
            "price": np.where(rng.random(n) < 0.1, np.nan, np.round(rng.normal(size=n), 1)),
            "size": rng.normal(size=n),
            "weight": rng.integers(1, 4, n).astype(float),
            "years": rng.uniform(0.5, 3, n),
            "fold": rng.integers(0, 4, n),
        }
    )
    table.loc[rng.random(n) < 0.1, "city"] = None
    table["zip"] = table["zip"].astype("Int64").mask(rng.random(n) < 0.05)
    signal = table["zip"].fillna(0).to_numpy(float) / 20 + rng.normal(size=n)
    table["continuous"] = 1e4 + signal
    table["binary"] = np.where(signal > 1, "yes", "no")
    table["multiclass"] = np.array(["x", "y", "z"], dtype=object)[np.clip(signal + 1, 0, 2).astype(int)]
    table["count"] = rng.poisson(np.exp(signal / 3) * table["years"])
    return table


def polars_lazy(table, tmp_path):
    return pytest.importorskip("polars").from_pandas(table).lazy()


def duckdb(table, tmp_path):
    connection = pytest.importorskip("duckdb").connect()
    connection.register("in_memory", table)
    connection.execute("CREATE TABLE rows AS SELECT * FROM in_memory")
    return connection.table("rows")


def ibis(table, tmp_path):
    module = pytest.importorskip("ibis")
    pytest.importorskip("duckdb")
    return module.memtable(table)


def dask(table, tmp_path):
    return pytest.importorskip("dask.dataframe").from_pandas(table, npartitions=2)


def spark(table, tmp_path):
    pytest.importorskip("pyspark")
    import shutil

    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC"}
    builder = SparkSession.builder.master("local[1]").appName("catpool")
    for name, value in options.items():
        builder = builder.config(name, value)
    path = str(tmp_path / "rows.parquet")
    table.to_parquet(path, index=False)
    return builder.getOrCreate().read.parquet(path)


ENGINES = [
    pytest.param(polars_lazy, id="polars"),
    pytest.param(duckdb, id="duckdb"),
    pytest.param(ibis, id="ibis", marks=pytest.mark.slow),
    pytest.param(dask, id="dask", marks=pytest.mark.slow),
    pytest.param(spark, id="spark", marks=pytest.mark.slow),
]


def collected(result, columns):
    """Whatever came out, as pandas, in the order of the rows' numbers."""
    result = nw.from_native(result.toArrow() if hasattr(result, "toArrow") else result)  # Spark has its own way
    result = (result.collect("pyarrow") if isinstance(result, nw.LazyFrame) else result).to_pandas()
    assert list(result.columns) == list(columns)
    return result.sort_values("id", ignore_index=True)


def agree(result, expected, **tolerance):
    result = collected(result, expected.columns)
    numbers = [name for name in expected if pd.api.types.is_float_dtype(expected[name].dtype)]
    assert numbers
    for name in numbers:
        own = result[name].to_numpy(float, na_value=np.nan), expected[name].to_numpy(float, na_value=np.nan)
        np.testing.assert_allclose(*own, err_msg=name, **{"rtol": 1e-9, "atol": 1e-9, **tolerance})


OUTPUTS = ["mean", "sd", "reliability", "count", "size", "code"]
VARIANTS = {
    "mean": MeanEncoder(["city", "zip"]),
    "smoothed": SmoothedMeanEncoder(["city", "zip", "price"], missing="prior", unknown="nan"),
    "all outputs": EmpiricalBayesEncoder(["city", "zip", "price"], prior="moments", output=OUTPUTS),
    "reml": EmpiricalBayesEncoder(["city", "zip"]),
    "trees": EmpiricalBayesEncoder(["zip", "city"], output="trees", prior="moments", drop_noise=True),
    "interactions": EmpiricalBayesEncoder(["zip"], interactions=[("city", "zip")]),
    "full Bayes": EmpiricalBayesEncoder(["city"], prior="full_bayes"),
    "nested": NestedEncoder(["city", "zip"]),
    "all levels": NestedEncoder(["zip", "city"], emit="all", output=["mean", "sd", "count", "code"], missing="prior"),
}


TARGETS = ["continuous", "binary", "multiclass", "count"]
ON_SPARK = [("all outputs", "continuous"), ("smoothed", "multiclass"), ("interactions", "binary"), ("nested", "count")]
CASES = [
    *(
        (engine, name, target)
        for engine in ENGINES[:4]
        for name in VARIANTS
        if name != "interactions"
        for target in TARGETS
    ),
    *((engine, "interactions", "continuous") for engine in ENGINES[:4]),
    *((ENGINES[4], name, target) for name, target in ON_SPARK),
]
QUICK = {
    ("polars", "all outputs", "continuous"),
    ("polars", "smoothed", "multiclass"),
    ("duckdb", "mean", "binary"),
    ("duckdb", "nested", "continuous"),
}


def case(engine, name, target):
    marks = [] if (engine.id, name, target) in QUICK else [pytest.mark.slow]
    return pytest.param(*engine.values, VARIANTS[name], target, marks=marks, id=f"{engine.id}-{name}-{target}")


@pytest.mark.parametrize(("engine", "encoder", "target"), [case(*each) for each in CASES])
def test_numbers_are_those_of_memory(engine, encoder, target, rows, tmp_path):
    table = rows[["id", "city", "zip", "price", "size", "fold", target]]
    options = {"cv": "fold", "target_type": target}
    in_memory, lazy = (clone(encoder).set_params(**options) for _ in range(2))
    exact = encoder.get_params().get("prior", "moments") == "moments"
    expected = in_memory.fit_transform(table, y=target)
    native = engine(table, tmp_path)
    out = lazy.fit_transform(native, y=target)
    assert type(out) is type(native)
    agree(out, expected, rtol=1e-9 if exact else 1e-6)
    pd.testing.assert_frame_equal(lazy.summary_, in_memory.summary_, rtol=1e-6, atol=1e-9)
    new = table.iloc[::4].drop(columns=[target, "fold"]).assign(zip=lambda own: own["zip"] + 1)
    expected = in_memory.transform(new).reset_index(drop=True)
    for fitted in (lazy, clone(lazy).fit(native, y=target)):
        agree(fitted.transform(engine(new, tmp_path)), expected, rtol=1e-9 if exact else 1e-6)


@pytest.mark.parametrize("engine", ENGINES[:4])
@pytest.mark.parametrize("precision", [False, True])
def test_weights_and_exposures_are_columns(engine, precision, rows, tmp_path):
    table = rows[["id", "city", "weight", "fold", "continuous"]]
    encoder = EmpiricalBayesEncoder(["city"], cv="fold", weight_type="precision" if precision else "frequency")
    expected = encoder.fit_transform(table, y="continuous", sample_weight="weight")
    assert expected.columns.tolist() == ["id", "city"]
    summary = encoder.summary_
    out = encoder.fit_transform(engine(table, tmp_path), y="continuous", sample_weight="weight")
    agree(out, expected, rtol=1e-6)
    pd.testing.assert_frame_equal(encoder.summary_, summary, rtol=1e-6)
    table = rows[["id", "city", "years", "fold", "count"]]
    encoder = EmpiricalBayesEncoder(["city"], cv="fold", target_type="count", output=["mean", "count"])
    expected = encoder.fit_transform(table, y="count", exposure="years")
    agree(encoder.fit_transform(engine(table, tmp_path), y="count", exposure="years"), expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_keys_are_hashed_where_the_rows_are(engine, rows, tmp_path):
    table = rows[["id", "city", "zip", "continuous"]].fillna({"zip": 0, "city": "none"}).astype({"zip": int})
    native = engine(table, tmp_path)
    for key in ("id", ["city", "zip"]):
        encoder = MeanEncoder(["zip"], cv=5, output=["mean", "count"])
        out = encoder.fit_transform(native, y="continuous", key=key)
        own = engine(table, tmp_path)
        folded = find_engine(own).hash_keys(own, [key] if isinstance(key, str) else key, 5, "fold")
        folds = collected(folded, [*table.columns, "fold"])["fold"].to_numpy()
        assert np.bincount(folds, minlength=5).min() > 40
        named = table.groupby(key, dropna=False).ngroup()
        assert (pd.Series(folds).groupby(named).nunique() == 1).all()
        expected = (
            clone(encoder).set_params(cv=folds).fit_transform(table.drop(columns="continuous"), table["continuous"])
        )
        agree(out, expected)
        with pytest.raises(ValueError, match="partial_fit"):  # whose folds are other ones
            encoder.transform_out_of_fold(table, key)
    with pytest.raises(ValueError, match="fit_transform"):
        MeanEncoder(["zip"]).fit_transform(native, y="continuous")
    with pytest.raises(ValueError, match="nothing"):
        MeanEncoder(["zip"]).fit_transform(native, y="continuous", key=["nothing"])
    with pytest.raises(ValueError, match="`key` must have no missing"):
        MeanEncoder(["zip"]).fit_transform(
            engine(rows[["city", "zip", "size"]], tmp_path), y="size", key=["zip", "city"]
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_policies_hold_in_lazy_tables(engine, rows, tmp_path):
    table = rows[["id", "city", "continuous"]]
    native = engine(table, tmp_path)
    with pytest.raises(ValueError, match="missing"):
        MeanEncoder(["city"], missing="error").fit(native, y="continuous")
    encoder = MeanEncoder(["city"], unknown="error", missing="nan").fit(native, y="continuous")
    new = table[["id", "city"]].assign(city="elsewhere")
    with pytest.raises(ValueError, match="elsewhere"):
        encoder.transform(engine(new, tmp_path))
    out = collected(encoder.transform(engine(table[["id", "city"]], tmp_path)), ["id", "city"])
    assert (out["city"].isna() == table["city"].isna()).all()


@pytest.mark.parametrize("engine", ENGINES[:4])
def test_what_a_lazy_table_cannot_do_is_said(engine, rows, tmp_path):
    table = rows[["id", "city", "size", "weight", "continuous", "binary", "count"]]
    native = engine(table, tmp_path)
    with pytest.raises(TypeError, match="Collect"):
        MixedModelEncoder(["city"]).fit(native, y="continuous")
    with pytest.raises(ValueError, match="in memory"):
        MeanEncoder(["city"], cv=EarlierRows("size")).fit(native, y="continuous")
    with pytest.raises(ValueError, match="in memory"):
        MeanEncoder(["city"], crossfit="rare").fit_transform(native, y="continuous", key="id")
    with pytest.raises(ValueError, match="in memory"):
        MeanEncoder(["city"]).fit_transform(native, y="continuous", key="id", groups=np.arange(600))
    with pytest.raises(ValueError, match="folds must come from a column"):
        MeanEncoder(["city"], cv="id").fit_transform(native, y="continuous", key="id")
    folds = engine(table.assign(fold=np.where(table["id"] < 9, None, "a")), tmp_path)
    with pytest.raises(ValueError, match="`cv` must have no missing"):
        MeanEncoder(["city"], cv="fold").fit_transform(folds, y="continuous")
    gaps = engine(table.assign(weight=table["weight"].mask(table["id"] == 3)), tmp_path)
    with pytest.raises(ValueError, match="`sample_weight` must"):
        MeanEncoder(["city"]).fit(gaps, y="continuous", sample_weight="weight")
    if engine is polars_lazy:  # where NaN is not null
        gaps = native.with_columns(weight=native.collect()["weight"].replace(1.0, float("nan")))
        with pytest.raises(ValueError, match="`sample_weight` must"):
            MeanEncoder(["city"]).fit(gaps, y="continuous", sample_weight="weight")
    for y in ("nothing", None, np.arange(600)):
        with pytest.raises(ValueError, match="must be the name of one of its columns"):
            MeanEncoder(["city"]).fit(native, y=y)
    for name in ("sample_weight", "exposure"):
        with pytest.raises(ValueError, match=name):
            MeanEncoder(["city"]).fit(native, y="count", **{name: "nothing"})
    with pytest.raises(ValueError, match="exposure"):
        MeanEncoder(["city"]).fit(native, y="continuous", exposure="weight")
    with pytest.raises(ValueError, match="finite"):
        MeanEncoder(["city"]).fit(native, y="continuous", sample_weight="size")
    with pytest.raises(ValueError, match="`cv` names"):
        MeanEncoder(["city"], cv="nothing").fit_transform(native, y="continuous")
    with pytest.raises(ValueError, match="target_type"):
        MeanEncoder(["city"]).fit(native, y="id")
    with pytest.raises(ValueError, match="two values"):
        MeanEncoder(["city"], target_type="binary").fit(native, y="count")
    with pytest.raises(ValueError, match="counts"):
        MeanEncoder(["city"], target_type="count").fit(native, y="continuous")
    broken = engine(table.assign(continuous=table["continuous"].mask(table["size"] > 1)), tmp_path)
    with pytest.raises(ValueError, match="y must"):
        MeanEncoder(["city"]).fit(broken, y="continuous")
    encoder = MeanEncoder(["city"]).fit(native, y="continuous")
    with pytest.raises(ValueError, match="missing"):
        encoder.transform(engine(table[["id", "size"]], tmp_path))
    for y in ("continuous", "binary"):
        with pytest.raises(ValueError, match=r"0 sample|at least one row"):
            MeanEncoder(["city"]).fit(engine(table.head(0), tmp_path), y=y)


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
    with pytest.raises(ValueError, match="`key` needs a number of folds and no `groups`"):
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
    agree(out, encoder.transform(new))
    assert runs
    for odd in (new.assign(zip=new["zip"].astype(float)), new.assign(zip=new["zip"].astype(str))):
        agree(encoder.transform(polars.from_pandas(odd).lazy()), encoder.transform(odd))
    assert encoder.transform(polars.from_pandas(new).lazy().head(0)).collect().shape == (0, 3)
    small = polars.from_pandas(new).with_columns(zip=polars.lit(5, polars.Int8)).lazy()
    agree(encoder.transform(small), encoder.transform(new.assign(zip=5)))


def test_counts_are_whole_and_names_are_free():
    polars, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    broken = polars.LazyFrame({"c": ["a", "b", "a"], "k": [0.0, 0.5, 99.0]})
    with pytest.raises(ValueError, match="counts"):
        MeanEncoder(target_type="count").fit(broken, "k")
    table = polars.LazyFrame({"c": ["a", "a", None], "catpool_no_c": ["u", "v", "u"], "y": [1.5, 2.5, 9.5]})
    with pytest.raises(ValueError, match="catpool_no_c"):
        MeanEncoder(["c"]).fit(table, "y")
    encoder = MeanEncoder(["c"]).fit(table.drop("catpool_no_c"), "y")
    with pytest.raises(ValueError, match="catpool_no_c"):
        encoder.transform(table)
    connection = duckdb.connect()
    connection.execute("CREATE TABLE catpool_table AS SELECT 'a' AS c, 99.0 AS catpool_feature_0_1")
    connection.execute("CREATE TABLE catpool_rows AS SELECT 'a' AS c")
    assert encoder.transform(connection.table("catpool_rows")).fetchall() == [(2.0,)]
