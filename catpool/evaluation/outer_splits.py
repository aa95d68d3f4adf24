"""Splits of rows into training and test rows, within whose training rows encoders make folds of their own."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold, StratifiedKFold, check_cv

from catpool.crossfit.times import Times
from catpool.encoders.encoder import Encoder

Split = tuple[np.ndarray, np.ndarray]  # the positions of the training rows and of the test rows


def outer_splits(cv: Any, X: Any, y: np.ndarray, *, stratify: bool, groups: Any, random_state: Any) -> list[Split]:
    """The splits that `cv` stands for, of which there must be some; the other parameters are as in `_splitter`."""
    splitter = _splitter(cv, y, stratify=stratify, groups=groups, random_state=random_state)
    splits = list(splitter.split(X, y, groups))
    if not splits:
        raise ValueError("`cv` must have at least one split of training and test rows, but it has none.")
    return splits


def _splitter(cv: Any, y: np.ndarray, *, stratify: bool, groups: Any, random_state: Any) -> BaseCrossValidator:
    """The splitter that `cv` stands for: of a number, random folds of rows or of groups."""
    cv = 5 if cv is None else cv
    if not isinstance(cv, Integral):
        return check_cv(cv, y, classifier=stratify)
    kind = StratifiedKFold if stratify else KFold
    return (kind if groups is None else GroupKFold)(cv, shuffle=True, random_state=random_state)


def splits_by_time(times: Times, number: int) -> list[Split]:
    """Blocks of rows in the order of time, each with the rows that are earlier, by more than the gap.

    Rows of one time are in one block. The first of ``number + 1`` blocks has nothing before it, and is never tested.
    """
    ordered = np.sort(times.values)
    starts = np.unique(ordered[np.arange(1, number + 1) * len(ordered) // (number + 1)])
    if len(starts) < number or starts[0] == ordered[0]:
        raise ValueError(
            f"`cv` asks for {number} blocks of rows after the first, but the times of X have {len(np.unique(ordered))} "
            "values, or most rows have the same few. Pass a smaller number."
        )
    blocks = np.searchsorted(starts, times.values, side="right")
    return [
        (np.flatnonzero(times.values < start - times.gap), np.flatnonzero(blocks == block))
        for block, start in enumerate(starts, start=1)
    ]


def require_past(times: Times, splits: list[Split]) -> None:
    """Raise an error where a split trains on rows that are not earlier than its test rows, by more than the gap."""
    for number, (train, test) in enumerate(splits):
        if len(train) and len(test) and times.values[train].max() >= times.values[test].min() - times.gap:
            raise ValueError(
                f"Split {number} of `cv` has training rows that are not earlier than all of its test rows, but the "
                "encoder has cv=EarlierRows. Pass a number of splits, such as cv=5, which are made by time."
            )


def require_whole_groups(groups: np.ndarray, splits: list[Split]) -> None:
    """Raise an error where a split has rows of one group on both sides."""
    for number, (train, test) in enumerate(splits):
        shared = np.intersect1d(groups[train], groups[test])
        if len(shared):
            raise ValueError(
                f"Split {number} of `cv` has rows of the group {shared[0]!r} on both sides. Pass a splitter that keeps "
                "groups together, such as GroupKFold(5), or a number."
            )


def keep_groups_together(encoder: Any, groups: np.ndarray) -> dict[str, np.ndarray]:
    """What to pass to ``fit_transform`` so that the encoder's own folds keep groups together, if it is of catpool."""
    if not isinstance(encoder, Encoder):
        return {}
    if isinstance(encoder.cv, Integral):
        encoder.set_params(cv=min(encoder.cv, len(pd.unique(groups))))
    return {"groups": groups}
