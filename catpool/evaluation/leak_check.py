"""Test whether an encoder lets the target of a row into the features of the same row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import TransformerMixin, clone
from sklearn.utils import check_random_state

from catpool.data.frames import read_frame
from catpool.evaluation.leak_trials import LeakTrial, flip_targets, shuffle_targets

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

OWN = 1.5  # the weight of a row in the mean of all rows is 1; the rest allows for noise
ALONE = 0.5  # a share of the flips
CHANCE = 1e-4  # the probability of a false alarm
APART = -0.9  # near -1 a feature is the row's own target, negated and scaled


def check_no_leak(
    encoder: TransformerMixin,
    X: IntoFrame | ArrayLike,
    y: ArrayLike,
    *,
    n_flips: int = 40,
    n_shuffles: int = 5,
    max_rows: int = 5000,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Test whether ``fit_transform`` of an encoder leaks the targets of your rows into their own features.

    There are two experiments with two tests each.

    *Flip* replaces the target of one row by another one, and encodes all rows again:

    - Does the row's own feature change? In-sample encodings do.
    - Do the features of all other rows of its category change, and only its own does not? Leave-one-out encodings
      behave in this way, and a model can read the target off the difference.

    *Noise* shuffles the targets of all rows, so that there is nothing to learn:

    - Are features correlated with targets? In-sample encodings are.
    - How strong is the correlation within categories? It is

          -1 for leave-one-out,    -1 / sqrt(rows of the category in a fold) for cross-fitting.

    The second test of each experiment needs a category of at least 30 rows: in a smaller one, leaving out one of ten
    folds is nearly the same as leaving out one row. Without such a category the statistic is NaN and the test passes.

    Parameters
    ----------
    encoder : transformer
        Any transformer with ``fit_transform(X, y)``; it need not be one of catpool. It is cloned. If it has a
        ``random_state`` of None, the clones get a fixed one.
    X : frame or array of shape (n, p)
        The rows, as for ``fit_transform``.
    y : array of shape (n,)
        Numbers or classes.
    n_flips : int, default=40
        The number of rows whose target is flipped. Each flip is one more fit.
    n_shuffles : int, default=5
        The number of times that all targets are shuffled. Each shuffle is one more fit.
    max_rows : int, default=5000
        If there are more rows, the tests use a random sample of this size.
    random_state : int, RandomState or None, default=0
        The seed of the experiments.

    Returns
    -------
    pandas.DataFrame
        One row for each test, in this order, with the columns `test`, `feature` (the position of the worst feature),
        `statistic`, `limit` and `passed`. The statistics of the worst feature are

        1. the weight of a row's own target in its feature, where 1 is the weight in the mean of all rows: a lower
           confidence bound, to allow for chance. At most 1.5 passes;
        2. the share of flips after which only the row's own feature was the same. At most 0.5 passes;
        3. the p-value of its correlation with the shuffled targets, adjusted for the number of features. At least 1e-4
           passes;
        4. its correlation with the shuffled targets within categories. At least -0.9 passes.

    Raises
    ------
    ValueError
        If y has only one value, if X and y have different lengths, or if `n_flips`, `n_shuffles` or `max_rows` is not
        positive.

    References
    ----------
    C. Perlich, G. Swirszcz (2011), On cross-validation and stacking: building seemingly predictive models on random
    data, SIGKDD Explorations 12, 11-15.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import MeanEncoder, check_no_leak
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"city": rng.integers(0, 40, size=2000).astype(str)})
    >>> check_no_leak(MeanEncoder(), X, rng.normal(size=2000))[["test", "passed"]]
                                       test  passed
    0             flip: own feature changes    True
    1  flip: only own feature is unchanged    True
    2     noise: correlated with the target    True
    3   noise: correlated within categories    True
    """
    if min(n_flips, n_shuffles, max_rows) < 1:
        raise ValueError(
            f"`n_flips`, `n_shuffles` and `max_rows` must be 1 or more. Got {n_flips}, {n_shuffles} and {max_rows}."
        )
    frame = read_frame(X)
    table = pd.DataFrame({label: pd.Series(np.asarray(frame.column(label))) for label in frame.labels})
    targets = pd.Series(np.asarray(y).ravel())
    if len(targets) != len(table) or targets.nunique() < 2:
        found = f"X has {len(table)} rows and y has {len(targets)} rows of {targets.nunique()} different values"
        raise ValueError(f"y must have one target for each row, and at least two values, but {found}.")
    rng = check_random_state(random_state)
    rows = np.sort(rng.permutation(len(table))[:max_rows])
    encoder = _select_folds(encoder, rows, len(table))
    trial = LeakTrial(encoder, table.iloc[rows].reset_index(drop=True), targets.iloc[rows].reset_index(drop=True))
    weights, alone = flip_targets(trial, n_flips, rng)
    chances, within = shuffle_targets(trial, n_shuffles, rng)
    return pd.DataFrame(
        [
            _check_largest("flip: own feature changes", weights, OWN),
            _check_largest("flip: only own feature is unchanged", alone, ALONE),
            _check_smallest("noise: correlated with the target", chances, CHANCE),
            _check_smallest("noise: correlated within categories", within, APART),
        ]
    )


def _select_folds(encoder: Any, rows: np.ndarray, n_rows: int) -> Any:
    """An encoder for a sample of the rows: if `cv` is an array of fold labels, it must be sampled, too."""
    labels = getattr(encoder, "cv", None)
    if isinstance(labels, np.ndarray) and len(labels) == n_rows:
        return clone(encoder).set_params(cv=labels[rows])
    return encoder


class _LeakTest(NamedTuple):
    """One row of the result."""

    test: str
    feature: int | None
    statistic: float
    limit: float
    passed: bool


def _check_largest(test: str, statistics: np.ndarray, limit: float) -> _LeakTest:
    """Check that the largest statistic, of shape (features,), is at most the limit. NaN passes."""
    if np.isnan(statistics).all():
        return _LeakTest(test, None, np.nan, limit, True)
    feature = int(np.nanargmax(statistics))
    return _LeakTest(test, feature, float(statistics[feature]), limit, bool(statistics[feature] <= limit))


def _check_smallest(test: str, statistics: np.ndarray, limit: float) -> _LeakTest:
    """Check that the smallest statistic, of shape (features,), is at least the limit. NaN passes."""
    if np.isnan(statistics).all():
        return _LeakTest(test, None, np.nan, limit, True)
    feature = int(np.nanargmin(statistics))
    return _LeakTest(test, feature, float(statistics[feature]), limit, bool(statistics[feature] >= limit))
