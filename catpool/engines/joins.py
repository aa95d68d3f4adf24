"""Joins that add the columns of an arrow table to the rows of a lazy table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from catpool.data.columns.categories import Vocabulary
from catpool.engines.dispatch import find_engine

if TYPE_CHECKING:
    from narwhals.stable.v2 import Expr, LazyFrame
    from narwhals.stable.v2.dtypes import DType


def known_categories(frame: LazyFrame[Any], column: str, vocabulary: Any) -> Any:
    """An arrow table of the categories of a column and of the missing value, without a query.

    Returns
    -------
    pyarrow.Table or None
        None if the distinct values must be queried: for several columns, and for values other than strings and
        integers.
    """
    import narwhals.stable.v2 as nw
    import pyarrow

    if not isinstance(vocabulary, Vocabulary):
        return None
    dtype = frame.collect_schema()[column]
    name = "string" if dtype == nw.String else str(dtype).lower()  # pyarrow has a function of this name
    categories = vocabulary.categories.tolist()
    wanted = str if dtype == nw.String else int
    if not (dtype == nw.String or dtype.is_integer()) or not all(type(category) is wanted for category in categories):
        return None
    try:
        return pyarrow.table({column: pyarrow.array([*categories, None], getattr(pyarrow, name)())})
    except (AttributeError, OverflowError, pyarrow.ArrowInvalid):  # no such type, or numbers too large for it
        return None


def join_features(frame: LazyFrame[Any], keys: Sequence[str], table: Any) -> LazyFrame[Any]:
    """Add to a lazy table the features that an arrow table has for its keys. Missing keys match missing keys."""
    import narwhals.stable.v2 as nw

    native = frame.to_native()
    other = nw.from_native(find_engine(native).take_in(native, table))
    schema = frame.collect_schema()
    nullable = [key for key in keys if table.column(key).null_count]
    for key in nullable:
        # NULL does not equal NULL in a join, so we join on a flag and on values without NULL.
        pair = (
            nw.col(key).is_null().alias(f"catpool_no_{key}"),
            _fill_missing(key, schema[key]).alias(f"catpool_of_{key}"),
        )
        frame, other = frame.with_columns(*pair), other.with_columns(*pair)
    on = [key for key in keys if key not in nullable]
    on += [f"catpool_{part}_{key}" for key in nullable for part in ("no", "of")]
    return frame.join(other.drop(*nullable) if nullable else other, on=on, how="left")


def _fill_missing(key: str, dtype: DType) -> Expr:
    """Replace missing values by 0 or an empty string, in a type that all engines can compare."""
    import narwhals.stable.v2 as nw

    column = nw.col(key) if dtype.is_numeric() else nw.col(key).cast(nw.String)
    return column.fill_null(0 if dtype.is_numeric() else "")
