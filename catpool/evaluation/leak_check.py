"""Whether an encoder lets rows' own targets into their features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.utils import check_random_state

from catpool.data.frames import read_frame
from catpool.encoders.encoder import Encoder

FULL = 30  # rows of a category in which one that is left out alone differs from one in ten that are
OWN = 1.5  # weight of a row's own target, in that which it has in the mean of all rows
CHANCE = 1e-4  # of a false alarm in a test of all features
ALONE = 0.5  # of the flips
APART = -0.9  # correlation within categories, beyond which a feature is a row's own target but for a constant


def check_no_leak(
    encoder: Any,
    X: Any,
    y: Any,
    *,
    n_flips: int = 40,
    n_shuffles: int = 5,
    max_rows: int = 5000,
    random_state: Any = 0,
) -> pd.DataFrame:
    """Look for rows' own targets in the features that ``fit_transform`` makes of your data.

    There are two experiments, and two questions to each. *Flip*: one row's target is replaced by another's, and all
    rows are encoded anew. Does the row's own feature follow, as in sample? Or do those of all other rows of its
    category, its own alone staying as it was, as in leave-one-out? *Noise*: targets are shuffled among all rows, so
    that there is nothing to learn. Are features correlated with targets all the same? And within categories, where

        leave-one-out has a correlation of -1,    K folds have -1 / sqrt(rows of the category in a fold)?

    Categories of fewer than 30 rows cannot answer the second questions, because their rows are nearly alone in ten
    folds too. Where there is no fuller one, the statistic is NaN, and the test has not failed.

    Parameters
    ----------
    encoder : transformer
        Any with ``fit_transform(X, y)``. It is cloned, and given a seed where it can have one and has none.
    X : frame or array of shape (n, p)
    y : array of shape (n,)
        Numbers or classes.
    n_flips : int, default=40
    n_shuffles : int, default=5
    max_rows : int, default=5000
        Where there are more rows, a random sample of so many is looked at.
    random_state : int, RandomState or None, default=0

    Returns
    -------
    pandas.DataFrame
        A row for each question: `test`; the position of the worst `feature`; its `statistic`; the `limit` it must keep,
        and whether it `passed`. The statistics are the weight of a row's own target in its feature, in units of what it
        has in the mean of all rows, less what may be chance; the share of flips that left the row alone behind; the
        probability of a correlation so far above nought by chance; and the correlation within categories.

    Raises
    ------
    ValueError
        Where y has only one value, or X and y are of different lengths.

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
    0  flip: the row's own feature follows    True
    1          flip: it alone stays behind    True
    2       noise: correlated with targets    True
    3        noise: within categories, too    True
    """
    if min(n_flips, n_shuffles, max_rows) < 1:
        raise ValueError(f"Pass 1 or more flips, shuffles and rows. Got {n_flips}, {n_shuffles} and {max_rows}.")
    frame = read_frame(X)
    table = pd.DataFrame(
        {name: pd.Series(np.asarray(frame.column(label))) for label, name in frame.names_by_label.items()}
    )
    targets = pd.Series(np.asarray(y).ravel())
    if len(targets) != len(table) or targets.nunique() < 2:
        wrong = f"y has {len(targets)} rows of {targets.nunique()} different values"
        raise ValueError(f"X has {len(table)} rows and {wrong}. Pass one target a row, two values at least.")
    rng = check_random_state(random_state)
    rows = np.sort(rng.permutation(len(table))[:max_rows])
    encoder = _with_labels_of(encoder, rows, len(table))
    trial = _Trial(encoder, table.iloc[rows].reset_index(drop=True), targets.iloc[rows].reset_index(drop=True))
    follows, alone = _flip(trial, n_flips, rng)
    correlated, within = _shuffle(trial, n_shuffles, rng)
    answers = [
        _Answer.of("flip: the row's own feature follows", follows, OWN, np.nanargmax, "at most"),
        _Answer.of("flip: it alone stays behind", alone, ALONE, np.nanargmax, "at most"),
        _Answer.of("noise: correlated with targets", correlated, CHANCE, np.nanargmin, "at least"),
        _Answer.of("noise: within categories, too", within, APART, np.nanargmin, "at least"),
    ]
    return pd.DataFrame(answers)


def _with_labels_of(encoder: Any, rows: np.ndarray, n_rows: int) -> Any:
    """The encoder, which may have a fold label for each row, for some of the rows."""
    labels = getattr(encoder, "cv", None)
    if isinstance(labels, np.ndarray) and len(labels) == n_rows:
        return clone(encoder).set_params(cv=labels[rows])
    return encoder


class _Answer(NamedTuple):
    test: str
    feature: int | None
    statistic: float
    limit: float
    passed: bool

    @classmethod
    def of(cls, test: str, statistics: np.ndarray, limit: float, worst: Any, side: str) -> _Answer:
        """The answer of the worst of all features, whose statistics are of shape (features,)."""
        if np.isnan(statistics).all():
            return cls(test, None, np.nan, limit, True)
        feature = int(worst(statistics))
        value = float(statistics[feature])
        return cls(test, feature, value, limit, value >= limit if side == "at least" else value <= limit)


@dataclass(frozen=True)
class _Trial:
    """Rows, their targets, and the encoder that is tried on them."""

    encoder: Any
    X: pd.DataFrame
    y: pd.Series

    def encode(self, y: pd.Series) -> np.ndarray:
        """The features that are numbers, of shape (n, features); missing ones are nought."""
        features = self._features(y).reindex(columns=self._names, fill_value=0.0)
        return np.nan_to_num(features.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float))

    @cached_property
    def _names(self) -> list[Any]:
        """The features there are, of which other targets may leave some out."""
        return list(self._features(self.y))

    def _features(self, y: pd.Series) -> pd.DataFrame:
        encoder, parameters = clone(self.encoder), self.encoder.get_params()
        seeds = [name for name, value in parameters.items() if name.endswith("random_state") and value is None]
        encoder.set_params(**dict.fromkeys(seeds, 0))
        values = encoder.fit_transform(self.X, y)
        table = pd.DataFrame(values.toarray() if sparse.issparse(values) else np.asarray(values))
        named = isinstance(encoder, Encoder)
        return table.set_axis(encoder.get_feature_names_out(), axis=1) if named else table

    def categories(self) -> list[np.ndarray]:
        """The rows' categories as integers, one array a column."""
        return [pd.factorize(self.X[name], use_na_sentinel=False)[0] for name in self.X]

    @staticmethod
    def numbers(y: pd.Series, like: pd.Series) -> np.ndarray:
        """Targets as numbers, of shape (n, C): a column a class, where they are not numbers."""
        if pd.api.types.is_numeric_dtype(y):
            return y.to_numpy(dtype=float)[:, None]
        return np.column_stack([(y == value).to_numpy(dtype=float) for value in sorted(like.unique(), key=str)])


