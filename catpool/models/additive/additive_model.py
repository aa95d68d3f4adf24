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
    effects, sds : list of ndarray of shape (size,)
        The effect of each slot of each factor, and its standard deviation given the other factors.
    variances : ndarray of shape (factors,)
        The variance of each factor's effects.
    dispersion : float
        The variance of the noise; for classes and counts in units of what their mean implies.
    """

    mean: float
    effects: list[np.ndarray]
    sds: list[np.ndarray]
    variances: np.ndarray
    dispersion: float

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a model."""
        require(len(self.effects) == len(self.sds), "effects without their standard deviations")
        require_numbers((len(self.effects),), least=0.0, variances=self.variances)
        require_numbers((), mean=self.mean, dispersion=self.dispersion)
        for effects, sds in zip(self.effects, self.sds, strict=True):
            require_numbers((len(effects),), effects=effects)
            require_numbers((len(effects),), least=0.0, sds=sds)

    def predictor(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        """The linear predictor of rows, of shape (n,), from the slots of their categories."""
        result = np.full(len(codes[0]) if codes else 1, self.mean)
        for effects, own in zip(self.effects, codes, strict=True):
            result += effects.take(own)
        return result
