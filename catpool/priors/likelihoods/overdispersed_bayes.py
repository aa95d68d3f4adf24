"""Full Bayes of overdispersed counts: averages over the coefficient of variation of the means of categories.

As in `full_bayes`, but the prior mean of each point of the grid is at the mode of its logarithm, and it is integrated
out by the curvature there. Where the spread is wide, the generalized least squares mean is far from it, because a few
categories of large means decide it.
"""

from __future__ import annotations

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.likelihoods.beta_negative_binomial import beta_negative_binomial, slopes_by_a
from catpool.priors.likelihoods.full_bayes import POINTS, mixture, posterior_grid
from catpool.priors.likelihoods.marginal import units_of_counts
from catpool.priors.numerics.roots import rising_roots
from catpool.priors.prior import Prior

FLATTEST = 0.1  # the least curvature of the logarithm of the density, as in `integration`
NEAREST = 1e-6  # of a strength to the dispersion, which it is larger than, as a share of that
FAR = 1e6  # times the largest category's rows: stronger priors have the likelihood of this strength
LEAST = 1e-9  # the smallest prior mean that is looked for, as a share of the overall mean


def integrate_overdispersed(table: Moments, fitted: Prior, dispersion: float, scale: float) -> Prior:
    """The average of priors, of shape (), from moments of shape (1, K) and their likeliest prior, of shape (1,).

    The coefficient of variation has a half-t prior of this scale.
    """
    integral = MeanIntegral(table, dispersion)

    def beyond_at(theta: np.ndarray) -> np.ndarray:
        return np.maximum(theta[:, 0] ** -2.0, NEAREST * dispersion)

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return integral(beyond_at(theta))[1][:, None]

    # theta is the coefficient of variation, but for this factor
    factor = np.sqrt(1 / float(table.mean[0]) + dispersion)
    theta, probability = posterior_grid(log_likelihood, np.array([scale / factor]))
    beyond = beyond_at(theta)
    means = integral(beyond)[0][:, None]
    strength = beyond[:, None] + dispersion
    within = (means + dispersion * means**2) * (strength / beyond[:, None])
    return mixture(probability, means, strength, within, fitted, np.ones(1, dtype=bool)).reshape(())


class MeanIntegral:
    """The likelihood of `POINTS` strengths, with the prior mean integrated out.

    Parameters
    ----------
    table : Moments of shape (1, K)
    dispersion : float
    """

    def __init__(self, table: Moments, dispersion: float) -> None:
        self.dispersion = dispersion
        self.unit = units_of_counts(table.mean, np.array(dispersion))
        table = table.divide(self.unit)
        self.mean, self.far = float(table.mean[0]), FAR * float(table.count.max())
        totals, rows = (np.repeat(each, POINTS, axis=0) for each in (table.total, table.count))
        self.likelihood = beta_negative_binomial(totals, rows, dispersion)
        self.slopes_by_a = slopes_by_a(totals, rows, dispersion)

    def __call__(self, beyond: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The modes of the prior means, and the log-likelihoods, both of shape (POINTS,).

        Parameters
        ----------
        beyond : ndarray of shape (POINTS,)
            What the strengths are larger by than the dispersion.
        """
        beyond = np.minimum(beyond, self.far)  # stronger priors are the same, but for rounding
        strength = beyond + self.dispersion
        a = self._modes(beyond, strength)
        value, _, hessian = self.likelihood(np.column_stack([a, beyond]))
        bend = np.maximum(1 - a**2 * hessian[:, 0, 0], FLATTEST)  # on the scale of logarithms
        return self.unit * a / strength, value + np.log(a / strength) - np.log(bend) / 2

    def _modes(self, beyond: np.ndarray, strength: np.ndarray) -> np.ndarray:
        """The a at which the likelihood times a is largest."""
        slopes = self.slopes_by_a(beyond)

        def falling(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            first, second = slopes(a)
            return -1 - a * first, -first - a * second

        low, high = LEAST * self.mean * strength, 2 * self.mean * strength
        while ((at_high := falling(high)[0]) < 0).any():
            high = np.where(at_high < 0, 4 * high, high)
        return rising_roots(falling, low, high, np.minimum(falling(low)[0], -1.0), at_high)
