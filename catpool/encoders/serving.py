"""How a fitted encoder is kept and served: as a file, and a row at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames import Frame, Header, read_frame

TRANSIENT = {"_read_from", "_read_splits"}  # what a splitter gave once


class Serving:
    """What all encoders have beside scikit-learn's methods."""

    tables_: list[Any]
    _header: Header
    get_params: Callable[..., dict[str, Any]]
    _get_param_names: Callable[[], list[str]]
    _required: Callable[[], list[Any]]
    _look_up: Callable[[Frame], dict[Any, Any]]
    _named_features: Callable[[Mapping[Any, str], Any], dict[Any, list[str]]]

    def to_json(self, path: Any = None) -> str | None:
        """Write the fitted encoder as JSON: text that people can read, and that holds no code.

        Parameters
        ----------
        path : str or path, optional
            Where to write it.

        Returns
        -------
        str, or None where it is written to a path

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Where a parameter is an object that text cannot hold, a splitter or a function, say.
        TypeError
            Where categories are such objects.

        Examples
        --------
        >>> from catpool import MeanEncoder
        >>> text = MeanEncoder().fit([["a"], ["a"], ["b"]], [1.0, 2.0, 3.5]).to_json()
        >>> MeanEncoder.from_json(text).transform([["a"], ["b"]]).ravel()
        array([1.5, 3.5])
        """
        from catpool.tables.json_file import write_json  # here, as each import takes its time

        check_is_fitted(self)
        parameters = self.get_params(deep=False)
        fitted = {name: value for name, value in vars(self).items() if name not in parameters and name not in TRANSIENT}
        text = write_json(type(self).__name__, parameters, fitted)
        if path is None:
            return text
        Path(path).write_text(text, encoding="utf-8")
        return None

    @classmethod
    def from_json(cls, source: Any) -> Any:
        """Read a fitted encoder that ``to_json`` wrote: it gives the same numbers, bit for bit.

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
            Where the file is damaged, cut off, none of catpool's, of another class, or of a version to come.
        OSError
            Where there is no such file.
        """
        from catpool.tables.json_file import read_json

        is_text = isinstance(source, str) and source.lstrip().startswith("{")
        text = source if is_text else Path(source).read_text(encoding="utf-8")
        parameters, fitted = read_json(text, cls.__name__)
        odd = [name for name in parameters if name not in cls._get_param_names()]
        odd += [name for name in fitted if hasattr(cls, name)]
        if odd or not isinstance(fitted.get("tables_"), list) or not isinstance(fitted.get("_header"), Header):
            raise ValueError(f"The file is damaged: it is no fitted {cls.__name__}. Write it again with to_json.")
        encoder = cls(**parameters)
        encoder.__dict__.update(fitted)
        return encoder

    def lookup(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Encode one row: for serving. It is safe in threads.

        Encoders of single columns take microseconds; those with interactions, levels or a half-life as long as
        ``transform`` does.

        Parameters
        ----------
        row : mapping
            From the names of the columns that features are made of (positions, where they have none) to their values;
            others are left alone.

        Returns
        -------
        dict of float
            By the names of the features, as ``transform`` gives them.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Where a column is not in the row, or where ``unknown`` or ``missing`` is "error".
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
        if not hasattr(self, "tables_"):  # scikit-learn's own check takes its microseconds
            check_is_fitted(self)
        return self._look_up_row(row)

    def _look_up_row(self, row: Mapping[str, Any]) -> dict[str, float]:
        """The same: by way of a table of one row, where there is no faster way."""
        required = self._required()
        absent = [label for label in required if label not in row]
        if absent:
            raise ValueError(f"The row must have the columns {required}, but {absent} are not in it. Add them.")
        columns = {
            label: pd.Series([row[label]], dtype=None if row[label] is not None else object) for label in required
        }
        X = read_frame(pd.DataFrame(columns))
        values = self._look_up(X)
        named = self._named_features(self._header.names_of, self.tables_)
        return {
            name: float(value)
            for label, names in named.items()
            for name, value in zip(names, values[label][0], strict=True)
        }
