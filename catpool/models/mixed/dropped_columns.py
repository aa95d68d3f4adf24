"""What a fold does without, because the rows that it learns from cannot tell its effect from others."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from catpool.crossfit.folds import Folds
from catpool.models.mixed.mixed_options import MixedRows


class DroppedColumns(NamedTuple):
    """The covariates, by place, and the slopes, by the places of factor and slope, that a fold does without."""

    covariates: list[int]
    slopes: list[tuple[int, int]]

    def __bool__(self) -> bool:
        return bool(self.covariates or self.slopes)


def dropped_by_fold(rows: MixedRows, folds: Folds) -> list[DroppedColumns]:
    """What each fold does without, and a warning that names the folds, the covariates and the slopes."""
    design, weight = rows.design, rows.weights.row
    if not design.names and not any(factor.slopes.shape[1] for factor in design.factors):
        return [DroppedColumns([], [])] * folds.n_folds
    training = [folds.training_rows(fold) for fold in range(folds.n_folds)]
    weighed = training if weight is None else [own[weight[own] > 0] for own in training]
    found = [
        DroppedColumns(design.dependent(own), design.constant_slopes(own)) if len(own) else DroppedColumns([], [])
        for own in weighed
    ]
    if any(found):
        named = [f"fold {fold} without {_names(rows, own)}" for fold, own in enumerate(found) if own]
        warnings.warn(
            "Some folds learn from rows in which covariates or slopes are constant, or follow from others, and do "
            f"without them: {', '.join(named)}. Leave these out, or use folds that are more alike.",
            stacklevel=2,
        )
    return found


@contextmanager
def of_fold(fold: int) -> Iterator[None]:
    """Name the fold in errors, which are about the rows that it learns from, not about all rows."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"The rows that fold {fold} learns from do not suffice: {error}") from error


def _names(rows: MixedRows, own: DroppedColumns) -> list[str]:
    design = rows.design
    slopes = [
        f"{design.terms[factor][place + design.factors[factor].intercept]} by {design.groups[factor]}"
        for factor, place in own.slopes
    ]
    return [*(design.names[each] for each in own.covariates), *slopes]
