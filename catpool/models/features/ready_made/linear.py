"""`linear`: the prior mean of a category as a linear function of what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from catpool.data.columns.feature_table import FeatureTable, table_of
from catpool.data.columns.finite_numbers import check_range, finite_numbers
from catpool.data.frames.column_kinds import BOOLEAN, CATEGORY, NUMBER, column_kind
from catpool.data.frozen import frozen
from catpool.data.targets.target import LARGEST, SMALLEST
from catpool.moments.sums import mean_and_sd

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame

MOST = 2000  # numbers that a block may have, as the time of a fit grows with their square
ROUNDING = 1e-14  # of a column that has one value, relative to it


def linear(source: IntoFrame | Sequence[Any] | Callable[[pd.Series], Any], *, penalty: bool = True) -> LinearFeatures:
    """Prior features from a table, columns of X or a function, in which the prior mean of a category is linear.

    Numbers are standardized over the categories of fit, truth values count as 0 and 1, and each level of other columns
    is an indicator. With the numbers z_k of category k, its prior mean is

        mu + z_k' gamma,    gamma_j ~ normal(0, s^2) if penalized.

    A missing value counts as the mean of its column, and so does a level that no category had at fit. A category of
    which nothing else is known has no features.

    Parameters
    ----------
    source : frame, list of labels, or callable
        A table with one row per category, in its column of the same label as the encoded column, or as the index of a
        pandas frame; a list of columns of X that are constant within a category; or a function from a Series of
        categories to a table with a row for each, which says the same of a category whatever others it comes with.
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
        rows for a category or none for any, or holds dates, or if a function gives categories other numbers when it is
        called with some of them only.

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
        if not any(known[each].notna().any() for each in known):
            raise ValueError(
                f"`prior_features` must say something of the categories of column {label!r}, but knows none of them, "
                f"such as {categories.index[0]!r}. Compare the types: 1 and '1' are two categories."
            )
        kinds = {each: _kind(known[each], each) for each in known}
        numbers = _fit_numbers(_select(known, [each for each, kind in kinds.items() if kind != CATEGORY]))
        levels = {
            each: _fit_levels(known[each], full=self.penalized) for each, kind in kinds.items() if kind == CATEGORY
        }
        _check_width(len(numbers.labels) + sum(len(each.center) for each in levels.values()), known, label)
        return LinearBasis(self, numbers, levels)

    def known(self, categories: pd.DataFrame) -> pd.DataFrame:
        """What is known of categories, as a table with a row for each."""
        if self.table is not None:
            return self.table.rows(categories.index)
        if self.function is None:
            return categories[list(self.columns)]
        return table_of(self.function(categories.index.to_series(index=range(len(categories)))), categories.index)


@frozen
class LinearBasis:
    """Linear features after `fit`.

    Parameters
    ----------
    source : LinearFeatures
    numbers : LinearNumbers
    levels : dict of LinearLevels
        Of columns that do not hold numbers, by label.
    """

    source: LinearFeatures
    numbers: LinearNumbers
    levels: dict[Any, LinearLevels]

    def __call__(self, categories: pd.DataFrame) -> np.ndarray:
        """The basis of categories: zeros for what is missing or of an unknown level, and NaN where all is."""
        labels, known = [*self.numbers.labels, *self.levels], self.source.known(categories)
        _check_labels(labels, known, categories.index.name)
        known = _select(known, labels)
        blocks = [self.numbers.basis(known), *(each.basis(known[label]) for label, each in self.levels.items())]
        basis = np.hstack(blocks) if self.levels else blocks[0]
        rows = np.flatnonzero(np.isnan(np.einsum("kq->k", basis)))
        gaps = np.isnan(basis[rows])
        basis[rows] = np.where(gaps & ~gaps.all(axis=1, keepdims=True), 0.0, basis[rows])
        return basis


@frozen
class LinearNumbers:
    """How columns of numbers are standardized.

    Parameters
    ----------
    labels : list
    center, scale : ndarray of shape (columns,)
    """

    labels: list[Any]
    center: np.ndarray
    scale: np.ndarray

    def basis(self, known: pd.DataFrame) -> np.ndarray:
        """The standardized columns, of shape (m, columns), with NaN for what is missing."""
        basis = _numbers(_select(known, self.labels)) - self.center
        basis *= 1 / self.scale
        return basis


@frozen
class LinearLevels:
    """How a column of categories becomes indicators.

    Parameters
    ----------
    levels : list
        The last q of them have an indicator.
    center : ndarray of shape (q,)
        Their shares of the categories of fit.
    """

    levels: list[Any]
    center: np.ndarray

    def basis(self, column: pd.Series) -> np.ndarray:
        """The indicators less their shares, of shape (m, q), with NaN for what is missing, or a new level."""
        codes = _codes(column, self.levels)[:, None]
        with_indicator = np.arange(len(self.levels))[len(self.levels) - len(self.center) :]
        return np.where(codes >= 0, (codes == with_indicator) - self.center, np.nan)


