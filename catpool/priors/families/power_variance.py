"""Families whose variance is a power of the mean: d mu^p, with the logarithm as the link of mixed models.

They are exponential dispersion models: the log-likelihood of a row is

    (y theta(mu) - kappa(mu)) / d + c(y, d),      with theta' = mu^-p and kappa' = mu^(1 - p).

The totals and counts of cells suffice for the part that depends on the means, and the values of y for the other.

References
----------
B. Jorgensen (1987), Exponential dispersion models, Journal of the Royal Statistical Society B 49, 127-162.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from catpool.moments.unit import units_of
from catpool.priors.families.dispersed import DispersedCells, DispersedFamily, DispersionSlopes

LEAST, LEAST_START = 1e-9, 1e-6  # dispersions, in units in which the mean is one: of a fit, and to start from
USUAL = 16  # exponent of two up to which a mean is fitted as it is


class PowerVariance(DispersedFamily):
    """Rows whose variance is the dispersion times a power of the mean.

    Attributes
    ----------
    power : float
        p, more than one and at most two.
    """

    assumed = "continuous"
    kinds = ("continuous",)
    power: float

    def row_variance(self, mean: np.ndarray, dispersion: float) -> np.ndarray:
        return np.asarray(dispersion * mean**self.power)

    def from_moments(self, cells: DispersedCells, eta: np.ndarray) -> float:
        m, rows = cells.means(eta), cells.count.sum()
        return float(max((cells.scatter(m) / m**self.power).sum() / rows, LEAST_START * self._usual(cells)))

    def _usual(self, cells: DispersedCells) -> float:
        """The dispersion of rows whose standard deviation is their mean."""
        return float((cells.total.sum() / cells.count.sum()) ** (2 - self.power))

    def unit(self, y: np.ndarray) -> float:
        return float(units_of(y.mean(), USUAL))

    def in_unit(self, dispersion: float, unit: float) -> float:
        return float(dispersion * unit ** (2 - self.power))

    def least(self, cells: DispersedCells) -> float:
        return LEAST * self._usual(cells)

    def log_likelihood(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        p, (of_total, of_count) = self.power, self._parts(cells, eta, dispersion)
        return of_total / (1 - p) - (cells.count * eta / dispersion if p == 2 else of_count / (2 - p))

    def _parts(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray]:
        """What y and what its mean contribute to the residual."""
        p = self.power
        return cells.total * np.exp((1 - p) * eta) / dispersion, cells.count * np.exp((2 - p) * eta) / dispersion

    def residual(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        of_total, of_count = self._parts(cells, eta, dispersion)
        return of_total - of_count

    def information(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        of_total, of_count = self._parts(cells, eta, dispersion)
        return (self.power - 1) * of_total + (2 - self.power) * of_count

    def expected_information(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        return self._parts(cells, eta, dispersion)[1]

    def skew(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        of_total, of_count = self._parts(cells, eta, dispersion)
        return (2 - self.power) ** 2 * of_count - (self.power - 1) ** 2 * of_total

    def slopes(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> DispersionSlopes:
        return DispersionSlopes(
            float(self.slope_of_constant(cells, dispersion) - self.log_likelihood(cells, eta, dispersion).sum()),
            -self.residual(cells, eta, dispersion),
            -self.information(cells, eta, dispersion),
        )

    @abstractmethod
    def slope_of_constant(self, cells: DispersedCells, dispersion: float) -> float:
        """The derivative of `constant` with respect to the logarithm of the dispersion."""
