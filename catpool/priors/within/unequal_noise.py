"""The variance between categories, where that within each is uncertain: a likelihood that is averaged over it.

Let tau^2 be the variance between categories and y_k the mean of the n_k rows of category k, with the scatter S_k of
d_k = n_k - 1 degrees of freedom. Variances within categories are among the values s_g of a grid, with shares p_g that
are the likeliest for the scatters alone, so that category k has the variance s_g with the probability

    w_kg proportional to p_g s_g^(-d_k / 2) exp(-S_k / (2 s_g)),

and its mean the density sum over g of w_kg N(y_k; mu, tau^2 + s_g / n_k). No form is assumed of the distribution of
variances: if an inverse chi-squared distribution stands for one of another form, tau^2 is too small where noise hides
most of it. With a variance that is plugged in as known it is smaller still. That distribution gives the range of the
grid, from its first to its last percentile. Categories without scatter say nothing of their variance, because the
likelihood would be infinite.

The mean mu is that of generalized least squares, whose weights are the averages a_k of 1 / (tau^2 + s_g / n_k) over g.
For the restricted likelihood it is integrated out, as if the information on it were the sum of these.

References
----------
J. Gu, R. Koenker (2017), Unobserved heterogeneity in income dynamics: an empirical Bayes perspective, Journal of
Business & Economic Statistics 35, 1-16.
M. Lu, M. Stephens (2016), Variance adaptive shrinkage (vash): flexible empirical Bayes estimation of variances,
Bioinformatics 32, 3428-3434.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from catpool.data.frozen import frozen
from catpool.moments.moments import TINY, Moments
from catpool.priors.families.known_variances import KnownVariances
from catpool.priors.likelihoods.full_bayes import mixture, posterior_grid
from catpool.priors.mixtures.mixture_shares import likeliest_shares
from catpool.priors.own_variances import divisor, freedom_within, scatters_within
from catpool.priors.prior import NO_SPREAD, ONE_CATEGORY, Prior
from catpool.priors.uncertainty import is_averaged

POOLED = 'within="pooled"'  # what to pass if shares are not found
VARIANCES = 16  # of the grid
TAIL = 0.01  # of the distribution of variances, beyond each end of the grid
MANY = 512  # categories, beyond which those of like scatter count as alike for the shares
LIKE, WIDE = 8.0, 2.0**14  # of these to a unit of log(scatter), and to all values of it
POINTS = 12  # values of tau that the likelihood is looked at first
LEAST, MOST = 0.02, 2.0  # of these, relative to the least noise, and to the largest distance from the mean
CLOSE = 1e-11  # of log(tau)
CELLS = 1 << 16  # categories times variances times values of tau that are computed at once


@frozen
class NoiseMixture:
    """Means of K categories, whose noise has one of G variances each.

    Parameters
    ----------
    means : ndarray of shape (K,)
        As distances from any center.
    noise, weights : ndarray of shape (G, K)
        The variances of a mean, which grow along the first axis, and their probabilities.
    """

    means: np.ndarray
    noise: np.ndarray
    weights: np.ndarray

    def profile(self, between: np.ndarray, *, reml: bool = True) -> np.ndarray:
        """The log-likelihood, its slope, and mu, of shape (3, m), for m variances between categories."""
        step = max(1, CELLS // self.noise.size)
        parts = [self._profile(between[start : start + step], reml) for start in range(0, len(between), step)]
        return np.concatenate(parts, axis=1)

    def _profile(self, between: np.ndarray, reml: bool) -> np.ndarray:
        precision = 1 / (between[:, None, None] + self.noise)  # of shape (m, G, K)
        expected = self.weights * precision
        weight = expected.sum(axis=1)
        information = weight.sum(axis=1)
        mean = (weight * self.means).sum(axis=1) / information
        apart = self.means - mean[:, None]
        square, least = (apart**2)[:, None], precision[:, -1:]
        # relative to the density of the largest variance, which is the last to vanish
        density = self.weights * np.sqrt(precision) * np.exp(-0.5 * square * (precision - least))
        total = np.maximum(density.sum(axis=1), TINY)
        height = np.log(total).sum(axis=1) - 0.5 * ((square * least)[:, 0] + np.log(2 * np.pi)).sum(axis=1)
        density *= precision
        score = density.sum(axis=1) / total * apart  # the slope with respect to mu
        slope = 0.5 * (((density * (square * precision - 1)).sum(axis=1)) / total).sum(axis=1)
        fall = (expected * precision).sum(axis=1)
        slope -= (fall * apart).sum(axis=1) / information * score.sum(axis=1)
        if reml:
            height -= 0.5 * np.log(information / (2 * np.pi))
            slope += 0.5 * fall.sum(axis=1) / information
        return np.array([height, slope, mean])

    def maximum(self, *, reml: bool) -> float:
        """The likeliest standard deviation between categories."""
        line = self._line()

        def slope(log_tau: float) -> float:
            return float(self.profile(np.exp([2 * log_tau]), reml=reml)[1, 0])

        last, every = POINTS - 1, 1 + len(self.means) // MANY  # a part of many categories tells where to look
        some = NoiseMixture(self.means[::every], self.noise[:, ::every], self.weights[:, ::every])
        best = int(some.profile(np.exp(2 * line), reml=reml)[0].argmax())
        low, high = max(best - 1, 0), min(best + 1, last)
        while low > 0 and slope(line[low]) <= 0:
            low -= 1
        while high < last and slope(line[high]) > 0:
            high += 1
        if (low == 0 and slope(line[0]) <= 0) or slope(line[high]) > 0:
            return 0.0 if best < last else float(np.exp(line[last]))
        found = float(np.exp(brentq(slope, line[low], line[high], xtol=CLOSE)))
        here, nothing = self.profile(np.array([found**2, 0.0]), reml=reml)[0]
        return found if here > nothing else 0.0

    def _line(self) -> np.ndarray:
        """Logarithms of tau, from next to nothing to more than the means allow."""
        least = LEAST * np.sqrt((self.weights * self.noise).sum(axis=0).min())
        return np.linspace(np.log(least), np.log(max(MOST * np.abs(self.means).max(), 2 * least)), POINTS)


def mix_noise(moments: Moments, typical: Prior) -> NoiseMixture:
    """What is known of the noise of means.

    Parameters
    ----------
    moments : Moments of shape (K,)
        With the scatter within each category.
    typical : Prior of shape ()
        Of which the variance within and its degrees of freedom matter.
    """
    seen = moments.subset(np.flatnonzero(moments.count))
    freedom, scatter = freedom_within(seen), scatters_within(seen)
    freedom = np.where(scatter > 0, freedom, 0.0)  # no scatter says nothing
    some = np.flatnonzero(freedom)
    variances = _grid(typical, scatter.max())
    shares = _likeliest(freedom[some], scatter[some], variances)
    kept = shares > 0
    logs = _log_densities(freedom, scatter, variances[kept]).T + np.log(shares[kept])[:, None]
    weights = np.exp(logs - logs.max(axis=0))
    return NoiseMixture(seen.distances, variances[kept][:, None] / seen.count, weights / weights.sum(axis=0))


def _grid(typical: Prior, most: float) -> np.ndarray:
    """Variances between quantiles of the inverse chi-squared distribution, and at most `most`."""
    assert typical.within is not None
    assert typical.within_freedom is not None
    scale = float(divisor(typical.within_freedom) * typical.within)
    low, high = scale / chdtri(typical.within_freedom, [TAIL, 1 - TAIL])
    return np.geomspace(low, min(high, most), VARIANCES)


def _log_densities(freedom: np.ndarray, scatter: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Of the scatter of K categories under G variances, of shape (K, G), up to a constant of each category."""
    return -0.5 * (freedom[:, None] * np.log(variances / variances[0]) + scatter[:, None] / variances)


