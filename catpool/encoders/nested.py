"""Partial pooling towards the level above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from catpool.crossfit.folds import Folds
from catpool.crossfit.leverage import refuse_partial
from catpool.crossfit.out_of_fold import OutOfFold, Rows, learn
from catpool.data.backends import in_backend
from catpool.data.categories import MISSING
from catpool.data.crossed import Paths, encode_paths
from catpool.data.frames import Frame
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.encoders.lazy_tables import LazyTablesEncoder
from catpool.models.nested.level_leverage import trusted_levels
from catpool.models.nested.nested_learner import NestedLearner
from catpool.models.nested.nested_table import NestedTable
from catpool.moments.partition import Parts
from catpool.tables.policy import Policy, refuse_missing

OUTPUTS = ("mean", "sd", "reliability", "count", "code")


class NestedEncoder(LazyTablesEncoder):
    """Replace categories within categories by their posterior means, each level borrowing from the one above.

    ``fit_transform`` encodes each training row out of fold, variances included, ``fit(...).transform`` new rows from
    all training rows. With one variance a level, all learned from the data, the model of a continuous y is

        y = mu + u_state + u_county + u_zip + e,    u_level ~ N(0, sigma_level^2),

    lme4's ``y ~ 1 + (1 | state/county/zip)``, fitted exactly by REML or ML. A zip's encoding is its posterior mean: a
    zip with few rows is drawn to its county, a county with few to its state. A zip without rows has its county's
    value, and where the county is unseen too, the state's. Shares and counts have, level by level, the conjugate model
    of `EmpiricalBayesEncoder` with the posterior mean of the level above for a prior mean.

    A category is known by its whole path: zips of one name in two counties are two zips.

    Parameters
    ----------
    levels : list
        Columns from the outermost to the innermost.
    emit : {"deepest", "all"}, default="deepest"
        Whether features come from the last level alone or from each. They are called as the columns, and take their
        places; columns of levels without features go.
    prior : {"reml", "ml"}, default="reml"
        What the variances of the normal model maximise: the restricted or the unrestricted likelihood. Shares and
        counts have the unrestricted.
    family : {"auto", "normal", "binomial", "poisson"}, default="auto"
        The law of rows within the innermost categories, as in `EmpiricalBayesEncoder`.
    cv : int, splitter, iterable or array of shape (n,), default=10
        The folds of ``fit_transform``, as in `EmpiricalBayesEncoder`.
    crossfit : {"all", "unreliable"}, default="all"
        Which categories of training rows are encoded out of fold, level by level as in `EmpiricalBayesEncoder`. A row's
        share in what a county is worth is reckoned with that of its zip, which counts for much where zips differ much,
        be it ever so rare.
    crossfit_reliability : float, default=0.97
        See ``crossfit``.
    random_state : int, RandomState or None, default=None
        Seed of the random folds.
    target_type : {"auto", "continuous", "binary", "multiclass", "count"}, default="auto"
        What y is, as in `EmpiricalBayesEncoder`.
    unknown : {"prior", "nan", "error"}, default="prior"
        What a path with no training rows gets; by "prior" the value of the level above.
    missing : {"category", "prior", "nan", "error"}, default="category"
        What a missing value gets: the value of a category of its own within the level above, the value of the level
        above, NaN, or an error. For learning it is a category in any case.
    remainder : {"passthrough", "drop"}, default="passthrough"
        What becomes of the other columns.
    output : str or sequence of str, default="mean"
        The features of each level: "mean", "sd", "reliability" (the weight of a category's own rows against the level
        above), "count" and "code", as in `EmpiricalBayesEncoder`.
    weight_type : {"frequency", "precision"}, default="frequency"
        What ``sample_weight`` means, as in `EmpiricalBayesEncoder`.

    Attributes
    ----------
    tables_ : list of NestedTable
        The one table.
    levels_ : list
        The levels' columns.
    summary_ : pandas.DataFrame
        What was learned of each level.
    target_type_, classes_, n_features_in_, feature_names_in_
        As in `EmpiricalBayesEncoder`.

    See Also
    --------
    EmpiricalBayesEncoder : One level.
    MixedModelEncoder : Factors that are nested or crossed, with covariates.

    References
    ----------
    D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
    Statistical Software 67(1).

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import NestedEncoder
    >>> city = ["Ulm", "Ulm", "Bonn", "Bonn", "Ulm", "Ulm", "Kiel", "Kiel"]
    >>> X = pd.DataFrame({"state": list("aaaabbbb"), "city": city})
    >>> encoder = NestedEncoder(["state", "city"]).fit(X, [1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 9.0, 10.0])
    >>> new = pd.DataFrame({"state": ["a", "a", "b", "c"], "city": ["Ulm", "Jena", "Jena", "Jena"]})
    >>> encoder.transform(new).ravel().round(2)
    array([1.6 , 2.8 , 7.7 , 5.25])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "levels": ["array-like"],
        "emit": [StrOptions({"deepest", "all"})],
        "prior": [StrOptions({"reml", "ml"})],
        "family": [StrOptions({"auto", "normal", "binomial", "poisson"})],
        "cv": "no_validation",
        "crossfit": [StrOptions({"all", "unreliable"})],
        "crossfit_reliability": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
        "target_type": [StrOptions({"auto", "continuous", "binary", "multiclass", "count"})],
        "unknown": [StrOptions({"prior", "nan", "error"})],
        "missing": [StrOptions({"category", "prior", "nan", "error"})],
        "remainder": [StrOptions({"passthrough", "drop"})],
        "output": ["array-like", StrOptions(set(OUTPUTS))],
        "weight_type": [StrOptions({"frequency", "precision"})],
    }

    def __init__(
        self,
        levels: Sequence[Any],
        *,
        emit: str = "deepest",
        prior: str = "reml",
        family: str = "auto",
        cv: Any = 10,
        crossfit: str = "all",
        crossfit_reliability: float = 0.97,
        random_state: Any = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mean",
        weight_type: str = "frequency",
    ) -> None:
        self.levels = levels
        self.emit = emit
        self.prior = prior
        self.family = family
        self.cv = cv
        self.crossfit = crossfit
        self.crossfit_reliability = crossfit_reliability
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.output = output
        self.weight_type = weight_type

    def _check_columns(self, X: Frame) -> None:
        self._listed_outputs(OUTPUTS)
        X.require(list(self.levels), "levels")

    def _emitted(self) -> tuple[int, ...]:
        last = len(self.levels) - 1
        return tuple(range(last + 1)) if self.emit == "all" else (last,)

    def _required(self) -> list[Any]:
        return list(self.tables_[0].labels)

    def _named_features(self, names: Mapping[Any, str], tables: Sequence[NestedTable]) -> dict[Any, list[str]]:
        labels = tables[0].labels
        named = tables[0].names([names[label] for label in labels])
        return {label: named.get(level, []) for level, label in enumerate(labels)}

    def _rising(self) -> set[str]:
        table = self.tables_[0]
        return set(table.columns) if len(table.encodings) == 1 else set()

    def _chosen(self, X: Frame) -> list[tuple[Any, ...]]:
        return [tuple(self.levels)]

    def _learn(self, X: Frame, targets: list[Target], weights: Weights) -> list[NestedTable]:
        self._log_likelihood = weights.log_likelihood
        codes, paths = self._encode(self.levels, X)
        learned = learn(self._learner(paths), codes, paths.size, Rows(targets, weights, Parts(None, 1)))
        return [self._table(self.levels, X.names_of, paths, learned)]

    def _learn_out_of_fold(
        self, X: Frame, targets: list[Target], weights: Weights, folds: Folds
    ) -> tuple[list[NestedTable], dict[Any, np.ndarray]]:
        self._log_likelihood = weights.log_likelihood
        if self.crossfit == "unreliable":
            refuse_partial(folds)
        codes, paths = self._encode(self.levels, X)
        learner = self._learner(paths)
        learned = OutOfFold(folds, targets, weights).encode(learner, codes.copy(), paths.size, counts=False)
        if self.crossfit == "unreliable":
            row = weights.of_count, folds.groups, self.crossfit_reliability
            trusted = [trusted_levels(paths, each, codes, *row) for each in learned.encodings]
            by_value = [by_level[level] for by_level in trusted for level, _ in learner.outputs]
            learned.trust(codes, by_value, np.zeros(paths.size, dtype=bool))  # counts are among the values
        table = self._table(self.levels, X.names_of, paths, learned.encodings)
        return [table], self._blocks(table, learner, learned.values, np.empty(0), codes)

    def _look_up(self, X: Frame) -> dict[Any, np.ndarray]:
        return self._transformed(self.tables_[0], X)

    def _transformed(self, table: NestedTable, X: Frame) -> dict[Any, np.ndarray]:
        found = table.transform([X.column(label) for label in table.labels])
        return {label: found.get(level, np.empty((len(X), 0))) for level, label in enumerate(table.labels)}

    def _encode(self, label: Sequence[Any], X: Frame) -> tuple[np.ndarray, Paths]:
        codes, paths = encode_paths([X.column(part) for part in label])
        if self.missing == "error":
            for level, part in enumerate(label):
                gone = np.where(paths.slots(level)[codes[level]] == MISSING, MISSING, 1)
                refuse_missing(gone, X.names_of[part])
        return codes[-1], paths

    def _learner(self, vocabulary: Paths) -> NestedLearner:
        numbers = tuple(output for output in self._listed_outputs(OUTPUTS) if output != "code")
        policy = Policy(self.unknown, self.missing)
        return NestedLearner(vocabulary, policy, self._emitted(), numbers, self.prior == "reml")

    def _table(
        self, label: Sequence[Any], names: Mapping[Any, str], vocabulary: Paths, encodings: list[Any]
    ) -> NestedTable:
        columns, policy = [names[part] for part in label], Policy(self.unknown, self.missing)
        outputs = self._listed_outputs(OUTPUTS)
        return NestedTable(list(label), columns, vocabulary, encodings, policy, self._emitted(), outputs)

    def _blocks(
        self, table: NestedTable, learner: NestedLearner, values: np.ndarray, counts: np.ndarray, codes: np.ndarray
    ) -> dict[Any, np.ndarray]:
        width, steps = len(learner.outputs), table.paths.steps(len(table.labels) - 1)
        rows = [
            _by_level(values[:, label * width : (label + 1) * width], learner) for label in range(len(table.encodings))
        ]
        blocks = {label: np.empty((len(values), 0)) for label in table.labels}
        for level in table.emitted:
            blocks[table.labels[level]] = table.features(level, rows, [step.take(codes) for step in steps])
        return blocks

    def _remember(self, X: Frame, targets: list[Target], tables: Sequence[Any], roles: list[str]) -> None:
        super()._remember(X, targets, tables, roles)
        self.levels_ = list(self.levels)

    @property
    def summary_(self) -> pd.DataFrame:
        """What was learned of each level and target.

        Returns
        -------
        pandas.DataFrame
            A row for each level and target, with the columns of `EmpiricalBayesEncoder.summary_`. `between_sd` is the
            standard deviation between the categories of one parent, `prior_strength` how many rows the value of the
            level above counts for, and `log_likelihood` that of all levels together (for shares and counts: of the
            innermost given those above).
        """
        check_is_fitted(self)
        return pd.DataFrame(self.tables_[0].summary())

    def encoding_table(self, column: Any, *, level: float = 0.9, backend: str = "pandas") -> Any:
        """Show what was learned of each category of a level.

        Parameters
        ----------
        column : str or int
            As in ``levels``.
        level : float, default=0.9
            The probability of the interval from `lower` to `upper`, between 0 and 1.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The kind of the frame that comes back.

        Returns
        -------
        frame
            A row for each path that has training rows, with its categories from the outermost level on and the columns
            of `EmpiricalBayesEncoder.encoding_table`.

        Raises
        ------
        ValueError
            Where there is no such level, or the probability is not between 0 and 1.
        TypeError
            Where categories of several types have no column in polars and pyarrow.
        """
        check_is_fitted(self)
        if not 0 < level < 1:
            raise ValueError(f"`level` must lie between 0 and 1, as 0.9 does. Got {level}.")
        table = self.tables_[0]
        for position, names in enumerate(zip(table.labels, table.columns, strict=True)):
            if column in names:
                return in_backend(table.frame(position, level), backend)
        raise ValueError(f"`column` must be one of the levels {table.labels}, not {column!r}.")


def _by_level(values: np.ndarray, learner: NestedLearner) -> list[dict[str, np.ndarray]]:
    """The outputs of one class, of shape (n, outputs), by level and name."""
    result: list[dict[str, np.ndarray]] = [{} for _ in learner.paths.parts]
    for (level, number), column in zip(learner.outputs, values.T, strict=True):
        result[level][number] = column
    return result
