"""Links of generalized linear models: from the linear predictor eta to the mean of a row.

The links are canonical, so that the derivative of the mean is also the variance of a row, and the log-likelihood of a
total t of n rows is t * eta - n * b(eta) with b' the mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np


class Link(ABC):
    """The canonical link of a family.

    Attributes
    ----------
    most : float, default=infinity
        The largest mean that `eta` takes.
    onnx_operator : str or None, default=None
        The ONNX operator that computes `mean`. None for the identity.
    """

    most: ClassVar[float] = np.inf
    onnx_operator: ClassVar[str | None] = None

    @abstractmethod
    def mean(self, eta: np.ndarray) -> np.ndarray:
        """The mean of a row, the inverse of the link."""

    @abstractmethod
    def variance(self, eta: np.ndarray) -> np.ndarray:
        """The variance of a row, the derivative of `mean`."""

    @abstractmethod
    def skew(self, eta: np.ndarray) -> np.ndarray:
        """The derivative of `variance`."""

    @abstractmethod
    def log_likelihood(self, total: np.ndarray, count: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """The part of the log-likelihood of totals of `count` rows that depends on eta."""

    def constant(self, total: np.ndarray, count: np.ndarray) -> np.ndarray:
        """The part of the log-likelihood that does not depend on eta."""
        return np.zeros_like(total)

    @abstractmethod
    def eta(self, mean: np.ndarray) -> np.ndarray:
        """The linear predictor of a mean, which is the link itself."""
