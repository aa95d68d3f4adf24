"""The rows of a comparison of encoders, and the score of a model that is fitted to their features."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from catpool.data.frames.frame import Frame
from catpool.data.frozen import frozen
from catpool.data.plain import as_series
from catpool.data.progress import counted
from catpool.encoders.encoder import Encoder
from catpool.encoders.group_features import GroupFeatures
from catpool.encoders.number_binner import NumberBinner
from catpool.evaluation.baselines import OwnCategories
from catpool.evaluation.outer_splits import Split, keep_groups_together

DAY = pd.Timedelta(days=1)


@frozen
class ComparedRows:
    """All rows of a comparison.

    Parameters
    ----------
    rest : pandas.DataFrame
        The columns that are not encoded, as numbers.
    categories : pandas.DataFrame
        The columns that are encoded.
    y : ndarray of shape (n,)
    groups : ndarray of shape (n,) or None
    """

    rest: pd.DataFrame
    categories: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None

    @cached_property
    def _all_columns(self) -> pd.DataFrame:
        return pd.concat([self.rest, self.categories], axis=1)

    def score(
        self, encoder: Any, estimator: BaseEstimator, scorer: Callable[..., float], train: np.ndarray, test: np.ndarray
    ) -> tuple[float, float]:
        """Fit to the training rows of a split. Return the score of its test rows and the seconds of encoding."""
        encoder = clone(encoder)
        model: Any = clone(estimator)
        options = self._adapt(encoder, train)
        whole = _passes_numbers(encoder)
        columns = self._all_columns if whole else self.categories
        start = perf_counter()
        features = encoder.fit_transform(columns.iloc[train], self.y[train], **options)
        test_features = encoder.transform(columns.iloc[test])
        seconds = perf_counter() - start
        rest = self.rest.iloc[:, :0] if whole else self.rest
        table, test_table = _join(rest.iloc[train], features), _join(rest.iloc[test], test_features)
        if isinstance(encoder, OwnCategories):
            encoder.prepare(model, table)
        model.fit(table, self.y[train])
        return float(scorer(model, test_table, self.y[test])), seconds

    def _adapt(self, encoder: Any, train: np.ndarray) -> dict[str, Any]:
        """Tell an encoder of catpool which columns to encode, and keep the rows of a group together."""
        parameters = encoder.get_params(deep=False)
        if _passes_numbers(encoder) and parameters.get("columns", ()) in (None, "auto"):
            encoder.set_params(columns=list(self.categories))
        return {} if self.groups is None else keep_groups_together(encoder, self.groups[train])


def _passes_numbers(encoder: Any) -> bool:
    """Whether an encoder takes all columns, which may be covariates, and puts out those that it does not encode."""
    if isinstance(encoder, Pipeline):
        return _passes_numbers(encoder[0])
    if isinstance(encoder, NumberBinner):
        return True
    return (
        isinstance(encoder, Encoder | GroupFeatures) and getattr(encoder, "remainder", "passthrough") == "passthrough"
    )


def _join(rest: pd.DataFrame, features: Any) -> pd.DataFrame:
    """Put features beside the columns that are not encoded, with names that all models accept."""
    dense = features.toarray() if sparse.issparse(features) else features
    table = pd.DataFrame(dense).reset_index(drop=True)
    if table.shape[1] + rest.shape[1] == 0:  # all columns are left out, or dropped as noise
        table = pd.DataFrame({"constant": np.zeros(len(rest))})
    parts = [part for part in (rest.reset_index(drop=True), table) if part.shape[1]]  # pandas 2 warns of empty ones
    both = pd.concat(parts, axis=1)
    return both.set_axis([f"x{position}" for position in range(both.shape[1])], axis=1)


def read_rows(frame: Frame, labels: list[Any], y: np.ndarray, groups: np.ndarray | None) -> ComparedRows:
    """The rows of a frame, of which some columns are encoded, and all others turned into numbers."""
    columns = {label: as_series(frame.column(label)).reset_index(drop=True) for label in frame.labels}
    others = {label: _as_numbers(column) for label, column in columns.items() if label not in labels}
    wrong = [label for label, numbers in others.items() if numbers is None]
    if wrong:
        raise ValueError(
            f"Columns that are not encoded must be numbers or dates, but {wrong} are not. Turn them into numbers, drop "
            "them, or name them in `columns`."
        )
    categories = {label: _as_categories(columns[label]) for label in labels}
    index = pd.RangeIndex(len(y))
    return ComparedRows(_frame(others, index), _frame(categories, index), y, groups)


def _frame(columns: Mapping[Any, Any], index: pd.Index) -> pd.DataFrame:
    """A frame whose labels may be tuples, which are not taken for levels."""
    labels = pd.Index(list(columns), tupleize_cols=False) if columns else pd.Index([])
    return pd.DataFrame(dict(enumerate(columns.values())), index=index).set_axis(labels, axis=1)


def _as_categories(column: pd.Series) -> pd.Series:
    """Objects that scikit-learn's encoders can sort, with NaN for missing values, and no pandas.NA."""
    objects = column.astype(object)
    if pd.api.types.infer_dtype(objects, skipna=True).startswith("mixed"):
        objects = objects.map(str)
    return objects.where(column.notna(), np.nan)


def _as_numbers(column: pd.Series) -> np.ndarray | None:
    """A column as floats, dates, periods and times of the day as days; None if it is none of these."""
    column = column.infer_objects()
    inferred = pd.api.types.infer_dtype(column, skipna=True) if column.dtype == object else None
    if inferred in ("date", "datetime"):
        column = pd.to_datetime(column, utc=True)
    if inferred == "time":
        column = pd.to_timedelta(column.map(datetime.time.isoformat, na_action="ignore"))
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert(None)
    if column.dtype.kind == "M":
        column = column - pd.Timestamp(0)
    if column.dtype.kind == "m":
        column = column / DAY
    try:
        return column.to_numpy(dtype=float, na_value=np.nan) if _is_numeric(column) else None
    except (TypeError, ValueError):
        return None


def _is_numeric(column: pd.Series) -> bool:
    if column.dtype != object:
        return column.dtype.kind in "biuf"
    numbers = ("boolean", "decimal", "floating", "integer", "mixed-integer-float", "empty")
    return pd.api.types.infer_dtype(column, skipna=True) in numbers


def score_encoders(
    rows: ComparedRows,
    estimator: BaseEstimator,
    scorer: Callable[..., float],
    encoders: Mapping[str, Any],
    splits: Sequence[Split],
) -> pd.DataFrame:
    """A row for each encoder and split, with the columns encoder, split, score and seconds."""

    def score(trial: tuple[str, int]) -> tuple[str, int, float, float]:
        name, split = trial
        return name, split, *rows.score(encoders[name], estimator, scorer, *splits[split])

    trials = list(product(encoders, range(len(splits))))
    found = counted(score, trials, "fits")
    return pd.DataFrame(found, columns=["encoder", "split", "score", "seconds"])
