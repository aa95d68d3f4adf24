"""Passes over many rows in blocks, whose temporary arrays stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def look_up_each(tables: Sequence[tuple[np.ndarray, np.ndarray]], codes: np.ndarray) -> None:
    """Write what each table has for each row's code into the array of shape (n,) that is paired with it."""
    for rows in blocks_of(len(codes)):
        places = codes[rows].astype(np.intp, copy=False)  # the wide copy, once for all tables
        for table, out in tables:
            table.take(places, out=out[rows], mode="clip")
