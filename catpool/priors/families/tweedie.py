"""The Tweedie family of mixed models: amounts of which some are zero, such as the sums of claims."""

from __future__ import annotations

import numpy as np

from catpool.priors.families.dispersed import DispersedCells
from catpool.priors.families.power_variance import PowerVariance
from catpool.priors.likelihoods.tweedie_series import distribution_of_sums, log_series


class Tweedie(PowerVariance):
    """Sums of a Poisson number of gamma variables, whose variance is phi mu^power.

    Parameters
    ----------
    power : float, default=1.5
        Between one, that of counts, and two, that of gamma variables.
    """

    name = "tweedie"
    parameter = "phi"

    def __init__(self, power: float = 1.5) -> None:
        self.power = power

    def __repr__(self) -> str:
        return f"Tweedie({self.power})"

    def check(self, y: np.ndarray) -> None:
        if (y < 0).any():
            raise ValueError(
                f'family="tweedie" needs values of y of at least 0, but the least of y is {y.min():g}. Pass '
                'family="normal", or leave such rows out.'
            )

    def reported(self, dispersion: float) -> float:
        return dispersion

    def distribution(self, values: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
        p = self.power
        rate, scale = mean ** (2 - p) / ((2 - p) * dispersion), (p - 1) * dispersion * mean ** (p - 1)
        sums, rates = np.broadcast_arrays(values / scale, rate)
        return distribution_of_sums(sums, rates, (2 - p) / (p - 1))

    def constant(self, cells: DispersedCells, dispersion: float) -> float:
        y, weights = _positive(cells)
        return float(weights @ (log_series(y, dispersion, self.power)[0] - np.log(y)))

    def slope_of_constant(self, cells: DispersedCells, dispersion: float) -> float:
        y, weights = _positive(cells)
        return float(weights @ log_series(y, dispersion, self.power)[1])


def _positive(cells: DispersedCells) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values above zero, and how many rows have them."""
    some = cells.values > 0
    return cells.values[some], cells.weights[some]
