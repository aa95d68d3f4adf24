"""Test whether an encoder lets the target of a row into the features of the same row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import TransformerMixin, clone
from sklearn.utils import check_random_state

from catpool.data.frozen import frozen
from catpool.data.plain import as_series
from catpool.engines.dispatch import read_in_memory
from catpool.evaluation.doors import require_positive, require_transformer
from catpool.evaluation.leak_copies import compare_copies
from catpool.evaluation.leak_trials import LeakTrial, flip_targets, shuffle_targets
from catpool.evaluation.printed_table import PrintedTable

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike

OWN = 1.5  # the weight of a row in the mean of all rows is 1; the rest allows for noise
ALONE = 0.5  # a share of the flips
CHANCE = 1e-4  # the probability of a false alarm
NAMED = 10  # features in the verdict
FOLDS = 20  # at most, of an encoder that does not tell their number
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
) -> PrintedTable:
    """Test whether ``fit_transform`` of an encoder leaks the targets of your rows into their own features.

    There are three experiments with two tests each, and one verdict.

    *Flip* replaces the target of one row by another one, and encodes all rows again:

    - Does the row's own feature change? In-sample encodings do.
    - Do the features of all other rows of its category change, and only its own does not? Leave-one-out encodings
      behave in this way, and a model can read the target off the difference.

    *Noise* shuffles the targets of all rows, so that there is nothing to learn:

    - Are features correlated with targets? In-sample encodings are.
    - How strong is the correlation within categories? It is

          -1 for leave-one-out,    -1 / sqrt(rows of the category in a fold) for cross-fitting.

    *Copies* takes up to 40 rows, copies each about 100 times, and gives them a target that depends on all columns:

    - In how many ways are equal rows encoded? With one partition into K folds it is K. With repeated partitions, whose
      encodings are averaged or put side by side, it is many more. The more there are, the nearer they come to
      leave-one-out.
    - Is a feature scaled or shifted otherwise by ``transform`` than in training rows? A model then meets features that
      it was not fitted to.

    The second test of flip and of noise needs a category of at least 30 rows, and of at least three for each fold: in a
    smaller one, leaving out one of ten folds is nearly the same as leaving out one row. Without such a category the
    statistic is NaN and the test passes. So do the tests of copies for `EarlierRows`, whose rows have no equals.

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
        The number of rows whose target is flipped, drawn from each class in turn, or from above and below the mean, so
        that rare targets are among them. Each flip is one more fit.
    n_shuffles : int, default=5
        The number of times that all targets are shuffled. Each shuffle is one more fit.
    max_rows : int, default=5000
        If there are more rows, the tests use a random sample of this size.
    random_state : int, RandomState or None, default=0
        The seed of the experiments.

    Returns
    -------
    pandas.DataFrame
        With the attribute `verdict`, which is printed first: ``"LEAKS: 'agent'"`` with the features that fail a test,
        or ``"No leak was found."``; ``draw()`` draws it. There is one row for each test, in this order, with the
        columns `test`, `feature` (the worst one), `statistic`, `limit` and `passed`. Features are called as by
        ``get_feature_names_out``, or as the columns of X if there is one for each; otherwise they are numbered. The
        statistics of the worst feature are

        1. the weight of a row's own target in its feature, where 1 is the weight in the mean of all rows: a lower
           confidence bound, to allow for chance. At most 1.5 passes;
        2. the share of flips after which only the row's own feature was the same. At most 0.5 passes;
        3. the p-value of its correlation with the shuffled targets, adjusted for the number of features. At least 1e-4
           passes;
        4. its correlation with the shuffled targets within categories. At least -0.9 passes;
        5. the number of ways in which equal rows are encoded, in all features if none has too many by itself; infinity
           if it gives their targets away, NaN if it tells nothing of them. At most K passes, if the encoder has a
           parameter ``cv``, ``n_splits`` or ``n_folds``, otherwise 20;
        6. how many times larger or smaller ``transform`` makes it; infinity if it is shifted by more than half a
           standard deviation. At most K / (K - 1) + 0.2 passes, where K is 5 if it is not known, because training rows
           are encoded from K - 1 of K folds.

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
    4       copies: encodings of equal rows    True
    5            copies: scale of transform    True
    >>> class InSample(MeanEncoder):
    ...     def fit_transform(self, X, y):
    ...         return self.fit(X, y).transform(X)
    >>> check_no_leak(InSample(), X, rng.normal(size=2000)).verdict
    "LEAKS: 'city'"
    """
    require_positive(n_flips=n_flips, n_shuffles=n_shuffles, max_rows=max_rows)
    require_transformer(encoder, "`encoder`")
    frame = read_in_memory(X, "check_no_leak")
    table = pd.DataFrame({label: as_series(frame.column(label)).reset_index(drop=True) for label in frame.labels})
    targets = pd.Series(np.asarray(y).ravel())
    if len(targets) != len(table) or targets.nunique() < 2:
        found = f"X has {len(table)} rows and y has {len(targets)} rows of {targets.nunique()} different values"
        raise ValueError(f"y must have one target for each row, and at least two values, but {found}.")
    rng = check_random_state(random_state)
    rows = np.sort(rng.permutation(len(table))[:max_rows])
    encoder = _select_folds(encoder, rows, len(table))
    trial = LeakTrial(encoder, table.iloc[rows].reset_index(drop=True), targets.iloc[rows].reset_index(drop=True))
    return _report(trial, n_flips, n_shuffles, rng)


def _report(trial: LeakTrial, n_flips: int, n_shuffles: int, rng: np.random.RandomState) -> PrintedTable:
    names, limit = trial.names, trial.folds or FOLDS
    weights, alone = flip_targets(trial, n_flips, rng)
    chances, within = shuffle_targets(trial, n_shuffles, rng)
    copies, ways, scales = compare_copies(trial, rng, limit)
    tests = [
        LeakTest("flip: own feature changes", names, weights, OWN),
        LeakTest("flip: only own feature is unchanged", names, alone, ALONE),
        LeakTest("noise: correlated with the target", names, chances, CHANCE, lowest=True),
        LeakTest("noise: correlated within categories", names, within, APART, lowest=True),
        LeakTest("copies: encodings of equal rows", copies, ways, limit),
        LeakTest("copies: scale of transform", copies, scales, _scale_limit(trial.folds)),
    ]
    verdict = _verdict(list(dict.fromkeys(name for test in tests for name in test.failed)))
    table = pd.DataFrame([test.row() for test in tests])
    return PrintedTable(table, title="", verdict=verdict, picture="LeakDisplay", first=True)


def _verdict(leaks: list[Any]) -> str:
    if not leaks:
        return "No leak was found."
    more = f" and {len(leaks) - NAMED} more" if len(leaks) > NAMED else ""
    return "LEAKS: " + ", ".join(map(repr, leaks[:NAMED])) + more


def _scale_limit(folds: int | None) -> float:
    """The scale of features that are learned from all folds but one, when all folds are added, and some chance."""
    number = max(folds or 5, 2)
    return number / (number - 1) + 0.2


def _select_folds(encoder: Any, rows: np.ndarray, n_rows: int) -> Any:
    """An encoder for a sample of the rows: where `cv` has a fold label for each row, they must be sampled, too."""
    parameters = encoder.get_params() if hasattr(encoder, "get_params") else {}
    folds = {name: value for name, value in parameters.items() if name.split("__")[-1] == "cv" and _is_list(value)}
    if not folds or len(rows) == n_rows:
        return encoder
    uneven = [name for name, value in folds.items() if np.ndim(value[0]) or len(value) != n_rows]
    if uneven:
        raise ValueError(
            f"A sample of {len(rows)} of the {n_rows} rows is checked, for which `{uneven[0]}` has no folds. Pass "
            f"max_rows={n_rows}, or one fold label for each row as `{uneven[0]}`."
        )
    return clone(encoder).set_params(**{name: np.asarray(value)[rows] for name, value in folds.items()})


def _is_list(cv: Any) -> bool:
    return isinstance(cv, np.ndarray | pd.Series | list | tuple) and len(cv) > 0


@frozen
class LeakTest:
    """The statistics of all features in one test, of shape (features,). NaN passes.

    Parameters
    ----------
    test : str
    names : list
    statistics : ndarray
    limit : float
    lowest : bool, default=False
        Whether a statistic must be at least the limit; otherwise it must be at most the limit.
    """

    test: str
    names: list[Any]
    statistics: np.ndarray
    limit: float
    lowest: bool = False

    @property
    def failed(self) -> list[Any]:
        """The features that do not pass."""
        beyond = self.statistics < self.limit if self.lowest else self.statistics > self.limit
        return [self.names[place] for place in np.flatnonzero(beyond)]

    def row(self) -> dict[str, Any]:
        """The row of the result, with the worst feature."""
        unknown = np.isnan(self.statistics).all()
        worst = None if unknown else int((np.nanargmin if self.lowest else np.nanargmax)(self.statistics))
        return {
            "test": self.test,
            "feature": None if worst is None else self.names[worst],
            "statistic": np.nan if worst is None else float(self.statistics[worst]),
            "limit": float(self.limit),
            "passed": not self.failed,
        }
