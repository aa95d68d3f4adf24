"""Checks of lazy tables: a query or two finds what the checks of rows in memory would refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catpool.data.weights import read_weights

if TYPE_CHECKING:
    from narwhals.stable.v2 import LazyFrame


def collect_row(frame: LazyFrame[Any]) -> dict[str, Any]:
    """Collect a lazy table of one row, with 0 for the sums of an empty table, which are NULL."""
    table = frame.collect("pyarrow").to_native()
    return {name: table.column(name)[0].as_py() or 0 for name in table.column_names}


def check_lazy_names(frame: LazyFrame[Any]) -> None:
    """Refuse columns with names that catpool gives to columns of its own."""
    reserved = [name for name in frame.collect_schema().names() if name.startswith("catpool_")]
    if reserved:
        raise ValueError(f'Names that start with "catpool_" are reserved, but the table has {reserved}. Rename them.')


def check_lazy_weights(frame: LazyFrame[Any], column: str | None, name: str) -> None:
    """Refuse a column of weights or exposures that `read_weights` would refuse."""
    import narwhals.stable.v2 as nw

    if column is None:
        return
    labels = frame.collect_schema().names()
    if column not in labels:
        raise ValueError(f"`{name}` names {column!r}, but the columns of the table are {labels}. Pass one of them.")
    number = nw.col(column).cast(nw.Float64)
    ends = number.min().alias("least"), number.max().alias("most")
    not_finite = (~number.is_finite()).cast(nw.Float64).sum().alias("not_finite")
    facts = collect_row(frame.select(*ends, not_finite, number.null_count().alias("missing")))
    # `read_weights` looks at the range of the values, so the two ends stand for the column.
    values = [np.nan if facts["missing"] or facts["not_finite"] else facts["least"], facts["most"]]
    if name == "exposure" and not values[0] > 0:
        raise ValueError("`exposure` must be more than zero in each row. Leave rows without exposure out.")
    read_weights(np.array(values, dtype=float), 2, name)


def check_lazy_keys(frame: LazyFrame[Any], keys: Sequence[str]) -> None:
    """Refuse key columns that the table does not have, or that have missing values."""
    import narwhals.stable.v2 as nw

    labels = frame.collect_schema().names()
    absent = [key for key in keys if key not in labels]
    if absent:
        raise ValueError(f"`key` names {absent}, but the columns of the table are {labels}. Pass some of them.")
    missing = [key for key, number in collect_row(frame.select(nw.col(*keys).null_count())).items() if number]
    if missing:
        raise ValueError(f"`key` must have no missing values, but {missing} have some. Give each row a key.")
