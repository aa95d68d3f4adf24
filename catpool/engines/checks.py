"""A lazy table opened for a fit: the checks of rows in memory, which get a few examples from a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from catpool.crossfit.folds import check_weight_outside
from catpool.crossfit.hashed_keys import folds_of_keys, refuse_missing_keys, refuse_one_fold
from catpool.crossfit.splitters import check_number_of_labels
from catpool.data.frames.frame import Frame
from catpool.data.targets.target import Target
from catpool.data.targets.weights import check_known_variances, check_precision, read_exposure, read_weights
from catpool.data.training import Reading, take_named
from catpool.engines.facts import MOST, Facts, collect_facts
from catpool.engines.lazy_target import read_lazy_target
from catpool.engines.names import NamedTable, open_table
from catpool.engines.request import Request
from catpool.engines.source import Source

if TYPE_CHECKING:
    from narwhals.stable.v2 import LazyFrame


class Opened(NamedTuple):
    """A lazy table for a fit.

    Parameters
    ----------
    table : NamedTable
    header : Frame
        One row of the table, without the columns of `roles`. Structures look at its labels and types.
    roles : list of str
        The columns of target, weights and folds.
    """

    table: NamedTable
    header: Frame
    roles: list[str]


def open_training(frame: LazyFrame[Any], request: Request) -> Opened:
    """Open a lazy table, and check that it has rows and the columns that arguments name."""
    if not isinstance(request.y, str):
        raise ValueError(
            "The target of a lazy table must be the name of one of its columns, which are "
            f"{frame.collect_schema().names()}. Got y={request.y!r}."
        )
    for name, argument in {"sample_weight": request.sample_weight, "exposure": request.exposure}.items():
        if not isinstance(argument, str | None):
            raise ValueError(
                f"`{name}` must be the name of a column of the lazy table, whose rows have no order. Got "
                f"{type(argument).__name__}. Add a column, and pass its name."
            )
    table = open_table(frame)
    head = table.read(table.frame.head(1).collect("pyarrow").to_native(), list(table.plain))
    fold = request.cv if isinstance(request.cv, str) else None
    columns, named = take_named(head, {"y": request.y, "sample_weight": request.sample_weight, "cv": fold})
    if request.exposure is not None:
        columns.require([request.exposure], "exposure")
    return Opened(table, replace(columns, aside=request.aside), named.labels)


def read_source(table: NamedTable, reading: Reading, request: Request, fold: str | None) -> Source:
    """Check the values of target, weights, exposures and folds.

    Parameters
    ----------
    table : NamedTable
    reading : Reading
    request : Request
    fold : str or None
        The plain name of the column of folds, if rows are encoded out of fold.
    """
    y, weight, exposure = (table.plain.get(name) for name in (request.y, request.sample_weight, request.exposure))
    assert y is not None
    weights = {name: column for name, column in {"sample_weight": weight, "exposure": exposure}.items() if column}
    for name, column in weights.items():
        check_weight_dtype(table, column, name)
    numeric = table.frame.collect_schema()[y].is_numeric()
    used = list(dict.fromkeys(weights.values()))
    facts = collect_facts(table.frame, used, [] if numeric else [y], fold, [y] if numeric else [])
    if fold is not None:
        _check_folds(len(facts.folds), request)
    target = read_lazy_target(table.frame, y, reading, facts)
    _check_weights(facts, target, reading, weights)
    if fold is not None and weight is not None:
        check_weight_outside(facts.by_fold(weight, MOST), facts.folds.tolist())
    centered = numeric and exposure is None and not target.whole
    centers = facts.centers(y) if centered else np.zeros(len(facts.folds))
    precision = reading.precision and weight is not None
    return Source(table.frame, target, y, weight, exposure, fold, precision, facts.folds, centers, centered)


def _check_folds(number: int, request: Request) -> None:
    if isinstance(request.cv, str):
        check_number_of_labels(number)
    else:
        refuse_one_fold(number, request.cv)


def check_weight_dtype(table: NamedTable, column: str, name: str) -> None:
    import narwhals.stable.v2 as nw

    dtype = table.frame.collect_schema()[column]
    if not (dtype.is_numeric() or dtype == nw.Boolean):
        read_weights(np.empty(1, dtype=object), 1, name)  # which raises


def _check_weights(facts: Facts, target: Target, reading: Reading, weights: dict[str, str]) -> None:
    check_precision(reading.weight_type, homoscedastic=reading.homoscedastic([target]))
    check_known_variances(reading.weight_type, [target], weighted="sample_weight" in weights)
    for name, column in weights.items():
        examples = facts.examples(column)
        if name == "exposure":
            read_exposure(examples, [target], len(examples))
        else:
            read_weights(examples, len(examples), name)


def check_keys(opened: Opened, keys: Sequence[str]) -> None:
    """Refuse key columns that the table does not have, that have missing values, or values that are no keys."""
    opened.header.require(list(keys), "key")
    frame, columns = opened.table.frame, opened.table.names(keys)
    schema = frame.collect_schema()
    numbers = [name for name in columns if schema[name].is_numeric() and not schema[name].is_integer()]
    facts = collect_facts(frame, [], [name for name in columns if name not in numbers], numbers=numbers)
    refuse_missing_keys(any(facts.any_missing(name) for name in columns))
    for label, name in zip(keys, columns, strict=True):
        fraction = [0.5] if name in numbers and facts.has_fractions(name) else []
        values = [*facts.ends(name), *fraction] if name in numbers else opened.header.column(label)
        folds_of_keys(pd.DataFrame({label: values}), len(values), 2)  # which raises
