"""An experiment of `catpool.check_no_leak`: few rows, copied many times, so that only their folds differ."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.frozen import frozen
from catpool.evaluation.leak_folds import label_columns, learns_from_the_past
from catpool.evaluation.leak_trials import LeakTrial

COPIES = 100  # of each row, where there are enough
ROWS = 40  # that are copied, at most
FEW = 20  # targets that are as frequent as each other
UNTOLD, TOLD = 0.02, 0.8  # shares of the variance of y among equal rows: what may be chance, and what is nearly all
CLEAR = 7  # times as much as folds, the target must change a feature for its scale to be told


@frozen
class Copies:
    """The features of some rows and of their copies, with a target that depends on all columns.

    Parameters
    ----------
    trial : LeakTrial
        With the copies and the target.
    codes : ndarray of shape (n,)
        Which row each is a copy of.
    """

    trial: LeakTrial
    codes: np.ndarray

    @cached_property
    def _fitted(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        firsts = np.unique(self.codes, return_index=True)[1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about rows that the user does not know
            return self.trial.encode_both(self.trial.X.iloc[firsts])

    @property
    def names(self) -> list[Any]:
        return list(self._fitted[0])

    @cached_property
    def training(self) -> np.ndarray:
        """The features of training rows, of shape (n, features)."""
        return _as_floats(self._fitted[0])

    def means(self, names: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """The means over copies of features of training rows, what ``transform`` gives, and what folds change.

        The first two have the shape (rows, features). The third, of shape (features,), is the standard deviation among
        copies. None without a ``transform``.
        """
        training, transformed = self._fitted
        if transformed is None:
            return None
        own = _as_floats(training.reindex(columns=names, fill_value=0.0))
        means = _mean_by(self.codes, own)
        new = _as_floats(transformed.reindex(columns=names, fill_value=0.0))
        return means, new, np.sqrt(np.mean((own - means[self.codes]) ** 2, axis=0))

    def different(self, features: np.ndarray) -> int:
        """In how many ways the copies of a row are encoded, at most."""
        scale = np.abs(features).max(axis=0, initial=0.0)
        steps = np.round(features / np.where(scale > 0, scale, 1.0), 9)
        return max(len(np.unique(steps[self.codes == code], axis=0)) for code in np.unique(self.codes))

    def told(self, features: np.ndarray) -> float:
        """The share of the variance of y among copies that a linear function of features explains, beyond chance."""
        x, y = (values - _mean_by(self.codes, values)[self.codes] for values in (features, self.trial.numbers()))
        rank = np.linalg.matrix_rank(x)
        if rank == 0:
            return 0.0
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        total = (y**2).sum(axis=0)
        shares = 1 - (rest**2).sum(axis=0) / np.where(total > 0, total, np.inf)
        return float(shares[total > 0].max(initial=0.0) - rank / len(x))


def make_copies(trial: LeakTrial, aside: list[Any], rng: np.random.RandomState) -> list[Copies]:
    """Copies with a target, and with another one that is low where this one is high.

    Columns that are `aside`, such as those with fold labels, stay as they are.
    """
    distinct = np.flatnonzero(~trial.X.map(repr).duplicated())
    number = min(len(distinct), max(2, min(ROWS, len(trial.X) // COPIES)))
    chosen = rng.permutation(distinct)[:number]
    codes = rng.permutation(np.arange(len(trial.X)) % number)
    X = trial.X.iloc[chosen[codes]].reset_index(drop=True)
    X[aside] = trial.X[aside]
    signal = np.sum([_effects(X[name], rng) for name in X], axis=0)
    signal /= max(signal.std(), 1e-12)
    noise = rng.normal(size=len(X))
    levels = _levels(trial.y)
    targets = [levels.iloc[_places(each + noise, len(levels))].reset_index(drop=True) for each in (signal, -signal)]
    return [Copies(LeakTrial(trial.encoder, X, y), codes) for y in targets]


def _effects(column: pd.Series, rng: np.random.RandomState) -> np.ndarray:
    """An effect for each category of a column, of mean 0 and variance 1 over the rows."""
    codes, categories = pd.factorize(column.map(repr))
    effects = rng.permutation(len(categories)).astype(float)[codes]
    return (effects - effects.mean()) / max(effects.std(), 1e-12)


def _levels(y: pd.Series) -> pd.Series:
    """The sorted targets: each once if there are few, otherwise without the outermost ones."""
    if y.nunique() <= FEW:
        return y.drop_duplicates().sort_values(key=None if pd.api.types.is_numeric_dtype(y) else _strings)
    return y.sort_values().iloc[len(y) // 50 : len(y) - len(y) // 50]


def _strings(y: pd.Series) -> pd.Series:
    return y.astype(str)


def _places(values: np.ndarray, number: int) -> np.ndarray:
    """The ranks of values, on a scale of whole numbers below `number`."""
    return np.argsort(np.argsort(values)) * number // len(values)


def _as_floats(table: pd.DataFrame) -> np.ndarray:
    return np.nan_to_num(table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float))


def _mean_by(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.column_stack([np.bincount(codes, column) / np.bincount(codes) for column in values.T])


def count_encodings(copies: Copies, limit: int) -> np.ndarray:
    """In how many ways equal rows are encoded by each feature that tells their targets apart; NaN for others.

    With one partition into K folds there are K ways at most. Where no feature exceeds the limit alone, each has the
    number of all together. It is infinite if features give the targets of equal rows away.
    """
    features = copies.training
    alone = np.array([copies.different(features[:, [place]]) for place in range(features.shape[1])], dtype=float)
    varying = alone > 1
    told = copies.told(features)
    if told <= UNTOLD:
        return np.full(len(alone), np.nan)
    if told > TOLD:
        alone[varying] = np.inf
    elif alone.max() <= limit:
        alone[varying] = copies.different(features)
    return np.where(varying, alone, np.nan)


def compare_scales(pair: list[Copies]) -> np.ndarray:
    """How many times larger or smaller each feature is in ``transform`` than in training rows; NaN if it is unknown.

    It is infinite if one is shifted by more than half of the standard deviation between rows.
    """
    names = pair[0].names
    both = [copies.means(names) for copies in pair]
    if both[0] is None or both[1] is None:
        return np.full(len(names), np.nan)
    own, new, noise = (np.array(each) for each in zip(*both, strict=True))  # (targets, rows, features)
    factors = [_factor(own[:, :, place], new[:, :, place]) for place in range(len(names))]
    clear = (own[0] - own[1]).std(axis=0) > CLEAR * noise.max(axis=0)
    return np.where(clear, factors, np.nan)


def _factor(own: np.ndarray, new: np.ndarray) -> float:
    """The factor between two features of shape (2, rows), of a target and of its opposite."""
    change, other = own[0] - own[1], new[0] - new[1]
    if not (_turns(own) or _turns(new)):
        return float("nan")  # it does not depend on the target, or in the same way on a target and its opposite
    slope = change @ other / max(other @ other, 1e-300)
    middle, new_middle = own.mean(), new.mean()
    shift = min(abs(middle - new_middle), abs(middle - slope * new_middle))
    if slope <= 0 or shift > np.sqrt(np.mean(change**2)) / 2:
        return float("inf")
    return float(max(slope, 1 / slope))


def _turns(feature: np.ndarray) -> bool:
    """Whether a feature of shape (2, rows) is low for a target where it is high for the opposite target."""
    rest = feature - feature.mean(axis=1, keepdims=True)
    rest[np.abs(rest) < 1e-9 * np.abs(feature).max(initial=0.0)] = 0.0
    return bool(rest[0] @ rest[1] < -0.5 * np.sqrt((rest[0] @ rest[0]) * (rest[1] @ rest[1])))


def compare_copies(
    trial: LeakTrial, rng: np.random.RandomState, limit: int
) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Encode copies of some rows.

    Returns
    -------
    names : list
        The features.
    ways : ndarray of shape (features,)
        In how many ways equal rows are encoded, see `count_encodings`.
    factors : ndarray of shape (features,)
        How ``transform`` is scaled, see `compare_scales`.
    """
    if learns_from_the_past(trial.encoder):
        unknown = np.full(len(trial.names), np.nan)
        return trial.names, unknown, unknown
    pair = make_copies(trial, label_columns(trial.encoder, trial.X), rng)
    return pair[0].names, count_encodings(pair[0], limit), compare_scales(pair)
