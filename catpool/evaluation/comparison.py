"""Encoders compared by what a model makes of them, on your own data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from numbers import Integral
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.metrics import check_scoring
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, check_cv
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from catpool.data.frames import read_frame
from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.encoder import Encoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
from catpool.evaluation.paired_tests import summarize
from catpool.evaluation.recommend import categorical_columns, recommended_encoder

FEW = 30  # levels that are one column each


def compare_encoders(
    X: Any,
    y: Any,
    estimator: Any,
    encoders: Mapping[str, Any] | None = None,
    cv: Any = 5,
    *,
    columns: Sequence[Any] | None = None,
    groups: Any = None,
    scoring: Any = None,
    target_type: str | None = None,
    random_state: Any = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Score a model on your data by cross-validation, once with each encoder.

    An encoder sees the categorical columns of the training rows of a split, the model these features and the other
    columns; both are scored on the split's test rows. Differences between encoders are tested with the variance that
    Nadeau and Bengio found for splits whose training rows overlap: with differences d of J splits,

        t = mean(d) / sqrt((1 / J + rows in test / rows in training) var(d)),    of J - 1 degrees of freedom.

    Parameters
    ----------
    X : frame or array of shape (n, p)
    y : array of shape (n,)
    estimator : classifier or regressor
        Cloned for each fit.
    encoders : dict of transformers, optional
        By the names they are to have. By default ordinal codes, one-hot columns below 30 levels, scikit-learn's
        ``TargetEncoder``, `MeanEncoder`, `SmoothedMeanEncoder`, `EmpiricalBayesEncoder`, and `recommended_encoder`
        strictly out of fold and with ``crossfit="rare"``.
    cv : int or splitter, default=5
        A number of random folds (with the same share of each class for a classifier), or any scikit-learn splitter:
        ``RepeatedKFold()``, say.
    columns : list, optional
        The categorical columns; by default those that are neither numbers nor dates.
    groups : array of shape (n,), optional
        Rows of one group are together in training or in test; in the folds of catpool's encoders, too.
    scoring : str or callable, optional
        As in scikit-learn; by default the estimator's own score.
    target_type : {"continuous", "binary", "multiclass", "count"}, optional
        What y is to the default encoders; by itself classes for a classifier, and numbers for a regressor.
    random_state : int, RandomState or None, default=0
        Seed of random folds, and of the default encoders.
    progress : bool, default=True
        Whether to show a progress bar, for which tqdm is needed: ``pip install "catpool[compare]"``.

    Returns
    -------
    pandas.DataFrame
        A row for each encoder, the best first: its mean `score`, mean `rank` over splits, mean and worst gap to the
        best of a split (`gap`, `worst_gap`), splits it was best in (`wins`), `p_value` of its difference from the best
        encoder (two-sided; NaN for the best itself and for those that did as well in each split), and `seconds` to
        encode a split.

    Raises
    ------
    ImportError
        Where a progress bar is wanted and tqdm is not installed.
    ValueError
        Where X has no categorical column, other columns are no numbers, there is no encoder, or an encoder or the
        estimator refuses its data.

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
    categories = table[labels].astype(object)
    target = np.asarray(y)
    if encoders is None:
        classes = "multiclass" if len(pd.unique(target)) > 2 else "binary"
        kind = target_type or (classes if is_classifier(estimator) else "continuous")
        encoders = standard_encoders(categories, target, kind, random_state)
    if not isinstance(encoders, Mapping) or not encoders:
        raise ValueError(f"`encoders` must be a dict of transformers by their names, one at least. Got {encoders!r}.")
    splits = list(_splitter(cv, target, estimator, groups, random_state).split(table, target, groups))
    rows = Rows(
        _as_numbers(table.drop(columns=labels)), categories, target, None if groups is None else np.asarray(groups)
    )
    scorer = check_scoring(estimator, scoring=scoring)
    scores = score_encoders(rows, estimator, scorer, encoders, splits, progress=progress)
    train, test = splits[0]
    return summarize(scores, len(test) / len(train))


def standard_encoders(X: pd.DataFrame, y: np.ndarray, kind: str, random_state: Any = 0) -> dict[str, Any]:
    """What people use, beside what catpool has, for categorical columns alone and a target of some kind."""
    options = {"target_type": kind, "random_state": random_state}
    recommended = recommended_encoder(X, y, columns=list(X), **options)
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
        "recommended": recommended,
        "recommended, rare": recommended_encoder(X, y, columns=list(X), crossfit="rare", **options),
    }


def _target_encoder(kind: str, random_state: Any) -> TargetEncoder:
    """scikit-learn's, with a seed: up to version 1.8 it takes one, from 1.9 on a splitter that has it."""
    if TargetEncoder().get_params()["random_state"] is None:
        return TargetEncoder(target_type=kind, random_state=random_state)
    splitter = KFold if kind == "continuous" else StratifiedKFold
    return TargetEncoder(target_type=kind, cv=splitter(5, shuffle=True, random_state=random_state))


