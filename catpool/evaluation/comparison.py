"""Comparison of encoders by the cross-validated score of a model that is fitted to their features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import BaseCrossValidator

from catpool.data.columns.chosen_columns import categorical_columns
from catpool.data.progress import showing_progress
from catpool.engines.dispatch import read_in_memory
from catpool.evaluation.compared_rows import read_rows, score_encoders
from catpool.evaluation.default_encoders import choose_encoders, default_encoders
from catpool.evaluation.doors import read_beside, read_column_list, read_groups_beside, require_model
from catpool.evaluation.outer_splits import Split, outer_splits
from catpool.evaluation.paired_tests import conclude, summarize
from catpool.evaluation.printed_table import PrintedTable

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike


def compare_encoders(
    X: IntoFrame | ArrayLike,
    y: ArrayLike,
    estimator: BaseEstimator,
    encoders: Mapping[str, TransformerMixin | None] | None = None,
    cv: int | BaseCrossValidator | Iterable[Split] = 5,
    *,
    defaults: bool = False,
    columns: Sequence[Any] | None = None,
    groups: ArrayLike | None = None,
    scoring: str | Callable[..., float] | None = None,
    target_type: str | None = None,
    random_state: int | np.random.RandomState | None = 0,
    verbose: bool = True,
) -> PrintedTable:
    """Cross-validate a model on your data, once with each encoder.

    In each split, the encoder is fitted to the categorical columns of the training rows, and the model to its features
    beside the other columns. The model is scored on the test rows. All encoders see the same splits, and each is
    compared with the best one by a paired t-test. Training rows of different splits overlap, so the usual variance of
    a mean difference is too small; the test uses the correction of Nadeau and Bengio. With differences d of J splits,

        t = mean(d) / sqrt((1 / J + test rows / training rows) var(d)),    with J - 1 degrees of freedom.

    Parameters
    ----------
    X : frame or array of shape (n, p)
        Categorical columns, numbers and dates, which the model gets as days. Missing values are allowed if the encoders
        and the model allow them.
    y : array of shape (n,)
        The target.
    estimator : classifier or regressor
        The model. It is cloned for each fit.
    encoders : dict of transformers, default=None
        The encoders by name. A value of None is the default of that name. Encoders of catpool get all columns, and
        encode the categorical ones unless they name others; transformers of other libraries get the categorical ones.
        None compares the defaults:

        - "without these columns": the model without the categorical columns;
        - "LightGBM's own categories" (XGBoost, CatBoost, HistGradientBoosting): the categories themselves, if the model
          is of a library that takes them. HistGradientBoosting takes the 254 most frequent ones of a column;
        - scikit-learn's ordinal codes, one-hot columns below 30 categories, and ``TargetEncoder``;
        - `MeanEncoder`, `SmoothedMeanEncoder` and `EmpiricalBayesEncoder` with their defaults;
        - `TreeEncoder`, with ``crossfit="all"`` and with ``crossfit="rare"``.
    cv : int, splitter or iterable of (train, test), default=5
        The splits: a number of random folds, stratified for classifiers, or a splitter of scikit-learn such as
        ``RepeatedKFold()``. None is 5.
    defaults : bool, default=False
        Whether to compare the defaults beside the encoders in `encoders`, as in ``{"mine": encoder}, defaults=True``.
        One with the name of a default takes its place.
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
    verbose : bool, default=True
        Whether to show the progress on stderr, if it takes longer than two seconds: a bar with tqdm
        (``pip install "catpool[progress]"``), otherwise a line every five seconds.

    Returns
    -------
    pandas.DataFrame
        One row for each encoder, by falling score. It is printed whole, with the attribute `title` above it, which
        names the metric, and the attribute `verdict` below: which encoder is best, which ones tie with it (a p-value of
        .05 or more), and which of these takes the least time to encode. ``draw()`` draws it. The columns are

        - `score`: the mean score over the splits;
        - `rank`: the mean rank, 1 for the best encoder of a split;
        - `gap` and `worst_gap`: the mean and the largest distance from the best score of a split;
        - `wins`: the number of splits in which no encoder was better;
        - `p_value`: two-sided, of the difference from the best encoder; NaN if all differences are zero, as for the
          best encoder itself;
        - `seconds`: the mean time to encode a split.

    Raises
    ------
    ValueError
        If X has no categorical column, if one of its other columns is neither numbers nor dates, if `encoders` is not a
        dict with at least one encoder, or if it asks for a default that there is not. Errors of encoders and of the
        model are passed on.

    See Also
    --------
    TreeEncoder : The encoder to start with for forests and boosted trees.

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
    >>> table = compare_encoders(X, y, DecisionTreeRegressor(max_depth=4, random_state=0), encoders, verbose=False)
    >>> table.index.tolist()
    ['partial', 'none']
    >>> table.title
    'Mean R squared of 5 splits of 1000 rows; higher is better'
    >>> table.verdict.split(";")[0]
    "'partial' is best, and ties with 'none' (p >= .05)"
    """
    frame = read_in_memory(X, "compare_encoders")
    require_model(estimator)
    labels = categorical_columns(frame) if columns is None else read_column_list(columns)
    frame.require(labels)
    target = read_beside(y, frame, "y")
    rows = read_rows(frame, labels, target, read_groups_beside(groups, frame))
    kind = target_type or _default_type(estimator, target)
    make_defaults = partial(default_encoders, rows.categories, kind, random_state, estimator)
    compared = choose_encoders(encoders, make_defaults, add_defaults=defaults)
    stratify = is_classifier(estimator)
    splits = outer_splits(cv, rows.categories, target, stratify=stratify, groups=rows.groups, random_state=random_state)
    scorer = check_scoring(estimator, scoring=scoring)
    with showing_progress("compare_encoders", verbose=verbose):
        scores = score_encoders(rows, estimator, scorer, compared, splits)
    return _print_table(scores, splits, len(target), _metric(scoring, estimator))


def _print_table(scores: pd.DataFrame, splits: list[Split], rows: int, metric: str) -> PrintedTable:
    table = summarize(scores, float(np.mean([len(test) / len(train) for train, test in splits])))
    title = f"Mean {metric} of {len(splits)} splits of {rows} rows; higher is better"
    verdict = conclude(table, len(splits))
    return PrintedTable(table, title=title, verdict=verdict, picture="ComparisonDisplay")


def _metric(scoring: Any, estimator: BaseEstimator) -> str:
    """The name of the metric that models are scored by."""
    if scoring is None:
        return "accuracy" if is_classifier(estimator) else "R squared"
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))


def _default_type(estimator: BaseEstimator, y: np.ndarray) -> str:
    if not is_classifier(estimator):
        return "continuous"
    return "multiclass" if len(pd.unique(y)) > 2 else "binary"
