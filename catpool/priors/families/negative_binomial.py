"""The negative binomial family of mixed models: counts that vary more than Poisson counts of the same mean.

With the dispersion d = 1 / size, a count y of mean m has the variance m + d m^2 (known as NB2) and the likelihood

    Gamma(y + 1 / d) / (Gamma(1 / d) y!) (d m)^y / (1 + d m)^(y + 1 / d),

which is the Poisson likelihood where d is zero.

References
----------
J. F. Lawless (1987), Negative binomial and mixed Poisson regression, Canadian Journal of Statistics 15, 209-225.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, gammaln, pdtr

from catpool.priors.families.dispersed import DispersedCells, DispersedFamily, DispersionSlopes

LEAST_START, LARGEST_START = 0.01, 100.0  # dispersions to start from, the least in units of one over the mean
NEARLY_POISSON = 0.05  # dispersion times mean, below which zero is tried
STEPS = 2048  # terms of a rising factorial that are added one by one; beyond them an integral has all digits


class NegativeBinomial(DispersedFamily):
    """Counts of events, at the rate of their category times the exposure, that are overdispersed."""

    name = "negative_binomial"
    assumed = "count"
    kinds = ("count",)
    is_discrete = True
    parameter = "size"

    def check(self, y: np.ndarray) -> None:
        """Counts are checked where they are read."""

    def reported(self, dispersion: float) -> float:
        return 1 / dispersion if dispersion > 0 else np.inf

    def row_variance(self, mean: np.ndarray, dispersion: float) -> np.ndarray:
        return mean + dispersion * mean**2

    def distribution(self, values: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
        if dispersion == 0:
            return np.asarray(pdtr(values, mean))
        return np.where(
            values < 0, 0.0, betainc(1 / dispersion, np.maximum(values, 0) + 1, 1 / (1 + dispersion * mean))
        )

    def from_moments(self, cells: DispersedCells, eta: np.ndarray) -> float:
        m = cells.means(eta)
        events = float((cells.count * m).sum())
        beyond = float((cells.scatter(m) / m - cells.count).sum())
        return float(np.clip(beyond / events, LEAST_START * cells.count.sum() / events, LARGEST_START))

    def is_negligible(self, cells: DispersedCells, dispersion: float) -> bool:
        return bool(dispersion * cells.total.sum() < NEARLY_POISSON * cells.count.sum())

    def log_likelihood(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        m = cells.means(eta)
        x = dispersion * m
        return cells.total * (eta - np.log1p(x)) - cells.count * m * _log_share(x)

    def constant(self, cells: DispersedCells, dispersion: float) -> float:
        rising = cells.weights @ (_rising(cells.values, dispersion)[0] - gammaln(cells.values + 1))
        return float(rising + cells.total @ np.log(cells.exposure))

    def residual(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        m = cells.means(eta)
        return (cells.total - cells.count * m) / (1 + dispersion * m)

    def information(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        m = cells.means(eta)
        return m / (1 + dispersion * m) * ((cells.count + dispersion * cells.total) / (1 + dispersion * m))

    def expected_information(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        m = cells.means(eta)
        return cells.count * m / (1 + dispersion * m)

    def skew(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        x = dispersion * cells.means(eta)
        return self.information(cells, eta, dispersion) * (1 - x) / (1 + x)

    def slopes(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> DispersionSlopes:
        m = cells.means(eta)
        x = dispersion * m
        share = x / (1 + x)
        each = -cells.total * share - cells.count * m * (1 / (1 + x) - _log_share(x))
        rising = cells.weights @ _rising(cells.values, dispersion)[1]
        information = self.information(cells, eta, dispersion)
        return DispersionSlopes(
            float(each.sum() + rising),
            -self.residual(cells, eta, dispersion) * share,
            dispersion * cells.total * m / (1 + x) ** 2 - 2 * information * share,
        )


def _log_share(x: np.ndarray) -> np.ndarray:
    """log(1 + x) / x, which is one at zero."""
    some = x > 0
    return np.where(some, np.log1p(x) / np.where(some, x, 1.0), 1.0)


def _rising(values: np.ndarray, dispersion: float) -> np.ndarray:
    """The sum of log(1 + j d) over j < y for each y, and its derivative with respect to log d, shape (2, values)."""
    if dispersion == 0:
        return np.zeros((2, len(values)))
    first = np.minimum(values, STEPS).astype(np.intp)
    x = dispersion * np.arange(first.max(initial=0))
    sums = np.cumsum([np.log1p(x), x / (1 + x)], axis=1)
    sums = np.hstack([np.zeros((2, 1)), sums])[:, first]
    return sums + _integral(values, dispersion) - _integral(first, dispersion)


def _integral(y: np.ndarray, d: float) -> np.ndarray:
    """The same sums up to a constant, by the formula of Euler and Maclaurin."""
    x = d * y
    log, rest = np.log1p(x), 1 / (1 + x)
    return np.array([((1 + x) * log - x) / d - log / 2 + d * rest / 12, y - log / d - x * rest / 2 + d * rest**2 / 12])
