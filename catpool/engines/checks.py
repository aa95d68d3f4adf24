"""What is refused of lazy tables, by a query or two: what is refused in memory, and names of catpool's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from catpool.data.weights import read_weights


def row_of(frame: Any) -> dict[str, Any]:
    """The only row of a lazy table; noughts for what no rows add up to, which is NULL."""
    table = frame.collect("pyarrow").to_native()
    return {name: table.column(name)[0].as_py() or 0 for name in table.column_names}


def check_lazy_names(frame: Any) -> None:
    """Refuse names that stand for what catpool puts beside the columns."""
    own = [name for name in frame.collect_schema().names() if name.startswith("catpool_")]
    if own:
        raise ValueError(f'Columns of lazy tables must not be called "catpool_...", as {own} are. Rename them.')


def check_lazy_weights(frame: Any, column: str | None, name: str) -> None:
    """Refuse what `read_weights` refuses."""
    import narwhals.stable.v2 as nw

    if column is None:
        return
    if column not in frame.collect_schema().names():
        raise ValueError(f"`{name}` names {column!r}, which the table does not have.")
    number = nw.col(column).cast(nw.Float64)
    ends = number.min().alias("least"), number.max().alias("most")
    odd = (~number.is_finite()).cast(nw.Float64).sum().alias("odd")
    facts = row_of(frame.select(*ends, odd, number.null_count().alias("gone")))
    values = [np.nan if facts["gone"] or facts["odd"] else facts["least"], facts["most"]]
    if name == "exposure" and not values[0] > 0:
        raise ValueError("`exposure` must be more than zero in each row. Leave rows without exposure out.")
    read_weights(np.array(values, dtype=float), 2, name)


def check_lazy_keys(frame: Any, keys: Sequence[str]) -> None:
    """Refuse what `folds_of_keys` refuses."""
    import narwhals.stable.v2 as nw

    gone = [key for key, number in row_of(frame.select(nw.col(*keys).null_count())).items() if number]
    if gone:
        raise ValueError(f"`key` must have no missing values, but {gone} have some. Give each row a key.")
