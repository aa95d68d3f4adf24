"""`fit_drift`: the variances of the local level model, by maximum likelihood.

Of N rows, the likelihood of the prior mean and of sigma^2 is maximal in closed form given the two ratios

    start = tau^2 / sigma^2,     rate = q / sigma^2,

which are found by a quasi-Newton method on their logarithms, with exact gradients, from the best of some rates. The
classes of a target share the ratios, so that their levels add up to what their rows do. The restricted likelihood of
the drift-free model is lme4's. If q is given, sigma^2 follows from the rate; for classes, q is that of their average.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from catpool.data.frozen import frozen
from catpool.priors.local_level import Filtered, Visits, chain, filter_levels

STARTS = (1e-8, 1e8)  # the ratios that are possible, the rates for the time between two visits
RATES = (1e-12, 1e8)
TRIED = 10.0 ** np.arange(-8, 2)  # rates that are tried, for the time between two visits
SAMPLE = 20_000  # visits, of which the search begins
LEAST_ROWS = 3
CHANCE = 4.0  # of twice the log-likelihood, which drift must gain
PRECISE = {"gtol": 1e-7, "ftol": 1e-14}
STEPS = 1e-4 * np.eye(2)  # of logarithms, for second derivatives
CLOSE = 0.1  # how far a step of Newton's method may go that only polishes


@frozen
class LocalLevel:
    """The parameters of a local level model; those of shape (C,) for each class.

    Parameters
    ----------
    start, rate : float
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
    """
    if not visits.some_return or visits.category[-1] < 1 or visits.rows.sum() <= LEAST_ROWS:
        return None
    likelihood = DriftLikelihood(visits, restricted, variance)
    with np.errstate(all="ignore"):  # rows without any noise
        found = _maximize(likelihood)
        return None if found is None else likelihood.model(*np.exp(found))


def _maximize(likelihood: DriftLikelihood) -> np.ndarray | None:
    """The logarithms of the best ratios, or None."""
    still = np.inf if likelihood.variance is not None else _without_drift(likelihood)[1]
    found = _search(likelihood, _where_to_start(likelihood))
    if not np.isfinite(found.fun) or found.fun > still - CHANCE or not still > -np.inf:
        return None
    return _polished(likelihood, found.x)


def _where_to_start(likelihood: DriftLikelihood) -> np.ndarray:
    """The best of some ratios for the first rows of many, from which the search for all is short."""
    few = likelihood.first(SAMPLE)
    shift = np.log([1.0, few.visits.spacing])
    tried = [np.log([start, rate]) - shift for rate in TRIED for start in (0.1, 3.0)]
    values = [few.value(*np.exp(each)) for each in tried]
    best = tried[int(np.argmin(np.where(np.isfinite(values), values, np.inf)))]
    return best if few is likelihood else _search(few, best).x


def _search(likelihood: DriftLikelihood, logs: np.ndarray) -> Any:
    """Minimize over the logarithms of both ratios."""
    bounds = [tuple(np.log(STARTS)), tuple(np.log(RATES) - np.log(likelihood.visits.spacing))]
    return minimize(likelihood.slope, logs, jac=True, bounds=bounds, method="L-BFGS-B", options=PRECISE)


def _without_drift(likelihood: DriftLikelihood) -> tuple[float, float]:
    """The logarithm of the best start without drift, and minus twice its log-likelihood."""
    few = likelihood.first(SAMPLE)
    begin = -1.0 if few is likelihood else _without_drift(few)[0]

    def slope(logs: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = likelihood.value_and_gradient(float(np.exp(logs[0])), 0.0)
        return value, gradient[:1]

    found = minimize(slope, [begin], jac=True, bounds=[tuple(np.log(STARTS))], method="L-BFGS-B")
    return float(found.x[0]), float(found.fun)


def _polished(likelihood: DriftLikelihood, logs: np.ndarray) -> np.ndarray:
    """The logarithms after steps of Newton's method, by which they do not depend on how they were found."""
    gradient = likelihood.slope(logs)[1]
    hessian = np.array([likelihood.slope(logs + step)[1] - gradient for step in STEPS]) / STEPS.max()
    if not (np.isfinite(hessian).all() and (np.linalg.eigvalsh(hessian + hessian.T) > 0).all()):
        return logs
    step = np.linalg.solve(hessian, gradient)
    if np.abs(step).max() > CLOSE:
        return logs  # at a bound, or where the likelihood is flat
    near = logs - step
    return near - np.linalg.solve(hessian, likelihood.slope(near)[1])


