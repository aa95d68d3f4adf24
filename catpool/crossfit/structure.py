"""What an encoder is made of: how columns become categories, and how their effects are learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from catpool.crossfit.scheme import Scheme
from catpool.data.frames import Frame
from catpool.data.training import TrainingData

Blocks = dict[Any, np.ndarray]  # features, of shape (n, features), by the label of the column they replace


class Fit(NamedTuple):
    """What comes of fitting: the tables that all rows teach, and the features of the training rows."""

    tables: list[Any]
    features: Blocks


class Structure(ABC):
    """How columns become categories, and how their effects are learned.

    A structure holds parameters only. What it learns is in the tables it returns.
    """

    takes_past_only = False  # whether rows may learn from their past alone

    @abstractmethod
    def check(self, X: Frame) -> None:
        """Refuse parameters that do not go with the columns of X."""

    @abstractmethod
    def required(self, tables: Sequence[Any]) -> list[Any]:
        """The columns that features are made of."""

    @abstractmethod
    def learn(self, data: TrainingData, scheme: Scheme) -> list[Any]:
        """The tables that all rows teach."""

    @abstractmethod
    def fit(self, data: TrainingData, scheme: Scheme) -> Fit:
        """These tables, and the features of the training rows, each from the rows it may learn from."""

    @abstractmethod
    def transform(self, tables: Sequence[Any], X: Frame, fade: np.ndarray | None) -> Blocks:
        """The features of new rows; `fade` is what is left of the training rows' weight, of shape (n,)."""

    @abstractmethod
    def names(self, tables: Sequence[Any], names: Mapping[Any, str]) -> dict[Any, list[str]]:
        """The names of the features by the column they replace, from the names of the columns."""

    @abstractmethod
    def rising(self, tables: Sequence[Any]) -> set[str]:
        """The names of the features that are means of an only target."""
