"""Structures that learn one column, interaction or path at a time, from sums over rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from catpool.crossfit.leverage import refuse_partial
from catpool.crossfit.out_of_fold import OutOfFoldColumn
from catpool.crossfit.scheme import Scheme
from catpool.crossfit.structure import Blocks, Fit, Structure
from catpool.crossfit.training_rows import TrainingRows, learn
from catpool.data.frames import Frame
from catpool.data.training import TrainingData
from catpool.data.unions import Categories
from catpool.moments.partition import Parts
from catpool.tables.learner import ColumnLearner


class Crossfit(NamedTuple):
    """Which categories of training rows are encoded out of fold.

    Parameters
    ----------
    which : {"all", "rare"}
        With "rare", full categories keep one value from all rows.
    reliability : float
        The least reliability of a full category.
    """

    which: str = "all"
    reliability: float = 1.0

    @property
    def only_rare(self) -> bool:
        return self.which == "rare"


class Columnwise(Structure):
    """ColumnLearner each column, interaction or path by itself.

    Streams, lazy tables and look-ups are functions over such a structure and its tables.
    """

    crossfit: Crossfit
    n_jobs: int | None

    @property
    @abstractmethod
    def counts_by_fold(self) -> bool:
        """Whether the rows that a training row's encoding rests on are counted."""

    @property
    @abstractmethod
    def needs_codes(self) -> bool:
        """Whether the codes of training rows are needed after they are encoded."""

    @abstractmethod
    def labels(self, X: Frame) -> list[Any]:
        """What is encoded: the labels of columns, or tuples of labels."""

    @abstractmethod
    def encode(self, label: Any, X: Frame) -> tuple[np.ndarray, Categories]:
        """The rows' codes, of shape (n,), and the categories behind them."""

    @abstractmethod
    def learner(self, vocabulary: Any) -> ColumnLearner:
        """What makes encodings of moments."""

    @abstractmethod
    def table(self, label: Any, names: Mapping[Any, str], vocabulary: Any, encodings: list[Any]) -> Any:
        """The fitted table, from the names of the columns and what all rows say."""

    @abstractmethod
    def use_all_rows(
        self, column: OutOfFoldColumn, codes: np.ndarray, vocabulary: Any, data: TrainingData, groups: Any
    ) -> None:
        """Give rows of full categories the encoding from all rows, in place; for ``crossfit="rare"``."""

    def learn(self, data: TrainingData, scheme: Scheme) -> list[Any]:
        labels = self.labels(data.X)
        rows = TrainingRows(data.targets, scheme.age(data.weights), Parts(None, 1))

        def learn_column(label: Any) -> Any:
            codes, vocabulary = self.encode(label, data.X)
            learned = learn(self.learner(vocabulary), codes, vocabulary.size, rows)
            return self.table(label, data.X.names_by_label, vocabulary, learned)

        return self.parallel(learn_column, labels)

    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        labels = self.labels(data.X)
        if self.crossfit.only_rare:
            refuse_partial(scheme.folds())

        def learn_column(label: Any) -> tuple[Any, Blocks]:
            return self._fit_column(label, data, scheme)

        results = self.parallel(learn_column, labels)
        features: Blocks = {}
        for _, blocks in results:
            features |= blocks
        return Fit([table for table, _ in results], features)

    def _fit_column(self, label: Any, data: TrainingData, scheme: Scheme) -> tuple[Any, Blocks]:
        codes, vocabulary = self.encode(label, data.X)
        own = codes.copy() if self.needs_codes else codes  # the scheme overwrites codes
        learner = self.learner(vocabulary)
        column = scheme.encode(learner, codes, vocabulary.size, counts=self.counts_by_fold)
        if self.crossfit.only_rare:
            self.use_all_rows(column, own, vocabulary, data, scheme.folds().groups)
        table = self.table(label, data.X.names_by_label, vocabulary, column.encodings)
        return table, table.arrange(column.values, column.counts, own)

    def transform(self, tables: Sequence[Any], X: Frame, fade: np.ndarray | None) -> Blocks:
        features: Blocks = {}
        for blocks in self.parallel(lambda table: self.features(table, X, fade), tables):
            features |= blocks
        return features

    def features(self, table: Any, X: Frame, fade: np.ndarray | None) -> Blocks:
        """The features of new rows that one table gives."""
        return table.features(X)

    def names(self, tables: Sequence[Any], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        result: dict[Any, list[str]] = {}
        for table in tables:
            result |= table.feature_names(names)
        return result

    def parallel(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """The results of a function for each item, in threads where `n_jobs` asks for them."""
        if self.n_jobs in (None, 1):
            return [function(item) for item in items]
        return list(Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(function)(item) for item in items))