def _likeliest(freedom: np.ndarray, scatter: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """The shares of the variances, of shape (G,)."""
    if len(freedom) <= MANY:
        return likeliest_shares(_log_densities(freedom, scatter, variances), np.ones_like(freedom), POOLED)
    like = freedom * WIDE + np.round(LIKE * np.log(scatter))
    _, first, place, number = np.unique(like, return_index=True, return_inverse=True, return_counts=True)
    average = np.bincount(place, scatter) / number
    return likeliest_shares(_log_densities(freedom[first], average, variances), number.astype(float), POOLED)


class UnequalNoise(KnownVariances):
    """Rows of known variances, which are estimates, but for the variance between categories.

    Parameters
    ----------
    noise : NoiseMixture
        Of one table, in which the mean of all rows is the center.
    center : float
        This mean.
    """

    def __init__(self, noise: NoiseMixture, center: float) -> None:
        super().__init__(np.inf)  # noise that is uncertain leaves little to tell of tau, of however many categories
        self.noise, self.center = noise, center

    def likelihood_prior(self, classes: Sequence[Moments], *, reml: bool) -> list[Prior]:
        return [self._fit(moments, reml=reml) for moments in classes]

    def full_bayes_prior(self, classes: Sequence[Moments], *, scale: float, if_uncertain: bool = False) -> list[Prior]:
        return [self._integrate(moments, scale, if_uncertain=if_uncertain) for moments in classes]

    def _fit(self, moments: Moments, *, reml: bool) -> Prior:
        several = bool(moments.categories > 1)
        tau = self.noise.maximum(reml=reml) if several and moments.between > 0 else 0.0
        mean = self.center + self.noise.profile(np.array([tau**2]))[2, 0] if tau > 0 else moments.mean
        return Prior(
            mean=np.array(mean),
            strength=np.array(tau**-2.0 if tau > 0 else np.inf),
            between=np.array(tau**2),
            within=np.array(1.0),
            note=np.array("" if tau > 0 else NO_SPREAD if several else ONE_CATEGORY),
        )

    def _integrate(self, moments: Moments, scale: float, *, if_uncertain: bool) -> Prior:
        """Average over tau, with the mean integrated out."""
        table = moments.flatten()
        fitted = self._fit(moments, reml=True).reshape((1,))
        some = is_averaged(fitted, table, if_uncertain=if_uncertain, most=self.most_uncertain)
        if not some.any():
            return fitted.reshape(())
        unit = np.sqrt(table.rows / table.size)  # the standard deviation of a row of average weight

        means = np.empty(0)

        def height(theta: np.ndarray) -> np.ndarray:
            nonlocal means  # those of the last grid, which is the one that is used
            heights, _, means = self.noise.profile(theta[:, 0] ** 2)
            return heights[:, None]

        theta, probability = posterior_grid(height, scale * unit)
        center = self.center + means[:, None]
        return mixture(probability, center, theta**-2.0, np.ones_like(theta), fitted, some).reshape(())
