"""What a family must provide whose rows have a dispersion, for mixed models on the logarithmic scale.

The variance of a row is a function of its mean mu and of one number, the dispersion d, which is estimated:

    negative binomial   mu + d mu^2      size 1 / d
    gamma               d mu^2           shape 1 / d
    Tweedie             d mu^p           phi d

The logarithm is not their canonical link. The observed information, the negative second derivative of the
log-likelihood with respect to the linear predictor eta, therefore differs from the expected one, but is positive: the
likelihood of each row has one maximum.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

from catpool.data.frozen import frozen
from catpool.priors.families.poisson import LogLink


@frozen
class DispersedCells:
    """Rows that have one linear predictor and one exposure, added up to m cells.

    Parameters
    ----------
    total, count, exposure : ndarray of shape (m,)
        Sum of y and number of rows of each cell, and the exposure of each of its rows.
    squares : ndarray of shape (m,)
        Sum of y squared.
    values, weights : ndarray of shape (d,)
        The distinct values of y in all cells, and how many rows have them.
    """

    total: np.ndarray
    count: np.ndarray
    exposure: np.ndarray
    squares: np.ndarray
    values: np.ndarray
    weights: np.ndarray

    def means(self, eta: np.ndarray) -> np.ndarray:
        """The mean of a row of each cell."""
        return self.exposure * np.exp(eta)

    def scatter(self, means: np.ndarray) -> np.ndarray:
        """The sum of squares of y about these means."""
        return self.squares - 2 * means * self.total + self.count * means**2


class DispersionSlopes(NamedTuple):
    """Derivatives with respect to the logarithm of the dispersion.

    Parameters
    ----------
    log_likelihood : float
        That of all cells.
    residual, information : ndarray of shape (m,)
    """

    log_likelihood: float
    residual: np.ndarray
    information: np.ndarray


class DispersedFamily(ABC):
    """The distribution of rows given their mean and a dispersion.

    Attributes
    ----------
    name : str
        The name in `DISPERSED_FAMILIES`.
    assumed : str
        The kind of target for ``target_type="auto"``.
    kinds : tuple of str
        The kinds of targets it goes with.
    parameter : str
        What the summary calls the number that `reported` makes of the dispersion.
    bounds : tuple of float
        The smallest and the largest mean.
    homoscedastic : bool
        Whether all rows have one variance, whatever their mean.
    is_discrete : bool
        Whether rows are counts.
    takes_exposure : bool
        Whether rows may have an exposure, if they are counts.
    link : Link
        The logarithm.
    """

    name: str
    assumed: str
    kinds: tuple[str, ...]
    parameter: str
    bounds: ClassVar[tuple[float, float]] = (0.0, np.inf)
    homoscedastic: ClassVar[bool] = False
    is_discrete: ClassVar[bool] = False
    takes_exposure: ClassVar[bool] = True
    link: ClassVar[LogLink] = LogLink()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def goes_with(self, kind: str) -> bool:
        """Whether a target of this kind can have this family."""
        return kind in self.kinds

    def latent_noise(self, scale: float) -> float | None:
        """The variance of a row on the scale of the link, from the dispersion; None if it depends on the mean."""
        return None

    @abstractmethod
    def check(self, y: np.ndarray) -> None:
        """Raise a ValueError if values of y, of shape (n,), cannot have this distribution."""

    @abstractmethod
    def reported(self, dispersion: float) -> float:
        """The number by which the field knows the dispersion."""

    @abstractmethod
    def row_variance(self, mean: np.ndarray, dispersion: float) -> np.ndarray:
        """The variance of rows of these means."""

    @abstractmethod
    def distribution(self, values: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
        """The probabilities that rows of these means are at most these values."""

    @abstractmethod
    def from_moments(self, cells: DispersedCells, eta: np.ndarray) -> float:
        """The dispersion by the method of moments, about given means."""

    def unit(self, y: np.ndarray) -> float:
        """The unit in which values of y are fitted."""
        return 1.0

    def in_unit(self, dispersion: float, unit: float) -> float:
        """The dispersion of values in their own unit, from that of values in another one."""
        return dispersion

    def least(self, cells: DispersedCells) -> float:
        """The least dispersion that is told from rounding; zero if the likelihood has a limit there."""
        return 0.0

    def is_negligible(self, cells: DispersedCells, dispersion: float) -> bool:
        """Whether a dispersion may as well be zero, if the likelihood allows it."""
        return False

    @abstractmethod
    def log_likelihood(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        """The part of the log-likelihood of each cell, shape (m,), that depends on eta."""

    @abstractmethod
    def constant(self, cells: DispersedCells, dispersion: float) -> float:
        """The part of the log-likelihood of all cells that does not depend on eta."""

    @abstractmethod
    def residual(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        """The derivative of `log_likelihood` with respect to eta."""

    @abstractmethod
    def information(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        """The observed information, the negative derivative of `residual`."""

    @abstractmethod
    def expected_information(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        """The mean of `information` over y."""

    @abstractmethod
    def skew(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> np.ndarray:
        """The derivative of `information` with respect to eta."""

    @abstractmethod
    def slopes(self, cells: DispersedCells, eta: np.ndarray, dispersion: float) -> DispersionSlopes:
        """The derivatives with respect to the logarithm of the dispersion."""
