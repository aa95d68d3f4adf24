"""What encoders share that hold an additive model and may find interactions."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from catpool.data.frames.backends import to_backend
from catpool.models.additive.additive_table import AdditiveTable


class AdditiveMixin:
    """An encoder with an additive model among its tables."""

    if TYPE_CHECKING:
        tables_: list[Any]

    @property
    def _additive(self) -> AdditiveTable:
        check_is_fitted(self)
        return next(table for table in self.tables_ if isinstance(table, AdditiveTable))

    @property
    def interactions_(self) -> pd.DataFrame:
        """The interactions that were found.

        Returns
        -------
        pandas.DataFrame
            A row for each, the strongest first: its `columns`, its `share` of the variance that all columns leave
            unexplained, and the `p_value` of there being none.
        """
        return pd.DataFrame(
            [(choice.label, choice.share, choice.p_value) for choice in self._additive.choices],
            columns=["columns", "share", "p_value"],
        )

    def encoding_table(self, column: Hashable, *, backend: str = "pandas") -> Any:
        """Show the adjusted effect of each category of a column or interaction.

        Parameters
        ----------
        column : str, int or tuple
            A column, or the columns of an interaction; or its name in `summary_`.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The library of the frame.

        Returns
        -------
        frame
            A row for each category that has training rows, or each range of a number: `category` (None for the missing
            value), `target` (if there are several), its adjusted `effect` on the scale of the link before it is
            rounded, and the `sd` of the effect given all other effects.

        Raises
        ------
        ValueError
            If the column has no effects.
        """
        frame = self._additive.frame(column)
        if frame is None:
            known = [factor.label for factor in self._additive.factors]
            raise ValueError(f"`column` must be one of the columns with effects {known}, not {column!r}.")
        return to_backend(frame, backend)
