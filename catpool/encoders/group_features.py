"""Other columns described by category, as features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from catpool.data.frames.frame import Frame
from catpool.data.targets.weights import read_weights
from catpool.data.training import take_named
from catpool.encoders.decay_mixin import LEARNING
from catpool.encoders.group_results_mixin import GroupResultsMixin
from catpool.encoders.lazy_tables import refuse_conversion
from catpool.encoders.parameters import CONSTRAINTS, Registered
from catpool.engines.dispatch import lazy_frame, read_in_memory
from catpool.models.grouped.group_columns import GroupColumns
from catpool.models.grouped.group_learning import add_part, pooling_of, takes_sums
from catpool.models.grouped.group_sums import SummedRows, sum_rows_by_group
from catpool.moments.moments import Moments
from catpool.priors.rules import PRIORS
from catpool.tables.group_statistics import GROUP_OUTPUTS
from catpool.tables.group_table import GroupTables
from catpool.tables.outputs import read_outputs

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

Learned = tuple[GroupTables, Frame, SummedRows]


class GroupFeatures(GroupResultsMixin, TransformerMixin, BaseEstimator):
    """Describe columns of numbers by category: the pooled mean of the prices of a shop, and how a price compares.

    A price says more beside the prices of its shop. For each grouping column and each described column x there are new
    columns such as ``price_mean_by_shop``, which come last; all columns of X stay. Rows of category k have

        mean_k = r_k (mean of its n_k rows) + (1 - r_k) (prior mean),    r_k = n_k / (n_k + s),
        sd_k^2 = (m v + scatter of its rows about their mean) / (m + n_k - 1).

    The strength s in rows is learned from how much the means of categories differ beyond chance, by restricted maximum
    likelihood, and so are the typical variance v and its strength m, by that of variances. So a category of few rows
    is near the typical one, and one of many rows has the mean and the standard deviation of its rows. As no target is
    looked at, nothing has to be out of fold: ``fit_transform`` is ``fit`` and ``transform``.

    Parameters
    ----------
    columns : "auto" or list, default="auto"
        The grouping columns: names of a frame's columns, or positions of an array's, and tuples of them for
        combinations, as ``["shop", ("shop", "month")]``. By default those of a frame that hold strings, objects,
        categories or booleans. An array needs a list.
    of : list or None, default=None
        The columns to describe; by default all columns of numbers that do not group. Columns of categories have
        "nunique" alone. A column is not described by itself.
    output : str or sequence of str, default=('mean', 'sd', 'ratio', 'zscore')
        One or several of

        - "mean" and "sd", as above;
        - "ratio", the row's own value over the mean of its category, for columns of positive numbers;
        - "zscore", its value minus this mean, over the standard deviation;
        - "rank", the share of its category's rows that have smaller values, and half of those that have the same,
          averaged with this share among all rows by the weight r_k;
        - "nunique", how many different values its category has;
        - "count", the number of its category's rows with a value, or their weight.
    prior : str, float or callable, default="reml"
        How the prior of means is learned: a name in ``catpool.priors.rules.PRIORS``, as in `EmpiricalBayesEncoder`, or
        a function from `Moments` of shape (K,) to its mean and strength. A number is a strength that is given, for
        means in rows and for variances in degrees of freedom: 0 leaves the statistics of a category as they are, and
        infinity gives all categories those of all rows.
    remainder : {"passthrough", "drop"}, default="passthrough"
        Whether the columns of X stay.
    n_jobs : int or None, default=None
        How many threads work on pairs of columns; -1 for as many as there are processors.

    Attributes
    ----------
    summary_ : pandas.DataFrame
        What was learned of each pair of columns.
    n_features_in_ : int
        How many columns X had at fit.
    feature_names_in_ : ndarray of str
        Their names, where X had names.

    See Also
    --------
    EmpiricalBayesEncoder : Pools the target in the same way, out of fold.
    NumberBinner : Numbers as categories, which can group.

    Notes
    -----
    A missing value of a grouping column is a category of its own; a combination with a missing part is missing. A
    category that was not there at fit has the prior's mean, the typical standard deviation, the rank among all rows,
    and no values and rows.

    Rows whose described value is missing are left out of all statistics of it. They have the mean and standard
    deviation of their category, but their "ratio", "zscore" and "rank" are NaN. So is a "ratio" where the pooled mean
    is 0 (to nine digits), with a warning at fit that names the column, and the "zscore" of a new value in a category
    whose standard deviation is 0, because no category has two different values.

    Lazy tables stay lazy, for all outputs that follow from sums: all but "rank" and "nunique". An engine adds the
    ratios of missing values as NULL, and does not look for infinite ones in ``transform``.

    Weights are frequencies: a row of weight 2 counts as two rows. Means equal what ``EmpiricalBayesEncoder(prior=...)``
    learns of the column as a target. The rank is the posterior mean under a Dirichlet process about the distribution of
    all rows, whose strength s follows from the prior of means (Ferguson, 1973).

    References
    ----------
    B. Efron, C. Morris (1975), Data analysis using Stein's estimator and its generalizations, Journal of the American
    Statistical Association 70, 311-319.
    G. K. Smyth (2004), Linear models and empirical Bayes methods for assessing differential expression in microarray
    experiments, Statistical Applications in Genetics and Molecular Biology 3(1): standard deviations.
    T. S. Ferguson (1973), A Bayesian analysis of some nonparametric problems, Annals of Statistics 1, 209-230: ranks.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import GroupFeatures
    >>> X = pd.DataFrame({"shop": ["a", "a", "a", "b", "b", "c"], "price": [1.0, 2.0, 3.0, 7.0, 9.0, 5.0]})
    >>> groups = GroupFeatures(["shop"], of=["price"], output=["mean", "ratio", "rank"])
    >>> groups.fit_transform(X).round(2)
      shop  price  price_mean_by_shop  price_ratio_by_shop  price_rank_by_shop
    0    a    1.0                2.14                 0.47                0.16
    1    a    2.0                2.14                 0.93                0.49
    2    a    3.0                2.14                 1.40                0.81
    3    b    7.0                7.79                 0.90                0.29
    4    b    9.0                7.79                 1.16                0.76
    5    c    5.0                5.00                 1.00                0.51

    Statistics as they are, without pooling:

    >>> raw = GroupFeatures(["shop"], of=["price"], output="mean", prior=0, remainder="drop").fit(X)
    >>> raw.transform(X)["price_mean_by_shop"].tolist()
    [2.0, 2.0, 2.0, 8.0, 8.0, 5.0]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "columns": [StrOptions({"auto"}), "array-like"],
        "of": ["array-like", None],
        "output": CONSTRAINTS["output"],
        "prior": [Registered(PRIORS), Interval(Real, 0, None, closed="both"), callable],
        "remainder": CONSTRAINTS["remainder"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        columns: Sequence[Any] | str = "auto",
        *,
        of: Sequence[Any] | None = None,
        output: str | Sequence[str] = ("mean", "sd", "ratio", "zscore"),
        prior: str | float | Callable[[Moments], tuple[float, float]] = "reml",
        remainder: str = "passthrough",
        n_jobs: int | None = None,
    ) -> None:
        self.columns = columns
        self.of = of
        self.output = output
        self.prior = prior
        self.remainder = remainder
        self.n_jobs = n_jobs

    def fit(
        self, X: IntoFrame | ArrayLike, y: ArrayLike | None = None, *, sample_weight: ArrayLike | str | None = None
    ) -> Self:
        """Learn the statistics of each category.

        Parameters
        ----------
        X : frame, array of shape (n, p), or lazy table
        y : array of shape (n,) or (n, outputs), default=None
            Ignored: no statistic depends on the target.
        sample_weight : array of shape (n,) or str, optional
            How many rows each row counts as, or the name of the column of X that says so, which is taken out of X.
            Lazy tables need a name.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is not as described; if a column that it names is not there; if a described column holds no
            numbers, infinite ones, or none at all; if columns would have the same name; if y is the name of a column
            of X, which would be described; and for "rank" and "nunique" of lazy tables. What was fitted before stays.
        """
        if (lazy := lazy_frame(X)) is not None:
            self._fitted = self._learn_lazy(lazy, y, sample_weight)
        else:
            self._fitted = self._learn(X, y, sample_weight)[0]
        return self

    def fit_transform(
        self, X: IntoFrame | ArrayLike, y: ArrayLike | None = None, *, sample_weight: ArrayLike | str | None = None
    ) -> Any:
        """Learn the statistics of each category, and add them to the same rows, as ``fit`` and ``transform`` do.

        Parameters
        ----------
        X : frame, array of shape (n, p), or lazy table
        y : array of shape (n,) or (n, outputs), default=None
            Ignored, as in ``fit``.
        sample_weight : array of shape (n,) or str, optional
            As in ``fit``.

        Returns
        -------
        frame of the library that X came from, ndarray for an array, or a lazy table for one

        Raises
        ------
        ValueError
            As ``fit`` does.
        """
        if (lazy := lazy_frame(X)) is not None:
            refuse_conversion(self._library)
            self._fitted = self._learn_lazy(lazy, y, sample_weight)
            return self.transform(X)
        fitted, frame, rows = self._learn(X, y, sample_weight)
        blocks = self._arrange(fitted, rows.slots, rows.values)
        self._fitted = fitted
        return self._output(fitted, frame, blocks)

    @available_if(takes_sums)
    def partial_fit(
        self, X: IntoFrame | ArrayLike, y: ArrayLike | None = None, *, sample_weight: ArrayLike | str | None = None
    ) -> Self:
        """Learn from more rows, in addition to those learned from before.

        Learning from parts gives what learning from all rows gives, except for rounding. The first part says which
        columns are described. "rank" and "nunique" do not follow from sums, so with them there is no such method.

        Parameters
        ----------
        X : frame or array of shape (m, p)
        y : array of shape (m,) or (m, outputs), default=None
            Ignored, as in ``fit``.
        sample_weight : array of shape (m,) or str, optional
            As in ``fit``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As ``fit`` does, and if columns or outputs are not those of the first part.
        AttributeError
            With "rank" or "nunique".
        TypeError
            For lazy tables, and for categories of another type than before.

        Examples
        --------
        >>> from catpool import GroupFeatures
        >>> groups = GroupFeatures([0], of=[1], output="mean", prior=0, remainder="drop")
        >>> groups.partial_fit([["a", 1.0], ["b", 2.0]]).partial_fit([["a", 4.0]]).transform([["a", None]]).ravel()
        array([2.5])
        """
        with LEARNING:
            self._fitted = self._learn(X, y, sample_weight, vars(self).get("_fitted"))[0]
        return self

    def _learn(self, X: Any, y: Any, sample_weight: Any, before: GroupTables | None = None) -> Learned:
        """What rows teach, in addition to those from before, if there are any; and the rows."""
        columns = self._group_columns(y).like(before)
        frame, named = take_named(read_in_memory(X, "GroupFeatures"), {"sample_weight": sample_weight})
        weights = read_weights(named.values.get("sample_weight", sample_weight), len(frame))
        frame = frame if before is None else frame.align(before.header, before.header.labels, strict=True)
        groups = columns.groups(frame)
        rows = sum_rows_by_group(groups, columns.described(groups, frame), frame, weights, self.n_jobs)
        tables = pooling_of(self.prior).pool(rows.tables if before is None else add_part(before, rows.tables))
        roles = [*named.labels, *([] if before is None else before.roles)]
        fitted = GroupTables(frame.header("GroupFeatures"), tables, list(dict.fromkeys(roles)))
        return self._checked(fitted, before), frame, rows

    def _learn_lazy(self, lazy: Any, y: Any, sample_weight: Any) -> GroupTables:
        """What a lazy table teaches."""
        from catpool.engines.lazy_groups import fit_lazy_groups  # here, as it loads pyarrow

        columns = self._group_columns(y)
        return self._checked(fit_lazy_groups(lazy, columns, pooling_of(self.prior), sample_weight, "GroupFeatures"))

    def _group_columns(self, y: Any) -> GroupColumns:
        """The parameters that name columns, once all are known to be legal."""
        self._validate_params()
        if isinstance(y, str):
            raise ValueError(f"y must not be the name of a column, but it is {y!r}. Take the column out of X.")
        return GroupColumns(self.columns, self.of, read_outputs(self.output, GROUP_OUTPUTS))
