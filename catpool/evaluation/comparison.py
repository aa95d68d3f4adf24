"""Comparison of encoders by the cross-validated score of a model that is fitted to their features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from numbers import Integral
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.metrics import check_scoring
from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold, StratifiedKFold, check_cv
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from catpool.data.column_kinds import categorical_columns
from catpool.data.frames import read_frame
from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.encoder import Encoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
from catpool.evaluation.paired_tests import summarize
from catpool.evaluation.recommend import recommended_encoder

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

FEW = 30  # columns with fewer categories are one-hot encoded
Split = tuple[np.ndarray, np.ndarray]  # the positions of the training rows and of the test rows


def compare_encoders(
    X: IntoFrame | ArrayLike,
    y: ArrayLike,
    estimator: BaseEstimator,
    encoders: Mapping[str, TransformerMixin] | None = None,
    cv: int | BaseCrossValidator | Iterable[Split] = 5,
    *,
    columns: Sequence[Any] | None = None,
    groups: ArrayLike | None = None,
    scoring: str | Callable[..., float] | None = None,
    target_type: str | None = None,
    random_state: int | np.random.RandomState | None = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Cross-validate a model on your data, once with each encoder.

    In each split, the encoder is fitted to the categorical columns of the training rows, and the model to its features
    beside the other columns. The model is scored on the test rows. All encoders see the same splits, and each is
    compared with the best one by a paired t-test. Training rows of different splits overlap, so the usual variance of
    a mean difference is too small; the test uses the correction of Nadeau and Bengio. With differences d of J splits,

        t = mean(d) / sqrt((1 / J + test rows / training rows) var(d)),    with J - 1 degrees of freedom.

    Parameters
    ----------
    X : frame or array of shape (n, p)
        Categorical columns and numbers. Missing values are allowed if the encoders and the model allow them.
    y : array of shape (n,)
        The target.
    estimator : classifier or regressor
        The model. It is cloned for each fit.
    encoders : dict of transformers, default=None
        The encoders by name. None compares

        - scikit-learn's ordinal codes, one-hot columns below 30 categories, and ``TargetEncoder``;
        - `MeanEncoder`, `SmoothedMeanEncoder` and `EmpiricalBayesEncoder` with their defaults;
        - `recommended_encoder`, with ``crossfit="all"`` and with ``crossfit="rare"``.
    cv : int, splitter or iterable of (train, test), default=5
        The splits: a number of random folds, stratified for classifiers, or a splitter of scikit-learn such as
        ``RepeatedKFold()``. None is 5.
    columns : list, default=None
        The categorical columns. None takes all columns that are neither numbers nor dates.
    groups : array of shape (n,), default=None
        Group labels. The rows of a group stay together, both in the splits and in the folds of catpool's encoders.
    scoring : str or callable, default=None
        A scorer of scikit-learn. None is the ``score`` method of the model.
    target_type : {"continuous", "binary", "multiclass", "count"}, default=None
        The target type of the default encoders. None is "binary" or "multiclass" for a classifier and "continuous" for
        a regressor.
    random_state : int, RandomState or None, default=0
        The seed of random folds and of the default encoders.
    progress : bool, default=True
        Whether to show a progress bar. This needs tqdm.

    Returns
    -------
    pandas.DataFrame
        One row for each encoder, by falling score, with the columns

        - `score`: the mean score over the splits;
        - `rank`: the mean rank, 1 for the best encoder of a split;
        - `gap` and `worst_gap`: the mean and the largest distance from the best score of a split;
        - `wins`: the number of splits in which no encoder was better;
        - `p_value`: two-sided, of the difference from the best encoder; NaN if all differences are zero, as for the
          best encoder itself;
        - `seconds`: the mean time to encode a split.

    Raises
    ------
    ImportError
        If `progress` is True and tqdm is not installed: ``pip install "catpool[compare]"``.
    ValueError
        If X has no categorical column, if one of its other columns is not a number, or if `encoders` is not a dict
        with at least one encoder. Errors of encoders and of the model are passed on.

    See Also
    --------
    recommended_encoder : A good first choice for trees.

    References
    ----------
    C. Nadeau, Y. Bengio (2003), Inference for the generalization error, Machine Learning 52, 239-281.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, MeanEncoder, compare_encoders
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> rng = np.random.default_rng(0)
    >>> shop = rng.integers(0, 200, size=1000)
    >>> X = pd.DataFrame({"shop": shop.astype(str), "size": rng.normal(size=1000)})
    >>> y = rng.normal(size=200)[shop] + rng.normal(size=1000)
    >>> encoders = {"none": MeanEncoder(random_state=0), "partial": EmpiricalBayesEncoder(random_state=0)}
    >>> table = compare_encoders(X, y, DecisionTreeRegressor(max_depth=4, random_state=0), encoders, progress=False)
    >>> table.index.tolist()
    ['partial', 'none']
    """
    frame = read_frame(X)
    labels = categorical_columns(frame) if columns is None else list(columns)
    frame.require(labels)
    table = pd.DataFrame({label: pd.Series(frame.column(label)).reset_index(drop=True) for label in frame.labels})
    # scikit-learn's encoders take NaN for a missing value, and no pandas.NA
    categories = table[labels].astype(object).where(table[labels].notna(), np.nan)
    target = np.asarray(y)
    if encoders is None:
        encoders = standard_encoders(categories, target, target_type or _default_type(estimator, target), random_state)
    if not isinstance(encoders, Mapping) or not encoders:
        raise ValueError(f"`encoders` must be a dict of transformers by name, with at least one. Got {encoders!r}.")
    splits = list(_splitter(cv, target, estimator, groups, random_state).split(table, target, groups))
    numbers = _as_numbers(table.drop(columns=labels))
    rows = ComparedRows(numbers, categories, target, None if groups is None else np.asarray(groups))
    scorer = check_scoring(estimator, scoring=scoring)
    scores = score_encoders(rows, estimator, scorer, encoders, splits, progress=progress)
    train, test = splits[0]
    return summarize(scores, len(test) / len(train))