class Rows(NamedTuple):
    """All rows: columns that stay, columns that are encoded, targets, and groups."""

    rest: pd.DataFrame
    categories: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None

    def score(
        self, encoder: Any, estimator: Any, scorer: Any, train: np.ndarray, test: np.ndarray
    ) -> tuple[float, float]:
        """The score of a model of a split's training rows, and the seconds it took to encode the split."""
        encoder, options = clone(encoder), {}
        if self.groups is not None and isinstance(encoder, Encoder):
            options = {"groups": self.groups[train]}
            if isinstance(encoder.cv, Integral):
                encoder.set_params(cv=min(encoder.cv, len(pd.unique(options["groups"]))))
        start = perf_counter()
        features = encoder.fit_transform(self.categories.iloc[train], self.y[train], **options)
        others = encoder.transform(self.categories.iloc[test])
        seconds = perf_counter() - start
        model = clone(estimator).fit(self._beside(features, train), self.y[train])
        return float(scorer(model, self._beside(others, test), self.y[test])), seconds

    def _beside(self, features: Any, rows: np.ndarray) -> pd.DataFrame:
        """Features beside the columns that stay, under names that all models take."""
        dense = features.toarray() if sparse.issparse(features) else features
        table = pd.DataFrame(dense).reset_index(drop=True)
        if table.shape[1] + self.rest.shape[1] == 0:  # noise, and dropped
            table = pd.DataFrame({"constant": np.zeros(len(rows))})
        both = pd.concat([self.rest.iloc[rows].reset_index(drop=True), table], axis=1)
        return both.set_axis([f"x{position}" for position in range(both.shape[1])], axis=1)


def score_encoders(
    rows: Rows, estimator: Any, scorer: Any, encoders: Mapping[str, Any], splits: Sequence[Any], *, progress: bool
) -> pd.DataFrame:
    """Score each encoder in each split: a row each of encoder, split, score and seconds."""
    trials = list(product(encoders, range(len(splits))))
    found = [
        (name, split, *rows.score(encoders[name], estimator, scorer, *splits[split]))
        for name, split in _shown(trials, progress)
    ]
    return pd.DataFrame(found, columns=["encoder", "split", "score", "seconds"])


def _as_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Columns that models take as they are."""
    table = table.infer_objects()
    wrong = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    if wrong:
        raise ValueError(f"The columns {wrong} are neither encoded nor numbers. Turn them into numbers, or drop them.")
    return pd.DataFrame({name: table[name].to_numpy(dtype=float, na_value=np.nan) for name in table}, table.index)


def _splitter(cv: Any, y: np.ndarray, estimator: Any, groups: Any, random_state: Any) -> Any:
    cv = 5 if cv is None else cv
    if not isinstance(cv, Integral):
        return check_cv(cv, y, classifier=is_classifier(estimator))
    kind = KFold if not is_classifier(estimator) else StratifiedKFold
    return (kind if groups is None else GroupKFold)(cv, shuffle=True, random_state=random_state)


def _shown(trials: list[Any], progress: bool) -> Iterator[Any]:
    if not progress:
        return iter(trials)
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(
            'A progress bar needs tqdm: pip install "catpool[compare]", or pass progress=False.'
        ) from error
    return iter(tqdm(trials, desc="encoders x splits"))
