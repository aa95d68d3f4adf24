"""`ordered`: the effects of neighbours in an order are alike, as those of zip codes, years and sizes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.models.features.ready_made.category_order import Order, is_missing
from catpool.models.features.ready_made.expansion import centered, check_rank, expand, spread, walk_covariance


def ordered(by: Hashable = None, *, rank: int = 100) -> OrderedFeatures:
    r"""Prior features of categories that have an order, in which those next to each other have similar effects.

    Zip codes that follow each other are places near each other, and so it is with years, sizes and grades. The prior
    means of the categories are a random walk along the order. The variance of a step is proportional to its length:

    .. math:: \operatorname{Var}(z_i'\gamma - z_j'\gamma) = s^2 |x_i - x_j|

    The place :math:`x` of a category is

    - its value, for numbers, times, and strings of digits such as ``"01067"``;
    - its rank, for other strings. Numbers in them are sorted by value, so that ``"A9"`` comes before ``"A10"``, and
      those of versions one by one, so that ``"1.9.0"`` comes before ``"1.10.0"``;
    - its rank in the order of the type, for an ordered categorical or an Enum of polars, such as S, M, L. Levels that
      are rising numbers count by value.

    The features are the first `rank` functions of the Karhunen-Loève expansion, which are the long waves of the walk; a
    category's own effect is added to them. A new category has the mean of the walk at its place, on the straight line
    between its neighbours. Beyond the ends it has the mean of the end. Its variance grows with the distance from known
    categories.

    Parameters
    ----------
    by : label, default=None
        The column of X that categories are sorted by, in place of their own values. Categories for which it is missing
        have no features.
    rank : int, default=100
        The largest number of functions. The whole walk over K categories has K - 1. Above 1,024 categories, the
        functions are computed at 1,024 of them, between which they are straight lines.

    Returns
    -------
    OrderedFeatures
        For ``prior_features``.

    Raises
    ------
    ValueError
        If `rank` is not a whole number from 1. On fit, if categories are infinite, if they are too large for floats to
        tell them apart, or if all are at one place.
    TypeError
        On fit, if categories cannot be sorted, such as numbers among strings.

    References
    ----------
    H. Rue, L. Held (2005), Gaussian Markov Random Fields: Theory and Applications, Chapman and Hall/CRC, chapter 3.

    Examples
    --------
    The first two of these zip codes have no rows. They get means that follow from their neighbours:

    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, ordered
    >>> X = pd.DataFrame({"zip": ["01067", "01069", "01099", "04103"] * 2})
    >>> encoder = EmpiricalBayesEncoder(prior_features={"zip": ordered()})
    >>> encoder = encoder.fit(X, [1.1, 1.2, 1.9, 3.1, 1.4, 1.5, 2.2, 3.4])
    >>> encoder.transform(pd.DataFrame({"zip": ["01068", "02000", "04103"]}))["zip"].round(2).tolist()
    [1.33, 2.37, 3.25]
    """
    return OrderedFeatures(() if by is None else (by,), check_rank(rank))


@frozen
class OrderedFeatures:
    """A random walk along an order.

    Parameters
    ----------
    columns : tuple
        The label of the column that categories are sorted by, or none if it is they themselves.
    rank : int
    levels : tuple, default=()
        The categories in their order, if the type of the column says it.
    """

    columns: tuple[Any, ...]
    rank: int
    levels: tuple[Any, ...] = ()

    def of_dtype(self, dtype: Any) -> OrderedFeatures:
        """The same for a column of this type, which may say the order of its values."""
        known = isinstance(dtype, pd.CategoricalDtype) and dtype.ordered
        return replace(self, levels=tuple(dtype.categories.tolist())) if known else self

    def fit(self, categories: pd.DataFrame) -> OrderedBasis:
        """Learn the functions from the places of categories."""
        what = f"column {(self.columns or (categories.index.name,))[0]!r}"
        values = [value for value in _values(categories, self.columns) if not is_missing(value)]
        if not values:
            raise ValueError(
                f"ordered() must have categories to sort, but {what} is missing in all of them. "
                "Leave it out of `prior_features`, or sort by another column."
            )
        order = Order.of(values, what, self.levels)
        places = np.sort(order.places(values))
        if len(places) > 1 and places[0] == places[-1]:
            raise ValueError(
                f"ordered() must have categories at different places, but {what} is {values[0]!r} in all of them. Sort "
                "by another column."
            )
        knots = np.unique(spread(places[:, None]))
        return OrderedBasis(self.columns, order, knots, expand(_walk(knots), self.rank))


@frozen
class OrderedBasis:
    """The functions of an order.

    Parameters
    ----------
    columns : tuple
        As `OrderedFeatures` has them.
    order : Order
    knots : ndarray of shape (m,)
        Rising places.
    functions : ndarray of shape (m, q)
        The functions at the knots.
    """

    columns: tuple[Any, ...]
    order: Order
    knots: np.ndarray
    functions: np.ndarray

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be functions."""
        require(self.knots.ndim == 1 and len(self.knots) > 0, "functions without knots")
        require(self.functions.ndim == 2 and self.functions.shape[1] > 0, "no functions")
        require_numbers((len(self.knots),), knots=self.knots)
        require_numbers((len(self.knots), self.functions.shape[1]), functions=self.functions)
        require((np.diff(self.knots) > 0).all(), "knots that do not rise")

    def __call__(self, categories: pd.DataFrame) -> np.ndarray:
        """The functions at the places of categories, of shape (m, q)."""
        place = self._places(categories)
        knot = np.interp(place, self.knots, np.arange(len(self.knots), dtype=float))
        known = ~np.isnan(knot)
        below = np.floor(np.where(known, knot, 0.0)).astype(np.intp)
        above = np.minimum(below + 1, len(self.knots) - 1)
        share = (knot - below)[:, None]
        return (1 - share) * self.functions[below] + share * self.functions[above]

    def left(self, categories: pd.DataFrame) -> np.ndarray:
        """The variance of the walk at places that the functions leave, of shape (m,)."""
        distance, usual = self._distance(self._places(categories))
        if usual == 0:
            return np.zeros(len(distance))
        return np.maximum(distance / usual - 1 - (self(categories) ** 2).sum(axis=1), 0.0)

    def left_covariance(self, categories: pd.DataFrame) -> np.ndarray:
        """The covariance of the walk at places that the functions leave, of shape (m, m)."""
        place, functions = self._places(categories), self(categories)
        distance, usual = self._distance(place)
        if usual == 0:
            return np.zeros((len(place), len(place)))
        return walk_covariance(np.abs(place[:, None] - place), distance, usual) - functions @ functions.T

    def _distance(self, place: np.ndarray) -> tuple[np.ndarray, float]:
        """The mean distance of places from the knots, of shape (m,), and the mean variance at the knots."""
        own = np.abs(self.knots[:, None] - self.knots).mean(axis=0)
        beyond = np.abs(place - np.clip(place, self.knots[0], self.knots[-1]))
        return np.interp(place, self.knots, own) + beyond, float(own.mean() / 2)

    def _places(self, categories: pd.DataFrame) -> np.ndarray:
        return self.order.places(_values(categories, self.columns))


def _values(categories: pd.DataFrame, columns: tuple[Any, ...]) -> list[Any]:
    return (categories[columns[0]] if columns else categories.index).tolist()


def _walk(places: np.ndarray) -> np.ndarray:
    """The covariance of a random walk about its mean, of shape (m, m)."""
    return centered(-np.abs(places[:, None] - places) / 2)