def standard_encoders(
    X: pd.DataFrame, y: np.ndarray, kind: str, random_state: int | np.random.RandomState | None = 0
) -> dict[str, Any]:
    """The encoders that are compared by default, for a table of categorical columns only.

    Parameters
    ----------
    X : pandas.DataFrame
    y : ndarray of shape (n,)
    kind : {"continuous", "binary", "multiclass", "count"}
        The target type.
    random_state : int, RandomState or None, default=0
    """
    options: dict[str, Any] = {"target_type": kind, "random_state": random_state}
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    few = [label for label in X if X[label].nunique(dropna=False) < FEW]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return {
        "ordinal codes": ordinal,
        f"one-hot below {FEW} levels": ColumnTransformer([("few", one_hot, few)], remainder=ordinal),
        "TargetEncoder": _target_encoder("continuous" if kind == "count" else kind, random_state),
        "MeanEncoder": MeanEncoder(**options),
        "SmoothedMeanEncoder": SmoothedMeanEncoder(**options),
        "EmpiricalBayesEncoder": EmpiricalBayesEncoder(**options),
        "recommended": recommended_encoder(X, y, columns=list(X), **options),
        "recommended, rare": recommended_encoder(X, y, columns=list(X), crossfit="rare", **options),
    }


def _default_type(estimator: BaseEstimator, y: np.ndarray) -> str:
    if not is_classifier(estimator):
        return "continuous"
    return "multiclass" if len(pd.unique(y)) > 2 else "binary"


def _target_encoder(kind: str, random_state: int | np.random.RandomState | None) -> TargetEncoder:
    """Scikit-learn's encoder with a seed: a parameter of its own up to version 1.8, then one of its splitter."""
    if TargetEncoder().get_params()["random_state"] is None:
        return TargetEncoder(target_type=kind, random_state=random_state)
    splitter = KFold if kind == "continuous" else StratifiedKFold
    return TargetEncoder(target_type=kind, cv=splitter(5, shuffle=True, random_state=random_state))


