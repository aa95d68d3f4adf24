"""Every encoder on every kind of table."""

import shutil
import sys

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from catpool import (
    EmpiricalBayesEncoder,
    MeanEncoder,
    MixedModelEncoder,
    NestedEncoder,
    SmoothedMeanEncoder,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'future.infer_string'"),  # Ibis sets an option that pandas 3 does without
    pytest.mark.filterwarnings("ignore:Dask support is moving out"),  # of narwhals
]


STRINGS = ["a", "A", "a ", " a", "", " ", "ünï", "u\u0308", "日本", "it's", 'quo"te', "nan", "None", "NULL", "0"]


ON_TABLES = {
    "mean": MeanEncoder(["name", "number"], output=["mean", "count", "code"]),
    "smoothed": SmoothedMeanEncoder(["number", "name"], missing="prior", unknown="nan"),
    "bayes": EmpiricalBayesEncoder(["name", "number"], output=["mean", "sd"], prior="moments"),
    "interactions": EmpiricalBayesEncoder(["name"], interactions=[("name", "number")]),
    "nested": NestedEncoder(["name", "number"], emit="all"),
    "mixed": MixedModelEncoder(["name", "number"]),
}


@pytest.fixture(scope="module")
def rows():
    """Each category differs from another by its case, a blank or an accent only."""
    rng = np.random.default_rng(0)
    n = 500
    names = rng.choice(np.array([*STRINGS, None], dtype=object), n)
    numbers = pd.array(rng.integers(-2, 9, n), dtype="Int64")
    numbers[rng.random(n) < 0.1] = pd.NA
    effects = {name: rng.normal() for name in [*STRINGS, None]}
    y = np.array([effects[name] for name in names]) + rng.normal(size=n)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "name": pd.Series(names, dtype=object),
            "number": pd.Series(numbers, dtype=object).where(~pd.isna(numbers), None),
            "fold": rng.integers(0, 4, n),
            "y": y,
        }
    )


def with_types(**types):
    def make(table, folder):
        return table.astype({name: dtype for name, dtype in types.items() if name in table})

    return make


def as_object(table, folder):
    return table


def nullable(table, folder):
    return table.astype({"name": "string[python]", "number": "Int64"})


def arrow_backed(table, folder):
    pytest.importorskip("pyarrow")
    return nullable(table, folder).convert_dtypes(dtype_backend="pyarrow")


def polars_eager(table, folder):
    return pytest.importorskip("polars").from_pandas(nullable(table, folder))


def polars_categorical(table, folder):
    polars = pytest.importorskip("polars")
    return polars_eager(table, folder).with_columns(polars.col("name").cast(polars.Categorical))


def polars_enum(table, folder):
    polars = pytest.importorskip("polars")
    names = sorted(table["name"].dropna().unique())
    return polars_eager(table, folder).with_columns(polars.col("name").cast(polars.Enum(names)))


def polars_lazy(table, folder):
    return polars_eager(table, folder).lazy()


def arrow(table, folder):
    return pytest.importorskip("pyarrow").Table.from_pandas(nullable(table, folder), preserve_index=False)


def arrow_dictionary(table, folder):
    plain = arrow(table, folder)
    column = plain.schema.get_field_index("name")
    return plain.set_column(column, "name", plain["name"].dictionary_encode())


def duckdb(table, folder):
    connection = pytest.importorskip("duckdb").connect()
    source = arrow(table, folder)
    connection.register("source", source)
    connection.execute("CREATE TABLE rows AS SELECT * FROM source")
    return connection.table("rows")


def ibis(table, folder):
    module = pytest.importorskip("ibis")
    pytest.importorskip("duckdb")
    return module.memtable(arrow(table, folder))


def dask(table, folder):
    return pytest.importorskip("dask.dataframe").from_pandas(nullable(table, folder), npartitions=2)


def spark(table, folder):
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    path = str(folder / f"{len(table)}.parquet")
    pytest.importorskip("pyarrow.parquet").write_table(arrow(table, folder), path)
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    return builder.config("spark.sql.shuffle.partitions", "2").getOrCreate().read.parquet(path)


