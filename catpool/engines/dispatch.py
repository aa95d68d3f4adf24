"""The registry of engines: libraries whose lazy tables catpool can fit to and encode.

narwhals does what all engines have in common: it selects, groups, aggregates and joins. An `Engine` adds the two
steps that each library does in its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.crossfit.hashed_keys import folds_of_keys
from catpool.data.frames.frame import Frame, read_frame
from catpool.data.frames.labels import checked_labels
from catpool.data.frozen import frozen

if TYPE_CHECKING:
    from narwhals.stable.v2 import LazyFrame
    from narwhals.stable.v2.typing import IntoLazyFrame


def _rename_by_name(frame: Any, names: list[str]) -> Any:
    """Rename columns through narwhals, for engines that take every name literally."""
    import narwhals.stable.v2 as nw

    lazy = nw.from_native(frame)
    old = lazy.collect_schema().names()
    return lazy.select(*(nw.col(a).alias(b) for a, b in zip(old, names, strict=True))).to_native()


@frozen
class Engine:
    """The steps of a lazy table that narwhals leaves to each library.

    The functions get and return tables of the library itself, not of narwhals.

    Parameters
    ----------
    take_in : callable
        ``take_in(like, table)`` returns a pyarrow table as a lazy table that can be joined with the lazy table `like`:
        of the same connection or session, if the library has any.
    hash_keys : callable
        ``hash_keys(frame, keys, k, name)`` returns the lazy table `frame` with one more column, called `name`, of
        64-bit integers from 0 to k - 1: a hash of the columns in the list `keys`. Equal keys must have equal hashes in
        all sessions.
    rename : callable, optional
        ``rename(frame, names)`` returns the lazy table `frame` with its columns renamed by position. Names may hold any
        character, such as quotes, dots and patterns. By default narwhals renames the columns.

    Examples
    --------
    narwhals must know the library, as it knows SQLFrame. An engine is then two functions and a line:

    >>> from catpool.engines.dispatch import ENGINES, Engine
    >>> def take_in(like, table):
    ...     return like.session.createDataFrame(table.to_pylist())
    >>> def hash_keys(frame, keys, k, name):
    ...     from sqlframe.duckdb import functions as F
    ...     return frame.withColumn(name, (F.hash(*keys) % k).cast("bigint"))
    >>> ENGINES["sqlframe"] = Engine(take_in, hash_keys)
    >>> del ENGINES["sqlframe"]
    """

    take_in: Callable[[Any, Any], Any]
    hash_keys: Callable[[Any, list[str], int, str], Any]
    rename: Callable[[Any, list[str]], Any] = _rename_by_name


def lazy_frame(X: Any) -> LazyFrame[Any] | None:
    """X as a narwhals frame if it is a lazy table, else None."""
    import narwhals.stable.v2 as nw  # here, because arrays and pandas frames need no narwhals

    frame = None if isinstance(X, pd.DataFrame | np.ndarray | list) else nw.from_native(X, pass_through=True)
    if not isinstance(frame, nw.LazyFrame):
        return None
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError('Lazy tables need pyarrow: pip install "catpool[engines]", or pyarrow alone.') from error
    return frame


def read_in_memory(X: Any, owner: str) -> Frame:
    """A table of rows in memory; an error for a lazy one."""
    if lazy_frame(X) is not None:
        raise TypeError(f"`{owner}` takes rows in memory. Collect the table to pandas, polars or arrow.")
    return read_frame(X)


def find_engine(native: IntoLazyFrame) -> Engine:
    """The engine of a lazy table, by the module that its class or a base class is defined in."""
    for cls in type(native).__mro__:
        module = cls.__module__.split(".")[0].lstrip("_")  # relations of DuckDB are defined in "_duckdb"
        if module in ENGINES:
            return ENGINES[module]
    raise TypeError(
        f"Lazy tables must come from one of {', '.join(ENGINES)}, but this one comes from {type(native).__module__}. "
        "Collect it to pandas, polars or arrow, or add its library to catpool.engines.dispatch.ENGINES."
    )


def _take_in_polars(like: Any, table: Any) -> Any:
    import polars

    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)
    return frame.lazy()


def _hash_polars(frame: Any, keys: list[str], k: int, name: str) -> Any:
    import polars

    return frame.with_columns((polars.struct(keys).hash(0) % k).cast(polars.Int64).alias(name))


def _rename_polars(frame: Any, names: list[str]) -> Any:
    return frame.rename(dict(zip(frame.collect_schema().names(), names, strict=True)))


def _take_in_duckdb(like: Any, table: Any) -> Any:
    # The query finds the Python variable of this name, and runs on the connection of `like`.
    catpool_taken_in_8c1f2b = table  # noqa: F841
    return like.query("catpool_rows_8c1f2b", "SELECT * FROM catpool_taken_in_8c1f2b")


def _hash_duckdb(frame: Any, keys: list[str], k: int, name: str) -> Any:
    from duckdb import ColumnExpression, ConstantExpression, FunctionExpression, StarExpression

    number = FunctionExpression("hash", *(ColumnExpression(key) for key in keys))
    if len(keys) > 1:
        number = FunctionExpression("hash", number)  # the lowest bit is the same in all rows of two equal columns
    return frame.select(
        StarExpression(), FunctionExpression("mod", number, ConstantExpression(k)).cast("BIGINT").alias(name)
    )


def _rename_duckdb(frame: Any, names: list[str]) -> Any:
    quoted = [['"' + name.replace('"', '""') + '"' for name in each] for each in (frame.columns, names)]
    return frame.project(", ".join(f"{old} AS {new}" for old, new in zip(*quoted, strict=True)))


def _take_in_pyspark(like: Any, table: Any) -> Any:
    return like.sparkSession.createDataFrame(table)


def _hash_pyspark(frame: Any, keys: list[str], k: int, name: str) -> Any:
    from pyspark.sql import functions

    return frame.withColumn(name, functions.pmod(functions.xxhash64(*keys), functions.lit(k)))


def _rename_pyspark(frame: Any, names: list[str]) -> Any:
    checked_labels(frame.columns)  # narwhals does not see that a name occurs twice
    return frame.toDF(*names)


def _take_in_ibis(like: Any, table: Any) -> Any:
    import ibis

    return ibis.memtable(table)


def _hash_ibis(frame: Any, keys: list[str], k: int, name: str) -> Any:
    number = frame[keys[0]].hash()
    for key in keys[1:]:  # as text, because sums of the hashes of equal columns have equal lowest bits
        number = (number.cast("string") + "," + frame[key].hash().cast("string")).hash()
    return frame.mutate(**{name: (((number % k) + k) % k).cast("int64")})  # hashes may be negative


def _rename_ibis(frame: Any, names: list[str]) -> Any:
    return frame.rename(dict(zip(names, frame.columns, strict=True)))


def _take_in_dask(like: Any, table: Any) -> Any:
    import dask.dataframe
    import pyarrow

    frame = table.to_pandas(types_mapper={pyarrow.int64(): pd.Int64Dtype()}.get)
    for name, dtype in like.dtypes[like.columns.intersection(frame.columns)].items():
        if isinstance(dtype, np.dtype) and dtype.kind in "iu":
            frame = frame.dropna(subset=[name])  # a column of numpy integers has no missing value to match
        frame[name] = frame[name].astype(dtype)  # columns of different types do not join
    return dask.dataframe.from_pandas(frame, npartitions=1)


def _hash_dask(frame: Any, keys: list[str], k: int, name: str) -> Any:
    """Give rows the folds that they would have in memory."""

    def add_folds(part: pd.DataFrame) -> pd.DataFrame:
        return part.assign(**{name: folds_of_keys(part[keys], len(part), k).astype(np.int64)})

    return frame.map_partitions(add_folds, meta=frame._meta.assign(**{name: np.int64(0)}))


def _rename_dask(frame: Any, names: list[str]) -> Any:
    return frame.rename(columns=dict(zip(frame.columns, names, strict=True)))


ENGINES: dict[str, Engine] = {  # by the module that the class of a lazy table is defined in
    "polars": Engine(_take_in_polars, _hash_polars, _rename_polars),
    "duckdb": Engine(_take_in_duckdb, _hash_duckdb, _rename_duckdb),
    "pyspark": Engine(_take_in_pyspark, _hash_pyspark, _rename_pyspark),
    "ibis": Engine(_take_in_ibis, _hash_ibis, _rename_ibis),
    "dask": Engine(_take_in_dask, _hash_dask, _rename_dask),
}
