"""Fitting to lazy tables and encoding them: a GROUP BY brings sums here, a JOIN takes encodings back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow

from catpool.crossfit.columnwise import Columnwise
from catpool.crossfit.folds import check_cv
from catpool.crossfit.scheme import is_rule
from catpool.crossfit.splitters import check_number_of_folds
from catpool.crossfit.stream import Stream, features_outside
from catpool.crossfit.structure import Structure
from catpool.data.fingerprint import Fingerprint
from catpool.data.frames import Frame, read_frame
from catpool.data.training import Reading
from catpool.data.weights import check_exposure, check_precision
from catpool.engines.checks import check_lazy_keys, check_lazy_names, check_lazy_weights
from catpool.engines.dispatch import hashed
from catpool.engines.request import Request
from catpool.engines.source import (
    FEATURE,
    FOLD,
    Source,
    joined,
    known_categories,
    log_likelihood_of,
    read_lazy_target,
)
from catpool.moments.grouped import Tally
from catpool.tables.fitted import Fitted


class LazyFit(NamedTuple):
    """What comes of fitting to a lazy table."""

    fitted: Fitted
    encoded: Encoded | None


class Encoded(NamedTuple):
    """A lazy table with features beside its columns, and what the features are called there, by column."""

    frame: Any
    features: dict[Any, list[str]]

    def selected(self, header: Any, names: Mapping[Any, list[str]], *, keep: bool) -> Any:
        """The columns that come out, in the places of those that came in."""
        labels = [label for label in header.labels if label in self.features or keep]
        labels += [label for label in self.features if label not in header.labels]
        out: list[Any] = []
        for label in labels:
            if label in self.features:
                pairs = zip(self.features[label], names[label], strict=True)
                out += [nw.col(own).alias(name) for own, name in pairs]
            else:
                out.append(nw.col(label))
        return self.frame.select(*out).to_native()


class Grouped(NamedTuple):
    """What a GROUP BY gives: the columns that it groups by, its rows, and their folds, codes and sums."""

    columns: list[str]
    rows: Frame
    folds: np.ndarray
    codes: np.ndarray
    tally: Tally


def fit_lazy(
    structure: Structure, frame: Any, reading: Reading, request: Request, owner: str, *, out_of_fold: bool
) -> LazyFit:
    """Fit to a lazy table and, where asked for, encode it out of fold.

    Parameters
    ----------
    structure : Structure
    frame : narwhals.LazyFrame
    reading : Reading
    request : Request
    owner : str
        The class of the encoder.
    out_of_fold : bool
    """
    columnwise = _columnwise(structure, owner, "learns from")
    check_lazy_names(frame)
    if is_rule(request.cv) or (out_of_fold and columnwise.crossfit.only_rare):
        raise ValueError(
            'EarlierRows and crossfit="rare" need rows in memory. Collect the table: to pandas or arrow, say.'
        )
    named = request.cv if isinstance(request.cv, str) else None
    frame, fold = _in_folds(frame, request) if out_of_fold else (frame, named)
    source, header = _open(columnwise, frame, reading, request, fold, out_of_fold=out_of_fold)
    labels = columnwise.labels(header)
    groups = [_grouped(columnwise, label, source, header) for label in labels]
    tallies = [each.tally for each in groups]
    stream = Stream(labels, header.names_of, tallies, [source.target], log_likelihood_of(source))
    tables = stream.tables(columnwise)
    encoded = _encoded(columnwise, source, tables, groups) if out_of_fold else None
    fitted = Fitted(
        header=header.header(owner),
        tables=tables,
        targets=[source.target],
        roles=[role for role in (request.y, request.sample_weight, fold) if role is not None],
        aside=[label for label in header.aside if label in header.labels],
        fingerprint=Fingerprint(0, ""),  # of rows that are not here
        log_likelihood=stream.log_likelihood,
        tallies=[tally.together() for tally in tallies],
    )
    return LazyFit(fitted, encoded)


def transform_lazy(structure: Structure, fitted: Fitted, frame: Any, required: list[Any], *, strict: bool) -> Encoded:
    """A lazy table with features beside its columns.

    Parameters
    ----------
    structure : Structure
    fitted : Fitted
    frame : narwhals.LazyFrame
    required : list
        The columns that must be there.
    strict : bool
        Whether a column that was not there at fit is an error.
    """
    columnwise = _columnwise(structure, fitted.header.owner, "encodes")
    check_lazy_names(frame)
    names = [name for name in frame.collect_schema().names() if name not in fitted.roles]
    absent = [name for name in required if name not in names]
    unseen = [name for name in names if name not in fitted.header.labels] if strict else []
    if absent or unseen:
        raise ValueError(f"The columns must be those of fit; missing are {absent}, unseen {unseen}.")
    encoded = Encoded(_with_strings(frame, names), {})
    for position, table in enumerate(fitted.tables):
        encoded = _joined_with(columnwise, table, encoded, position)
    return encoded


def _joined_with(structure: Columnwise, table: Any, encoded: Encoded, position: int) -> Encoded:
    """The lazy table with the features of one more fitted table."""
    frame, columns = encoded.frame, _parts(table.label)
    known = known_categories(frame, table)
    distinct = frame.select(columns).unique().collect("pyarrow").to_native() if known is None else known
    categories = read_frame(distinct)
    blocks = structure.features(table, categories, None)
    frame, names = _with_features(frame, columns, categories, blocks, position)
    if known is not None and names[table.label]:
        pairs = zip(names[table.label], table.unseen, strict=True)
        frame = frame.with_columns(nw.col(name).fill_null(value) for name, value in pairs)
    return Encoded(frame, encoded.features | names)


def _columnwise(structure: Structure, owner: str, does: str) -> Columnwise:
    if not isinstance(structure, Columnwise):
        raise TypeError(f"{owner} {does} rows in memory. Collect the table to pandas, polars or arrow first.")
    return structure


def _in_folds(frame: Any, request: Request) -> tuple[Any, str]:
    """The table with a column of folds, and its name."""
    cv, key = request.cv, request.key
    if isinstance(cv, str) and key is None:
        return frame, cv
    if key is None or not isinstance(cv, Integral):
        raise ValueError(
            'Rows of a lazy table have no order, so their folds are those of a column, cv="fold", or of a hash of '
            f"columns, cv=10 and fit_transform(table, y, key=[...]). Got cv={cv!r} and key={key!r}."
        )
    check_cv(cv)
    keys = [key] if isinstance(key, str) else list(key)
    absent = [each for each in keys if each not in frame.collect_schema().names()]
    if absent:
        raise ValueError(f"`key` names {absent}, which the table does not have.")
    check_lazy_keys(frame, keys)
    return nw.from_native(hashed(frame.to_native(), keys, int(cv), FOLD)), FOLD


def _open(
    structure: Columnwise, frame: Any, reading: Reading, request: Request, fold: str | None, *, out_of_fold: bool
) -> tuple[Source, Frame]:
    """The table as a source of sums, and a row of it without target, weights and folds."""
    y, weight, exposure = request.y, request.sample_weight, request.exposure
    target, mean = read_lazy_target(frame, y, reading.target_type, reading.family)
    check_lazy_weights(frame, weight, "sample_weight")
    check_lazy_weights(frame, exposure, "exposure")
    if exposure is not None:
        check_exposure([target])
    roles = [role for role in (y, weight, fold) if role is not None]
    names = frame.collect_schema().names()
    labels = [name for name in names if name not in roles]
    if fold is not None and fold not in names:
        raise ValueError(f"`cv` names {fold!r}, which the table does not have.")
    header = replace(read_frame(frame.select(labels).head(1).collect("pyarrow").to_native()), aside=request.aside)
    structure.check(header)
    precision = reading.weight_type == "precision" and weight is not None
    if precision:
        check_precision(reading.weight_type, [target])
    frame, own = _with_strings(frame, labels), fold if out_of_fold else None
    return Source(frame, target, y, weight, exposure, own, precision, mean), header


def _grouped(structure: Columnwise, label: Any, source: Source, header: Frame) -> Grouped:
    columns = _parts(label)
    sums = source.sums(columns)
    codes, vocabulary = structure.encode(label, sums)
    folds, number = np.zeros(len(sums), dtype=np.intp), 1
    if source.fold is not None:
        folds, names = pd.factorize(np.asarray(sums.column(source.fold)))
        if (folds < 0).any():
            raise ValueError(f"`cv` must have no missing values, but {source.fold!r} has some. Fill them in.")
        number = len(names)
        check_number_of_folds(number)
    moments = source.moments(sums, folds, codes, (number, vocabulary.size))
    return Grouped(columns, sums, folds, codes, Tally(vocabulary, moments))


def _encoded(structure: Columnwise, source: Source, tables: Sequence[Any], groups: Sequence[Grouped]) -> Encoded:
    """The table with features out of fold beside: each group's features go back to its rows."""
    encoded = Encoded(source.frame, {})
    for position, (table, each) in enumerate(zip(tables, groups, strict=True)):
        blocks = features_outside(structure, table, each.tally, [source.target], each.folds, each.codes)
        keys = [source.fold, *each.columns]
        frame, names = _with_features(encoded.frame, keys, each.rows, blocks, position)
        encoded = Encoded(frame, encoded.features | names)
    return encoded


def _with_features(
    frame: Any, keys: Sequence[Any], groups: Frame, blocks: Mapping[Any, np.ndarray], position: int
) -> tuple[Any, dict[Any, list[str]]]:
    """The table with features of its groups, of shape (groups, features) a column, and what they are called there."""
    table, names = groups.source.to_native().select(list(keys)), dict[Any, list[str]]()
    for label, values in blocks.items():
        names[label] = []
        for column in values.T:
            names[label].append(f"{FEATURE}{position}_{table.num_columns}")
            table = table.append_column(names[label][-1], pyarrow.array(np.ascontiguousarray(column)))
    return (joined(frame, keys, table), names) if any(names.values()) else (frame, names)


def _parts(label: Any) -> list[str]:
    """The columns that a table is made of."""
    return list(label) if isinstance(label, tuple) else [label]


def _with_strings(frame: Any, labels: Sequence[str]) -> Any:
    """The table with strings for categories, which each engine numbers in its own way."""
    schema = frame.collect_schema()
    own = [label for label in labels if schema[label] in (nw.Categorical, nw.Enum)]
    return frame.with_columns(*(nw.col(label).cast(nw.String) for label in own)) if own else frame
