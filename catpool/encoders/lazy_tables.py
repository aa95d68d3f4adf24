"""Encoders over tables whose rows stay where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from catpool.crossfit.earlier_rows import EarlierRows
from catpool.crossfit.folds import check_cv
from catpool.crossfit.splitters import check_number_of_folds
from catpool.data.frames import Frame, read_frame
from catpool.encoders.base import labels_of
from catpool.encoders.streaming import StreamingEncoder
from catpool.engines.dispatch import hashed
from catpool.moments.grouped import Tally
from catpool.priors.family import FAMILIES

if TYPE_CHECKING:
    from catpool.engines.source import Source  # imported when a lazy table comes, as each import takes its time


class GroupSums(NamedTuple):
    """The rows that a GROUP BY gives: the columns they are of, their sums, and their folds and codes."""

    columns: list[str]
    sums: Frame
    folds: np.ndarray
    codes: np.ndarray


class LazyTablesEncoder(StreamingEncoder):
    """Learns from sums that a GROUP BY makes, and encodes by a JOIN."""

    def _transformed(self, table: Any, X: Frame) -> dict[Any, np.ndarray]:
        """The features of new rows that a table gives, by column."""
        raise NotImplementedError

    def _fit_lazy(self, frame: Any, y: Any, key: Any, sample_weight: Any, exposure: Any, *, out_of_fold: bool) -> Any:
        from catpool.engines.checks import check_lazy_names
        from catpool.engines.source import log_likelihood_of

        self._validate_params()
        check_lazy_names(frame)
        if isinstance(self.cv, EarlierRows) or (out_of_fold and self.crossfit != "all"):
            raise ValueError(
                'EarlierRows and crossfit="unreliable" need rows in memory. Collect the table: to pandas or arrow, say.'
            )
        frame, fold = (
            self._in_folds(frame, key) if out_of_fold else (frame, self.cv if isinstance(self.cv, str) else None)
        )
        source, header = self._open(frame, y, fold, sample_weight, exposure, out_of_fold=out_of_fold)
        header = replace(header, aside=labels_of(exposure) + labels_of(key))
        chosen = self._chosen(header)
        grouped = [self._grouped(label, source, header) for label in chosen]
        tallies = [tally for _, tally in grouped]
        total = log_likelihood_of(source)
        tables = self._relearned(chosen, header.names_of, tallies, [source.target], total)
        encoded = self._encoded(source, tables, grouped) if out_of_fold else None
        self._remember(header, [source.target], tables, [role for role in (y, sample_weight, fold) if role is not None])
        self._keep_stream([tally.together() for tally in tallies], [source.target], total)
        return self._selected(*encoded) if encoded is not None else self

    def _in_folds(self, frame: Any, key: Any) -> tuple[Any, str]:
        """The table with a column of folds, and its name."""
        import narwhals as nw

        from catpool.engines.checks import check_lazy_keys
        from catpool.engines.source import FOLD

        if isinstance(self.cv, str) and key is None:
            return frame, self.cv
        if key is None or not isinstance(self.cv, Integral):
            raise ValueError(
                'Rows of a lazy table have no order, so their folds are those of a column, cv="fold", or of a hash of '
                f"columns, cv=10 and fit_transform(table, y, key=[...]). Got cv={self.cv!r} and key={key!r}."
            )
        check_cv(self.cv)
        keys = [key] if isinstance(key, str) else list(key)
        absent = [each for each in keys if each not in frame.collect_schema().names()]
        if absent:
            raise ValueError(f"`key` names {absent}, which the table does not have.")
        check_lazy_keys(frame, keys)
        return nw.from_native(hashed(frame.to_native(), keys, int(self.cv), FOLD)), FOLD

    def _open(
        self, frame: Any, y: Any, fold: str | None, weight: Any, exposure: Any, *, out_of_fold: bool
    ) -> tuple[Source, Frame]:
        """The table as a source of sums, and a row of it without target, weights and folds."""
        from catpool.engines.checks import check_lazy_weights
        from catpool.engines.source import Source, read_lazy_target

        target, mean = read_lazy_target(frame, y, self.target_type, FAMILIES.get(getattr(self, "family", "auto")))
        check_lazy_weights(frame, weight, "sample_weight")
        check_lazy_weights(frame, exposure, "exposure")
        self._check_exposure(exposure, target)
        roles = [role for role in (y, weight, fold) if role is not None]
        labels = [name for name in frame.collect_schema().names() if name not in roles]
        if fold is not None and fold not in frame.collect_schema().names():
            raise ValueError(f"`cv` names {fold!r}, which the table does not have.")
        header = read_frame(frame.select(labels).head(1).collect("pyarrow").to_native())
        self._check_columns(header)
        precision = self.weight_type == "precision" and weight is not None
        if precision and target.family != "normal":
            raise ValueError('weight_type="precision" goes with the normal family alone. Pass "frequency".')
        frame = _as_strings(frame, labels)
        return Source(frame, target, y, weight, exposure, fold if out_of_fold else None, precision, mean), header

    def _check_exposure(self, exposure: Any, target: Any) -> None:
        if exposure is not None and target.kind != "count":
            raise ValueError(f"`exposure` goes with counts, but y is taken for {target.kind}. Leave it out.")

    def _grouped(self, label: Any, source: Source, header: Frame) -> tuple[GroupSums, Tally]:
        columns = _parts(label)
        sums = source.sums(columns)
        codes, vocabulary = self._encode(label, sums)
        folds, number = np.zeros(len(sums), dtype=np.intp), 1
        if source.fold is not None:
            folds, names = pd.factorize(np.asarray(sums.column(source.fold)))
            if (folds < 0).any():
                raise ValueError(f"`cv` must have no missing values, but {source.fold!r} has some. Fill them in.")
            number = len(names)
            check_number_of_folds(number)
        moments = source.moments(sums, folds, codes, (number, vocabulary.size))
        return GroupSums(columns, sums, folds, codes), Tally(vocabulary, moments)

    def _encoded(
        self, source: Source, tables: Sequence[Any], grouped: Sequence[tuple[GroupSums, Tally]]
    ) -> tuple[Any, dict[Any, list[str]]]:
        """The table with features out of fold beside, each group's going back to its rows, and what they are called."""
        frame, features = source.frame, dict[Any, list[str]]()
        for position, (table, (groups, tally)) in enumerate(zip(tables, grouped, strict=True)):
            blocks = self._outside(table, tally, [source.target], groups.folds, groups.codes)
            frame, named = _with_features(frame, [source.fold, *groups.columns], groups.sums, blocks, position)
            features |= named
        return frame, features

    def _transform_lazy(self, frame: Any) -> Any:
        import narwhals as nw

        from catpool.engines.checks import check_lazy_names
        from catpool.engines.source import known_categories

        check_lazy_names(frame)
        names = [name for name in frame.collect_schema().names() if name not in self._roles]
        strict = self.remainder == "passthrough"
        required = self._header.labels if strict else self._required()
        absent = [name for name in required if name not in names]
        unseen = [name for name in names if name not in self._header.labels] if strict else []
        if absent or unseen:
            raise ValueError(f"The columns must be those of fit; missing are {absent}, unseen {unseen}.")
        frame, features = _as_strings(frame, names), dict[Any, list[str]]()
        for position, table in enumerate(self.tables_):
            columns = _parts(table.label)
            own = known_categories(frame, table)
            distinct = read_frame(frame.select(columns).unique().collect("pyarrow").to_native() if own is None else own)
            frame, named = _with_features(frame, columns, distinct, self._transformed(table, distinct), position)
            if own is not None and named[table.label]:
                pairs = zip(named[table.label], table.unseen, strict=True)
                frame = frame.with_columns(nw.col(name).fill_null(value) for name, value in pairs)
            features |= named
        return self._selected(frame, features)

    def _selected(self, frame: Any, features: Mapping[Any, list[Any]]) -> Any:
        """The columns that come out, in the places of those that came in."""
        import narwhals as nw

        labels = [label for label in self._header.labels if label in features or self.remainder == "passthrough"]
        labels += [label for label in features if label not in self._header.labels]
        named = self._named_features(self._header.names_of, self.tables_)
        out: list[Any] = []
        for label in labels:
            if label in features:
                out += [nw.col(own).alias(name) for own, name in zip(features[label], named[label], strict=True)]
            else:
                out.append(nw.col(label))
        return frame.select(*out).to_native()


def _with_features(
    frame: Any, keys: Sequence[Any], groups: Frame, blocks: Mapping[Any, np.ndarray], position: int
) -> tuple[Any, dict[Any, list[str]]]:
    """The table with features of its groups, of shape (groups, features) a column, and what they are called there."""
    import pyarrow

    from catpool.engines.source import FEATURE, joined

    table, names = groups.source.to_native().select(list(keys)), dict[Any, list[str]]()
    for label, values in blocks.items():
        names[label] = []
        for column in values.T:
            names[label].append(f"{FEATURE}{position}_{table.num_columns}")
            table = table.append_column(names[label][-1], pyarrow.array(np.ascontiguousarray(column)))
    return (joined(frame, keys, table), names) if any(names.values()) else (frame, names)


def _parts(label: Any) -> list[str]:
    """The columns that a table is of."""
    return list(label) if isinstance(label, tuple) else [label]


def _as_strings(frame: Any, labels: Sequence[str]) -> Any:
    """The table with strings for categories, which engines number each their own way."""
    import narwhals as nw

    schema = frame.collect_schema()
    own = [label for label in labels if schema[label] in (nw.Categorical, nw.Enum)]
    return frame.with_columns(*(nw.col(label).cast(nw.String) for label in own)) if own else frame
