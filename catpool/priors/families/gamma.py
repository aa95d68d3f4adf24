"""The gamma family of mixed models: positive numbers that differ by factors, such as costs and durations.

References
----------
S. Nakagawa, P. C. D. Johnson, H. Schielzeth (2017), The coefficient of determination R2 and intra-class correlation
coefficient from generalized linear mixed-effects models revisited and expanded, Journal of the Royal Society Interface
14, 20170213.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc, gammaln, polygamma, psi

from catpool.priors.families.dispersed import DispersedCells
from catpool.priors.families.power_variance import PowerVariance


class Gamma(PowerVariance):
    """Positive numbers whose standard deviation is a share of their mean; the shape is one over its square."""

    name = "gamma"
    parameter = "shape"
    power = 2.0

    def check(self, y: np.ndarray) -> None:
        if not (y > 0).all():
            raise ValueError(
                f'family="gamma" needs values of y above 0, but the least of y is {y.min():g}. Pass family="tweedie" '
                "where there are zeros, or leave such rows out."
            )

    def reported(self, dispersion: float) -> float:
        return 1 / dispersion

    def latent_noise(self, scale: float) -> float:
        """The variance of the logarithm of a row, from the dispersion."""
        return float(polygamma(1, 1 / scale))

    def distribution(self, values: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
        shape = 1 / dispersion
        return np.asarray(gammainc(shape, shape * values / mean))

    def constant(self, cells: DispersedCells, dispersion: float) -> float:
        shape = 1 / dispersion
        logs = np.log(cells.values)
        return float(cells.weights @ ((shape - 1) * logs + shape * np.log(shape) - gammaln(shape)))

    def slope_of_constant(self, cells: DispersedCells, dispersion: float) -> float:
        shape = 1 / dispersion
        return float(-shape * (cells.weights @ (np.log(cells.values) + 1 + np.log(shape) - psi(shape))))
