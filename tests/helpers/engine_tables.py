"""Tables of every library and engine, made of a pandas frame, and any of them as a pandas frame again."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

QUIET = [
    pytest.mark.filterwarnings("ignore:The 'future.infer_string'"),  # Ibis sets an option that pandas 3 does without
    pytest.mark.filterwarnings("ignore:Dask support is moving out"),  # of narwhals
]


@dataclass
class Place:
    """Where tables are kept while a test runs: a folder, and connections that are closed after it."""

    folder: Path
    opened: ExitStack = field(default_factory=ExitStack)
    number: int = 0

    def connection(self) -> Any:
        """A DuckDB in memory."""
        return self.opened.enter_context(closing(pytest.importorskip("duckdb").connect()))

    def path(self, suffix: str) -> str:
        """A path that no file has yet."""
        self.number += 1
        return str(self.folder / f"{self.number}.{suffix}")


def polars_eager(frame, place):
    return pytest.importorskip("polars").from_pandas(frame)


def polars_lazy(frame, place):
    return polars_eager(frame, place).lazy()


def arrow(frame, place):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


def duckdb(frame, place):
    connection = place.connection()
    connection.register("in_memory", arrow(frame, place))
    connection.execute("CREATE TABLE rows AS SELECT * FROM in_memory")
    return connection.table("rows")


def ibis(frame, place):
    pytest.importorskip("duckdb")
    return pytest.importorskip("ibis").memtable(arrow(frame, place))


def dask(frame, place):
    return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2)


def spark(frame, place):
    pytest.importorskip("pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC"}
    builder = SparkSession.builder.master("local[1]").appName("catpool")
    for name, value in options.items():
        builder = builder.config(name, value)
    path = place.path("parquet")
    pytest.importorskip("pyarrow.parquet").write_table(arrow(frame, place), path)
    return builder.getOrCreate().read.parquet(path)


LAZY: dict[str, Callable[[pd.DataFrame, Place], Any]] = {
    "polars": polars_lazy,
    "duckdb": duckdb,
    "ibis": ibis,
    "dask": dask,
    "pyspark": spark,
}
SLOW = {"ibis", "dask", "pyspark"}  # seconds to load, or for each query


def engine(*values):
    """A parameter of a test whose first value is the name of an engine, marked slow where it is."""
    marks = pytest.mark.slow if values[0] in SLOW else []
    return pytest.param(*values, id="-".join(map(str, values)).replace(" ", "_"), marks=marks)


ENGINES = [engine(name) for name in LAZY]
BUT_SPARK = [engine(name) for name in LAZY if name != "pyspark"]


def in_pandas(table, by="id"):
    """Any table as a pandas frame, in the order of a column."""
    frame = nw.from_native(table.toArrow() if hasattr(table, "toArrow") else table)  # Spark has its own way
    frame = frame.collect("pyarrow") if isinstance(frame, nw.LazyFrame) else frame
    return frame.to_pandas().sort_values(by, ignore_index=True)


def assert_agrees(table, expected, untouched=("id", "fold"), **tolerance):
    """Whether a table has the columns and numbers of a pandas frame that is in order."""
    found = in_pandas(table)
    assert list(found.columns) == list(expected.columns)
    numbers = [name for name in expected if pd.api.types.is_float_dtype(expected[name].dtype) and name not in untouched]
    assert numbers
    for name in numbers:
        own = [frame[name].to_numpy(float, na_value=np.nan) for frame in (found, expected)]
        np.testing.assert_allclose(*own, err_msg=name, **{"rtol": 1e-9, "atol": 1e-9, **tolerance})
