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
        position = 0
        for encoding in self.encodings:
            trust = posterior_reliability(encoding.moments, encoding.prior)
            rows = np.flatnonzero(negligible(share, trust, least)[codes])
            for table in encoding.values.values():
                rows = rows[~np.isnan(self.values[rows, position])]  # those in no fold stay so
                self.values[rows, position] = table.take(codes[rows])
                position += 1
            if self.counts is not None:
                self.counts[rows] = encoding.moments.count.take(codes[rows])

    def fill(self, value: float) -> None:
        self.values[:] = value
        if self.counts is not None:
            self.counts[:] = value
