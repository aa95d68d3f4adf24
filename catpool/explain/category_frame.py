"""The categories of a column, from the table of any encoder: what was observed, what it became, and how sure it is."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from catpool.data.frames.frame import column_name
from catpool.encoders.parameters import check_interval
from catpool.explain.fitted_encoders import require_fitted

VALUES = ("encoding", "mode", "effect")  # what the tables of encoders call the value of a category


def category_frame(
    encoder: Any, column: Hashable, *, interval: float = 0.9, target: str | None = None, term: str | None = None
) -> pd.DataFrame:
    """A row for each category that has training rows.

    Parameters
    ----------
    encoder : encoder of catpool
    column : str, int or tuple
        As for its ``encoding_table``.
    interval : float, default=0.9
        The probability of the interval from `lower` to `upper`.
    target : str, optional
        The output or class of y, if there are several; by default the first.
    term : str, optional
        The slope of a mixed model whose modes are the values; by default its intercept.

    Returns
    -------
    pandas.DataFrame
        With `label`, `count` and the `raw` mean where the encoder has them, `value`, `sd`, `lower` and `upper`.
    """
    require_fitted(encoder)
    check_interval(interval)
    table = rows_of_target(_table(encoder, column, interval), target)
    if term is not None:
        table = _of_slope(table, term)
    value = next(name for name in VALUES if name in table)
    names = [name for name in table.columns[: table.columns.get_loc(_first_number(table))] if name != "target"]
    labels = [_label(row) for row in table[names].itertuples(index=False)]
    frame = pd.DataFrame({"label": pd.Series(labels, table.index, dtype=object)})  # None stays None
    frame = frame.assign(count=table.get("count"), raw=table.get("mean"), value=table[value], sd=table["sd"])
    spread = ndtri((1 + interval) / 2) * table["sd"]
    lower, upper = table.get("lower", table[value] - spread), table.get("upper", table[value] + spread)
    frame = frame.assign(lower=lower, upper=upper)
    seen = frame["count"].isna() | (frame["count"] > 0)  # the last row of some tables is an unseen category
    return frame[seen].reset_index(drop=True)


def _table(encoder: Any, column: Hashable, interval: float) -> pd.DataFrame:
    from catpool.encoders.additive_mixin import AdditiveMixin  # here, as few need it

    if isinstance(encoder, AdditiveMixin):
        return encoder.encoding_table(column)
    table: pd.DataFrame = encoder.encoding_table(column, interval=interval)
    return table


def rows_of_target(table: pd.DataFrame, target: str | None) -> pd.DataFrame:
    """The rows of one target, by default the first; tables of one target may have none, or an empty name."""
    known = list(table["target"].unique()) if "target" in table else []
    known = [] if known == [""] else known
    if target is None:
        return table[table["target"] == known[0]] if known else table
    if target not in known:
        one = f"one of {known}" if known else "None, as y is one column of numbers"
        raise ValueError(f"`target` must be {one}. Got {target!r}.")
    return table[table["target"] == target]


def _of_slope(table: pd.DataFrame, term: str) -> pd.DataFrame:
    """The table with a slope in the place of the intercept."""
    names = {f"{term}_{name}": name for name in ("mode", "sd", "lower", "upper")}
    if not set(names) <= set(table.columns):
        raise ValueError(f"The factor has no slope of {term!r}. Its effects are {[*table.columns]}.")
    return table.drop(columns=list(names.values()), errors="ignore").rename(columns=names)


def _first_number(table: pd.DataFrame) -> str:
    return next(name for name in table.columns if name in ("target", "count", "term", *VALUES))


def _label(row: tuple[Any, ...]) -> Any:
    """The name of a category, None if it is missing; those of nested levels and interactions are put together."""
    parts = row if len(row) > 1 else row[0] if isinstance(row[0], tuple) else None
    if parts is None:
        return None if pd.isna(row[0]) else row[0]
    return " · ".join("missing" if pd.isna(part) else str(part) for part in parts)


def apart_from(frame: pd.DataFrame, mean: float) -> np.ndarray:
    """Which categories have an interval that does not hold the mean of all."""
    apart: np.ndarray = ((frame["lower"] > mean) | (frame["upper"] < mean)).to_numpy()
    return apart


def prior_mean(encoder: Any, column: Hashable, target: str | None) -> float:
    """The mean that categories are pulled to: that of the prior, or 0 for effects."""
    summary = encoder.summary_
    if "prior_mean" not in summary or "adjusted_sd" in summary:
        return 0.0
    rows = summary[summary["column"] == summary_name(encoder, column)]
    rows = rows if target is None else rows[rows["target"] == target]
    return float(rows["prior_mean"].iloc[0])


def summary_name(encoder: Any, column: Hashable) -> str:
    """The name of a column in the summary."""
    names = encoder._state.header.names_by_label
    return column if isinstance(column, str) and column not in names else column_name(column, names)
