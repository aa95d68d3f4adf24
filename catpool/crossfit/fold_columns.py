"""What comes of one column out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class OutOfFoldColumn:
    """What comes of a column.

    Parameters
    ----------
    values : ndarray of shape (n, classes of all targets times outputs)
        NaN for rows in no fold.
    counts : ndarray of shape (n,) or None
        The weight of the rows that each row's encoding rests on.
    encodings : list
        Learned from all rows, one a class of each target.
    """

    values: np.ndarray
    counts: np.ndarray | None
    encodings: list[Any]

    def trust(self, codes: np.ndarray, trusted: Sequence[np.ndarray], everywhere: np.ndarray) -> None:
        """Give rows the encoding of all rows where no row matters to it.

        Parameters
        ----------
        codes : ndarray of shape (n,)
        trusted : sequence of ndarray of shape (size,)
            For each column of the values, the categories to which none does.
        everywhere : ndarray of shape (size,)
            The categories to which none does whatever the encoding.
        """
        tables = [table for encoding in self.encodings for table in encoding.values.values()]
        for values, table, own in zip(self.values.T, tables, trusted, strict=True):
            self._replace(values, np.flatnonzero(own[codes]), table, codes)
        if self.counts is not None:
            self._replace(self.counts, np.flatnonzero(everywhere[codes]), self.encodings[0].moments.count, codes)

    @staticmethod
    def _replace(values: np.ndarray, rows: np.ndarray, table: np.ndarray, codes: np.ndarray) -> None:
        rows = rows[~np.isnan(values[rows])]  # those in no fold stay so
        values[rows] = table.take(codes[rows])

    def fill(self, value: float) -> None:
        self.values[:] = value
        if self.counts is not None:
            self.counts[:] = value