class ComparedRows(NamedTuple):
    """All rows of a comparison.

    Parameters
    ----------
    rest : pandas.DataFrame
        The columns that are not encoded, as numbers.
    categories : pandas.DataFrame
        The columns that are encoded.
    y : ndarray of shape (n,)
    groups : ndarray of shape (n,) or None
    """

    rest: pd.DataFrame
    categories: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None

    def score(
        self, encoder: Any, estimator: BaseEstimator, scorer: Callable[..., float], train: np.ndarray, test: np.ndarray
    ) -> tuple[float, float]:
        """Fit to the training rows of a split. Return the score of its test rows and the seconds of encoding."""
        encoder, options = clone(encoder), {}
        if self.groups is not None and isinstance(encoder, Encoder):
            options = {"groups": self.groups[train]}
            if isinstance(encoder.cv, Integral):
                encoder.set_params(cv=min(encoder.cv, len(pd.unique(options["groups"]))))
        start = perf_counter()
        features = encoder.fit_transform(self.categories.iloc[train], self.y[train], **options)
        test_features = encoder.transform(self.categories.iloc[test])
        seconds = perf_counter() - start
        model: Any = clone(estimator)
        model.fit(self._join(features, train), self.y[train])
        return float(scorer(model, self._join(test_features, test), self.y[test])), seconds

    def _join(self, features: Any, rows: np.ndarray) -> pd.DataFrame:
        """Put features beside the columns that are not encoded, with names that all models accept."""
        dense = features.toarray() if sparse.issparse(features) else features
        table = pd.DataFrame(dense).reset_index(drop=True)
        if table.shape[1] + self.rest.shape[1] == 0:  # the encoder has dropped all columns as noise
            table = pd.DataFrame({"constant": np.zeros(len(rows))})
        both = pd.concat([self.rest.iloc[rows].reset_index(drop=True), table], axis=1)
        return both.set_axis([f"x{position}" for position in range(both.shape[1])], axis=1)


def score_encoders(
    rows: ComparedRows,
    estimator: BaseEstimator,
    scorer: Callable[..., float],
    encoders: Mapping[str, Any],
    splits: Sequence[Split],
    *,
    progress: bool,
) -> pd.DataFrame:
    """A row for each encoder and split, with the columns encoder, split, score and seconds."""
    trials = list(product(encoders, range(len(splits))))
    found = [
        (name, split, *rows.score(encoders[name], estimator, scorer, *splits[split]))
        for name, split in _show_progress(trials, progress)
    ]
    return pd.DataFrame(found, columns=["encoder", "split", "score", "seconds"])


def _as_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the columns that are not encoded into floats."""
    table = table.infer_objects()
    wrong = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    if wrong:
        raise ValueError(
            f"Columns that are not encoded must be numbers, but {wrong} are not. Turn them into numbers, drop them, or "
            "name them in `columns`."
        )
    return pd.DataFrame({name: table[name].to_numpy(dtype=float, na_value=np.nan) for name in table}, table.index)


def _splitter(cv: Any, y: np.ndarray, estimator: BaseEstimator, groups: Any, random_state: Any) -> BaseCrossValidator:
    cv = 5 if cv is None else cv
    if not isinstance(cv, Integral):
        return check_cv(cv, y, classifier=is_classifier(estimator))
    kind = KFold if not is_classifier(estimator) else StratifiedKFold
    return (kind if groups is None else GroupKFold)(cv, shuffle=True, random_state=random_state)


def _show_progress(trials: list[tuple[str, int]], progress: bool) -> Iterable[tuple[str, int]]:
    if not progress:
        return trials
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(
            'A progress bar needs tqdm: pip install "catpool[compare]", or pass progress=False.'
        ) from error
    return tqdm(trials, desc="encoders x splits")
