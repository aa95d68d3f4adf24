"""The experiments of `catpool.check_no_leak`: targets are flipped or shuffled, and the rows encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from catpool.data.frozen import frozen
from catpool.evaluation.leak_folds import declared_folds

LARGE = 30  # rows; in a smaller category, leaving out one of ten folds is much like leaving out one row
RISK = 1e-4  # of a confidence bound above the true weight


@frozen
class LeakTrial:
    """An encoder and the rows it is tested on.

    Parameters
    ----------
    encoder : transformer
    X : pandas.DataFrame
    y : pandas.Series
    """

    encoder: Any
    X: pd.DataFrame
    y: pd.Series

    def encode(self, y: pd.Series) -> np.ndarray:
        """The numeric features for other targets, of shape (n, features), with 0 for missing values."""
        features = self._encode_frame(y).reindex(columns=self.names, fill_value=0.0)
        return np.nan_to_num(features.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float))

    @cached_property
    def names(self) -> list[Any]:
        """The features for the true targets. For others the encoder may drop some."""
        return list(self._encode_frame(self.y))

    def encode_both(self, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The features of training rows, and those of new rows if there is a ``transform`` that works."""
        encoder = self._clone()
        training = _name_features(encoder.fit_transform(self.X, self.y), encoder, self.X)
        try:
            transformed = encoder.transform(new)
        except Exception:  # of any kind: other tests need only `fit_transform`, which may leave the encoder unfitted
            return training, None
        return training, _name_features(transformed, encoder, self.X)

    def _encode_frame(self, y: pd.Series) -> pd.DataFrame:
        encoder = self._clone()
        return _name_features(encoder.fit_transform(self.X, y), encoder, self.X)

    def _clone(self) -> Any:
        encoder, parameters = clone(self.encoder), self.encoder.get_params()
        seeds = [name for name, value in parameters.items() if name.endswith("random_state") and value is None]
        return encoder.set_params(**dict.fromkeys(seeds, 0))  # all fits must have the same folds

    @cached_property
    def folds(self) -> int | None:
        """The number of folds, if a parameter of the encoder names it."""
        return declared_folds(self.encoder, self.X)

    @cached_property
    def large(self) -> int:
        """How many rows a category must have for its folds to have several of them."""
        return max(LARGE, 3 * (self.folds or 0))

    def categories(self) -> list[np.ndarray]:
        """The categories of each column as integers, of shape (n,)."""
        return [pd.factorize(self.X[name], use_na_sentinel=False)[0] for name in self.X]

    def numbers(self, y: pd.Series | None = None) -> np.ndarray:
        """Targets as numbers, of shape (n, C): one column for numbers, an indicator for each class."""
        y = self.y if y is None else y
        if pd.api.types.is_numeric_dtype(y):
            return y.to_numpy(dtype=float)[:, None]
        return np.column_stack([(y == value).to_numpy(dtype=float) for value in sorted(self.y.unique(), key=str)])


def _name_features(values: Any, encoder: Any, X: pd.DataFrame) -> pd.DataFrame:
    """Features as a frame, called as by the encoder, otherwise as the columns of X or by their places."""
    table = pd.DataFrame(values.toarray() if sparse.issparse(values) else np.asarray(values))
    names = list(getattr(values, "columns", [])) or _names_out(encoder)
    for each in (names, list(X)):
        if len(each) == table.shape[1] and len(set(each)) == len(each):
            return table.set_axis(each, axis=1)
    return table.set_axis([f"feature {place}" for place in table], axis=1)


def _names_out(encoder: Any) -> list[Any]:
    try:
        return list(encoder.get_feature_names_out())
    except (AttributeError, ValueError, NotFittedError):
        return []


