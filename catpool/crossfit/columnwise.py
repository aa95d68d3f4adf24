"""`Columnwise`: the structures that learn one column, interaction or path at a time, from sums over rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from catpool.crossfit.gapped_rows import scheme_of_gaps
from catpool.crossfit.joint import CodedColumn
from catpool.crossfit.leverage import refuse_partial
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure, kinds_of
from catpool.crossfit.threads import in_threads
from catpool.crossfit.times import Fade
from catpool.crossfit.training_rows import TrainingRows
from catpool.data.columns.categories import FEW, Vocabulary
from catpool.data.columns.crossed import number_shared
from catpool.data.columns.listed import Coded
from catpool.data.columns.unions import Categories
from catpool.data.frames.frame import Frame
from catpool.data.progress import counting
from catpool.data.targets.ranges import Ranges
from catpool.data.targets.target import Target
from catpool.data.training import TrainingData
from catpool.moments.partition import Parts
from catpool.priors.drifting.drift_warning import once_for_column
from catpool.tables.learner import ColumnLearner
from catpool.tables.unseen import warn_of_unlisted

HELD = 1 << 20  # the most codes of all columns that are held at once, so that columns can be learned together


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


class CodedLabel(NamedTuple):
    """A column, interaction or path: its label, its vocabulary, and the codes of its rows with their learner."""

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

    def traits(self, label: Any) -> list[Any]:
        """The columns of X that tell what is known of the categories of a column; by default none."""
        return []

    def code(self, label: Any, X: Frame, listed: Mapping[Any, Vocabulary]) -> Coded:
        """Number the categories of the training rows, by what `listed` returned."""
        return Coded(*self.encode(label, X))

    def number_shared(self, labels: Sequence[Any], X: Frame, *, distinct: bool = True) -> Frame:
        """The table with those columns numbered, in threads, that occur in several labels, as `number_shared` does."""
        return number_shared(
            labels, X, distinct=distinct, apply=lambda function, shared: self.parallel(function, shared, len(X))
        )

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

    def shares(self, target: Target, *, precision: bool, exposed: bool) -> list[tuple[Ranges, Target]]:
        """The ranges of a target whose shares are outputs, each with the target that these are; by default none.

        Parameters
        ----------
        target : Target
            Without values.
        precision, exposed : bool
            Whether weights are precisions, and whether rows have exposures.
        """
        return []

    def refuse_rows(self, where: str) -> None:
        """Raise an error if rows cannot be learned from where they are, as `where` says; by default they can."""
        return

    def complete(self, encodings: list[Any], codes: np.ndarray, vocabulary: Any, data: TrainingData) -> list[Any]:
        """The encodings of a column, with outputs that do not follow from sums over rows; by default there are none."""
        return encodings

    def complete_column(
        self, column: OutOfFoldColumn, codes: np.ndarray, vocabulary: Any, data: TrainingData, scheme: Scheme
    ) -> OutOfFoldColumn:
        """The same for a column that is encoded out of fold."""
        return column

    def learn(self, data: TrainingData, scheme: Scheme) -> list[Any]:
        labels = self.labels(data.X)
        listed = self.listed(labels)
        data = replace(data, X=self.number_shared(labels, data.X))
        scheme = scheme_of_gaps(scheme, data, rare=False)
        rows = TrainingRows(data.targets, data.weights, Parts(None, 1))

        def learn_column(label: Any) -> Any:
            codes, vocabulary, unlisted = self._code_checked(label, data, listed)
            with once_for_column(label):
                learned = scheme.learn(self.learner(vocabulary), codes, vocabulary.size, rows, unlisted)
            learned = self.complete(learned, codes, vocabulary, data.without(unlisted))
            advance(1)
            return self.table(label, data.X.names_by_label, vocabulary, learned)

        with counting(len(labels), kinds_of(labels, data.X)) as advance:
            return self.parallel(learn_column, labels, len(data))

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        labels = self.labels(data.X)
        listed = self.listed(labels)
        if self.crossfit.only_rare:
            refuse_partial(scheme.folds())
        scheme = scheme_of_gaps(scheme, data, rare=self.crossfit.only_rare)
        scheme.prepare()
        data = replace(data, X=self.number_shared(labels, data.X))

        def code(label: Any) -> CodedLabel:
            return self._code(label, data, listed)

        def fit_batch(batch: Sequence[CodedLabel]) -> list[tuple[Any, tuple[Any, Blocks]]]:
            fitted = self._fit_batch(batch, data, scheme)
            advance(len(batch))
            return fitted

        with counting(len(labels), kinds_of(labels, data.X)) as advance:
            if len(data) * len(labels) > HELD:
                batches = self.parallel(lambda label: fit_batch([code(label)]), labels, len(data))
            else:
                columns = self.parallel(code, labels, len(data))
                together = scheme.batches([each.coded for each in columns])
                batches = self.parallel(fit_batch, [[columns[each] for each in some] for some in together], len(data))
        fitted = dict(chain.from_iterable(batches))
        features: Blocks = {}
        for label in labels:
            features |= fitted[label][1]
        return Fit([fitted[label][0] for label in labels], features)

    def _code(self, label: Any, data: TrainingData, listed: Mapping[Any, Vocabulary]) -> CodedLabel:
        codes, vocabulary, unlisted = self._code_checked(label, data, listed)
        return CodedLabel(label, vocabulary, CodedColumn(self.learner(vocabulary), codes, vocabulary.size, unlisted))

    def _code_checked(self, label: Any, data: TrainingData, listed: Mapping[Any, Vocabulary]) -> Coded:
        """Number the categories of rows, and check that the column has some to learn from."""
        coded = self.code(label, data.X, listed)
        if coded.unlisted is not None:
            coded.unlisted.check(data.weights)
            warn_of_unlisted(listed[label], data.X.column(label), coded.unlisted)
        return coded

    def _fit_batch(
        self, batch: Sequence[CodedLabel], data: TrainingData, scheme: Scheme
    ) -> list[tuple[Any, tuple[Any, Blocks]]]:
        """Fit some columns: the label of each, its table and its features."""
        coded = [each.coded for each in batch]
        # the scheme overwrites codes, to save memory
        codes = [each.codes.copy() if self.needs_codes else each.codes for each in coded]
        with once_for_column(batch[0].label):  # which is the only one where effects drift
            encoded = scheme.encode_batch(coded, counts=self.counts_by_fold)
        return [
            (each.label, self._finish(each, own, column, data, scheme))
            for each, own, column in zip(batch, codes, encoded, strict=True)
        ]

    def _finish(
        self, each: CodedLabel, codes: np.ndarray, column: OutOfFoldColumn, data: TrainingData, scheme: Scheme
    ) -> tuple[Any, Blocks]:
        label, vocabulary, coded = each
        listed = data.without(coded.unlisted)
        column = self.complete_column(column, codes, vocabulary, listed, scheme)
        if self.crossfit.only_rare:
            self.use_all_rows(column, codes, vocabulary, listed, scheme.folds().groups)
        table = self.table(label, data.X.names_by_label, vocabulary, column.encodings)
        return table, table.arrange(column.values, column.counts, codes)

    def transform(self, tables: Sequence[Any], X: Frame, fade: Fade) -> Blocks:
        features: Blocks = {}
        if len(X) > FEW:
            X = self.number_shared([table.label for table in tables], X, distinct=False)
        for blocks in self.parallel(lambda table: self.features(table, X, fade), tables, len(X)):
            features |= blocks
        return features

    def features(self, table: Any, X: Frame, fade: Fade) -> Blocks:
        """The features of new rows from one table; `fade` is as in `transform`."""
        return table.features(X)

    def parallel(self, function: Callable[[Any], Any], items: Iterable[Any], rows: int) -> list[Any]:
        """Apply a function to each item, which has so many rows, in threads if `n_jobs` is not 1."""
        items = list(items)
        return in_threads(function, items, self.n_jobs, rows * len(items))