def _kind(column: pd.Series, label: Any) -> str:
    """The kind of a column: that of numbers, of truth values or of categories."""
    kind = column_kind(column)
    if kind in (NUMBER, BOOLEAN, CATEGORY):
        return kind
    raise TypeError(
        f"`prior_features` must be numbers, truth values or categories, but {label!r} holds values of the kind "
        f"{kind!r}, such as {column.dropna().iloc[0]!r}. Convert it to numbers."
    )


def _check_width(width: int, known: pd.DataFrame, label: Any) -> None:
    """Raise an error unless a block has some numbers, and not too many."""
    if 0 < width <= MOST:
        return
    raise ValueError(
        f"`prior_features` of column {label!r} must make from 1 to {MOST} numbers of each category, but its columns "
        f"{list(known)} make {width}. Leave out columns {'of many levels' if width else 'of one value throughout'}."
    )


def _check_labels(labels: list[Any], known: pd.DataFrame, label: Any) -> None:
    """Raise an error unless what a function returned has the columns of fit."""
    absent = [each for each in labels if each not in known]
    if absent:
        raise ValueError(
            f"The function in `prior_features` of column {label!r} must return the same columns for any categories, "
            f"but {absent} of those for all categories of fit are not among those for {len(known)}. Name them in the "
            "function, and fill them."
        )


def _select(known: pd.DataFrame, labels: list[Any]) -> pd.DataFrame:
    """Some columns of a table; the table itself if these are all, as a copy takes time."""
    return known if list(known) == labels else known[labels]


def _fit_numbers(known: pd.DataFrame) -> LinearNumbers:
    center, scale = _moments(_numbers(known))
    if len(known) == 1:  # category, of which nothing can be told from others
        scale = np.ones_like(scale)
    varies = scale > ROUNDING * np.abs(center)
    labels = [label for label, own in zip(known, varies, strict=True) if own]
    return LinearNumbers(labels, center[varies], scale[varies])


def _moments(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of each column; zeros where all is missing."""
    center, scale = mean_and_sd(numbers)
    for place in np.flatnonzero(np.isnan(center)):
        own = numbers[~np.isnan(numbers[:, place]), place]
        center[place], scale[place] = (own.mean(), own.std()) if len(own) else (0.0, 0.0)
    return center, scale


def _numbers(known: pd.DataFrame) -> np.ndarray:
    """Columns of numbers as floats, of shape (m, columns), with NaN for missing values."""
    if len(known.columns) and (known.dtypes == np.float64).all():  # all at once, as there may be many
        numbers = known.to_numpy()
        _check_ranges(numbers, list(known))
        return numbers
    columns = [finite_numbers(known[label], label) for label in known]
    return np.array(columns).T if columns else np.empty((len(known), 0))


def _check_ranges(numbers: np.ndarray, labels: list[Any]) -> None:
    """Refuse columns that `check_range` refuses, of which those whose sum of squares is of usual size need no look."""
    with np.errstate(over="ignore"):
        squares = np.einsum("kq,kq->q", numbers, numbers)
    usual = (squares > len(numbers) * SMALLEST**2) & (squares < LARGEST**2)
    for place in np.flatnonzero(~usual):
        column = numbers[:, place]
        check_range(np.fmin.reduce(column, initial=0.0), np.fmax.reduce(column, initial=0.0), labels[place])


def _fit_levels(column: pd.Series, *, full: bool) -> LinearLevels:
    """The indicators of all levels, or of all but the first, whose effect is that of the mean."""
    known = column.dropna()
    try:
        levels = pd.unique(known.astype(object)).tolist()
    except TypeError as error:
        raise TypeError(
            f"`prior_features` must be numbers, truth values or categories, but {column.name!r} holds such as "
            f"{known.iloc[0]!r} ({error}). Convert lists to columns of numbers."
        ) from error
    first = 0 if (full and len(levels) > 1) or len(column) == 1 else 1
    return LinearLevels(levels, np.bincount(_codes(known, levels), minlength=len(levels))[first:] / max(len(known), 1))


def _codes(column: pd.Series, levels: list[Any]) -> np.ndarray:
    """The number of each value among the levels; -1 for missing values and unknown levels."""
    own = pd.Index(column.tolist(), dtype=object, tupleize_cols=False)
    return pd.Index(levels, dtype=object, tupleize_cols=False).get_indexer(own)
