"""What a fitted encoder offers: attributes, names of features, `lookup` and JSON files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from catpool.crossfit.structure import Structure
from catpool.data.verify import require
from catpool.encoders.records import Settings, check_names, feature_names, features_of_row, frame_of_row, named_features
from catpool.tables.fitted import Fitted

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike


class FittedMixin(BaseEstimator):
    """Attributes, names, look-ups and files of an encoder whose fitted state is in `_fitted`."""

    remainder: str
    _parameter_constraints: ClassVar[dict[str, Any]]
    _fitted: Fitted

    @abstractmethod
    def _structure(self) -> Structure:
        """How columns become categories, and how their effects are learned."""

    @abstractmethod
    def _settings(self) -> Settings:
        """The parameters that shape the output: `remainder`, `set_output` and `cv`."""

    def __sklearn_is_fitted__(self) -> bool:
        return "_fitted" in vars(self)

    @property
    def _state(self) -> Fitted:
        if "_fitted" not in vars(self):  # scikit-learn's check alone would take microseconds
            check_is_fitted(self)
        return self._fitted

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

    @property
    def n_features_in_(self) -> int:
        """How many columns X had at fit."""
        return len(self._state.header.labels)

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the columns at fit, where they had names."""
        header = self._state.header
        if not header.named:
            raise AttributeError("There are no `feature_names_in_`, because the columns of X had no names at fit.")
        return np.array(header.labels, dtype=object)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """The names of the features that ``transform`` gives.

        Parameters
        ----------
        input_features : array of str, optional
            Names for the columns of an array; for a frame, its own names or None.

        Returns
        -------
        ndarray of str objects
            An encoded column keeps its name. Where it gives several features they are called ``<column>_<class>`` or
            ``<column>_<output>``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If the names are not those of fit, or not as many.
        """
        fitted = self._state
        names = _check_feature_names_in(self, input_features)
        pairs = dict(zip(fitted.header.labels, names, strict=True))
        named = self._structure().names(fitted.tables, pairs)
        return np.array(feature_names(pairs, named, keep=self.remainder == "passthrough"), dtype=object)

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

    def to_json(self, path: str | Path | None = None) -> str | None:
        """Write the fitted encoder as JSON: readable text that holds no code.

        The text has a checksum, which guards against damage and not against forgery.

        Parameters
        ----------
        path : str or path, optional
            The file to write.

        Returns
        -------
        str, or None if a path is given

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If a parameter is an object that JSON cannot hold, such as a splitter or a function.
        TypeError
            If categories are of a type that would not be known again. Known again are strings, numbers, truth values,
            bytes, dates, times and lengths of time of Python, numpy and pandas, with their zones, periods, intervals,
            decimals, fractions, UUIDs, and tuples of these.

        Examples
        --------
        >>> from catpool import MeanEncoder
        >>> text = MeanEncoder().fit([["a"], ["a"], ["b"]], [1.0, 2.0, 3.5]).to_json()
        >>> MeanEncoder.from_json(text).transform([["a"], ["b"]]).ravel()
        array([1.5, 3.5])
        """
        from catpool.encoders.saving import write_encoder  # here, as each import takes its time

        return write_encoder(type(self).__name__, self.get_params(deep=False), self._state, path)

    @classmethod
    def from_json(cls, source: str | Path) -> Self:
        """Read a fitted encoder that ``to_json`` wrote; it gives the same numbers, bit for bit.

        Reading executes no code, as unpickling does. A file is checked by type, shape and checksum, so that damage is
        found. A forged file may have a right checksum and wrong numbers.

        Parameters
        ----------
        source : str or path
            The text itself, or the path of a file.

        Returns
        -------
        encoder of this class

        Raises
        ------
        ValueError
            If the file is damaged, cut off, not catpool's, of another class, or of a later version; and for a text
            that is neither JSON nor a path.
        OSError
            If there is no such file, or it cannot be read.
        """
        from catpool.encoders.saving import read_encoder
        from catpool.tables.json_file import refusing_damage

        parameters, fitted = read_encoder(source, cls.__name__, cls._get_param_names())
        with refusing_damage():
            encoder = cls(**parameters)
            encoder._fitted = fitted
            encoder._check_read()
        return encoder

    def _check_read(self) -> None:
        """Raise an error if parameters and a state that were read from a file do not fit together."""
        # only learning needs the rule of the prior, which may be the user's own and not be there
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "prior"}
        validate_parameter_constraints(self._parameter_constraints, parameters, type(self).__name__)
        structure, settings, fitted = self._structure(), self._settings(), self._state
        structure.check_tables(fitted.tables, fitted.header)
        absent = [label for label in settings.required(structure, fitted) if label not in fitted.header.labels]
        require(not absent, f"features of the columns {absent}, which X did not have")
        check_names(structure, fitted, keep=settings.keep)
