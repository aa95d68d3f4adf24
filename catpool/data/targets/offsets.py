"""Offsets: what the linear predictor of each row starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from catpool.data.frames.row_numbers import read_row_numbers
from catpool.data.targets.target import Target

LARGEST = 1e100  # as of y, whose squares are summed


def read_offset(offset: Any, targets: Sequence[Target], n_rows: int) -> np.ndarray | None:
    """Read the offset of the rows, of shape (n,), which goes with one column of the target."""
    if offset is None:
        return None
    columns = sum(len(target.names) for target in targets)
    if columns > 1:
        raise ValueError(
            f"`offset` goes with one column of y, but y has {columns} columns or classes. Fit an encoder to each."
        )
    values = read_row_numbers(offset, n_rows, "offset", "number", "iuf")
    return check_offset(values)


def check_offset(values: np.ndarray) -> np.ndarray:
    """The offset itself, if it is finite and not so large that its square overflows."""
    if not np.abs(values).max() <= LARGEST:
        raise ValueError(
            f"`offset` must be finite and at most {LARGEST:g}, but it ranges from {values.min()} to {values.max()}. "
            "Fill in missing values, and pass it on the scale of the link."
        )
    return values
