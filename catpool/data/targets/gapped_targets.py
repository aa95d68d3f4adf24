"""Several outputs of y, of which some have no value in some rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from catpool.data.targets.target import Target, read_named, read_targets, split_outputs
from catpool.data.targets.target_family import TargetFamily

Gaps = list[np.ndarray | None]  # whether each row lacks a target, for each target; None if no row does


def read_gapped_targets(y: Any, target_type: str, family: TargetFamily | None) -> tuple[list[Target], Gaps]:
    """Read y, of shape (n, outputs), and where its outputs are missing, in whose place the targets have 0.

    The parameters are those of `read_targets`. An only output must have no missing values.
    """
    outputs = split_outputs(y)
    gaps = [_gaps_of(values) if len(outputs) > 1 else None for _, values in outputs]
    pairs = zip(outputs, gaps, strict=True)
    return [_read(name, values, missing, target_type, family) for (name, values), missing in pairs], gaps


def read_whole_targets(y: Any, target_type: str, family: TargetFamily | None) -> tuple[list[Target], Gaps]:
    """Read y, none of whose outputs may have missing values."""
    targets = read_targets(y, target_type, family)
    return targets, [None] * len(targets)


def _gaps_of(values: pd.Series) -> np.ndarray | None:
    missing = values.isna().to_numpy(dtype=bool)
    return missing if missing.any() else None


def _read(
    name: str | None, values: pd.Series, missing: np.ndarray | None, target_type: str, family: TargetFamily | None
) -> Target:
    if missing is None:
        return read_named(name, values, target_type, family)
    if missing.all():
        raise ValueError(f"The output {name!r} of y must have some values, but all are missing. Leave it out of y.")
    target = read_named(name, values[~missing].reset_index(drop=True), target_type, family)
    filled = np.zeros(len(values), dtype=target.values.dtype)
    filled[~missing] = target.values
    return replace(target, values=filled)
