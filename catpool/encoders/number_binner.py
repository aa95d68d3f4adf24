"""Numbers as categories, for encoders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils._set_output import _get_output_config

from catpool.data.columns.binned_columns import BinnedColumn, BinnedColumns
from catpool.data.columns.binning import as_numbers, make_bins
from catpool.data.columns.rounding import MOST_DECIMALS, Rounding
from catpool.data.frames.backends import to_backend
from catpool.data.frames.column_kinds import NUMBER
from catpool.data.frames.frame import Frame
from catpool.encoders.state_mixin import StateMixin
from catpool.engines.dispatch import read_in_memory

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

USUAL = 20  # ranges of a column


class NumberBinner(StateMixin, TransformerMixin, BaseEstimator):
    """Add columns of categories that numbers fall into, which an encoder can encode like others.

    The mean of y may depend on a number in steps, or on its digits: what costs 9.99 sells otherwise than what costs 10.
    Trees need a threshold for each step, where an encoded category is one feature in units of y. There are two kinds of
    categories:

    - ranges with about as many rows each. A number x is in the range k if

          edge_(k-1) <= x < edge_k,

      where edge_k is a short number between the two numbers around the quantile k / bins;

    - rounded numbers, round(x * 10^d) / 10^d. With several numbers of decimals d, they are levels that `NestedEncoder`
      pools from coarse to fine: a price with few rows is shrunk toward those of the same rounded price.

    The numbers themselves stay, and the new columns come last. In a pipeline, it stands before an encoder. As it does
    not look at y, nothing has to be out of fold.

    Parameters
    ----------
    bins : int, dict or None, default=None
        The number of ranges: of each column in a dictionary, as ``{"age": 20}``, or of all columns of numbers. By
        default these have 20 ranges, or none if ``decimals`` is given. A column that has no more distinct numbers than
        ranges has a range for each, and one of which very many rows have the same number has fewer ranges.
    decimals : dict, default=None
        How many decimals are left of the numbers of a column, as ``{"price": [0, 1, 2]}`` or ``{"price": 0}``: at most
        15, and negative to round to tens, hundreds and so on.

    Attributes
    ----------
    n_features_in_ : int
        How many columns X had at fit.
    feature_names_in_ : ndarray of str
        Their names, where X had names.

    See Also
    --------
    NestedEncoder : Pools rounded numbers from coarse to fine.
    TreeEncoder : Cuts numbers by itself where it adjusts effects, and looks for interactions.

    Notes
    -----
    Frames have new columns of strings, such as "[18, 25)" and "9.99". Arrays have numbers: those that are rounded, and
    those of ranges from 1 in rising order. Missing numbers stay missing, which encoders take as a category. Ranges are
    made once, from all rows of ``fit``; the first and the last have no end. Rounding is that of `numpy.round`, where a
    half goes to the even neighbour.

    References
    ----------
    J. Dougherty, R. Kohavi, M. Sahami (1995), Supervised and unsupervised discretization of continuous features,
    Proceedings of the 12th International Conference on Machine Learning, 194-202.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import NumberBinner
    >>> X = pd.DataFrame({"age": [18, 25, 31, 47], "price": [9.99, 10.49, 9.25, 9.75]})
    >>> NumberBinner(bins={"age": 2}, decimals={"price": [0, 1]}).fit_transform(X)
       age  price  age_binned price_rounded_0 price_rounded_1
    0   18   9.99  [-inf, 28)              10            10.0
    1   25  10.49  [-inf, 28)              10            10.5
    2   31   9.25   [28, inf)               9             9.2
    3   47   9.75   [28, inf)              10             9.8

    Prices that are pooled from coarse to fine:

    >>> from catpool import NestedEncoder
    >>> from sklearn.pipeline import make_pipeline
    >>> encoder = NestedEncoder(["price_rounded_0", "price_rounded_1"])
    >>> make_pipeline(NumberBinner(decimals={"price": [0, 1]}), encoder).fit(X, [3.0, 4.0, 1.0, 3.5])[-1].levels_
    ['price_rounded_0', 'price_rounded_1']
    """

    _state_class = BinnedColumns
    _fitted: BinnedColumns
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "bins": [Interval(Integral, 2, None, closed="left"), dict, None],
        "decimals": [dict, None],
    }

    def __init__(
        self,
        bins: int | Mapping[Any, int] | None = None,
        *,
        decimals: Mapping[Any, int | Sequence[int]] | None = None,
    ) -> None:
        self.bins = bins
        self.decimals = decimals

    def fit(self, X: IntoFrame | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Find the ranges of the numbers.

        Parameters
        ----------
        X : frame or array of shape (n, p)
        y : array of shape (n,) or (n, outputs), default=None
            Ignored: ranges do not depend on the target.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is not as described; if a column that it names is not there or holds no numbers; if X has no
            column of numbers; if columns would have the same name; and if y is the name of a column of X, which would
            be among the numbers. What was fitted before stays.
        TypeError
            For lazy tables.
        """
        self._validate_params()
        if isinstance(y, str):
            raise ValueError(f"y must not be the name of a column, but it is {y!r}. Take the column out of X.")
        frame = read_in_memory(X, "NumberBinner")
        bins, roundings = self._numbers_of_bins(frame), self._roundings(frame)
        numbers = {label: as_numbers(frame.column(label), label) for label in [*bins, *dict(roundings)]}
        columns = [BinnedColumn(label, make_bins(numbers[label], None, most)) for label, most in bins.items()]
        columns += [BinnedColumn(label, Rounding(decimals)) for label, decimals in roundings]
        fitted = BinnedColumns(frame.header(type(self).__name__), columns)
        fitted.verify()
        self._fitted = fitted
        return self

    def transform(self, X: IntoFrame | ArrayLike) -> Any:
        """Add the categories of numbers to a table.

        Parameters
        ----------
        X : frame or array of shape (n, p)
            With the columns of fit, in any order if they have names.

        Returns
        -------
        frame of the library that X came from, or ndarray for an array

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If columns are missing or new, or hold no numbers.
        TypeError
            For lazy tables.
        """
        fitted = self._state
        frame = read_in_memory(X, "NumberBinner").align(fitted.header, fitted.header.labels, strict=True)
        result = frame.replace_columns(fitted.features(frame), keep=True)
        library = _get_output_config("transform", self)["dense"]
        # scikit-learn converts arrays itself, but it cannot convert each kind of frame
        return result if library == "default" or isinstance(result, np.ndarray) else to_backend(result, library)

    def _names_out(self, columns: Mapping[Any, str]) -> list[str]:
        return self._state.names(list(columns.values()))

    def _numbers_of_bins(self, X: Frame) -> dict[Any, int]:
        """The number of ranges of each column that has ranges."""
        if isinstance(self.bins, Mapping):
            bins = dict(self.bins)
            X.require(list(bins), "bins")
            wrong = {label: number for label, number in bins.items() if not _is_whole(number) or number < 2}
            if wrong:
                raise ValueError(f"`bins` must hold whole numbers of at least 2, but it holds {wrong}.")
            return bins
        if self.bins is None and self.decimals is not None:
            return {}
        numbers = [label for label, kind in X.kinds.items() if kind == NUMBER]
        if not numbers:
            raise ValueError(
                f"X has no column of numbers: {X.labels} hold other values. Convert some, or leave it out."
            )
        return dict.fromkeys(numbers, USUAL if self.bins is None else self.bins)

    def _roundings(self, X: Frame) -> list[tuple[Any, int]]:
        """The columns that are rounded, each with a number of decimals."""
        if self.decimals is None:
            return []
        X.require(list(self.decimals), "decimals")
        pairs = [
            (label, number)
            for label, own in self.decimals.items()
            for number in (own if isinstance(own, Iterable) else [own])
        ]
        wrong = [pair for pair in pairs if not _is_whole(pair[1]) or abs(pair[1]) > MOST_DECIMALS]
        if wrong:
            raise ValueError(
                f"`decimals` must hold whole numbers from -{MOST_DECIMALS} to {MOST_DECIMALS}, but it holds {wrong}."
            )
        return [(label, int(number)) for label, number in pairs]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _is_whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)
