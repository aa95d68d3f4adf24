"""`Rounding`: numbers as categories, each of which is a number that others are rounded to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from catpool.data.columns.binning import as_numbers
from catpool.data.frozen import frozen
from catpool.data.verify import require

MOST_DECIMALS = 15
EXACT = 2.0**52  # numbers from which floats have no decimals


@frozen
class Rounding:
    """Numbers that are rounded as `numpy.round` does it: a half goes to the even neighbour.

    Parameters
    ----------
    decimals : int
        How many digits after the point are left; negative to round to tens, hundreds and so on.
    """

    decimals: int

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a number of decimals."""
        require(abs(self.decimals) <= MOST_DECIMALS, f"{self.decimals} decimals")

    @property
    def suffix(self) -> str:
        """What rounded columns are called, after their column."""
        return f"rounded_{self.decimals}"

    def categories(self, column: Any) -> tuple[np.ndarray, list[str | None]]:
        """The category of each number, of shape (n,), and the names of the categories."""
        codes, values = pd.factorize(self.numbers(column), use_na_sentinel=False)
        pattern = f"%.{max(self.decimals, 0)}f"
        return codes, [None if np.isnan(value) else pattern % value for value in values.tolist()]

    def numbers(self, column: Any) -> np.ndarray:
        """The categories as numbers, of shape (n,), with NaN for missing ones."""
        numbers = as_numbers(column)
        with np.errstate(over="ignore"):  # numbers that are too large to have these decimals
            has_decimals = np.abs(numbers) * 10.0**self.decimals < EXACT if self.decimals > 0 else np.isfinite(numbers)
            rounded = np.round(numbers, self.decimals)
        return np.where(has_decimals, rounded, numbers) + 0.0  # -0 is 0
