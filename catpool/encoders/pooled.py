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
from catpool.frames import Frame, read_frame
from catpool.moments import Moments
from catpool.priors import Prior
from catpool.tables import EncodingTable, Policy, refuse_missing
from catpool.targets import Target, read_targets, read_weights
from catpool.views import Parts


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
        n_jobs: int | None = None,
    ) -> None:
        self.columns = columns
        self.cv = cv
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.n_jobs = n_jobs

    def _prior(self, moments: Moments, family: Family) -> Prior:
        """How this encoder learns its prior, for moments of shape (..., K)."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any, *, groups: Any = None, sample_weight: Any = None) -> PooledEncoder:
        """Learn each category's encoding from all rows.

        Parameters
        ----------
        X : frame or array of shape (n, p)
        y : array of shape (n,) or (n, outputs)
        groups : array of shape (n,), optional
            For ``fit_transform``, which keeps groups together; a table of all rows has no folds.
        sample_weight : array of shape (n,), optional
            A row of weight w counts as w rows.

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
        X, targets, weights = self._read(X, y, groups, sample_weight)
        rows = Rows(targets, weights, Parts(None, 1))
        learner = self._learner()

        def learn(label: Any, name: str) -> EncodingTable:
            codes, vocabulary = self._codes(X, label, name)
            return EncodingTable(name, vocabulary, learner.learn(codes, vocabulary.size, rows), learner.policy)

        return self._remember(X, targets, self._over_columns(learn, X))

    def fit_transform(self, X: Any, y: Any = None, *, groups: Any = None, sample_weight: Any = None) -> Any:
        """Learn as ``fit`` does, and encode the same rows out of fold.

        Parameters
        ----------
        X : frame or array of shape (n, p)
        y : array of shape (n,) or (n, outputs)
        groups : array of shape (n,), optional
            Rows of one group are in one fold.
        sample_weight : array of shape (n,), optional
            A row of weight w counts as w rows.

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
        X, targets, weights = self._read(X, y, groups, sample_weight)
        folds = self._folds(original, y, groups, targets, len(X))
        refuse_weightless(folds, weights)
        view = OutOfFold(folds, targets, weights)
        learner = self._learner()

        def learn(label: Any, name: str) -> tuple[EncodingTable, np.ndarray]:
            codes, vocabulary = self._codes(X, label, name)
            values, encodings = view.encode(learner, codes, vocabulary.size)
            return EncodingTable(name, vocabulary, encodings, learner.policy), values

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

    def encoding_table(self, column: Any) -> pd.DataFrame:
        """Show what was learned of each category of a column.

        Parameters
        ----------
        column : str or int
            As in ``columns_``, or as `summary_` calls it.

        Returns
        -------
        pandas.DataFrame
            A row for each category that has training rows: `category` (None for the missing value),
            `target` (where there are several), `count` of its rows or their weight, `mean` of the target
            in it, and its `encoding`.

        Raises
        ------
        ValueError
            Where the column is not encoded.
        """
        check_is_fitted(self)
        for label, table in zip(self.columns_, self.tables_, strict=True):
            if column in (label, table.column):
                return table.frame()
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

    def _read(self, X: Any, y: Any, groups: Any, sample_weight: Any) -> tuple[Frame, list[Target], np.ndarray | None]:
        self._validate_params()
        columns = read_frame(X)
        targets = read_targets(y, self.target_type)
        if len(targets[0].values) != len(columns):
            raise ValueError(
                f"X and y have inconsistent numbers of samples: "
                f"X has {len(columns)} rows and y has {len(targets[0].values)}. Pass one target a row."
            )
        if self.columns is not None:
            columns.require(list(self.columns))
        check_cv(self.cv)
        check_groups(groups, len(columns))
        return columns, targets, read_weights(sample_weight, len(columns))

    def _learner(self) -> Learner:
        return Learner(self._prior, Policy(self.unknown, self.missing))

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
