"""Fitting to lazy tables and encoding their rows: one GROUP BY for each column, and one JOIN."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow

from catpool.crossfit.columnwise import Columnwise
from catpool.crossfit.folds import check_cv, check_weight_outside
from catpool.crossfit.stream import Stream, encode_other_folds
from catpool.crossfit.structure import Blocks, Structure, kinds_of
from catpool.data.columns.categories import Vocabulary
from catpool.data.columns.featured import select_featured
from catpool.data.columns.unions import vocabularies
from catpool.data.fingerprint import Fingerprint
from catpool.data.frames.frame import Frame
from catpool.data.frames.header import Header, check_labels
from catpool.data.progress import counted, counting
from catpool.data.training import Reading
from catpool.engines.checks import Opened, check_keys, open_training, read_source
from catpool.engines.dispatch import find_engine
from catpool.engines.joins import join_features, known_categories
from catpool.engines.lazy_refusals import check_structure, refuse_rows, refuse_traits
from catpool.engines.names import NamedTable, name_columns, open_table
from catpool.engines.request import Request
from catpool.engines.source import COPIES, Source
from catpool.moments.grouped import Tally
from catpool.tables.fitted import Fitted
from catpool.tables.unseen import UnseenCategoriesWarning, warn_of_unlisted, warn_of_unseen

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoLazyFrame

FOLD, FEATURE = "catpool_fold", "catpool_feature_"  # the column of hashed keys, and the start of features' names


class Encoded(NamedTuple):
    """A lazy table with its features as further columns.

    Parameters
    ----------
    table : NamedTable
    features : dict
        For the label of each encoded column, the names of its features in the table.
    """

    table: NamedTable
    features: dict[Any, list[str]]

    def add(self, frame: nw.LazyFrame[Any], features: Mapping[Any, list[str]]) -> Encoded:
        """The same with more features, which `frame` has as columns."""
        return Encoded(replace(self.table, frame=frame), {**self.features, **features})

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
        columns: list[str] = []
        final: list[str] = []
        for label in labels:
            columns += self.features[label] if label in self.features else [self.table.plain[label]]
            final += names[label] if label in self.features else [label]
        return name_columns(self.table.frame.select(columns), final)


class LazyFit(NamedTuple):
    """The result of a fit to a lazy table, and its rows encoded out of fold if that was asked for."""

    fitted: Fitted
    encoded: Encoded | None


class Grouped(NamedTuple):
    """A fitted column: the keys of the groups, the fold and the code of each group, and the sums.

    The last one is the term of the log-likelihood that depends on precisions alone.
    """

    keys: pyarrow.Table
    folds: np.ndarray
    codes: np.ndarray
    tally: Tally
    log_likelihood: float


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
    columnwise = check_structure(structure, owner)
    refuse_rows(columnwise, request.cv, out_of_fold=out_of_fold)
    opened = open_training(frame, request)
    header = opened.header
    columnwise.check(header)
    labels = columnwise.labels(header)
    for label in labels:
        refuse_traits(label, columnwise.traits(label))
    listed = columnwise.listed(labels)
    table, fold = _add_folds(opened, request) if out_of_fold else (_check_cv(opened, request), None)
    table = table.cast_categoricals(list(dict.fromkeys(part for label in labels for part in _parts(label))))
    source = read_source(table, reading.exposed(request.exposure), request, fold).with_shares(columnwise.shares)
    kinds = kinds_of(labels, header)
    groups = counted(lambda label: _group(columnwise, label, source, table, listed), labels, f"queries of {kinds}")
    tallies, likelihoods = [each.tally for each in groups], np.array([each.log_likelihood for each in groups])
    stream = Stream(labels, header.names_by_label, tallies, source.targets, likelihoods)
    tables = stream.tables(columnwise)
    fitted = Fitted(
        header=header.header(owner),
        tables=tables,
        targets=source.targets,
        roles=opened.roles,
        aside=[label for label in header.aside if label in header.labels],
        fingerprint=Fingerprint(0, ""),  # the rows are not here, so transform cannot recognize them
        log_likelihood=stream.log_likelihood,
        tallies=[tally.merge_parts() for tally in tallies],
    )
    return LazyFit(fitted, _encode_out_of_fold(columnwise, source, table, tables, groups) if out_of_fold else None)


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
    columnwise = check_structure(structure, fitted.header.owner)
    if fitted.last_time is not None:
        raise ValueError(
            "Encodings whose sd grows with `drift`, or that fade by a half-life need rows in memory, but X is a lazy "
            "table. Collect it to pandas, polars or arrow first."
        )
    table = open_table(frame)
    check_labels([label for label in table.plain if label not in fitted.roles], fitted.header, required, strict=strict)
    used = [part for each in fitted.tables for part in _parts(each.label)]
    encoded = Encoded(table.cast_categoricals(list(dict.fromkeys(used))), {})
    for position, each in enumerate(fitted.tables):
        encoded = _add_table(columnwise, each, encoded, position)
    return encoded


def _add_table(structure: Columnwise, table: Any, encoded: Encoded, position: int) -> Encoded:
    """Add the features of one more fitted table."""
    named, labels = encoded.table, _parts(table.label)
    columns = named.names(labels)
    refuse_traits(table.label, getattr(table.vocabulary, "reads", []))
    queried = isinstance(table.vocabulary, Vocabulary) and (table.policy.raises or table.knows_unseen)
    known = None if queried else known_categories(named.frame, columns[0], table.vocabulary)  # spares transform a query
    distinct = query_distinct(table, named, labels) if known is None else known
    blocks = _quiet_features(structure, table, named.read(distinct, labels))
    frame, names = add_features(named.frame, distinct.select(columns), blocks, position)
    if known is not None and names[table.label]:
        # Unseen categories are not among the known ones, so the join gives them NULL.
        pairs = zip(names[table.label], table.unseen, strict=True)
        frame = frame.with_columns(nw.col(name).fill_null(value) for name, value in pairs)
    return encoded.add(frame, names)


def query_distinct(table: Any, named: NamedTable, labels: Sequence[str]) -> pyarrow.Table:
    """The distinct values of columns; warns if most rows of a column are unseen."""
    columns = named.names(labels)
    counts = named.frame.select(columns).group_by(*columns).agg(nw.len().alias(COPIES))
    distinct = counts.collect("pyarrow").to_native()
    values, copies = named.read(distinct, labels), np.asarray(distinct.column(COPIES))
    for label, vocabulary in vocabularies(table.label, table.vocabulary).items():
        own = select_featured(label, vocabulary, values)
        warn_of_unseen(label, label, vocabulary, own, vocabulary.look_up(own), copies)
    return distinct


def _quiet_features(structure: Columnwise, table: Any, distinct: Frame) -> Blocks:
    """The features of distinct values, without a warning that counts these values instead of rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenCategoriesWarning)
        return structure.features(table, distinct, None)


