"""What all classes have that learn from a table: the columns that it had, and JSON files of what was learned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike


class StateMixin(BaseEstimator):
    """Columns and files of an estimator whose fitted state, which has a `header`, is in `_fitted`."""

    _parameter_constraints: ClassVar[dict[str, Any]]
    _state_class: ClassVar[type[Any]]
    _fitted: Any

    def __sklearn_is_fitted__(self) -> bool:
        return "_fitted" in vars(self)

    @property
    def _state(self) -> Any:
        if "_fitted" not in vars(self):  # scikit-learn's check alone would take microseconds
            check_is_fitted(self)
        return self._fitted

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
        """The names of the columns that ``transform`` gives.

        Parameters
        ----------
        input_features : array of str, optional
            Names for the columns of an array; for a frame, its own names or None.

        Returns
        -------
        ndarray of str objects
            An encoded column keeps its name. Where it gives several features they are called ``<column>_<class>`` or
            ``<column>_<output>``. `GroupFeatures` adds ``<column>_<output>_by_<grouping column>`` to the columns of X,
            where the names of a combination are joined by ``_x_``, and `NumberBinner` adds ``<column>_binned`` and
            ``<column>_rounded_<decimals>``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If the names are not those of fit, or not as many.
        """
        header = self._state.header
        names = _check_feature_names_in(self, input_features)
        return np.array(self._names_out(dict(zip(header.labels, names, strict=True))), dtype=object)

    @abstractmethod
    def _names_out(self, columns: Mapping[Any, str]) -> list[str]:
        """The names of the columns of a transformed table, from those of the table by label."""

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

        parameters, fitted = read_encoder(source, cls.__name__, cls._get_param_names(), cls._state_class)
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
