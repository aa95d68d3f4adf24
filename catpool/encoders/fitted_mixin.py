"""What a fitted encoder offers: attributes, names of features, and `lookup`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from catpool.crossfit.structure import Structure
from catpool.data.verify import require
from catpool.encoders.records import Settings, check_names, feature_names, features_of_row, frame_of_row, named_features
from catpool.encoders.state_mixin import StateMixin
from catpool.tables.fitted import Fitted


class FittedMixin(StateMixin):
    """Attributes, names and look-ups of an encoder whose fitted state is in `_fitted`."""

    remainder: str
    _state_class = Fitted
    _fitted: Fitted

    @abstractmethod
    def _structure(self) -> Structure:
        """How columns become categories, and how their effects are learned."""

    @abstractmethod
    def _settings(self) -> Settings:
        """The parameters that shape the output: `remainder`, `set_output` and `cv`."""

    @property
    def tables_(self) -> list[Any]:
        """The fitted tables."""
        return self._state.tables

    @property
    def target_type_(self) -> str | list[str]:
        """The kind of y, or a list of kinds for several outputs."""
        return self._state.target_type

    @property
    def classes_(self) -> np.ndarray:
        """The sorted classes of y, where it is one column of classes."""
        classes = self._state.classes
        if classes is None:
            raise AttributeError("There are no `classes_`, because y is not one column of classes.")
        return classes

    def _names_out(self, columns: Mapping[Any, str]) -> list[str]:
        named = self._structure().names(self._state.tables, columns)
        return feature_names(columns, named, keep=self.remainder == "passthrough")

    def lookup(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Encode one row, for serving. It is safe in threads.

        Encoders of single columns take microseconds. Those with interactions, levels or a half-life take as long as
        ``transform`` of one row.

        Parameters
        ----------
        row : mapping
            From the names of the columns that features are made of (positions, where they have none) to their values.
            Other entries are ignored.

        Returns
        -------
        dict of float
            By the names of the features.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If a column is not in the row, or if ``unknown`` or ``missing`` is "error" and the row is such a row.
        TypeError
            For categories that are not hashable.

        Examples
        --------
        >>> import pandas as pd
        >>> from catpool import MeanEncoder
        >>> X = pd.DataFrame({"zip": ["55401", "55401", "10115"]})
        >>> MeanEncoder().fit(X, [1.0, 2.0, 4.5]).lookup({"zip": "55401"})
        {'zip': 1.5}
        """
        fitted = self._state
        # a dictionary by column takes microseconds, where a table of one row takes hundreds
        if fitted.has_value_lookup and all(table.label in row for table in fitted.tables):
            result: dict[str, float] = {}
            for table in fitted.tables:
                result.update(table.look_up_value(row[table.label]))
            return result
        structure, settings = self._structure(), self._settings()
        X = frame_of_row(row, settings.required(structure, fitted))
        features = structure.transform(fitted.tables, X, settings.fade(X, fitted))
        return features_of_row(features, named_features(structure, fitted))

    def _check_read(self) -> None:
        super()._check_read()
        structure, settings, fitted = self._structure(), self._settings(), self._state
        structure.check_tables(fitted.tables, fitted.header)
        absent = [label for label in settings.required(structure, fitted) if label not in fitted.header.labels]
        require(not absent, f"features of the columns {absent}, which X did not have")
        check_names(structure, fitted, keep=settings.keep)
