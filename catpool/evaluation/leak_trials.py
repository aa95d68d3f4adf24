"""The experiments of `catpool.check_no_leak`: targets are flipped or shuffled, and the rows encoded again."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, stats
from sklearn.base import clone

from catpool.data.frozen import frozen
from catpool.encoders.encoder import Encoder

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
        features = self._encode_frame(y).reindex(columns=self._names, fill_value=0.0)
        return np.nan_to_num(features.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float))

    @cached_property
    def _names(self) -> list[Any]:
        """The features for the true targets. For others the encoder may drop some."""
        return list(self._encode_frame(self.y))

    def _encode_frame(self, y: pd.Series) -> pd.DataFrame:
        encoder, parameters = clone(self.encoder), self.encoder.get_params()
        seeds = [name for name, value in parameters.items() if name.endswith("random_state") and value is None]
        encoder.set_params(**dict.fromkeys(seeds, 0))  # all fits must have the same folds
        values = encoder.fit_transform(self.X, y)
        table = pd.DataFrame(values.toarray() if sparse.issparse(values) else np.asarray(values))
        named = isinstance(encoder, Encoder)
        return table.set_axis(encoder.get_feature_names_out(), axis=1) if named else table

    def categories(self) -> list[np.ndarray]:
        """The categories of each column as integers, of shape (n,)."""
        return [pd.factorize(self.X[name], use_na_sentinel=False)[0] for name in self.X]

    def numbers(self, y: pd.Series) -> np.ndarray:
        """Targets as numbers, of shape (n, C): one column for numbers, an indicator for each class."""
        if pd.api.types.is_numeric_dtype(y):
            return y.to_numpy(dtype=float)[:, None]
        return np.column_stack([(y == value).to_numpy(dtype=float) for value in sorted(self.y.unique(), key=str)])


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
    sizes = np.max([np.bincount(codes)[codes] for codes in categories], axis=0)
    rows = rng.permutation(np.flatnonzero(sizes >= min(LARGE, sizes.max())))[:n_flips]
    weights, alone = [], []
    for row in rows:
        flipped, others = trial.y.copy(), trial.y[trial.y != trial.y[row]]
        flipped[row] = others.iloc[rng.randint(len(others))]
        if set(flipped) != set(trial.y) and trial.y.nunique() <= len(trial.y) / 2:
            continue  # it is the only row of its class, and the flip would change the features themselves
        after = trial.encode(flipped)
        change = trial.numbers(flipped)[row] - trial.numbers(trial.y)[row]
        change = np.where(change == 0, np.nan, change)
        weights.append(len(trial.y) * (after[row] - before[row])[:, None] / change)
        alone.append(_only_unchanged(after != before, row, categories))
    if not weights:
        return np.full(before.shape[1], np.nan), np.full(before.shape[1], np.nan)
    return _lower_bound(np.array(weights)).max(axis=1), _mean(np.array(alone))


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


def _only_unchanged(changed: np.ndarray, row: int, categories: list[np.ndarray]) -> np.ndarray:
    """For each feature whether it changed in all rows of a large category of the row, except in the row itself.

    NaN if the row has no large category.
    """
    large = [mates for codes in categories if (mates := codes == codes[row]).sum() >= LARGE]
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
        overall.append(np.nan_to_num(_correlation(features, targets, one_category)))
        within.append([_correlation(features, targets, codes) for codes in trial.categories()])
    # Rows share categories, so their features are not independent: we count half the rows.
    score = np.mean(overall, axis=0) * np.sqrt(n_shuffles * len(trial.y) / 2)
    chances = stats.norm.sf(score).min(axis=1) * score.size
    lowest = np.nan_to_num(_mean(np.array(within)), nan=np.inf).min(axis=(0, 2))
    return np.minimum(chances, 1.0), np.where(np.isinf(lowest), np.nan, lowest)


def _correlation(features: np.ndarray, targets: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The correlations within large categories, of shape (features, C); NaN where there is no variance."""
    large = np.bincount(codes)[codes] >= LARGE
    codes = pd.factorize(codes[large])[0]
    x, y = (_center(values[large], codes) for values in (features, targets))
    scale = np.sqrt((x**2).sum(axis=0)[:, None] * (y**2).sum(axis=0))
    return np.where(scale > 0, x.T @ y / np.where(scale > 0, scale, 1.0), np.nan)


def _center(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Subtract the means of the categories; differences that are only rounding errors become 0."""
    means = np.column_stack([np.bincount(codes, column) / np.bincount(codes) for column in values.T])
    rest = values - means[codes]
    return np.where(np.abs(rest) > 1e-12 * np.abs(values).max(axis=0, initial=0.0), rest, 0.0)