def _check_cv(opened: Opened, request: Request) -> NamedTable:
    """The table as it is, once `cv` is known to be a fold scheme of some rows."""
    if not isinstance(request.cv, str):
        check_cv(request.cv)
    return opened.table


def _add_folds(opened: Opened, request: Request) -> tuple[NamedTable, str]:
    """The table with a column of folds, and the name of this column."""
    cv, keys, table = request.cv, request.keys, opened.table
    if isinstance(cv, str) and request.key is None:
        return table.cast_categoricals([cv]), table.plain[cv]
    if request.key is None or not isinstance(cv, Integral):
        raise ValueError(
            "The rows of a lazy table have no order, so folds must come from a column or from a hash of key columns. "
            'Set cv="fold" to name the column, or call fit_transform(table, y, key=[...]) with cv=10. '
            f"Got cv={cv!r} and key={request.key!r}."
        )
    check_cv(cv)
    check_keys(opened, keys)
    native = table.frame.to_native()
    hashed = find_engine(native).hash_keys(native, table.names(keys), int(cv), FOLD)
    return replace(table, frame=nw.from_native(hashed)), FOLD


def _group(
    structure: Columnwise, label: Any, source: Source, table: NamedTable, listed: Mapping[Any, Vocabulary]
) -> Grouped:
    labels = _parts(label)
    columns = table.names(labels)
    sums = source.sums(columns, listed=label in listed)
    codes, vocabulary, unlisted = structure.code(label, table.read(sums.keys, labels), listed)
    folds = source.find_folds(sums.keys)
    if unlisted is not None:
        warn_of_unlisted(listed[label], table.read(sums.keys, labels).column(label), unlisted, sums.column(COPIES))
        source, sums = source.listed_sums(columns, folds, sums, unlisted.rows)
    shape, scatters = (len(source.centers), vocabulary.size), structure.learner(vocabulary).scatters
    moments = source.moments(sums, folds, codes, shape, scatters=scatters)
    if unlisted is not None and source.fold is not None and moments[0].count.any():
        check_weight_outside(moments[0].size, source.folds.tolist(), unlisted.column)
    return Grouped(sums.keys, folds, codes, Tally(vocabulary, moments), source.log_likelihood(sums))


def _encode_out_of_fold(
    structure: Columnwise, source: Source, named: NamedTable, tables: Sequence[Any], groups: Sequence[Grouped]
) -> Encoded:
    """Add features to the training rows, each from the rows of the other folds."""
    encoded = Encoded(named, {})
    with counting(len(tables), kinds_of([table.label for table in tables], named.plain)) as advance:
        for position, (table, each) in enumerate(zip(tables, groups, strict=True)):
            blocks = encode_other_folds(structure, table, each.tally, source.targets, each.folds, each.codes)
            encoded = encoded.add(*add_features(encoded.table.frame, each.keys, blocks, position))
            advance(1)
    return encoded


def add_features(
    frame: nw.LazyFrame[Any], keys: pyarrow.Table, blocks: Mapping[Any, np.ndarray], position: int
) -> tuple[nw.LazyFrame[Any], dict[Any, list[str]]]:
    """Join the features of groups, of shape (groups, features) for each label. Return the table and their names."""
    table, names = keys, dict[Any, list[str]]()
    for label, values in blocks.items():
        names[label] = []
        for column in values.T:
            names[label].append(f"{FEATURE}{position}_{table.num_columns}")
            table = table.append_column(names[label][-1], pyarrow.array(np.ascontiguousarray(column)))
    return (join_features(frame, keys.column_names, table), names) if any(names.values()) else (frame, names)


def _parts(label: Any) -> list[str]:
    """The columns of a label, which is a tuple for an interaction."""
    return list(label) if isinstance(label, tuple) else [label]
