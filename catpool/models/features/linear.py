"""`linear`: the prior mean of a category as a linear function of what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.data.column_kinds import BOOLEAN, CATEGORY, NUMBER, column_kind
from catpool.data.finite_numbers import finite_numbers
from catpool.data.frozen import frozen
from catpool.models.features.feature_table import FeatureTable, table_of

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

MOST = 2000  # numbers that a block may have, as the time of a fit grows with their square
ROUNDING = 1e-12  # of a column that has one value, relative to it


def linear(source: IntoFrame | Sequence[Any] | Callable[[pd.Series], Any], *, penalty: bool = True) -> LinearFeatures:
    """Say what is known of the categories of a column, for ``prior_features``: the prior mean is linear in it.

    Numbers are standardized over the categories of fit, truth values count as 0 and 1, and each level of other columns
    is an indicator. With the numbers z_k of category k, its prior mean is

        mu + z_k' gamma,    gamma_j ~ normal(0, s^2) if penalized.

    A missing value counts as the mean of its column, and so does a level that no category had at fit. A category of
    which nothing is known has no features.

    Parameters
    ----------
    source : frame, list of labels, or callable
        A table with one row per category, in its column of the same label as the encoded column, or as the index of a
        pandas frame; a list of columns of X that are constant within a category; or a function from a Series of
        categories to a table with a row for each.
    penalty : bool, default=True
        Whether the effects are shrunk to 0, with a variance s^2 that is estimated; otherwise they are free, as the
        fixed effects of a mixed model are. Free effects need far fewer columns than categories.

    Returns
    -------
    LinearFeatures
        For a value of ``prior_features``, or in a list of several.

    Raises
    ------
    ValueError, TypeError
        If `source` is none of these, or `penalty` is no truth value; and, when an encoder is fitted, if a table has two
        rows for a category or none for any, or holds dates.

    References
    ----------
    R. E. Fay, R. A. Herriot (1979), Estimates of income for small places: an application of James-Stein procedures to
    census data, Journal of the American Statistical Association 74, 269-277.
    A. Gelman, J. Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, Cambridge, chapter 12.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, linear
    >>> shops = pd.DataFrame({"shop": ["a", "b", "c", "d", "e"], "area": [10.0, 20.0, 30.0, 40.0, 50.0]})
    >>> X = pd.DataFrame({"shop": ["a", "a", "b", "b", "c", "c", "d", "d"]})
    >>> encoder = EmpiricalBayesEncoder(prior_features={"shop": linear(shops, penalty=False)})
    >>> encoder = encoder.fit(X, [1.1, 0.8, 2.0, 2.3, 2.9, 3.2, 4.1, 3.6])
    >>> encoder.transform(pd.DataFrame({"shop": ["a", "e", "f"]}))["shop"].round(2).tolist()
    [1.06, 4.9, 2.5]
    """
    if not isinstance(penalty, bool | np.bool_):
        raise ValueError(f"`penalty` must be True or False. Got {penalty!r}.")
    if isinstance(source, list | tuple):
        return LinearFeatures(tuple(source), None, None, penalty)
    if callable(source):
        return LinearFeatures((), None, source, penalty)
    if isinstance(source, str) or not hasattr(source, "shape"):
        raise ValueError(
            "`source` must be a table, a list of columns of X, or a function from categories to a table. Got "
            f"{source!r}."
        )
    return LinearFeatures((), FeatureTable.read(source), None, penalty)


@frozen
class LinearFeatures:
    """What is known of categories, as standardized numbers.

    Parameters
    ----------
    columns : tuple
        The labels of the columns of X that hold it.
    table : FeatureTable, optional
        The table that holds it.
    function : callable, optional
        From categories to such a table.
    penalized : bool
        Whether its coefficients are shrunk.
    """

    columns: tuple[Any, ...]
    table: FeatureTable | None
    function: Any
    penalized: bool

    def fit(self, categories: pd.DataFrame) -> LinearBasis:
        """Learn the centers and scales of numbers, and the levels of other columns, over the categories."""
        known, label = self.known(categories), categories.index.name
        if known.isna().all(axis=None):
            raise ValueError(
                f"`prior_features` must say something of the categories of column {label!r}, but knows none of them, "
                f"such as {categories.index[0]!r}. Compare the types: 1 and '1' are two categories."
            )
        columns = {each: _fit_column(known[each], each, full=self.penalized) for each in known}
        columns = {each: column for each, column in columns.items() if len(column.center)}
        q = sum(len(column.center) for column in columns.values())
        if not 0 < q <= MOST:
            raise ValueError(
                f"`prior_features` of column {label!r} must make from 1 to {MOST} numbers of each category, but its "
                f"columns {list(known)} make {q}. Leave out columns "
                + ("of many levels." if q else "that have one value throughout.")
            )
        return LinearBasis(self, columns)

    def known(self, categories: pd.DataFrame) -> pd.DataFrame:
        """What is known of categories, as a table with a row for each."""
        if self.table is not None:
            return self.table.rows(categories.index)
        if self.function is None:
            return categories
        return table_of(self.function(categories.index.to_series(index=range(len(categories)))), categories.index)


@frozen
class LinearBasis:
    """Linear features after `fit`.

    Parameters
    ----------
    source : LinearFeatures
    columns : dict of LinearColumn
        By label.
    """

    source: LinearFeatures
    columns: dict[Any, LinearColumn]

    def __call__(self, categories: pd.DataFrame) -> np.ndarray:
        """The basis of categories."""
        known = self.source.known(categories)[list(self.columns)]
        basis = np.hstack([each.numbers(known[label], label) for label, each in self.columns.items()])
        basis[known.isna().all(axis=1).to_numpy()] = np.nan
        return basis


@frozen
class LinearColumn:
    """How a column becomes numbers.

    Parameters
    ----------
    levels : list, optional
        The last q of them have indicators. By default the column holds numbers.
    center, scale : ndarray of shape (q,)
    """

    levels: list[Any] | None
    center: np.ndarray
    scale: np.ndarray

    def numbers(self, column: pd.Series, label: Any) -> np.ndarray:
        """The column as numbers of shape (m, q): zeros for what is missing, and for unknown levels."""
        if self.levels is None:
            return np.nan_to_num((finite_numbers(column, label)[:, None] - self.center) / self.scale)
        codes = _codes(column, self.levels)[:, None]
        levels = np.arange(len(self.levels))[len(self.levels) - len(self.center) :]
        return np.where(codes >= 0, ((codes == levels) - self.center) / self.scale, 0.0)


def _fit_column(column: pd.Series, label: Any, *, full: bool) -> LinearColumn:
    """How a column becomes numbers; with `full`, each of its levels has an indicator, else all but the first."""
    kind = column_kind(column)
    if kind in (NUMBER, BOOLEAN):
        return _fit_numbers(finite_numbers(column, label))
    if kind == CATEGORY:
        return _fit_levels(column, full=full)
    raise TypeError(
        f"`prior_features` must be numbers, truth values or categories, but {label!r} holds values of the kind "
        f"{kind!r}, such as {column.dropna().iloc[0]!r}. Convert it to numbers."
    )


def _fit_numbers(numbers: np.ndarray) -> LinearColumn:
    center, scale = np.nanmean(numbers, keepdims=True), np.nanstd(numbers, keepdims=True)
    varies = scale > ROUNDING * np.abs(center)
    return LinearColumn(None, center[varies], scale[varies])


def _fit_levels(column: pd.Series, *, full: bool) -> LinearColumn:
    known = column.dropna()
    levels = pd.unique(known.astype(object)).tolist()
    first = 0 if full and len(levels) > 1 else 1
    share = np.bincount(_codes(known, levels), minlength=len(levels))[first:] / len(known)
    return LinearColumn(levels, share, np.ones_like(share))


def _codes(column: pd.Series, levels: list[Any]) -> np.ndarray:
    """The number of each value among the levels; -1 for missing values and unknown levels."""
    own = pd.Index(column.tolist(), dtype=object, tupleize_cols=False)
    return pd.Index(levels, dtype=object, tupleize_cols=False).get_indexer(own)
