"""`fit_drift`: the variances of the local level model, by maximum likelihood.

Of N rows, the likelihood of the prior mean and of sigma^2 is maximal in closed form given the ratios

    start = tau^2 / sigma^2,     rate = q / sigma^2,     shock = omega^2 / sigma^2,

which `drift_search` finds. The classes of a target share the ratios, so that their levels add up to what their rows
do. The restricted likelihood of the model without drift and shocks is lme4's. If q is given, sigma^2 follows from the
rate; for classes, q is that of their average. There are shocks only if the likelihood gains from them more than by
chance. If all rows of one category and time are equal, sigma^2 is 0 but for rounding, and their mean is all noise that
there is: they count as one row, and the log-likelihood is that of these.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.priors.drifting import drift_search
from catpool.priors.drifting.drift_likelihood import DriftLikelihood
from catpool.priors.drifting.drift_search import NEAR, NONE, Found, bounds, ratios_at, search, value_and_slope
from catpool.priors.drifting.drift_warning import warn_of_search
from catpool.priors.drifting.local_level import Visits

LEAST_ROWS = 3
CLOSEST = 1e-250  # in time, by which rates in a unit of time are divided
MOST = 1e100  # times the variance of y, that of a change which is given
NOISELESS = 1e16  # the ratio of shocks beside which there is no noise
CHANCE = 4.0  # of twice the log-likelihood, which drift and shocks must gain
SLIGHT = np.log(1e-4)  # the coordinate of shocks that begin


@frozen
class LocalLevel:
    """The parameters of a local level model; those of shape (C,) for each class.

    Parameters
    ----------
    start, rate, shock : float
    mean : ndarray of shape (C,)
        The prior mean mu.
    noise : ndarray of shape (C,)
        The variance sigma^2.
    mean_variance : ndarray of shape (C,)
        Of the estimate of mu.
    log_likelihood : ndarray of shape (C,)
        Of the rows, restricted if that was asked for.
    """

    start: float
    rate: float
    shock: float
    mean: np.ndarray
    noise: np.ndarray
    mean_variance: np.ndarray
    log_likelihood: np.ndarray


def fit_drift(visits: Visits, restricted: bool, variance: float | None = None) -> LocalLevel | None:
    """Fit the model to rows; None if they do not drift more than by chance, or if they do not say.

    Parameters
    ----------
    visits : Visits
    restricted : bool
        Whether the likelihood is restricted.
    variance : float, optional
        The variance q of the change in a unit of time, if it is given.

    Raises
    ------
    ValueError
        If the variance of the change between two visits is 0 for floats or so large that they lose y, or if the time
        between them is nearly 0.
    """
    if not visits.some_return or visits.category[-1] < 1 or visits.rows.sum() <= LEAST_ROWS:
        return None
    if not 0 < visits.variance < np.inf:
        return None
    likelihood = _likelihood(visits, restricted, variance)
    with np.errstate(all="ignore"):  # rows without any noise
        found = _maximize(likelihood)
        if found is None:
            return None
        _warn_if_steep(likelihood, found)
        model = _model(likelihood, ratios_at(found))
        model = replace(model, rate=model.rate / visits.spacing)
    return _as_shocks(model) if visits.agree else model


def _likelihood(visits: Visits, restricted: bool, variance: float | None) -> DriftLikelihood:
    """The likelihood, with the time between two visits as its unit, as times may be very small or large."""
    by_visit = None if variance is None else variance * visits.spacing
    if by_visit is not None and not 0 < by_visit < MOST * visits.variance:
        raise ValueError(
            "`drift` must be such that floats hold how far effects change between two rows of a category. The variance "
            f"of the change would be {by_visit:.0e}, that of y is {visits.variance:.0e}. Measure time in another unit."
        )
    if not visits.spacing > CLOSEST:
        raise ValueError(
            f"With `drift`, rows of a category must be at least {CLOSEST} apart in time, but they are "
            f"{visits.spacing:.0e} apart. Measure time in another unit."
        )
    spaced = visits.spaced
    return DriftLikelihood(spaced.as_rows if visits.agree else spaced, restricted, by_visit)


def _warn_if_steep(likelihood: DriftLikelihood, point: np.ndarray) -> None:
    """Warn of ratios at which the likelihood rises, unless that is out of bounds."""
    least, largest = bounds(likelihood)
    slope = value_and_slope(likelihood, point)[1]
    inside = np.where(slope > 0, point > least, point < largest) & (point > NONE)
    if not (np.abs(slope[inside]) < drift_search.STEEP).all():
        warn_of_search()


def _model(likelihood: DriftLikelihood, ratios: np.ndarray) -> LocalLevel:
    profile = likelihood.profile(ratios)
    noise = likelihood.noise(profile, ratios)
    values = likelihood.log_likelihoods(profile, noise)
    start, rate, shock = map(float, ratios)
    return LocalLevel(start, rate, shock, profile.mean, noise, noise / profile.information, values)


def _as_shocks(model: LocalLevel) -> LocalLevel:
    """The same model, with all its noise in shocks."""
    start, rate = model.start * NOISELESS, model.rate * NOISELESS
    return replace(model, start=start, rate=rate, shock=NOISELESS, noise=model.noise / NOISELESS)


def _maximize(likelihood: DriftLikelihood) -> np.ndarray | None:
    """The point of the best ratios, or None."""
    best = _likeliest(likelihood, drifts=True)
    if not np.isfinite(best.value):
        return None
    if likelihood.variance is None and not best.value < _likeliest(likelihood, drifts=False).value - CHANCE:
        return None
    return drift_search.polished(likelihood, drift_search.at_limits(likelihood, best))


def _likeliest(likelihood: DriftLikelihood, *, drifts: bool) -> Found:
    """The best ratios, with shocks only if they gain more than by chance."""
    calm = search(likelihood, np.array([True, drifts, False]))
    if not likelihood.visits.some_together or not _may_shake(likelihood, calm):
        return calm
    shaken = search(likelihood, np.array([True, drifts, True]))
    return shaken if shaken.value < calm.value - CHANCE else calm


def _may_shake(likelihood: DriftLikelihood, calm: Found) -> bool:
    """Whether the likelihood rises where shocks begin, which does not show where there is hardly any noise."""
    begins = np.append(calm.point[:2], SLIGHT)
    return calm.point.max() > NEAR or value_and_slope(likelihood, begins)[1][2] < 0