def _flip(trial: _Trial, n_flips: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """For each feature, the weight of its row's own target, and how often it alone stayed behind."""
    before, categories = trial.encode(trial.y), trial.categories()
    sizes = np.max([np.bincount(codes)[codes] for codes in categories], axis=0)
    rows = rng.permutation(np.flatnonzero(sizes >= min(FULL, sizes.max())))[:n_flips]
    weights, left = [], []
    for row in rows:
        flipped, others = trial.y.copy(), trial.y[trial.y != trial.y[row]]
        flipped[row] = others.iloc[rng.randint(len(others))]
        if set(flipped) != set(trial.y) and trial.y.nunique() <= len(trial.y) / 2:
            continue  # the only row of its class
        after = trial.encode(flipped)
        moved = trial.numbers(flipped, trial.y)[row] - trial.numbers(trial.y, trial.y)[row]
        known = np.where(moved == 0, np.nan, moved)
        weights.append(len(trial.y) * (after[row] - before[row])[:, None] / known)
        left.append(_left_behind(after != before, row, categories))
    return _at_least(np.array(weights)).max(axis=1), _mean(np.array(left))


def _at_least(weights: np.ndarray) -> np.ndarray:
    """What weights of shape (flips, features, C) are on average, but for chance."""
    mean, number = _mean(weights), (~np.isnan(weights)).sum(axis=0)
    spread = np.sqrt(_mean((weights - mean) ** 2) / np.maximum(number - 1, 1))
    return np.where(number > 1, mean - stats.t.isf(CHANCE, np.maximum(number - 1, 1)) * spread, 0.0)


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is not NaN, NaN where all is."""
    known = ~np.isnan(values)
    return np.where(
        known.any(axis=0), np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )


def _left_behind(changed: np.ndarray, row: int, categories: list[np.ndarray]) -> np.ndarray:
    """For each feature, whether it changed in all rows of a category but this one; NaN where no category is full."""
    full = [mates for codes in categories if (mates := codes == codes[row]).sum() >= FULL]
    if not full:
        return np.full(changed.shape[1], np.nan)
    behind = [~changed[row] & (changed[mates].sum(axis=0) == mates.sum() - 1) for mates in full]
    return np.any(behind, axis=0).astype(float)


def _shuffle(trial: _Trial, n_shuffles: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """For each feature, how likely its correlation with targets is that are noise, and the one within categories."""
    overall, within = [], []
    for _ in range(n_shuffles):
        y = pd.Series(trial.y.to_numpy()[rng.permutation(len(trial.y))])
        features, targets = trial.encode(y), trial.numbers(y, trial.y)
        everywhere = np.zeros(len(y), dtype=int)
        overall.append(np.nan_to_num(_correlation(features, targets, everywhere)))
        within.append([_correlation(features, targets, codes) for codes in trial.categories()])
    score = np.mean(overall, axis=0) * np.sqrt(n_shuffles * len(trial.y) / 2)  # halved, as rows share categories
    chance = stats.norm.sf(score).min(axis=1) * score.size
    worst = np.nan_to_num(_mean(np.array(within)), nan=np.inf).min(axis=(0, 2))
    return np.minimum(chance, 1.0), np.where(np.isinf(worst), np.nan, worst)


def _correlation(features: np.ndarray, targets: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Within full categories, of shape (features, C); NaN where there is none, or where they do not vary there."""
    full = np.bincount(codes)[codes] >= FULL
    codes = pd.factorize(codes[full])[0]
    x, y = (_centred(values[full], codes) for values in (features, targets))
    scale = np.sqrt((x**2).sum(axis=0)[:, None] * (y**2).sum(axis=0))
    return np.where(scale > 0, x.T @ y / np.where(scale > 0, scale, 1.0), np.nan)


def _centred(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Distance from the mean of the row's category, nought where that is only rounding."""
    means = np.column_stack([np.bincount(codes, column) / np.bincount(codes) for column in values.T])
    rest = values - means[codes]
    return np.where(np.abs(rest) > 1e-12 * np.abs(values).max(axis=0, initial=0.0), rest, 0.0)
