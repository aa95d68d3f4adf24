"""The fitted state of an encoder, and how features are named and placed in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from catpool.crossfit.scheme import Scheme, is_rule, reads
from catpool.crossfit.structure import Blocks, Structure
from catpool.crossfit.times import Fade
from catpool.data.columns.categories import Vocabulary
from catpool.data.columns.unions import vocabularies
from catpool.data.fingerprint import Fingerprint
from catpool.data.frames.backends import to_backend
from catpool.data.frames.dates import are_dates, warn_of_dates
from catpool.data.frames.frame import Frame, read_frame
from catpool.data.frozen import frozen
from catpool.data.training import TrainingData
from catpool.tables.fitted import Fitted


@frozen
class Settings:
    """The parameters that shape the output: `remainder`, `set_output` and `cv`.

    Parameters
    ----------
    owner : str
        The class of the encoder.
    cv : Any
    keep : bool
        Whether columns without features pass through.
    library : {"default", "pandas", "polars"}
        What `set_output` asks for.
    """

    owner: str
    cv: Any
    keep: bool
    library: str

    def required(self, structure: Structure, fitted: Fitted) -> list[Any]:
        """The columns that features are made of."""
        times = reads(self.cv) if fitted.last_time is not None else []  # none, where `cv` was changed since
        return list(dict.fromkeys([*structure.required(fitted.tables), *times]))

    def fade(self, X: Frame, fitted: Fitted) -> Fade:
        """How much weight the training rows keep for new rows; None without a half-life."""
        fades = fitted.last_time is not None and is_rule(self.cv)
        return self.cv.fade(X, fitted.last_time) if fades else None


def record(settings: Settings, structure: Structure, data: TrainingData, scheme: Scheme, tables: list[Any]) -> Fitted:
    """What an encoder keeps of a fit, once its features are known to have different names."""
    _check_rule(settings, structure, scheme, tables)
    empty, likelihood = Fitted.empty(settings.owner, data), structure.log_likelihood(data)
    fitted = replace(empty, tables=tables, log_likelihood=likelihood, last_time=scheme.last_time)
    check_names(structure, fitted, keep=settings.keep)
    warn_of_date_columns(tables)
    return replace(fitted, fingerprint=Fingerprint.compute(data.X, data.X.labels))


def _check_rule(settings: Settings, structure: Structure, scheme: Scheme, tables: list[Any]) -> None:
    """Refuse a rule of folds whose columns are encoded, or that fades what the structure cannot fade."""
    both = [label for label in reads(settings.cv) if label in structure.required(tables)]
    if both:
        raise ValueError(
            f"`cv` reads {both}, which {settings.owner} encodes too. Encode other columns, or pass another `cv`."
        )
    if scheme.last_time is not None and not structure.takes_past_only:
        raise ValueError(f"Training rows cannot lose weight in {settings.owner}. Pass a `cv` without a half-life.")


def named_features(structure: Structure, fitted: Fitted) -> Mapping[Any, list[str]]:
    """The names of the features by the label of the column they replace."""
    return structure.names(fitted.tables, fitted.header.names_by_label)


def output(settings: Settings, structure: Structure, fitted: Fitted, X: Frame, features: Blocks) -> Any:
    """X with features in the place of the columns they encode, in the library that `set_output` asks for."""
    placed = {label: (names, features[label]) for label, names in named_features(structure, fitted).items()}
    result = X.replace_columns(placed, keep=settings.keep)
    # scikit-learn converts arrays itself, but it cannot convert each kind of frame
    as_it_is = settings.library == "default" or isinstance(result, np.ndarray)
    return result if as_it_is else to_backend(result, settings.library)


def feature_names(columns: Mapping[Any, str], named: Mapping[Any, list[str]], *, keep: bool) -> list[str]:
    """The names of all features in their order.

    Parameters
    ----------
    columns : mapping
        The names of the columns of X by their labels.
    named : mapping
        The names of features by the label of the column they replace; others come last.
    keep : bool
        Whether columns without features pass through.
    """
    result: list[str] = []
    for label, name in columns.items():  # features take the place of their column
        result += named.get(label, [name] if keep else [])
    return result + [name for label, names in named.items() if label not in columns for name in names]


def check_names(structure: Structure, fitted: Fitted, *, keep: bool) -> None:
    """Refuse features of the same name."""
    names = feature_names(fitted.header.names_by_label, named_features(structure, fitted), keep=keep)
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise ValueError(
            f"Features must have different names, but {repeated} would occur twice. Rename columns of X, or outputs "
            "or classes of y."
        )


def warn_of_date_columns(tables: Sequence[Any], before: Sequence[Any] = ()) -> None:
    """Warn of columns that hold dates as strings: once of each, however many tables encode it.

    Parameters
    ----------
    tables : sequence
    before : sequence, default=()
        The tables of a stream before its last part. Their columns have been warned of.
    """
    known = _date_columns(before)
    for label, categories in _date_columns(tables).items():
        if label not in known:
            warn_of_dates(label, categories)


def _date_columns(tables: Sequence[Any]) -> dict[Any, pd.Series]:
    """The categories of the columns that hold dates as strings, by label."""
    columns: dict[Any, Vocabulary] = {}
    for table in tables:
        for each in getattr(table, "factors", [table]):  # an additive model has a vocabulary for each factor
            columns |= vocabularies(each.label, each.vocabulary)
    return {label: own.categories for label, own in columns.items() if are_dates(own.categories)}


def frame_of_row(row: Mapping[str, Any], required: list[Any]) -> Frame:
    """A table of one row, with the columns that are required."""
    if not isinstance(row, Mapping):
        raise TypeError(f"The row must be a dict of values by column, as {{'shop': 'a'}}. Got {row!r}.")
    absent = [label for label in required if label not in row]
    if absent:
        raise ValueError(f"The row must have the columns {required}, but {absent} are not in it. Add them.")
    return read_frame(pd.DataFrame({label: _column_of(row[label]) for label in required}))


def _column_of(value: Any) -> pd.Series:
    """A column of one value, in its own dtype unless it has none, as None and text with lone surrogates."""
    try:
        return pd.Series([value], dtype=None if value is not None else object)
    except UnicodeEncodeError:
        return pd.Series([value], dtype=object)


def features_of_row(features: Blocks, named: Mapping[Any, list[str]]) -> dict[str, float]:
    """The features of one row by their names."""
    return {
        name: float(value)
        for label, names in named.items()
        for name, value in zip(names, features[label][0], strict=True)
    }
