"""Encoders compared by what a model makes of them, on your own data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse, stats
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.metrics import check_scoring
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, check_cv
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from catpool.encoders.base import OutOfFoldEncoder
from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
from catpool.frames import read_frame
from catpool.recommend import categorical_columns, recommended_encoder

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
        strictly out of fold and with ``crossfit="unreliable"``.
    cv : int or splitter, default=5
        A number of random folds (with the same share of each class for a classifier), or any scikit-learn splitter:
        ``RepeatedKFold()``, say.
    columns : list, optional
        The categorical columns; by default those that are neither numbers nor dates.
    groups : array of shape (n,), optional
        Rows of one group are together in training or in test; in the folds of catpool's encoders, too.
    scoring : str or callable, optional
        As in scikit-learn; by default the estimator's own score.
    random_state : int, RandomState or None, default=0
        Seed of random folds, and of the default encoders.
    progress : bool, default=True
        Whether to show a progress bar, for which tqdm is needed: ``pip install "catpool[compare]"``.

    Returns
    -------
    pandas.DataFrame
        A row for each encoder, the best first: its mean `score`, mean `rank` over splits, mean and worst gap to the
        best of a split (`gap`, `worst_gap`), splits it was best in (`wins`), `p_value` of its difference from the best
        encoder (two-sided; NaN for the best itself), and `seconds` to encode a split.

    Raises
    ------
    ImportError
        Where a progress bar is wanted and tqdm is not installed.
    ValueError
        Where X has no categorical column, or an encoder or the estimator refuses its data.

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
    >>> encoders = {"none": MeanEncoder(), "partial": EmpiricalBayesEncoder()}
    >>> table = compare_encoders(X, y, DecisionTreeRegressor(max_depth=4), encoders, progress=False)
    >>> table.index.tolist()
    ['partial', 'none']
    """
    frame = read_frame(X)
    labels = categorical_columns(frame) if columns is None else list(columns)
    frame.require(labels)
    table = pd.DataFrame({label: pd.Series(np.asarray(frame.column(label))) for label in frame.labels})
    target = np.asarray(y)
    if encoders is None:
        encoders = standard_encoders(table[labels], target, random_state)
    splits = list(_splitter(cv, target, estimator, groups, random_state).split(table, target, groups))
    rows = Rows(table.drop(columns=labels), table[labels], target, None if groups is None else np.asarray(groups))
    scorer = check_scoring(estimator, scoring=scoring)
    scores = score_encoders(rows, estimator, scorer, encoders, splits, progress=progress)
    train, test = splits[0]
    return summarize(scores, len(test) / len(train))


def standard_encoders(X: pd.DataFrame, y: np.ndarray, random_state: Any = 0) -> dict[str, Any]:
    """What people use, beside what catpool has, for categorical columns alone."""
    recommended = recommended_encoder(X, y, columns=list(X), random_state=random_state)
    kind = recommended.target_type
    options = {"target_type": kind, "random_state": random_state}
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
        "recommended, unreliable": clone(recommended).set_params(crossfit="unreliable"),
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
        encoder = clone(encoder)
        grouped = self.groups is not None and isinstance(encoder, OutOfFoldEncoder)
        options = {"groups": self.groups[train]} if grouped and self.groups is not None else {}
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


def _splitter(cv: Any, y: np.ndarray, estimator: Any, groups: Any, random_state: Any) -> Any:
    if not isinstance(cv, int):
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


def summarize(scores: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """The table of `compare_encoders`.

    Parameters
    ----------
    scores : pandas.DataFrame
        With the columns encoder, split, score and seconds.
    ratio : float
        Rows in test over rows in training.
    """
    wide = scores.pivot(index="split", columns="encoder", values="score")
    gaps = wide.rsub(wide.max(axis=1), axis=0)
    best = wide.mean().idxmax()
    table = pd.DataFrame(
        {
            "score": wide.mean(),
            "rank": wide.rank(axis=1, ascending=False).mean(),
            "gap": gaps.mean(),
            "worst_gap": gaps.max(),
            "wins": (gaps == 0).sum(),
            "p_value": [p_value(wide[name] - wide[best], ratio) for name in wide],
            "seconds": scores.groupby("encoder")["seconds"].mean(),
        }
    )
    return table.sort_values("score", ascending=False, kind="stable")


def p_value(differences: Any, ratio: float) -> float:
    """Two-sided, of a mean difference over splits; NaN where all differences are nought or there is one split."""
    d = np.asarray(differences, dtype=float)
    if len(d) < 2 or not d.any():
        return float("nan")
    error = np.sqrt((1 / len(d) + ratio) * d.var(ddof=1))
    return float(2 * stats.t.sf(abs(d.mean()) / error, len(d) - 1)) if error > 0 else 0.0
