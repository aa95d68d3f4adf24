"""`Columnwise`: the structures that learn one column, interaction or path at a time, from sums over rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs

from catpool.crossfit.joint import CodedColumn
from catpool.crossfit.leverage import refuse_partial
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure
from catpool.crossfit.training_rows import TrainingRows, learn
from catpool.data.categories import Vocabulary
from catpool.data.frames import Frame
from catpool.data.listed import Coded
from catpool.data.training import TrainingData
from catpool.data.unions import Categories
from catpool.moments.partition import Parts
from catpool.tables.learner import ColumnLearner
from catpool.tables.unseen import warn_of_unlisted

HELD = 1 << 20  # the most codes of all columns that are held at once, so that columns can be learned together
THREADED = 1 << 19  # codes of all columns for which starting threads takes longer than they save


class Crossfit(NamedTuple):
    """Which categories of training rows are encoded out of fold.

    Parameters
    ----------
    which : {"all", "rare"}
        With "rare", rows of large categories get the encoding from all rows.
    reliability : float
        The least reliability of a large category.
    """

    which: str = "all"
    reliability: float = 1.0

    @property
    def only_rare(self) -> bool:
        return self.which == "rare"


class NumberedColumn(NamedTuple):
    """A column whose categories are numbered: its label, its vocabulary, and its codes with their learner."""

    label: Any
    vocabulary: Any
    coded: CodedColumn


class Columnwise(Structure):
    """A structure that learns each column, interaction or path independently of the others.

    So it can be fitted in threads, to streams and to lazy tables, which all use the methods below.
    """

    crossfit: Crossfit
    n_jobs: int | None

    @property
    @abstractmethod
    def counts_by_fold(self) -> bool:
        """Whether to count the rows that each training row is encoded from."""

    @property
    @abstractmethod
    def needs_codes(self) -> bool:
        """Whether the codes of the training rows are needed after these are encoded."""

    @abstractmethod
    def labels(self, X: Frame) -> list[Any]:
        """The labels of the columns to encode, and tuples of labels for interactions and paths."""

    @abstractmethod
    def encode(self, label: Any, X: Frame) -> tuple[np.ndarray, Categories]:
        """Number the categories of the rows: codes of shape (n,), and the categories."""

    def listed(self, labels: Sequence[Any]) -> Mapping[Any, Vocabulary]:
        """The vocabularies that the user lists, by label; by default none."""
        return {}

    def code(self, label: Any, X: Frame, listed: Mapping[Any, Vocabulary]) -> Coded:
        """Number the categories of the training rows, by what `listed` returned."""
        return Coded(*self.encode(label, X))

    def check_listed(self, labels: Sequence[Any], vocabularies: Sequence[Any]) -> None:
        """Raise an error if the vocabularies of columns are not those that the user lists."""
        listed = self.listed(labels)
        for label, own in zip(labels, vocabularies, strict=True):
            if label in listed and not listed[label].equals(own):
                raise ValueError(
                    f"The categories of column {label!r} must be those that `categories` lists, in each part. Set it "
                    "before the first part, and alike for encoders that are merged."
                )

    @abstractmethod
    def learner(self, vocabulary: Any) -> ColumnLearner:
        """The learner, which turns the moments of these categories into encodings."""

    @abstractmethod
    def table(self, label: Any, names: Mapping[Any, str], vocabulary: Any, encodings: list[Any]) -> Any:
        """The fitted table of a column, from the names of all columns and the encodings from all rows."""

    @abstractmethod
    def use_all_rows(
        self, column: OutOfFoldColumn, codes: np.ndarray, vocabulary: Any, data: TrainingData, groups: Any
    ) -> None:
        """Replace, in place, the encodings of rows of large categories by those from all rows; for "rare"."""

    def learn(self, data: TrainingData, scheme: Scheme) -> list[Any]:
        labels = self.labels(data.X)
        listed = self.listed(labels)
        rows = TrainingRows(data.targets, scheme.age(data.weights), Parts(None, 1))

        def learn_column(label: Any) -> Any:
            codes, vocabulary, unlisted = self._code_checked(label, data, listed)
            learned = learn(self.learner(vocabulary), codes, vocabulary.size, rows.without(unlisted))
            return self.table(label, data.X.names_by_label, vocabulary, learned)

        return self.parallel(learn_column, labels, len(data))

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        labels = self.labels(data.X)
        listed = self.listed(labels)
        if self.crossfit.only_rare:
            refuse_partial(scheme.folds())
        scheme.prepare()

        def number(label: Any) -> NumberedColumn:
            return self._number(label, data, listed)

        if len(data) * len(labels) > HELD:
            groups = self.parallel(lambda label: self._fit_group([number(label)], data, scheme), labels, len(data))
        else:
            columns = self.parallel(number, labels, len(data))
            together = [
                [columns[position] for position in group] for group in scheme.group([each.coded for each in columns])
            ]
            groups = self.parallel(lambda group: self._fit_group(group, data, scheme), together, len(data))
        fitted = dict(chain.from_iterable(groups))
        features: Blocks = {}
        for label in labels:
            features |= fitted[label][1]
        return Fit([fitted[label][0] for label in labels], features)

    def _number(self, label: Any, data: TrainingData, listed: Mapping[Any, Vocabulary]) -> NumberedColumn:
        codes, vocabulary, unlisted = self._code_checked(label, data, listed)
        return NumberedColumn(
            label, vocabulary, CodedColumn(self.learner(vocabulary), codes, vocabulary.size, unlisted)
        )

    def _code_checked(self, label: Any, data: TrainingData, listed: Mapping[Any, Vocabulary]) -> Coded:
        """Number the categories of rows, and check that the column has some to learn from."""
        coded = self.code(label, data.X, listed)
        if coded.unlisted is not None:
            coded.unlisted.check(data.weights)
            warn_of_unlisted(listed[label], data.X.column(label), coded.unlisted)
        return coded

    def _fit_group(
        self, group: Sequence[NumberedColumn], data: TrainingData, scheme: Scheme
    ) -> list[tuple[Any, tuple[Any, Blocks]]]:
        """Fit some columns: the label of each, its table and its features."""
        coded = [each.coded for each in group]
        # the scheme overwrites codes, to save memory
        codes = [each.codes.copy() if self.needs_codes else each.codes for each in coded]
        encoded = scheme.encode_group(coded, counts=self.counts_by_fold)
        return [
            (each.label, self._finish(each, own, column, data, scheme))
            for each, own, column in zip(group, codes, encoded, strict=True)
        ]

    def _finish(
        self, numbered: NumberedColumn, codes: np.ndarray, column: OutOfFoldColumn, data: TrainingData, scheme: Scheme
    ) -> tuple[Any, Blocks]:
        label, vocabulary, coded = numbered
        if self.crossfit.only_rare:
            self.use_all_rows(column, codes, vocabulary, data.without(coded.unlisted), scheme.folds().groups)
        table = self.table(label, data.X.names_by_label, vocabulary, column.encodings)
        return table, table.arrange(column.values, column.counts, codes)

    def transform(self, tables: Sequence[Any], X: Frame, fade: np.ndarray | None) -> Blocks:
        features: Blocks = {}
        for blocks in self.parallel(lambda table: self.features(table, X, fade), tables, len(X)):
            features |= blocks
        return features

    def features(self, table: Any, X: Frame, fade: np.ndarray | None) -> Blocks:
        """The features of new rows from one table; `fade` is as in `transform`."""
        return table.features(X)

    def names(self, tables: Sequence[Any], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        result: dict[Any, list[str]] = {}
        for table in tables:
            result |= table.feature_names(names)
        return result

    def parallel(self, function: Callable[[Any], Any], items: Iterable[Any], rows: int) -> list[Any]:
        """Apply a function to each item, which has so many rows, in threads if `n_jobs` is not 1."""
        items = list(items)
        n_jobs = min(1 if self.n_jobs is None else effective_n_jobs(self.n_jobs), len(items))
        if n_jobs <= 1 or rows * len(items) < THREADED:
            return [function(item) for item in items]
        # threads share the rows, and passes over them release the global lock; joblib's own pool looks for results only
        # every 10 milliseconds, in which a column of 100,000 rows is encoded
        with ThreadPoolExecutor(n_jobs) as pool:
            # contexts hold what numpy does about overflow, and from Python 3.14 on filters of warnings
            futures = [pool.submit(copy_context().run, function, item) for item in items]
            return [future.result() for future in futures]
