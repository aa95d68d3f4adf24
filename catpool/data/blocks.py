"""Passes over many rows in blocks, whose temporary arrays stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

ROWS = 1 << 16


def blocks_of(n: int, rows: int = ROWS) -> Iterator[slice]:
    """Slices of at most so many rows."""
    for start in range(0, n, rows):
        yield slice(start, start + rows)


def look_up(table: np.ndarray, codes: np.ndarray, out: np.ndarray) -> None:
    """Write the value of each row's code into `out`, of shape (n,)."""
    for rows in blocks_of(len(codes)):
        table.take(codes[rows], out=out[rows], mode="clip")  # numpy makes wide copies of narrow codes
