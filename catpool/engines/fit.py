"""Fitting to lazy tables and encoding their rows: one GROUP BY for each column, and one JOIN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow

from catpool.crossfit.columnwise import Columnwise
from catpool.crossfit.folds import check_cv
from catpool.crossfit.scheme import is_rule
from catpool.crossfit.splitters import check_number_of_folds
from catpool.crossfit.stream import Stream, encode_other_folds
from catpool.crossfit.structure import Structure
from catpool.data.fingerprint import Fingerprint
from catpool.data.frames import Frame, Header, read_frame
from catpool.data.training import Reading
from catpool.data.weights import check_exposure, check_precision
from catpool.engines.checks import check_lazy_keys, check_lazy_names, check_lazy_weights
from catpool.engines.dispatch import find_engine
from catpool.engines.request import Request
from catpool.engines.source import (
    FEATURE,
    FOLD,
    Source,
    join_features,
    known_categories,
    precision_log_likelihood,
    read_lazy_target,
)
from catpool.moments.grouped import Tally
from catpool.tables.fitted import Fitted

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoLazyFrame


class Encoded(NamedTuple):
    """A lazy table with its features as further columns.

    Parameters
    ----------
    frame : narwhals.LazyFrame
    features : dict
        For the label of each encoded column, the names of its features in `frame`.
    """

    frame: nw.LazyFrame[Any]
    features: dict[Any, list[str]]

    def select(self, header: Header, names: Mapping[Any, list[str]], *, keep: bool) -> IntoLazyFrame:
        """Put the features in the place of the columns they encode.

        Parameters
        ----------
        header : Header
            The columns of fit.
        names : mapping
            The final names of the features of each encoded column.
        keep : bool
            Whether the other columns stay.
        """
        labels = [label for label in header.labels if label in self.features or keep]
        labels += [label for label in self.features if label not in header.labels]
        columns: list[nw.Expr] = []
        for label in labels:
            if label in self.features:
                pairs = zip(self.features[label], names[label], strict=True)
                columns += [nw.col(feature).alias(name) for feature, name in pairs]
            else:
                columns.append(nw.col(label))
        return self.frame.select(*columns).to_native()


class LazyFit(NamedTuple):
    """The result of a fit to a lazy table, and its rows encoded out of fold if that was asked for."""

    fitted: Fitted
    encoded: Encoded | None


class Grouped(NamedTuple):
    """The result of a GROUP BY: the columns of the groups, a row for each group, its fold and code, and the sums."""

    columns: list[str]
    rows: Frame
    folds: np.ndarray
    codes: np.ndarray
    tally: Tally


def fit_lazy(
    structure: Structure, frame: nw.LazyFrame[Any], reading: Reading, request: Request, owner: str, *, out_of_fold: bool
) -> LazyFit:
    """Fit to a lazy table and, with `out_of_fold`, encode its rows out of fold.

    Parameters
    ----------
    structure : Structure
    frame : narwhals.LazyFrame
    reading : Reading
    request : Request
    owner : str
        The name of the encoder's class.
    out_of_fold : bool
    """
    columnwise = _check_structure(structure, owner)
    check_lazy_names(frame)
    if is_rule(request.cv) or (out_of_fold and columnwise.crossfit.only_rare):
        raise ValueError(
            'EarlierRows and crossfit="rare" need rows in memory. Collect the table to pandas, polars or arrow first.'
        )
    fold = request.cv if isinstance(request.cv, str) else None
    if out_of_fold:
        frame, fold = _add_folds(frame, request)
    elif fold is None:
        check_cv(request.cv)
    source, header = _open(columnwise, frame, reading, request, fold, out_of_fold=out_of_fold)
    labels = columnwise.labels(header)
    groups = [_group(columnwise, label, source, header) for label in labels]
    tallies = [each.tally for each in groups]
    stream = Stream(labels, header.names_by_label, tallies, [source.target], precision_log_likelihood(source))
    tables = stream.tables(columnwise)
    fitted = Fitted(
        header=header.header(owner),
        tables=tables,
        targets=[source.target],
        roles=[role for role in (request.y, request.sample_weight, fold) if role is not None],
        aside=[label for label in header.aside if label in header.labels],
        fingerprint=Fingerprint(0, ""),  # the rows are not here, so transform cannot recognize them
        log_likelihood=stream.log_likelihood,
        tallies=[tally.merge_parts() for tally in tallies],
    )
    return LazyFit(fitted, _encode_out_of_fold(columnwise, source, tables, groups) if out_of_fold else None)


def transform_lazy(
    structure: Structure, fitted: Fitted, frame: nw.LazyFrame[Any], required: list[Any], *, strict: bool
) -> Encoded:
    """Encode the rows of a lazy table from all training rows.

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
    columnwise = _check_structure(structure, fitted.header.owner)
    if fitted.last_time is not None:
        raise ValueError("A half-life needs rows in memory. Collect the table to pandas, polars or arrow first.")
    check_lazy_names(frame)
    names = [name for name in frame.collect_schema().names() if name not in fitted.roles]
    absent = [name for name in required if name not in names]
    unseen = [name for name in names if name not in fitted.header.labels] if strict else []
    if absent or unseen:
        raise ValueError(
            f"The table must have the columns of fit, but {absent} are missing and {unseen} are new. Add the missing "
            "columns, and drop the new ones."
        )
    encoded = Encoded(_cast_categoricals(frame, names), {})
    for position, table in enumerate(fitted.tables):
        encoded = _add_table(columnwise, table, encoded, position)
    return encoded


