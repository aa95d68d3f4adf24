"""What the encoders of single columns share: parameters, and the wiring of columns, targets and folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from catpool.crossfit.earlier_rows import EarlierRows, Times
from catpool.crossfit.folds import Folds
from catpool.crossfit.leverage import heaviest_share, negligible, refuse_partial
from catpool.crossfit.out_of_fold import Learner, OutOfFold, Rows, learn
from catpool.crossfit.past import aged, by_priors, encode_by_past
from catpool.data.backends import in_backend
from catpool.data.categories import Vocabulary
from catpool.data.crossed import Cells, check_interaction
from catpool.data.frames import Frame
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.encoders.base import column_of, encode_column, name_of
from catpool.encoders.lazy_tables import LazyTablesEncoder
from catpool.moments.moments import Moments
from catpool.moments.partition import Parts
from catpool.priors.family import Family
from catpool.priors.posterior import posterior_reliability
from catpool.priors.prior import Prior
from catpool.tables.encoding_table import Encoding, EncodingTable
from catpool.tables.policy import Policy

OUTPUTS = ("mean", "sd", "reliability", "count", "size", "code")
EXTRAS = ("count", "size", "code")  # of the column, whatever the target
RELIABLE = 0.85  # a column whose codes tell trees more than noise


class PooledEncoder(LazyTablesEncoder):
    """Replace each category by a number learned from the target: what all encoders share.

    ``fit_transform(X, y)`` encodes each training row out of fold, from rows other than its fold's, so that
    no row's own target reaches its own feature. ``fit(X, y).transform(X_new)`` encodes new rows from all
    training rows. Both leave the same fitted tables, but for rounding in the last digit.

    Parameters
    ----------
    columns : list, default=None
        Which columns to encode: names of a frame's columns, positions of an array's. By default all that are not named
        as target, weights, exposure, key or folds.
    interactions : list of tuples, default=None
        Columns to encode together, beside by themselves: each combination of their categories is a category, of a
        feature called as ``<column>_x_<column>`` and put after all others. One with a missing part is missing.
    cv : int, splitter, iterable or array of shape (n,), default=10
        The folds of ``fit_transform``: a number of random folds, balanced to one row (by class too, where y
        is one column of classes; by groups, where ``groups`` is given), a scikit-learn splitter, an iterable
        of (train, test) index arrays (a generator serves, but scikit-learn cannot clone one), a fold
        label for each row, or the name of the column that has them. At most 100 folds. Or `EarlierRows`.
    crossfit : {"all", "unreliable"}, default="all"
        Which categories of training rows are encoded out of fold. "unreliable" gives those that are so full that no
        row matters one value, from all training rows: reliability at least ``crossfit_reliability``, and no row, or
        group of rows that stay together, heavier than a twentieth of the category. A fold's encodings are a little
        lower where its own targets are higher, and trees read that off full categories, where it is all that an
        encoding changes by; the price is that a row's own target reaches its feature, by a weight of at most
        1 / (count + strength), with weights and groups at most a twentieth.
    crossfit_reliability : float, default=0.97
        See ``crossfit``.
    random_state : int, RandomState or None, default=None
        Seed of the random folds.
    target_type : {"auto", "continuous", "binary", "multiclass", "count"}, default="auto"
        What y is. "auto" takes floats as continuous (but 0.0 and 1.0, and two other whole values, as
        binary), two values of any other sort as binary, and strings, categories and integers of at most 20
        values as classes, one feature a class. Continuous targets have the normal family, classes the
        binomial, counts the Poisson.
    unknown : {"prior", "nan", "error"}, default="prior"
        What a category with no training rows gets. In ``fit_transform`` a category that is in one fold
        only has none, and "error" gives it the prior mean there.
    missing : {"category", "prior", "nan", "error"}, default="category"
        What a missing value gets: the encoding of a category of its own (the prior mean where no training
        row has a missing value), the prior mean, NaN, or an error. For learning the prior, missing values
        are a category in any case.
    remainder : {"passthrough", "drop"}, default="passthrough"
        What becomes of the columns that are not encoded.
    output : str or sequence of str, default="mean"
        The features of each column, in this order: "mean", the posterior mean, called as the column; "sd", the
        posterior standard deviation in units of y, called ``<column>_sd``, and so on; "reliability", the weight
        count / (count + strength) of the category's own rows in its mean; "count", the weight of the rows that
        the encoding rests on; "size", the weight of all training rows of the category; "code", the category's place in
        the order of the categories (-1 if missing, -2 if unseen). "size" and "code" are no matter of the target and the
        same in training and after; all others are out of fold as the mean is. "trees" is the mean, rounded to a
        multiple of the power of two nearest to half its standard deviation, the size (with EarlierRows the count) and,
        where the column's reliability is at least 0.85, the code: what forests and boosted trees gain from, as
        `recommended_encoder` tells.
    drop_noise : bool, default=False
        Whether columns whose categories differ no more than chance has it (a `between_sd` of 0 in `summary_`, which
        says so in `note`) are left out of the features. All training rows decide on that, as on "code" above.
    weight_type : {"frequency", "precision"}, default="frequency"
        What ``sample_weight`` means: a row of weight w counts as w rows, or it is one row of variance sigma^2 / w,
        as in lme4 (and in the model of Buhlmann and Straub), for the normal family alone.
    n_jobs : int, default=None
        Columns encoded at a time, in threads; as in scikit-learn, None is 1 and -1 all processors.

    Attributes
    ----------
    tables_ : list of EncodingTable
        One an encoded column.
    columns_ : list
        The encoded columns, as X calls them.
    summary_ : pandas.DataFrame
        What was learned of each column.
    target_type_ : str, or list of str for several outputs
        What y was taken for.
    classes_ : ndarray
        The classes of y in their order, where it is one column of classes.
    n_features_in_ : int
        How many columns X had at fit.
    feature_names_in_ : ndarray of str
        Their names, where X had names.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "columns": ["array-like", None],
        "interactions": ["array-like", None],
        "cv": "no_validation",  # `check_cv` says more about it
        "crossfit": [StrOptions({"all", "unreliable"})],
        "crossfit_reliability": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
        "target_type": [StrOptions({"auto", "continuous", "binary", "multiclass", "count"})],
        "unknown": [StrOptions({"prior", "nan", "error"})],
        "missing": [StrOptions({"category", "prior", "nan", "error"})],
        "remainder": [StrOptions({"passthrough", "drop"})],
        "output": ["array-like", StrOptions({*OUTPUTS, "trees"})],
        "drop_noise": ["boolean"],
        "weight_type": [StrOptions({"frequency", "precision"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        *,
        interactions: Sequence[Sequence[Any]] | None = None,
        cv: Any = 10,
        crossfit: str = "all",
        crossfit_reliability: float = 0.97,
        random_state: Any = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mean",
        drop_noise: bool = False,
        weight_type: str = "frequency",
        n_jobs: int | None = None,
    ) -> None:
        self.columns = columns
        self.interactions = interactions
        self.cv = cv
        self.crossfit = crossfit
        self.crossfit_reliability = crossfit_reliability
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.output = output
        self.drop_noise = drop_noise
        self.weight_type = weight_type
        self.n_jobs = n_jobs

    def _prior(self, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        """How this encoder learns the prior of each class of a target, for moments of shape (..., K)."""
        raise NotImplementedError

    @property
    def summary_(self) -> pd.DataFrame:
        """What was learned of each column and target.

        Returns
        -------
        pandas.DataFrame
            A row for each encoded column and target: `column` and `target` (empty for an only one);
            `categories`, the missing value among them, and `rows` (or their weight); `prior_mean` in units
            of y and `prior_strength` in rows, which may be infinite; `between_sd` and `within_sd`, the
            standard deviations between and within categories in units of y, those of the prior or, where it is given,
            by the method of moments; and
            `reliability`, the mean over the rows of count / (count + strength).
        """
        check_is_fitted(self)
        return pd.DataFrame(
            [{"column": table.column, **encoding.summary()} for table in self.tables_ for encoding in table.encodings]
        )

    def _look_up_row(self, row: Mapping[str, Any]) -> dict[str, float]:
        if self.interactions or self._forgets or any(table.label not in row for table in self.tables_):
            return super()._look_up_row(row)
        result: dict[str, float] = {}
        for table in self.tables_:
            result.update(table.look_up_value(row[table.label]))
        return result

    def to_sql(self, table: str | Sequence[str], *, dialect: str | None = None) -> str:
        """Write ``transform`` as SQL: a SELECT that joins a table's rows with the encodings.

        Parameters
        ----------
        table : str, or sequence of str
            The name of the table with the columns that X had, which is quoted as it is; or the names of a schema and
            of a table in it, or of a catalog too.
        dialect : str, optional
            As sqlglot calls it: "duckdb", "sqlite", "postgres", "snowflake", "bigquery", "spark" and so on; by default
            standard SQL.

        Returns
        -------
        str
            Names and categories are quoted as the dialect has it; each category is a line of the statement. Features
            that are NaN are NULL. Strings are compared as the table's collation has it: one that takes "a" and "A"
            for the same doubles rows.

        Raises
        ------
        ImportError
            Without sqlglot: ``pip install "catpool[sql]"``.
        ValueError
            For interactions of empirical Bayes, where ``unknown`` or ``missing`` is "error", with a half-life, and
            where columns have no names.
        TypeError
            Where categories have no literal in SQL: infinities, times with a zone, and other objects.

        Examples
        --------
        >>> import pandas as pd
        >>> from catpool import MeanEncoder
        >>> encoder = MeanEncoder().fit(pd.DataFrame({"shop": ["a", "b"]}), [1.0, 2.5])
        >>> encoder.to_sql("orders", dialect="duckdb").startswith("WITH")
        True
        """
        from catpool.engines.sql import select  # here, as each import takes its time

        check_is_fitted(self)
        if not self._header.named or self._forgets:
            raise ValueError(
                "SQL needs columns with names, and knows no forgetting. Fit to a frame, without a half-life."
            )
        labels = [label for label in self._header.labels if label in self.columns_ or self.remainder == "passthrough"]
        labels += [label for label in self.columns_ if label not in self._header.labels]
        named = self._named_features(self._header.names_of, self.tables_)
        return select(self.tables_, named, labels, table, dialect)

    def encoding_table(self, column: Any, *, level: float = 0.9, backend: str = "pandas") -> Any:
        """Show what was learned of each category of a column.

        Parameters
        ----------
        column : str or int
            As in ``columns_``, or as `summary_` calls it.
        level : float, default=0.9
            The probability of the interval from `lower` to `upper`, between 0 and 1.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The kind of the frame that comes back.

        Returns
        -------
        frame
            A row for each category that has training rows: `category` (None for the missing value),
            `target` (where there are several), `count` of its rows or their weight, `mean` of the target in it,
            its `encoding`, the posterior mean, with its `sd`, the ends `lower` and `upper` of its interval and its
            `reliability`. All in units of y, but for `count` and `reliability`.

        Raises
        ------
        ValueError
            Where the column is not encoded, or the level is not between 0 and 1.
        TypeError
            Where categories of several types have no column in polars and pyarrow.
        """
        check_is_fitted(self)
        if not 0 < level < 1:
            raise ValueError(f"`level` must lie between 0 and 1, as 0.9 does. Got {level}.")
        for table in self.tables_:
            if column in (table.label, table.column):
                return in_backend(table.frame(level), backend)
        raise ValueError(f"`column` must be one of the encoded columns {self.columns_}, not {column!r}.")

    def _named_features(self, names: Mapping[Any, str], tables: Sequence[EncodingTable]) -> dict[Any, list[str]]:
        return {table.label: table.names(name_of(table.label, names)) for table in tables}

    def _rising(self) -> set[str]:
        single = [table for table in self.tables_ if len(table.encodings) == 1]
        return {name for table in single for name in table.names() if name == table.column}

    def _check_columns(self, X: Frame) -> None:
        self._outputs()
        if self.columns is not None and (len(self.columns) or self.interactions is None):
            X.require(list(self.columns))
        for parts in self._interactions():
            check_interaction(parts, X)
        if isinstance(self.cv, EarlierRows) and self.cv.by not in X.labels:
            raise ValueError(f"EarlierRows names the column {self.cv.by!r}, which X does not have: {X.labels}.")
        if isinstance(self.cv, EarlierRows) and self.crossfit != "all":
            raise ValueError('EarlierRows goes with crossfit="all" alone: no row may see the future.')

    def _interactions(self) -> list[tuple[Any, ...]]:
        return [] if self.interactions is None else [tuple(parts) for parts in self.interactions]

    @property
    def _forgets(self) -> bool:
        return isinstance(self.cv, EarlierRows) and self.cv.half_life is not None

    def _times(self, X: Frame) -> Times | None:
        if not isinstance(self.cv, EarlierRows):
            return None
        times = Times.of(X.column(self.cv.by), self.cv)
        if self.cv.by in self._chosen(X):
            raise ValueError(f"EarlierRows has its times in {self.cv.by!r}, which `columns` names too. Leave it out.")
        return times

    def _learn(self, X: Frame, targets: list[Target], weights: Weights) -> list[EncodingTable]:
        self._log_likelihood = weights.log_likelihood
        times = self._times(X)
        rows = Rows(targets, weights if times is None else aged(weights, times), Parts(None, 1))

        def learn_column(label: Any) -> EncodingTable:
            codes, vocabulary = self._encode(label, X)
            learned = learn(self._learner(vocabulary), codes, vocabulary.size, rows)
            return self._table(label, X.names_of, vocabulary, learned)

        return self._over_columns(learn_column, X)

    def _learn_out_of_fold(
        self, X: Frame, targets: list[Target], weights: Weights, folds: Folds
    ) -> tuple[list[EncodingTable], dict[Any, np.ndarray]]:
        self._log_likelihood = weights.log_likelihood
        if self.crossfit == "unreliable":
            refuse_partial(folds)
        view = OutOfFold(folds, targets, weights)

        def learn_column(label: Any) -> tuple[EncodingTable, np.ndarray]:
            codes, vocabulary = self._encode(label, X)
            own = codes.copy() if {"size", "code"} & {*self._extras()} or self.crossfit != "all" else codes
            learner = self._learner(vocabulary)
            learned = view.encode(learner, codes, vocabulary.size, counts="count" in self._extras())
            if self.crossfit == "unreliable":
                share = heaviest_share(own, vocabulary.size, weights.of_count, folds.groups)
                trusted = self._trusted(share, learned.encodings)
                by_value = [each for each, item in zip(trusted, learned.encodings, strict=True) for _ in item.values]
                learned.trust(own, by_value, np.all(trusted, axis=0))
            table = self._table(label, X.names_of, vocabulary, learned.encodings)
            return table, self._with_extras(table, learned.values, learned.counts, own)

        results = self._over_columns(learn_column, X)
        return [table for table, _ in results], {table.label: values for table, values in results}

    def _trusted(self, share: np.ndarray, encodings: list[Encoding]) -> list[np.ndarray]:
        """For each encoding, the categories to which no row matters."""
        return [
            negligible(share, posterior_reliability(each.moments, each.prior), self.crossfit_reliability)
            for each in encodings
        ]

    def _learn_by_past(
        self, X: Frame, targets: list[Target], weights: Weights
    ) -> tuple[list[EncodingTable], dict[Any, np.ndarray]]:
        times = self._times(X)
        assert times is not None
        rows = Rows(targets, aged(weights, times), Parts(None, 1))

        def learn_column(label: Any) -> tuple[EncodingTable, np.ndarray]:
            codes, vocabulary = self._encode(label, X)
            learner, own = self._learner(vocabulary), codes.copy()
            values, counts = encode_by_past(learner, own, vocabulary.size, times, targets, weights)
            table = self._table(label, X.names_of, vocabulary, learn(learner, codes, vocabulary.size, rows))
            return table, self._with_extras(table, values, counts, own)

        results = self._over_columns(learn_column, X)
        return [table for table, _ in results], {table.label: values for table, values in results}

    def _look_up(self, X: Frame) -> dict[Any, np.ndarray]:
        times = self._times(X) if self._forgets else None

        def look_up(table: EncodingTable) -> tuple[Any, np.ndarray]:
            if times is None:
                return table.label, self._transformed(table, X)[table.label]
            return table.label, self._faded(table, column_of(table.label, X), times)

        return dict(self._parallel(look_up, [(table,) for table in self.tables_]))

    def _transformed(self, table: EncodingTable, X: Frame) -> dict[Any, np.ndarray]:
        return {table.label: table.transform(column_of(table.label, X))}

    def _faded(self, table: EncodingTable, column: Any, times: Times) -> np.ndarray:
        """Features of rows, of shape (n, features), whose categories' rows have aged."""
        learner, slots, fade = self._learner(table.vocabulary), table.slots(column), times.after(self._last_time)
        blocks = []
        for item in table.encodings:
            own = Moments(item.moments.count[slots] * fade, item.moments.total[slots] * fade, np.array(0.0))
            blocks.append(by_priors(learner, [own], [item.moments], [item.prior], slots, item.family)[0].T)
        result = self._with_extras(table, np.hstack(blocks), table.encodings[0].moments.count[slots] * fade, slots)
        table.fill_unseen(column, slots, result)
        return result

    def _required(self) -> list[Any]:
        parts = [label for interaction in self._interactions() for label in interaction]
        times = [self.cv.by] if self._forgets else []
        columns = [table.label for table in self.tables_ if not isinstance(table.vocabulary, Cells)]
        return list(dict.fromkeys([*columns, *parts, *times]))

    def _for_trees(self) -> bool:
        return isinstance(self.output, str) and self.output == "trees"

    def _outputs(self) -> tuple[str, ...]:
        past = isinstance(self.cv, EarlierRows)
        if self._for_trees():
            return ("mean", "count", "code") if past else ("mean", "size", "code")
        outputs = self._listed_outputs(OUTPUTS)
        if past and "size" in outputs:
            raise ValueError('EarlierRows does not go with output="size", which counts later rows too. Pass "count".')
        return outputs

    def _extras(self) -> tuple[str, ...]:
        """Outputs of the column that may be wanted."""
        return tuple(output for output in self._outputs() if output in EXTRAS)

    def _extras_of(self, encodings: list[Encoding]) -> tuple[str, ...]:
        """Those that are, once it is known what the column tells."""
        if not self._for_trees() or max(encoding.reliability for encoding in encodings) >= RELIABLE:
            return self._extras()
        return tuple(extra for extra in self._extras() if extra != "code")

    def _learner(self, vocabulary: Vocabulary | Cells) -> Learner:
        outputs = tuple(output for output in self._outputs() if output not in EXTRAS)
        rule = partial(self._cell_prior, vocabulary) if isinstance(vocabulary, Cells) else self._prior
        return Learner(rule, Policy(self.unknown, self.missing), outputs, coarse=self._for_trees())

    def _cell_prior(self, cells: Cells, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        """How the prior of an interaction's cells is learned: as that of any categories, by default."""
        return self._prior(moments, family)

    def _encode(self, label: Any, X: Frame) -> tuple[np.ndarray, Vocabulary | Cells]:
        return encode_column(label, X, missing=self.missing)

    def _table(
        self, label: Any, names: Mapping[Any, str], vocabulary: Vocabulary | Cells, encodings: list[Encoding]
    ) -> EncodingTable:
        name = name_of(label, names)
        policy = Policy(self.unknown, self.missing)
        dropped = self.drop_noise and all(encoding.is_noise for encoding in encodings)
        return EncodingTable(label, name, vocabulary, encodings, policy, self._extras_of(encodings), dropped)

    def _over_columns(self, learn: Any, X: Frame) -> list[Any]:
        return self._parallel(learn, [(label,) for label in self._chosen(X)])

    def _parallel(self, function: Any, arguments: Any) -> list[Any]:
        if self.n_jobs in (None, 1):
            return [function(*each) for each in arguments]
        return list(Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(function)(*each) for each in arguments))

    def _chosen(self, X: Frame) -> list[Any]:
        by = self.cv.by if isinstance(self.cv, EarlierRows) else None
        every = [label for label in X.labels if (label != by or by is None) and label not in X.aside]
        return [*(every if self.columns is None else self.columns), *self._interactions()]

    def _remember(self, X: Frame, targets: list[Target], tables: Sequence[Any], roles: list[str]) -> None:
        super()._remember(X, targets, tables, roles)
        self.columns_ = self._chosen(X)
        times = self._times(X)
        self._keep("_last_time", None if times is None else times.values.max())

    def _blocks(
        self, table: EncodingTable, learner: Learner, values: np.ndarray, counts: np.ndarray, codes: np.ndarray
    ) -> dict[Any, np.ndarray]:
        return {table.label: self._with_extras(table, values, counts, codes)}

    def _with_extras(
        self, table: EncodingTable, values: np.ndarray, counts: np.ndarray | None, slots: np.ndarray
    ) -> np.ndarray:
        """Outputs of rows, of shape (n, outputs), and to their right what comes out whatever the target."""
        if table.dropped:
            return np.empty((len(values), 0))
        extras: list[Any] = [counts if extra == "count" else table.extra(extra).take(slots) for extra in table.extras]
        return np.column_stack([values, *extras]) if extras else values