def flip_targets(trial: LeakTrial, n_flips: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Replace the target of one row at a time.

    Returns
    -------
    weights : ndarray of shape (features,)
        A lower bound of the weight of a row's own target, where 1 is the weight in the mean of all rows.
    alone : ndarray of shape (features,)
        The share of flips after which a feature changed in a whole category except in the flipped row.
    """
    before, categories = trial.encode(trial.y), trial.categories()
    weights, alone = [], []
    for row, value in _draw_flips(trial, categories, n_flips, rng):
        flipped = trial.y.copy()
        flipped[row] = value
        if set(flipped) != set(trial.y) and trial.y.nunique() <= len(trial.y) / 2:
            continue  # it is the only row of its class, and the flip would change the features themselves
        after = trial.encode(flipped)
        change = trial.numbers(flipped)[row] - trial.numbers(trial.y)[row]
        change = np.where(change == 0, np.nan, change)
        weights.append(len(trial.y) * (after[row] - before[row])[:, None] / change)
        alone.append(_only_unchanged(after != before, row, categories, trial.large))
    if not weights:
        return np.full(before.shape[1], np.nan), np.full(before.shape[1], np.nan)
    return _lower_bound(np.array(weights)).max(axis=1), _mean(np.array(alone))


def _draw_flips(
    trial: LeakTrial, categories: list[np.ndarray], n_flips: int, rng: np.random.RandomState
) -> Iterator[tuple[int, Any]]:
    """Rows of large categories, and another target for each.

    They are drawn from each class in turn, or from below and above the mean, so that rare targets are not missed.
    """
    sides = pd.factorize(trial.y > trial.y.mean() if pd.api.types.is_numeric_dtype(trial.y) else trial.y)[0]
    sizes = np.max([np.bincount(codes)[codes] for codes in categories], axis=0)
    rows = rng.permutation(np.flatnonzero(sizes >= min(trial.large, sizes.max())))
    turn = pd.Series(sides[rows]).groupby(sides[rows]).cumcount().to_numpy()
    for row in rows[np.argsort(turn, kind="stable")][:n_flips]:
        side = rng.choice(np.setdiff1d(sides, sides[row]))
        yield row, trial.y.iloc[rng.choice(np.flatnonzero(sides == side))]


def _lower_bound(weights: np.ndarray) -> np.ndarray:
    """A lower confidence bound of the mean over flips of weights of shape (flips, features, C)."""
    mean, number = _mean(weights), (~np.isnan(weights)).sum(axis=0)
    error = np.sqrt(_mean((weights - mean) ** 2) / np.maximum(number - 1, 1))
    return np.where(number > 1, mean - stats.t.isf(RISK, np.maximum(number - 1, 1)) * error, 0.0)


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis without NaN; NaN where there is nothing else."""
    known = ~np.isnan(values)
    return np.where(
        known.any(axis=0), np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )


def _only_unchanged(changed: np.ndarray, row: int, categories: list[np.ndarray], least: int) -> np.ndarray:
    """For each feature whether it changed in all rows of a large category of the row, except in the row itself.

    NaN if the row has no large category.
    """
    large = [mates for codes in categories if (mates := codes == codes[row]).sum() >= least]
    if not large:
        return np.full(changed.shape[1], np.nan)
    alone = [~changed[row] & (changed[mates].sum(axis=0) == mates.sum() - 1) for mates in large]
    return np.any(alone, axis=0).astype(float)


def shuffle_targets(trial: LeakTrial, n_shuffles: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle the targets of all rows.

    Returns
    -------
    chances : ndarray of shape (features,)
        The p-value of the correlation with the shuffled targets, adjusted for the number of features and classes.
    within : ndarray of shape (features,)
        The lowest correlation within the categories of a column; NaN if no category is large.
    """
    overall, within = [], []
    for _ in range(n_shuffles):
        y = pd.Series(trial.y.to_numpy()[rng.permutation(len(trial.y))])
        features, targets = trial.encode(y), trial.numbers(y)
        one_category = np.zeros(len(y), dtype=int)
        overall.append(np.nan_to_num(_correlation(features, targets, one_category, LARGE)))
        within.append([_correlation(features, targets, codes, trial.large) for codes in trial.categories()])
    # Rows share categories, so their features are not independent: we count half the rows.
    score = np.mean(overall, axis=0) * np.sqrt(n_shuffles * len(trial.y) / 2)
    chances = stats.norm.sf(score).min(axis=1) * score.size
    lowest = np.nan_to_num(_mean(np.array(within)), nan=np.inf).min(axis=(0, 2))
    return np.minimum(chances, 1.0), np.where(np.isinf(lowest), np.nan, lowest)


def _correlation(features: np.ndarray, targets: np.ndarray, codes: np.ndarray, least: int) -> np.ndarray:
    """The correlations within large categories, of shape (features, C); NaN where there is no variance."""
    large = np.bincount(codes)[codes] >= least
    codes = pd.factorize(codes[large])[0]
    x, y = (_center(values[large], codes) for values in (features, targets))
    scale = np.sqrt((x**2).sum(axis=0)[:, None] * (y**2).sum(axis=0))
    return np.where(scale > 0, x.T @ y / np.where(scale > 0, scale, 1.0), np.nan)


def _center(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Subtract the means of the categories; differences that are only rounding errors become 0."""
    means = np.column_stack([np.bincount(codes, column) / np.bincount(codes) for column in values.T])
    rest = values - means[codes]
    return np.where(np.abs(rest) > 1e-12 * np.abs(values).max(axis=0, initial=0.0), rest, 0.0)