def _add_table(structure: Columnwise, table: Any, encoded: Encoded, position: int) -> Encoded:
    """Add the features of one more fitted table."""
    frame, columns = encoded.frame, _parts(table.label)
    known = known_categories(frame, table)  # spares transform a query
    distinct = frame.select(columns).unique().collect("pyarrow").to_native() if known is None else known
    categories = read_frame(distinct)
    blocks = structure.features(table, categories, None)
    frame, names = _add_features(frame, columns, categories, blocks, position)
    if known is not None and names[table.label]:
        # Unseen categories are not among the known ones, so the join gives them NULL.
        pairs = zip(names[table.label], table.unseen, strict=True)
        frame = frame.with_columns(nw.col(name).fill_null(value) for name, value in pairs)
    return Encoded(frame, encoded.features | names)


def _check_structure(structure: Structure, owner: str) -> Columnwise:
    if not isinstance(structure, Columnwise):
        raise TypeError(f"{owner} needs rows in memory. Collect the table to pandas, polars or arrow first.")
    return structure


def _add_folds(frame: nw.LazyFrame[Any], request: Request) -> tuple[nw.LazyFrame[Any], str]:
    """The table with a column of folds, and the name of this column."""
    cv, keys = request.cv, request.keys
    if isinstance(cv, str) and request.key is None:
        return frame, cv
    if request.key is None or not isinstance(cv, Integral):
        raise ValueError(
            "The rows of a lazy table have no order, so folds must come from a column or from a hash of key columns. "
            'Set cv="fold" to name the column, or call fit_transform(table, y, key=[...]) with cv=10. '
            f"Got cv={cv!r} and key={request.key!r}."
        )
    check_cv(cv)
    check_lazy_keys(frame, keys)
    native = frame.to_native()
    return nw.from_native(find_engine(native).hash_keys(native, keys, int(cv), FOLD)), FOLD


def _open(
    structure: Columnwise,
    frame: nw.LazyFrame[Any],
    reading: Reading,
    request: Request,
    fold: str | None,
    *,
    out_of_fold: bool,
) -> tuple[Source, Frame]:
    """Check the table. Return it as a source of sums, and one row of it without target, weights and folds."""
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
        raise ValueError(f"`cv` names {fold!r}, but the columns of the table are {names}. Pass one of them.")
    # One row is enough: the structure looks at labels and types.
    header = replace(read_frame(frame.select(labels).head(1).collect("pyarrow").to_native()), aside=request.aside)
    structure.check(header)
    check_precision(reading.weight_type, homoscedastic=reading.homoscedastic([target]))
    precision = reading.weight_type == "precision" and weight is not None
    frame, fold = _cast_categoricals(frame, labels), fold if out_of_fold else None
    return Source(frame, target, y, weight, exposure, fold, precision, mean), header


def _group(structure: Columnwise, label: Any, source: Source, header: Frame) -> Grouped:
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


def _encode_out_of_fold(
    structure: Columnwise, source: Source, tables: Sequence[Any], groups: Sequence[Grouped]
) -> Encoded:
    """Add features to the training rows, each from the rows of the other folds."""
    encoded = Encoded(source.frame, {})
    for position, (table, each) in enumerate(zip(tables, groups, strict=True)):
        blocks = encode_other_folds(structure, table, each.tally, [source.target], each.folds, each.codes)
        keys = [source.fold, *each.columns]
        frame, names = _add_features(encoded.frame, keys, each.rows, blocks, position)
        encoded = Encoded(frame, encoded.features | names)
    return encoded


def _add_features(
    frame: nw.LazyFrame[Any], keys: Sequence[Any], groups: Frame, blocks: Mapping[Any, np.ndarray], position: int
) -> tuple[nw.LazyFrame[Any], dict[Any, list[str]]]:
    """Join the features of groups, of shape (groups, features) for each label. Return the table and their names."""
    table, names = groups.source.to_native().select(list(keys)), dict[Any, list[str]]()
    for label, values in blocks.items():
        names[label] = []
        for column in values.T:
            names[label].append(f"{FEATURE}{position}_{table.num_columns}")
            table = table.append_column(names[label][-1], pyarrow.array(np.ascontiguousarray(column)))
    return (join_features(frame, keys, table), names) if any(names.values()) else (frame, names)


def _parts(label: Any) -> list[str]:
    """The columns of a label, which is a tuple for an interaction."""
    return list(label) if isinstance(label, tuple) else [label]


def _cast_categoricals(frame: nw.LazyFrame[Any], labels: Sequence[str]) -> nw.LazyFrame[Any]:
    """Turn categorical columns into strings, because engines number categories in ways of their own."""
    schema = frame.collect_schema()
    categorical = [label for label in labels if schema[label] in (nw.Categorical, nw.Enum)]
    return frame.with_columns(*(nw.col(label).cast(nw.String) for label in categorical)) if categorical else frame
