"""What the encoders share: parameters, checks, and the wiring of columns, targets and folds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from catpool.columns import Vocabulary, encode
from catpool.crossfit import Learner, OutOfFold, Rows
from catpool.families import Family
from catpool.folds import (
    Folds,
    check_cv,
    check_groups,
    make_folds,
    refuse_weightless,
    warn_of_rows_in_no_fold,
)
from catpool.frames import Frame, read_frame, with_columns
from catpool.moments import Moments
from catpool.priors import Prior
from catpool.tables import Encoding, EncodingTable, Policy, refuse_missing
from catpool.targets import Target, read_targets
from catpool.views import Parts
from catpool.weights import Weights, read_exposure, read_weights

OUTPUTS = ("mean", "sd", "reliability", "count", "code")
EXTRAS = ("count", "code")  # of the column, whatever the target


class PooledEncoder(TransformerMixin, BaseEstimator):
    """Replace each category by a number learned from the target: what all encoders share.

    ``fit_transform(X, y)`` encodes each training row out of fold, from rows other than its fold's, so that
    no row's own target reaches its own feature. ``fit(X, y).transform(X_new)`` encodes new rows from all
    training rows. Both leave the same fitted tables, but for rounding in the last digit.

    Parameters
    ----------
    columns : list, default=None
        Which columns to encode: names of a frame's columns, positions of an array's. All by default.
    cv : int, splitter, iterable or array of shape (n,), default=10
        The folds of ``fit_transform``: a number of random folds, balanced to one row (by class too, where y
        is one column of classes; by groups, where ``groups`` is given), a scikit-learn splitter, an iterable
        of (train, test) index arrays (a generator serves, but scikit-learn cannot clone one), or a fold
        label for each row. At most 100 folds.
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
        the encoding rests on; "code", the category's place in the order of the categories, the same in training
        and after (-1 if missing, -2 if unseen). All but "code" are out of fold as the mean is.
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
        "cv": "no_validation",  # `check_cv` says more about it
        "random_state": ["random_state"],
        "target_type": [StrOptions({"auto", "continuous", "binary", "multiclass", "count"})],
        "unknown": [StrOptions({"prior", "nan", "error"})],
        "missing": [StrOptions({"category", "prior", "nan", "error"})],
        "remainder": [StrOptions({"passthrough", "drop"})],
        "output": ["array-like", StrOptions(set(OUTPUTS))],
        "weight_type": [StrOptions({"frequency", "precision"})],
        "n_jobs": [Integral, None],
    }
    __metadata_request__fit: ClassVar[dict[str, Any]] = {"groups": True}  # as scikit-learn's group splitters

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        *,
        cv: Any = 10,
        random_state: Any = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mean",
        weight_type: str = "frequency",
        n_jobs: int | None = None,
    ) -> None:
        self.columns = columns
        self.cv = cv
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.output = output
        self.weight_type = weight_type
        self.n_jobs = n_jobs

    def _prior(self, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        """How this encoder learns the prior of each class of a target, for moments of shape (..., K)."""
        raise NotImplementedError

    def fit(
        self, X: Any, y: Any, *, groups: Any = None, sample_weight: Any = None, exposure: Any = None
    ) -> PooledEncoder:
        """Learn each category's encoding from all rows.

        Parameters
        ----------
        X : frame or array of shape (n, p)
        y : array of shape (n,) or (n, outputs)
        groups : array of shape (n,), optional
            For ``fit_transform``, which keeps groups together; a table of all rows has no folds.
        sample_weight : array of shape (n,), optional
            What each row weighs, as ``weight_type`` says.
        exposure : array of shape (n,) or label of a column of X, optional
            For counts: what each row's events are to be divided by (years, say), so that encodings are rates.

        Returns
        -------
        PooledEncoder
            Itself.

        Raises
        ------
        ValueError
            Where a parameter, X, y or a weight is not as described; nothing is fitted then. Whether the rows
            are enough for the folds, only ``fit_transform`` can tell.
        TypeError
            For categories that are not hashable, and column names of which only some are strings.
        """
        X, targets, weights = self._read(X, y, groups, sample_weight, exposure)
        rows = Rows(targets, weights, Parts(None, 1))
        learner = self._learner()

        def learn(label: Any, name: str) -> EncodingTable:
            codes, vocabulary = self._codes(X, label, name)
            return self._table(name, vocabulary, learner.learn(codes, vocabulary.size, rows))

        return self._remember(X, targets, self._over_columns(learn, X))

    def fit_transform(
        self, X: Any, y: Any = None, *, groups: Any = None, sample_weight: Any = None, exposure: Any = None
    ) -> Any:
        """Learn as ``fit`` does, and encode the same rows out of fold.

        Parameters
        ----------
        X : frame or array of shape (n, p)
        y : array of shape (n,) or (n, outputs)
        groups : array of shape (n,), optional
            Rows of one group are in one fold.
        sample_weight : array of shape (n,), optional
            What each row weighs, as ``weight_type`` says.
        exposure : array of shape (n,) or label of a column of X, optional
            For counts: what each row's events are to be divided by (years, say), so that encodings are rates.

        Returns
        -------
        ndarray of shape (n, features), or a frame where columns of a frame pass through
            A row that is in no test fold of ``cv`` is NaN, with a UserWarning that says how many there are.

        Raises
        ------
        ValueError
            Where a parameter, X, y, a weight or a fold is not as described; nothing is fitted then.
        TypeError
            For categories that are not hashable, and column names of which only some are strings.
        """
        original = X
        X, targets, weights = self._read(X, y, groups, sample_weight, exposure)
        folds = self._folds(original, y, groups, targets, len(X))
        refuse_weightless(folds, weights.row)
        view = OutOfFold(folds, targets, weights)
        learner = self._learner()

        def learn(label: Any, name: str) -> tuple[EncodingTable, np.ndarray]:
            codes, vocabulary = self._codes(X, label, name)
            own = codes.copy() if "code" in self._extras() else codes
            learned = view.encode(learner, codes, vocabulary.size, counts="count" in self._extras())
            table = self._table(name, vocabulary, learned.encodings)
            extras = [learned.counts if extra == "count" else table.codes.take(own) for extra in table.extras]
            return table, with_columns(learned.values, extras)

        results = self._over_columns(learn, X)
        warn_of_rows_in_no_fold(folds)
        self._remember(X, targets, [table for table, _ in results])
        return self._output(X, [values for _, values in results])

    def transform(self, X: Any) -> Any:
        """Encode rows by the tables learned from all training rows.

        Parameters
        ----------
        X : frame or array of shape (n, p)
            With the columns that were there at fit, in any order where they have names.

        Returns
        -------
        ndarray of shape (n, features), or a frame where columns of a frame pass through

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Where columns are missing or unseen, or where ``unknown`` or ``missing`` is "error".
        """
        check_is_fitted(self)
        keep = self.remainder == "passthrough"
        required = self._header.labels if keep else self.columns_
        X = read_frame(X).aligned(self._header, required, strict=keep)

        def look_up(label: Any, table: EncodingTable) -> np.ndarray:
            return table.transform(X.column(label))

        return self._output(X, self._parallel(look_up, zip(self.columns_, self.tables_, strict=True)))

    @property
    def summary_(self) -> pd.DataFrame:
        """What was learned of each column and target.

        Returns
        -------
        pandas.DataFrame
            A row for each encoded column and target: `column` and `target` (empty for an only one);
            `categories`, the missing value among them, and `rows` (or their weight); `prior_mean` in units
            of y and `prior_strength` in rows, which may be infinite; `between_sd` and `within_sd`, the
            standard deviations between and within categories by the method of moments, in units of y; and
            `reliability`, the mean over the rows of count / (count + strength).
        """
        check_is_fitted(self)
        return pd.DataFrame(
            [{"column": table.column, **encoding.summary()} for table in self.tables_ for encoding in table.encodings]
        )

    def encoding_table(self, column: Any, *, level: float = 0.9) -> pd.DataFrame:
        """Show what was learned of each category of a column.

        Parameters
        ----------
        column : str or int
            As in ``columns_``, or as `summary_` calls it.
        level : float, default=0.9
            The probability of the interval from `lower` to `upper`, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            A row for each category that has training rows: `category` (None for the missing value),
            `target` (where there are several), `count` of its rows or their weight, `mean` of the target in it,
            its `encoding`, the posterior mean, with its `sd`, the ends `lower` and `upper` of its interval and its
            `reliability`. All in units of y, but for `count` and `reliability`.

        Raises
        ------
        ValueError
            Where the column is not encoded, or the level is not between 0 and 1.
        """
        check_is_fitted(self)
        if not 0 < level < 1:
            raise ValueError(f"`level` must lie between 0 and 1, as 0.9 does. Got {level}.")
        for label, table in zip(self.columns_, self.tables_, strict=True):
            if column in (label, table.column):
                return table.frame(level)
        raise ValueError(f"`column` must be one of the encoded columns {self.columns_}, not {column!r}.")

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features that ``transform`` gives.

        Parameters
        ----------
        input_features : array of str, optional
            Names of the columns of an array; for a frame, its own names or nothing.

        Returns
        -------
        ndarray of str objects
            An encoded column keeps its name; where it gives several features they are called
            ``<column>_<class>`` or ``<column>_<output>``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array(self._names_out(names, self._header.labels, self.columns_, self.tables_), dtype=object)

    def _names_out(self, names: Any, labels: list[Any], columns: list[Any], tables: list[EncodingTable]) -> list[str]:
        encoded = dict(zip(columns, tables, strict=True))
        result: list[str] = []
        for name, label in zip(names, labels, strict=True):
            if label in encoded:
                result += encoded[label].names(name)
            elif self.remainder == "passthrough":
                result.append(name)
        return result

    def _read(
        self, X: Any, y: Any, groups: Any, sample_weight: Any, exposure: Any
    ) -> tuple[Frame, list[Target], Weights]:
        self._validate_params()
        self._outputs()
        columns = read_frame(X)
        targets = read_targets(y, self.target_type, getattr(self, "family", "auto"))
        if len(targets[0].values) != len(columns):
            raise ValueError(
                f"X and y have inconsistent numbers of samples: "
                f"X has {len(columns)} rows and y has {len(targets[0].values)}. Pass one target a row."
            )
        if self.columns is not None:
            columns.require(list(self.columns))
        check_cv(self.cv)
        check_groups(groups, len(columns))
        if isinstance(exposure, str | int):
            columns.require([exposure])
            exposure = columns.column(exposure)
        if self.weight_type == "precision" and any(target.family.name != "normal" for target in targets):
            raise ValueError(
                'weight_type="precision" goes with the normal family alone. Pass weight_type="frequency", or '
                'target_type="continuous".'
            )
        weights = Weights(
            read_weights(sample_weight, len(columns)),
            read_exposure(exposure, targets, len(columns)),
            self.weight_type == "precision",
        )
        return columns, targets, weights

    def _outputs(self) -> list[str]:
        outputs = [self.output] if isinstance(self.output, str) else list(self.output)
        if not outputs or not set(outputs) <= set(OUTPUTS) or len(set(outputs)) < len(outputs):
            raise ValueError(f"`output` must be one or several of {OUTPUTS}, each once. Got {self.output!r}.")
        return outputs

    def _extras(self) -> tuple[str, ...]:
        return tuple(output for output in self._outputs() if output in EXTRAS)

    def _learner(self) -> Learner:
        outputs = tuple(output for output in self._outputs() if output not in EXTRAS)
        return Learner(self._prior, Policy(self.unknown, self.missing), outputs)

    def _table(self, name: str, vocabulary: Vocabulary, encodings: list[Encoding]) -> EncodingTable:
        return EncodingTable(name, vocabulary, encodings, Policy(self.unknown, self.missing), self._extras())

    def _folds(self, X: Any, y: Any, groups: Any, targets: list[Target], n_rows: int) -> Folds:
        only = targets[0] if len(targets) == 1 else None
        classes = only.values if only and only.classes is not None else None
        return make_folds(
            self._splits(), X, y, n_rows=n_rows, groups=groups, classes=classes, random_state=self.random_state
        )

    def _splits(self) -> Any:
        """`cv`; where it can be read only once, what it gave the first time."""
        if not isinstance(self.cv, Iterator):
            return self.cv
        if getattr(self, "_read_from", None) is not self.cv:
            self._read_from, self._read_splits = self.cv, list(self.cv)
        return self._read_splits

    def _codes(self, X: Frame, label: Any, name: str) -> tuple[np.ndarray, Vocabulary]:
        codes, categories = encode(X.column(label))
        if self.missing == "error":
            refuse_missing(codes, name)
        return codes, Vocabulary(categories)

    def _over_columns(self, learn: Any, X: Frame) -> list[Any]:
        names = dict(zip(X.labels, X.names, strict=True))
        return self._parallel(learn, [(label, names[label]) for label in self._chosen(X)])

    def _chosen(self, X: Frame) -> list[Any]:
        return X.labels if self.columns is None else list(self.columns)

    def _parallel(self, function: Any, arguments: Any) -> list[Any]:
        if self.n_jobs in (None, 1):
            return [function(*each) for each in arguments]
        return list(Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(function)(*each) for each in arguments))

    def _remember(self, X: Frame, targets: list[Target], tables: list[EncodingTable]) -> PooledEncoder:
        names = self._names_out(X.names, X.labels, self._chosen(X), tables)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"Features must have different names, but {twice} would occur twice. Rename columns of X, or outputs "
                "or classes of y."
            )
        kinds = [target.kind for target in targets]
        self.tables_, self.columns_, self._header = tables, self._chosen(X), X.header(type(self).__name__)
        self.target_type_ = kinds[0] if len(kinds) == 1 else kinds
        self.n_features_in_ = len(X.labels)
        self._keep("feature_names_in_", np.array(X.labels, dtype=object) if X.named else None)
        self._keep("classes_", targets[0].classes if len(targets) == 1 else None)
        return self

    def _keep(self, name: str, value: Any) -> None:
        """Set a fitted attribute, or forget what an earlier fit left of it."""
        self.__dict__.pop(name, None)
        if value is not None:
            setattr(self, name, value)

    def _output(self, X: Frame, values: list[np.ndarray]) -> Any:
        features = {
            label: (table.names(), block)
            for label, table, block in zip(self.columns_, self.tables_, values, strict=True)
        }
        return X.replaced(features, keep=self.remainder == "passthrough")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