class Profile(NamedTuple):
    """The likelihood at some ratios: the filter, and what is likeliest given them.

    Parameters
    ----------
    filtered : Filtered
    information : float
        On the prior mean, in units of one over sigma^2.
    mean : ndarray of shape (C,)
    errors : ndarray of shape (C, m)
    squares : ndarray of shape (C,)
        The sum of squares, of which sigma^2 is the mean.
    """

    filtered: Filtered
    information: float
    mean: np.ndarray
    errors: np.ndarray
    squares: np.ndarray


@frozen
class DriftLikelihood:
    """Minus twice the log-likelihood of the ratios, but for constants.

    Parameters
    ----------
    visits : Visits
    restricted : bool
    variance : float or None
        That of the change in a unit of time, if it is given.
    """

    visits: Visits
    restricted: bool
    variance: float | None

    @cached_property
    def freedom(self) -> float:
        """The number of rows, less one under the restricted likelihood."""
        return float(self.visits.rows.sum()) - self.restricted

    def first(self, number: int) -> DriftLikelihood:
        """The likelihood of the first visits, if these are less than half and tell anything."""
        few = self.visits.subset(np.arange(len(self.visits.time)) < number)
        enough = 2 * number < len(self.visits.time) and few.some_return and few.category[-1] > 0
        return DriftLikelihood(few, self.restricted, self.variance) if enough else self

    def profile(self, start: float, rate: float) -> Profile:
        filtered = filter_levels(self.visits, start, rate)
        weighed = filtered.share / filtered.total
        information = float((weighed * filtered.share).sum())
        mean = (weighed * filtered.innovations).sum(axis=1) / information
        errors = filtered.errors(mean)
        squares = self.visits.scatters.sum(axis=1) + (errors**2 / filtered.total).sum(axis=1)
        return Profile(filtered, information, mean, errors, squares)

    def value(self, start: float, rate: float) -> float:
        return self._value(self.profile(start, rate), rate)

    def _value(self, profile: Profile, rate: float) -> float:
        noise = self._noise(profile, rate)
        own = self.freedom * np.log(noise) + profile.squares / noise
        return float((own + self._determinant(profile)).sum())

    def _determinant(self, profile: Profile) -> float:
        """The logarithm of the determinant of the rows' covariance, in units of sigma^2."""
        information = np.log(profile.information) if self.restricted else 0.0
        return float(np.log(profile.filtered.total * self.visits.weight).sum() + information)

    def _noise(self, profile: Profile, rate: float) -> np.ndarray:
        """The variance sigma^2 of each class."""
        if self.variance is None:
            return profile.squares / self.freedom
        return profile.squares / profile.squares.mean() * (self.variance / rate)

    def value_and_gradient(self, start: float, rate: float) -> tuple[float, np.ndarray]:
        """The value, and its derivatives by the logarithms of the ratios."""
        profile = self.profile(start, rate)
        growth = np.where(self.visits.first, start, 0.0), rate * self.visits.elapsed
        slopes = [self._slope(profile, each) for each in growth]
        squares, determinant = (np.array(each) for each in zip(*slopes, strict=True))
        classes, noise = len(profile.mean), self._noise(profile, rate)
        gradient = (squares / (profile.squares / self.freedom)).sum(axis=1) + classes * determinant
        if self.variance is not None:
            gradient += squares.sum(axis=1) * (classes * (1 / noise.sum() - self.freedom / profile.squares.sum()))
            gradient[1] += profile.squares.sum() * classes / noise.sum() - classes * self.freedom
        return self._value(profile, rate), gradient

    def slope(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        """The same, from the logarithms."""
        return self.value_and_gradient(*np.exp(logs))

    def _slope(self, profile: Profile, growth: np.ndarray) -> tuple[np.ndarray, float]:
        """How the sums of squares and the determinant change if variances before visits grow."""
        filtered = profile.filtered
        relative = chain(filtered.carried**2, growth[None])[0] / filtered.total
        passed = np.roll(filtered.carried * relative, 1)  # 0 for the first visit, as nothing is carried from the last
        values = np.vstack([profile.errors, filtered.share])
        changes = chain(filtered.carried, -passed * np.roll(values, 1, axis=1))
        slopes = ((2 * changes - values * relative) * values / filtered.total).sum(axis=1)
        restricted = slopes[-1] / profile.information if self.restricted else 0.0
        return slopes[:-1], float(relative.sum() + restricted)

    def model(self, start: float, rate: float) -> LocalLevel:
        """The model with these ratios."""
        profile = self.profile(start, rate)
        noise = self._noise(profile, rate)
        value = self.freedom * np.log(2 * np.pi * noise) + profile.squares / noise + self._determinant(profile)
        return LocalLevel(start, rate, profile.mean, noise, noise / profile.information, -value / 2)
