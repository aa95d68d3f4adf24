"""What comes of one column out of fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from catpool.leverage import negligible
from catpool.posterior import posterior_reliability


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

    def trust(self, codes: np.ndarray, share: np.ndarray, least: float) -> None:
        """Give rows of categories in which none of them matters the encoding of all rows."""
        trusted = [
            negligible(share, posterior_reliability(each.moments, each.prior), least)[codes] for each in self.encodings
        ]
        position = 0
        for encoding, own in zip(self.encodings, trusted, strict=True):
            for table in encoding.values.values():
                self._replace(self.values[:, position], np.flatnonzero(own), table, codes)
                position += 1
        if self.counts is not None:
            every = np.flatnonzero(np.all(trusted, axis=0))
            self._replace(self.counts, every, self.encodings[0].moments.count, codes)

    @staticmethod
    def _replace(values: np.ndarray, rows: np.ndarray, table: np.ndarray, codes: np.ndarray) -> None:
        rows = rows[~np.isnan(values[rows])]  # those in no fold stay so
        values[rows] = table.take(codes[rows])

    def fill(self, value: float) -> None:
        self.values[:] = value
        if self.counts is not None:
            self.counts[:] = value