EAGER = {
    "object": as_object,
    "str": with_types(name="str" if int(pd.__version__.split(".")[0]) >= 3 else "string"),  # once, str(None)
    "category": with_types(name="category"),
    "nullable": nullable,
    "arrow-backed": arrow_backed,
    "polars": polars_eager,
    "polars categorical": polars_categorical,
    "polars enum": polars_enum,
    "arrow": arrow,
    "arrow dictionary": arrow_dictionary,
}


LAZY = {"polars lazy": polars_lazy, "duckdb": duckdb, "ibis": ibis, "dask": dask, "spark": spark}


SLOW = {"ibis", "dask", "spark"}


KINDS = {**EAGER, **LAZY}


def marked(*values, slow):
    name = "-".join(values).replace(" ", "-")
    return pytest.param(*values, id=name, marks=pytest.mark.slow if slow else [])


TABLES = [
    marked(encoder, kind, slow=kind in SLOW or encoder in ("interactions", "mixed"))
    for encoder in ON_TABLES
    for kind in KINDS
]


def pandas_of(table):
    """Any table as pandas, in the order of the rows' numbers."""
    if hasattr(table, "toArrow"):  # Spark
        table = table.toArrow()
    frame = nw.from_native(table)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect("pyarrow")
    return frame.to_pandas().sort_values("id", ignore_index=True)


def agree(found, expected):
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns.difference(["id", "fold"]):
        own = found[name].to_numpy(float, na_value=np.nan), expected[name].to_numpy(float, na_value=np.nan)
        np.testing.assert_allclose(*own, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("name", "kind"), TABLES)
def test_numbers_and_kinds_are_the_same(name, kind, rows, tmp_path):
    encoder = ON_TABLES[name]
    table, new = KINDS[kind](rows, tmp_path), rows.iloc[::3].drop(columns=["fold", "y"]).reset_index(drop=True)
    new["number"] = [None if number is None else number + 4 for number in new["number"]]
    plain, own = (clone(encoder).set_params(cv="fold") for _ in range(2))
    if kind in LAZY and isinstance(encoder, MixedModelEncoder):
        with pytest.raises(TypeError, match="Collect"):
            own.fit_transform(table, "y")
        return
    expected = plain.fit_transform(rows, "y")
    out = own.fit_transform(table, "y")
    assert type(out) is type(table)
    agree(pandas_of(out), expected)
    later = KINDS[kind](new, tmp_path)
    encoded = own.transform(later)
    assert type(encoded) is type(later)
    agree(pandas_of(encoded), plain.transform(new))


@pytest.mark.parametrize("kind", [kind for kind in EAGER if kind != "object"])
def test_no_category_becomes_an_object_by_row(kind, rows, tmp_path, monkeypatch):
    """Codes are those of the engine's own dictionary."""
    table = EAGER[kind](rows.assign(number=0).drop(columns="fold"), tmp_path)
    if kind == "nullable":
        table = table.astype({"name": "category"})  # whose objects pandas numbers by itself

    def refused(values, **options):
        raise AssertionError(f"{len(values)} objects")

    monkeypatch.setattr("catpool.data.categories.factorize_objects", refused)
    assert MeanEncoder(["name"]).fit(table, "y").summary_["categories"].item() == len(STRINGS) + 1


def test_the_extra_to_install_is_named(rows, tmp_path, monkeypatch):
    frames = [polars_eager(rows, tmp_path), polars_lazy(rows, tmp_path)]
    encoder = MeanEncoder(["name"]).fit(rows, "y")
    for absent in ("polars", "pyarrow"):
        monkeypatch.undo()
        monkeypatch.setitem(sys.modules, absent, None)
        with pytest.raises(ImportError, match=r"catpool\[engines\]"):
            encoder.encoding_table("name", backend=absent)
    for frame in frames:
        with pytest.raises(ImportError, match=r"catpool\[engines\]"):
            MeanEncoder(["name"]).fit(frame, "y")
