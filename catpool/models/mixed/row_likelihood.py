"""The log-likelihood of aggregated rows as a function of their linear predictor, and what searches need of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import TINY
from catpool.priors.families.dispersed import DispersedCells, DispersedFamily, DispersionSlopes
from catpool.priors.numerics.link import Link

LEAST_VARIANCE = 1e-10  # of a row, so that the response of one that is all but certain is finite
LARGEST = 100.0  # logarithm of a dispersion
NEARLY = 1e2  # how many times the least dispersion it is that counts as none


def bounded_response(
    eta: np.ndarray, residual: np.ndarray, weights: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The working response of m rows or cells, and its weights, none of which is too small for their counts."""
    weights = np.maximum(weights, LEAST_VARIANCE * count)
    return eta + residual / np.maximum(weights, TINY), weights


class RowLikelihood(ABC):
    """The log-likelihood of m aggregated rows.

    Attributes
    ----------
    count : ndarray of shape (m,)
        The number of rows in each, or their exposure.
    link : Link
    """

    count: np.ndarray
    link: Link

    @abstractmethod
    def log_likelihood(self, eta: np.ndarray) -> np.ndarray:
        """That of each aggregated row, shape (m,), up to what does not depend on eta."""

    @abstractmethod
    def residual(self, eta: np.ndarray) -> np.ndarray:
        """The derivative of `log_likelihood`."""

    @abstractmethod
    def information(self, eta: np.ndarray) -> np.ndarray:
        """The negative derivative of `residual`."""

    @abstractmethod
    def skew(self, eta: np.ndarray) -> np.ndarray:
        """The derivative of `information`."""

    def expected_information(self, eta: np.ndarray) -> np.ndarray:
        """The mean of `information` over y."""
        return self.information(eta)

    def working(self, eta: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The working response of rows with these weights, and the weights, none of which is too small."""
        return bounded_response(eta, self.residual(eta), weights, self.count)

    @property
    def parameters(self) -> np.ndarray:
        """What is estimated beside eta, shape (k,): the logarithm of the dispersion, if there is one."""
        return np.empty(0)

    def at(self, parameters: np.ndarray) -> Self:
        """The likelihood with other parameters."""
        return self

    def about(self, eta: np.ndarray) -> Self:
        """The likelihood with the dispersion that the rows have about these means."""
        return self

    @property
    def constant(self) -> float:
        """The part that depends on the parameters, but not on eta."""
        return 0.0

    @property
    def dispersion(self) -> float | None:
        """The dispersion, if there is one."""
        return None

    def is_negligible(self) -> bool:
        """Whether the dispersion may as well be zero."""
        return False

    def is_degenerate(self) -> bool:
        """Whether the dispersion is so small that the likelihood may have no bounds."""
        return False

    @property
    def is_unbounded(self) -> bool:
        """Whether rows whose values are their means are infinitely likely, as a dispersion of zero has no limit."""
        return False

    def is_constant(self) -> bool:
        """Whether all values of y are alike, and the family needs other ones."""
        return False

    def slopes(self, eta: np.ndarray) -> list[DispersionSlopes]:
        """The derivatives with respect to each of the parameters."""
        return []


@frozen
class CanonicalRows(RowLikelihood):
    """Rows of a family with a canonical link, in which totals and counts suffice.

    Parameters
    ----------
    total, count : ndarray of shape (m,)
    link : Link
    """

    total: np.ndarray
    count: np.ndarray
    link: Link

    def log_likelihood(self, eta: np.ndarray) -> np.ndarray:
        return self.link.log_likelihood(self.total, self.count, eta)

    def residual(self, eta: np.ndarray) -> np.ndarray:
        return self.total - self.count * self.link.mean(eta)

    def information(self, eta: np.ndarray) -> np.ndarray:
        return self.count * self.link.variance(eta)

    def skew(self, eta: np.ndarray) -> np.ndarray:
        return self.count * self.link.skew(eta)


class DispersedRows(RowLikelihood):
    """Rows of a family with a dispersion.

    Parameters
    ----------
    family : DispersedFamily
    cells : DispersedCells
    dispersion : float
    """

    def __init__(self, family: DispersedFamily, cells: DispersedCells, dispersion: float = 1.0) -> None:
        self.family, self.cells, self._dispersion = family, cells, dispersion
        self.count, self.link, self.least = cells.count, family.link, family.least(cells)

    def log_likelihood(self, eta: np.ndarray) -> np.ndarray:
        return self.family.log_likelihood(self.cells, eta, self._dispersion)

    def residual(self, eta: np.ndarray) -> np.ndarray:
        return self.family.residual(self.cells, eta, self._dispersion)

    def information(self, eta: np.ndarray) -> np.ndarray:
        return self.family.information(self.cells, eta, self._dispersion)

    def expected_information(self, eta: np.ndarray) -> np.ndarray:
        return self.family.expected_information(self.cells, eta, self._dispersion)

    def skew(self, eta: np.ndarray) -> np.ndarray:
        return self.family.skew(self.cells, eta, self._dispersion)

    @property
    def parameters(self) -> np.ndarray:
        return np.log([self._dispersion])

    def at(self, parameters: np.ndarray) -> DispersedRows:
        return DispersedRows(self.family, self.cells, max(float(np.exp(min(parameters[0], LARGEST))), self.least))

    def about(self, eta: np.ndarray) -> DispersedRows:
        return DispersedRows(self.family, self.cells, self.family.from_moments(self.cells, eta))

    @property
    def constant(self) -> float:
        return self.family.constant(self.cells, self._dispersion)

    @property
    def dispersion(self) -> float | None:
        return self._dispersion

    def is_negligible(self) -> bool:
        return self.family.is_negligible(self.cells, self._dispersion)

    @property
    def is_unbounded(self) -> bool:
        return self.least > 0

    def is_constant(self) -> bool:
        return len(self.cells.values) == 1 and self.is_unbounded

    def is_degenerate(self) -> bool:
        return 0 < self._dispersion <= NEARLY * self.least

    def slopes(self, eta: np.ndarray) -> list[DispersionSlopes]:
        if self._dispersion == self.least:  # from where on nothing changes
            return [DispersionSlopes(0.0, np.zeros_like(eta), np.zeros_like(eta))]
        return [self.family.slopes(self.cells, eta, self._dispersion)]
