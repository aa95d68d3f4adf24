"""`Structure`: the interface of models, which turn columns into categories and learn their effects on the target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from catpool.crossfit.scheme import Scheme
from catpool.crossfit.times import Fade
from catpool.data.frames.frame import Frame
from catpool.data.frames.header import Header
from catpool.data.training import TrainingData
from catpool.data.verify import require

Blocks = dict[Any, np.ndarray]  # features, of shape (n, features), by the label of the column they replace


def kinds_of(labels: Sequence[Any], columns: Container[Any]) -> str:
    """What labels are of, for those who watch a fit: columns, tuples of them, or both."""
    alone = sum(label in columns for label in labels)
    return "columns" if alone == len(labels) else "columns and interactions" if alone else "interactions"


class Fit(NamedTuple):
    """The result of `Structure.fit`: tables from all rows, and out-of-fold features of the training rows."""

    tables: list[Any]
    features: Blocks


class Structure(ABC):
    """A model of columns: how they become categories, and how the effects of these are learned.

    A structure holds parameters only. What it learns is in the tables that it returns, which are data. So fitting has
    no side effects, and a failed fit changes nothing.
    """

    takes_past_only = False  # whether `EarlierRows` may be its fold scheme
    takes_gaps = False  # whether some of several targets may be missing in some rows
    table_class: type = object  # of the tables that it learns

    @abstractmethod
    def check(self, X: Frame) -> None:
        """Raise an error if the parameters do not fit the columns of X."""

    def add_targets(self, data: TrainingData) -> TrainingData:
        """The training rows with further targets that outputs are learned from; by default none."""
        return data

    @abstractmethod
    def required(self, tables: Sequence[Any]) -> list[Any]:
        """The columns that the features are computed from."""

    def check_tables(self, tables: Sequence[Any], X: Header) -> None:
        """Raise a ValueError if tables from a file are not such as this structure learns from columns like these."""
        require(all(isinstance(table, self.table_class) for table in tables), "tables of another encoder")

    def log_likelihood(self, data: TrainingData) -> float | np.ndarray:
        """The term of the log-likelihood that depends on precisions alone; by table if tables learn from other rows."""
        return data.weights.log_likelihood

    @abstractmethod
    def learn(self, data: TrainingData, scheme: Scheme) -> list[Any]:
        """Learn the tables from all rows."""

    @abstractmethod
    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        """Learn the tables from all rows, and encode the training rows by the scheme."""

    def transform(self, tables: Sequence[Any], X: Frame, fade: Fade) -> Blocks:
        """Encode new rows; by default each table has its own features.

        Parameters
        ----------
        tables : sequence
        X : Frame
        fade : ndarray of shape (n,), Ages or None
            The share of the training rows' weight that is left for each row, or what tables compute it from; None is 1.
        """
        features: Blocks = {}
        for table in tables:
            features |= table.features(X)
        return features

    def names(self, tables: Sequence[Any], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        """The names of the features by the column that they replace, from the names of the columns by label."""
        result: dict[Any, list[str]] = {}
        for table in tables:
            result |= table.feature_names(names)
        return result

    @abstractmethod
    def rising(self, tables: Sequence[Any]) -> set[str]:
        """The names of the features that are means of the target, if it is one column; y tends to rise with them."""
