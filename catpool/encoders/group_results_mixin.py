"""What `GroupFeatures` offers once it is fitted: new columns, their names, look-ups, and tables to look at."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils._set_output import _get_output_config

from catpool.crossfit.threads import in_threads
from catpool.data.columns.categories import FEW
from catpool.data.columns.crossed import number_shared
from catpool.data.columns.row_values import RowValues
from catpool.data.frames.backends import to_backend
from catpool.data.frames.frame import Frame, column_name, read_frame
from catpool.encoders.lazy_tables import refuse_conversion
from catpool.encoders.records import frame_of_row, warn_of_date_columns
from catpool.encoders.state_mixin import StateMixin
from catpool.engines.dispatch import lazy_frame
from catpool.tables.group_table import GroupTables

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


class GroupResultsMixin(StateMixin):
    """New columns, names, look-ups and tables of what was learned of columns by category."""

    remainder: str
    n_jobs: int | None
    _state_class = GroupTables
    _fitted: GroupTables

    def transform(self, X: IntoFrame | ArrayLike) -> Any:
        """Add the statistics of each row's categories to a table.

        Parameters
        ----------
        X : frame, array of shape (n, p), or lazy table
            With the columns of fit, in any order if they have names.

        Returns
        -------
        frame of the library that X came from, ndarray for an array, or a lazy table for one

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If columns are missing or new, or described ones hold no numbers, or infinite ones; and for "rank" and
            "nunique" of lazy tables.
        """
        fitted, keep = self._state, self.remainder == "passthrough"
        if (lazy := lazy_frame(X)) is not None:
            from catpool.engines.lazy_groups import add_lazy_groups  # here, as it loads pyarrow

            refuse_conversion(self._library)
            return add_lazy_groups(lazy, fitted, keep=keep)
        frame = read_frame(X).drop(fitted.roles)
        frame = frame.align(fitted.header, fitted.header.labels if keep else fitted.required, strict=keep)
        return self._output(fitted, frame, self._features(fitted, frame))

    @property
    def summary_(self) -> pd.DataFrame:
        """What was learned of each pair of columns.

        Returns
        -------
        pandas.DataFrame
            A row for each grouping and each described column: `column` and `of`; `categories`, with the missing value
            among them; `rows` with a value, or their weight; `prior_mean` in units of the described column and
            `prior_strength` in rows; `typical_sd`, the standard deviation of a row within a typical category, and
            `sd_strength` in degrees of freedom; `reliability`, the mean over the rows of count / (count + strength);
            and `note`, why an estimate is at a boundary. The standard deviation is learned for "sd" and "zscore"
            alone. Columns of categories have the first three.
        """
        fitted = self._state
        return pd.DataFrame([row for table in fitted.tables for row in table.summary(fitted.header.names_by_label)])

    def encoding_table(self, column: Hashable, *, backend: str = "pandas") -> Any:
        """Show what was learned of each category of a grouping column.

        Parameters
        ----------
        column : str, int or tuple
            A column or combination as in ``columns``, or its name in `summary_`.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The library of the frame.

        Returns
        -------
        frame
            A row for each described column and category that has training rows: `category` (None for the missing
            value), `of`, `count` of its rows with a value or their weight, their `mean`, the pooled mean `encoding`,
            the pooled standard deviation `within_sd` for "sd" and "zscore", `reliability`, the weight of the
            category's own rows in its pooled mean, and `nunique`, if it was asked for.

        Raises
        ------
        ValueError, TypeError
            If the column does not group, or polars and pyarrow have no type for categories of several types.

        Examples
        --------
        >>> import pandas as pd
        >>> from catpool import GroupFeatures
        >>> X = pd.DataFrame({"shop": ["a", "a", "b", "b"], "price": [1.0, 2.0, 7.0, 9.0]})
        >>> GroupFeatures(["shop"]).fit(X).encoding_table("shop")[["category", "count", "mean"]]
          category  count  mean
        0        a    2.0   1.5
        1        b    2.0   8.0
        """
        fitted = self._state
        for table in fitted.tables:
            if column in (table.label, column_name(table.label, fitted.header.names_by_label)):
                return to_backend(table.frame(), backend)
        known = [table.label for table in fitted.tables]
        raise ValueError(f"`column` must be one of the grouping columns {known}, not {column!r}.")

    def lookup(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Describe one row, for serving. It takes as long as ``transform`` of one row, and is safe in threads.

        Parameters
        ----------
        row : mapping
            From the names of the columns that features are made of (positions, where they have none) to their values:
            grouping columns, and for "ratio", "zscore" and "rank" described ones. Other entries are ignored.

        Returns
        -------
        dict of float
            By the names of the features.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If a column is not in the row, or holds no finite number where one is due.
        TypeError
            For categories that are not hashable.

        Examples
        --------
        >>> import pandas as pd
        >>> from catpool import GroupFeatures
        >>> X = pd.DataFrame({"shop": ["a", "a", "b"], "price": [1.0, 2.0, 6.0]})
        >>> GroupFeatures(["shop"], output=["mean", "ratio"], prior=0).fit(X).lookup({"shop": "a", "price": 3.0})
        {'price_mean_by_shop': 1.5, 'price_ratio_by_shop': 2.0}
        """
        fitted = self._state
        columns = fitted.header.names_by_label
        blocks = self._features(fitted, frame_of_row(row, fitted.required))
        return {
            name: float(value)
            for table, block in zip(fitted.tables, blocks, strict=True)
            for name, value in zip(table.names(columns), block[0], strict=True)
        }

    def _names_out(self, columns: Mapping[Any, str]) -> list[str]:
        return self._state.names(columns, keep=self.remainder == "passthrough")

    def _check_read(self) -> None:
        super()._check_read()
        fitted = self._state
        fitted.names(fitted.header.names_by_label, keep=self.remainder == "passthrough")

    def _features(self, fitted: GroupTables, X: Frame) -> list[np.ndarray]:
        """The features of new rows from each table."""
        columns, values = fitted.header.names_by_label, fitted.values(X)
        if len(X) > FEW:
            X = number_shared([table.label for table in fitted.tables], X, distinct=False)
        slots = in_threads(lambda table: table.slots(X, columns), fitted.tables, self.n_jobs, len(X))
        return self._arrange(fitted, slots, values)

    def _arrange(
        self, fitted: GroupTables, slots: list[np.ndarray], values: Mapping[Any, RowValues]
    ) -> list[np.ndarray]:
        """The features of rows from each table, from the slots of their categories in each, and their own values."""
        rows = len(slots[0])
        blocks = [table.block(rows) for table in fitted.tables]
        places = zip(fitted.tables, slots, blocks, strict=True)
        tasks = [task for table, own, block in places for task in table.tasks(own, values, block)]
        in_threads(lambda task: task(), tasks, self.n_jobs, rows * len(tasks))
        return blocks

    @property
    def _library(self) -> str:
        """What `set_output` asks for."""
        return str(_get_output_config("transform", self)["dense"])

    def _output(self, fitted: GroupTables, X: Frame, blocks: list[np.ndarray]) -> Any:
        """The table with the new columns, in the library that `set_output` asks for."""
        result = X.replace_columns(fitted.place(blocks), keep=self.remainder == "passthrough")
        library = self._library
        # scikit-learn converts arrays itself, but it cannot convert each kind of frame
        return result if library == "default" or isinstance(result, np.ndarray) else to_backend(result, library)

    def _checked(self, fitted: GroupTables, before: GroupTables | None = None) -> GroupTables:
        """What was learned, once its features are known to have different names; warns of what they cannot say."""
        fitted.names(fitted.header.names_by_label, keep=self.remainder == "passthrough")
        warn_of_date_columns(fitted.tables, [] if before is None else before.tables)
        fitted.warn_of_gaps()
        return fitted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
