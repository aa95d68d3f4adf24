"""Normal posteriors with the right moments: rows' likelihoods replaced by quadratic functions, one row at a time.

The log-likelihood l of a row's linear predictor eta is replaced by g d - w d^2 / 2, where d is the distance from the
posterior mean of eta. With all other rows replaced, the row's own likelihood gives eta a tilted posterior, which is not
normal, but has one dimension. Its mean and variance are to be those of the normal posterior, for each row. With
expectations over the normal posterior of d, the likelihood that follows is, up to a constant,

    log p(y) ~ -b'b / 2 - (log-determinants) / 2 + sum of log E exp(l - g d + w d^2 / 2),

b being the mean of the effects.

References
----------
T. P. Minka (2001), Expectation propagation for approximate Bayesian inference, Uncertainty in Artificial Intelligence
17, 362-369.
M. Kuss, C. E. Rasmussen (2005), Assessing approximate inference for binary Gaussian process classification, Journal of
Machine Learning Research 6, 1679-1704.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from catpool.models.mixed.quasi_likelihood import ETA
from catpool.models.mixed.row_likelihood import LEAST_VARIANCE, CanonicalRows
from catpool.priors.numerics.normal_quadrature import NODES, WEIGHTS

NARROWEST = 0.05  # the least variance of a tilted posterior, in units of that of the normal one


class Quadratics(NamedTuple):
    """What stands for the log-likelihoods of m rows.

    Parameters
    ----------
    slope : ndarray of shape (m,)
        g.
    curvature : ndarray of shape (m,)
        w.
    """

    slope: np.ndarray
    curvature: np.ndarray

    def moved(self, by: np.ndarray) -> Quadratics:
        """The same functions, with other means of eta, from which distances are measured."""
        return Quadratics(self.slope - self.curvature * by, self.curvature)

    def towards(self, other: Quadratics, share: float) -> Quadratics:
        """Functions between these and others."""
        return Quadratics(*((1 - share) * here + share * there for here, there in zip(self, other, strict=True)))


class TiltedMoments(NamedTuple):
    """The tilted posteriors of m rows, in units of their normal posteriors.

    Parameters
    ----------
    log_mass : ndarray of shape (m,)
        log E exp(l - g d + w d^2 / 2).
    mean, variance : ndarray of shape (m,)
    """

    log_mass: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def at_modes(likelihood: CanonicalRows, eta: np.ndarray) -> Quadratics:
    """The Taylor series of rows, of which none is too flat."""
    least = LEAST_VARIANCE * likelihood.count
    return Quadratics(likelihood.residual(eta), np.maximum(likelihood.information(eta), least))


def tilted_moments(
    likelihood: CanonicalRows, eta: np.ndarray, sds: np.ndarray, quadratics: Quadratics
) -> TiltedMoments:
    """The moments where eta and sds, each of shape (m,), are those of the normal posterior."""
    apart = sds[:, None] * NODES
    places = np.clip(eta[:, None] + apart, -10 * ETA, 10 * ETA)
    excess = likelihood.link.log_likelihood(likelihood.total[:, None], likelihood.count[:, None], places)
    excess += apart * (quadratics.curvature[:, None] * apart / 2 - quadratics.slope[:, None])
    most = excess.max(axis=1)
    share = WEIGHTS * np.exp(excess - most[:, None])
    mass = share.sum(axis=1)
    mean = share @ NODES / mass
    variance = np.maximum(share @ NODES**2 / mass - mean**2, NARROWEST)
    return TiltedMoments(np.log(mass) + most, mean, variance)


def match_moments(quadratics: Quadratics, moments: TiltedMoments, sds: np.ndarray, count: np.ndarray) -> Quadratics:
    """The functions with which each row alone would have its moments."""
    slope = quadratics.slope + moments.mean / (moments.variance * sds)
    curvature = quadratics.curvature + (1 / moments.variance - 1) / sds**2
    return Quadratics(slope, np.maximum(curvature, LEAST_VARIANCE * count))
