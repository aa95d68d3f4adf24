"""`AdditiveModel`: the fitted effects of all factors on one column of the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers


@frozen
class AdditiveModel:
    """A fitted additive model of one column of the target.

    Parameters
    ----------
    mean : float
        The intercept, on the scale of the link.
    effects : list of ndarray of shape (size,)
        The effect of each slot of each factor.
    information : list of ndarray of shape (size,)
        What the rows of each slot weigh, in units of the dispersion; 0 for slots without rows.
    variances : ndarray of shape (factors,)
        The variance of each factor's effects.
    dispersion : float
        The variance of the noise; for classes and counts in units of what their mean implies.
    """

    mean: float
    effects: list[np.ndarray]
    information: list[np.ndarray]
    variances: np.ndarray
    dispersion: float

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a model."""
        require(len(self.effects) == len(self.information), "effects without what their rows weigh")
        require_numbers((len(self.effects),), least=0.0, variances=self.variances)
        require_numbers((), mean=self.mean, dispersion=self.dispersion)
        for effects, information in zip(self.effects, self.information, strict=True):
            require_numbers((len(effects),), effects=effects)
            require_numbers((len(effects),), least=0.0, information=information)

    def predictor(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        """The linear predictor of rows, of shape (n,), from the slots of their categories."""
        result = np.full(len(codes[0]) if codes else 1, self.mean)
        for effects, own in zip(self.effects, codes, strict=True):
            result += effects.take(own)
        return result

    def sds(self, factor: int) -> np.ndarray:
        """The standard deviation of each effect of a factor, given the other factors."""
        variance, information = self.variances[factor], self.information[factor]
        noise = np.sqrt(self.dispersion + information * variance)
        product = np.sqrt(variance) * np.sqrt(self.dispersion)  # of square roots, which neither over- nor underflows
        return np.divide(product, noise, out=np.zeros_like(noise), where=noise > 0)
