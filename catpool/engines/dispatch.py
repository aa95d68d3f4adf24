"""Engines of lazy tables, and what each does its own way: taking in a table from here, and hashing rows into folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.hashed_keys import folds_of_keys

KNOWN = "polars, DuckDB, PySpark, Ibis and Dask"


def lazy_frame(X: Any) -> Any:
    """X as narwhals has it, where it is a lazy table; else None."""
    import narwhals.stable.v2 as nw

    frame = None if isinstance(X, pd.DataFrame | np.ndarray | list) else nw.from_native(X, pass_through=True)
    if not isinstance(frame, nw.LazyFrame):
        return None
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError('Lazy tables need pyarrow: pip install "catpool[engines]", or pyarrow alone.') from error
    return frame


def taken_in(like: Any, table: Any) -> Any:
    """An arrow table as a lazy table of the same engine, and of the same connection, as another."""
    return _of_engine(like)[0](like, table)


def hashed(frame: Any, keys: Sequence[str], k: int, name: str) -> Any:
    """The table with a column of that name beside: a hash of the rows' keys, from 0 to k - 1.

    It is the engine's own hash, so folds are the same in each run of an engine, but not in two engines; Dask's
    are those of frames in memory.
    """
    return _of_engine(frame)[1](frame, list(keys), k, name)


def _of_engine(native: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """How a table is taken in, and how rows are hashed, by the engine of a lazy table."""
    for module in (each.__module__ for each in type(native).__mro__):
        engine = module.split(".")[0].lstrip("_")  # "_duckdb" is DuckDB's
        if engine in _ENGINES:
            return _ENGINES[engine]
    raise TypeError(
        f"Lazy tables are those of {KNOWN}, not {type(native).__module__}. Collect it to pandas, polars or arrow."
    )


def _polars_in(like: Any, table: Any) -> Any:
    import polars

    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)
    return frame.lazy()


def _duckdb_in(like: Any, table: Any) -> Any:
    # DuckDB finds it by a name that no table has, on the connection that the other relation has
    catpool_taken_in_8c1f2b = table  # noqa: F841
    return like.query("catpool_rows_8c1f2b", "SELECT * FROM catpool_taken_in_8c1f2b")


def _pyspark_in(like: Any, table: Any) -> Any:
    return like.sparkSession.createDataFrame(table)


def _ibis_in(like: Any, table: Any) -> Any:
    import ibis

    return ibis.memtable(table)


def _polars_hashed(frame: Any, keys: list[str], k: int, name: str) -> Any:
    import polars

    return frame.with_columns((polars.struct(keys).hash(0) % k).cast(polars.Int64).alias(name))


def _duckdb_hashed(frame: Any, keys: list[str], k: int, name: str) -> Any:
    from duckdb import ColumnExpression, ConstantExpression, FunctionExpression, StarExpression

    number = FunctionExpression("hash", *(ColumnExpression(key) for key in keys))
    return frame.select(
        StarExpression(), FunctionExpression("mod", number, ConstantExpression(k)).cast("BIGINT").alias(name)
    )


def _pyspark_hashed(frame: Any, keys: list[str], k: int, name: str) -> Any:
    from pyspark.sql import functions

    return frame.withColumn(name, functions.pmod(functions.xxhash64(*keys), functions.lit(k)))


def _ibis_hashed(frame: Any, keys: list[str], k: int, name: str) -> Any:
    remainders = [((frame[key].hash() % k) + k) % k for key in keys]
    total = remainders[0]
    for each in remainders[1:]:
        total = (total * 31 + each) % k
    return frame.mutate(**{name: total.cast("int64")})


def _dask_in(like: Any, table: Any) -> Any:
    import dask.dataframe
    import pyarrow

    frame = table.to_pandas(types_mapper={pyarrow.int64(): pd.Int64Dtype()}.get)
    for name, dtype in like.dtypes[like.columns.intersection(frame.columns)].items():
        if isinstance(dtype, np.dtype) and dtype.kind in "iu":
            frame = frame.dropna(subset=[name])  # which match nothing there
        frame[name] = frame[name].astype(dtype)  # types that differ do not join
    return dask.dataframe.from_pandas(frame, npartitions=1)


def _dask_hashed(frame: Any, keys: list[str], k: int, name: str) -> Any:
    def with_folds(part: pd.DataFrame) -> pd.DataFrame:
        return part.assign(**{name: folds_of_keys(part[keys], len(part), k).astype(np.int64)})

    return frame.map_partitions(with_folds, meta=frame._meta.assign(**{name: np.int64(0)}))


_ENGINES = {  # by the module of a table's class
    "polars": (_polars_in, _polars_hashed),
    "duckdb": (_duckdb_in, _duckdb_hashed),
    "pyspark": (_pyspark_in, _pyspark_hashed),
    "ibis": (_ibis_in, _ibis_hashed),
    "dask": (_dask_in, _dask_hashed),
}
