"""What is kept of a fit, and what its features are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Structure
from catpool.data.frames import Frame, read_frame
from catpool.data.training import TrainingData
from catpool.tables.fitted import Fitted


def record(owner: str, data: TrainingData, scheme: Scheme, tables: list[Any]) -> Fitted:
    """What an encoder of class `owner` keeps of its training rows, but for their fingerprint."""
    empty = Fitted.empty(owner, data)
    return replace(empty, tables=tables, log_likelihood=data.weights.log_likelihood, last_time=scheme.last_time)


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
    for label, name in columns.items():
        result += named.get(label, [name] if keep else [])
    return result + [name for label, names in named.items() if label not in columns for name in names]


def check_names(structure: Structure, fitted: Fitted, *, keep: bool) -> None:
    """Refuse features of the same name."""
    columns = fitted.header.names_of
    names = feature_names(columns, structure.names(fitted.tables, columns), keep=keep)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"Features must have different names, but {repeated} would occur twice. Rename columns of X, or outputs "
            "or classes of y."
        )


def frame_of_row(row: Mapping[str, Any], required: list[Any]) -> Frame:
    """A table of one row, with the columns that are required."""
    absent = [label for label in required if label not in row]
    if absent:
        raise ValueError(f"The row must have the columns {required}, but {absent} are not in it. Add them.")
    columns = {label: pd.Series([row[label]], dtype=None if row[label] is not None else object) for label in required}
    return read_frame(pd.DataFrame(columns))


def features_of_row(features: Blocks, named: Mapping[Any, list[str]]) -> dict[str, float]:
    """The features of one row by their names."""
    return {
        name: float(value)
        for label, names in named.items()
        for name, value in zip(names, features[label][0], strict=True)
    }
