"""`search`: the ratios of variances of the local level model at which the likelihood of rows is largest.

The likelihood may have several maxima, as what looks like drift may be noise, shocks or categories that differ. So
minus its logarithm is minimized by a quasi-Newton method on logarithms of ratios, from the least of each valley of a
coarse grid. Of very many visits, the first tell in which valley to look. Variances of levels are taken by that of all
noise, so that they are searched for alike whether it is of rows or of shocks: a point has the coordinates

    log(start / (1 + shock)),     log(rate / (1 + shock)),     log(shock),

with the rate of change in the mean time between two visits.

Where the likelihood is as large without noise, without differences at the start or without shocks, these are 0: ratios
go to their bounds. Where it rises beyond the bounds, there is no maximum: rows that agree in all digits, as shares do,
make the likelihood of a model without noise infinite. Maxima are preferred to that.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from catpool.priors.drifting.drift_likelihood import DriftLikelihood

LEAST, LARGEST = np.log([1e-8, 1e-12, 1e-8]), np.log([1e16, 1e16, 1e16])  # of coordinates
LARGEST_NOISE = np.log(10.0)  # of sigma^2, in units of the variance of y
STARTS = np.log([0.01, 1.0, 1e3])
RATES = np.log(10.0) * np.array([-7.0, -5.5, -4.0, -2.5, -1.0, 0.5, 2.0, 4.0])
NOISES = np.log(10.0) * np.array([0.0, -0.5, -1.0, -2.0, -3.0, -5.0, -7.0])  # in these units
SHOCKS = np.log([0.03, 1.0, 100.0])
NONE = -np.inf  # the coordinate of a ratio of 0
SAMPLE = 20_000  # visits, of which the search begins
PRECISE = {"gtol": 1e-7, "ftol": 1e-14}
RESTARTS, LITTLE = 20, 1e-6  # of the search, until it gains no more
STEP = 1e-4  # of logarithms, for second derivatives
STEEP = 0.01  # a slope of twice the log-likelihood by a logarithm, at which there is no maximum
LEVEL = 1e-4  # a slope at which a search need not go on
NEAR = np.log(100.0)  # of ratios that may be taken to their limits
CLOSE = 0.1  # how far a step of Newton's method may go that only polishes


class Found(NamedTuple):
    """Where a search ended.

    Parameters
    ----------
    point : ndarray of shape (3,)
    free : ndarray of shape (3,)
        Whether each coordinate is free.
    value : float
        Minus twice the log-likelihood.
    slope : ndarray of shape (3,)
        Its derivatives.
    """

    point: np.ndarray
    free: np.ndarray
    value: float
    slope: np.ndarray

    def rises(self, likelihood: DriftLikelihood) -> int:
        """How fast the likelihood still rises where it is out of bounds; 0 at a maximum."""
        least, largest = bounds(likelihood)
        outwards = np.where(self.slope > 0, self.point <= least, self.point >= largest) & self.free
        return round(float(np.abs(self.slope[outwards]).sum()))


def ratios_at(point: np.ndarray) -> np.ndarray:
    """The ratios start, rate and shock of a point."""
    start, rate, shock = np.exp(point)
    return np.array([start * (1 + shock), rate * (1 + shock), shock])


def value_and_slope(likelihood: DriftLikelihood, point: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus twice the log-likelihood at a point, and its derivatives."""
    ratios = ratios_at(point)
    value, slope = likelihood.value_and_gradient(ratios)
    slope[2] += slope[:2].sum() * ratios[2] / (1 + ratios[2])
    return value, slope


def search(likelihood: DriftLikelihood, free: np.ndarray) -> Found:
    """Minimize minus twice the log-likelihood over the ratios that are free; the others are 0.

    Parameters
    ----------
    likelihood : DriftLikelihood
    free : ndarray of shape (3,)
    """
    few = likelihood.first(SAMPLE)  # from which the search for all is short
    begins = _valleys(likelihood, free) if few is likelihood else [search(few, free).point]
    found = [_descend(likelihood, np.where(free, point, NONE)) for point in begins]
    return min(found, key=lambda each: (each.rises(likelihood), each.value))


def bounds(likelihood: DriftLikelihood) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest coordinates."""
    if likelihood.log_rate is None:
        return LEAST, LARGEST
    least = np.array([LEAST[0], likelihood.log_rate - LARGEST_NOISE, LEAST[2]])
    return least, LARGEST + max(likelihood.log_rate, 0.0)


def _valleys(likelihood: DriftLikelihood, free: np.ndarray) -> list[np.ndarray]:
    """The least points of a grid: for rates, or shocks without drift, that are less than both of their neighbours."""
    rates = RATES if likelihood.log_rate is None else likelihood.log_rate - NOISES
    axes = [axis if own else np.array([NONE]) for axis, own in zip((STARTS, rates, SHOCKS), free, strict=True)]
    along = 1 if free[1] else 2
    least: list[tuple[float, np.ndarray]] = []
    for fixed in axes[along]:
        axes_here = [np.array([fixed]) if axis == along else own for axis, own in enumerate(axes)]
        tried = [np.array(each) for each in product(*axes_here)]
        values = np.array([likelihood.value(ratios_at(each)) for each in tried])
        values = np.where(np.isfinite(values), values, np.inf)
        least.append((float(values.min()), tried[int(values.argmin())]))
    depth = np.array([np.inf, *(value for value, _ in least), np.inf])
    low = (depth[1:-1] <= depth[:-2]) & (depth[1:-1] <= depth[2:])
    return [point for (_, point), own in zip(least, low, strict=True) if own]


def _descend(likelihood: DriftLikelihood, point: np.ndarray) -> Found:
    """Minimize from some point on."""
    free = point > NONE
    least, largest = bounds(likelihood)

    def slope(own: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = value_and_slope(likelihood, _filled(own, free))
        return value, slope[free]

    limits = list(zip(least[free], largest[free], strict=True))
    own, value = point[free], np.inf
    for _ in range(RESTARTS):  # as the method may stop in a narrow valley, from where it goes on without its memory
        found = minimize(slope, own, jac=True, bounds=limits, method="L-BFGS-B", options=PRECISE)
        own, gain, value = found.x, value - found.fun, found.fun
        inside = (own > least[free]) & (own < largest[free])
        if not gain > LITTLE or np.abs(found.jac[inside]).max(initial=0.0) < LEVEL:
            break
    return Found(_filled(own, free), free, float(value), np.where(free, _filled(found.jac, free), 0.0))


def _filled(own: np.ndarray, free: np.ndarray) -> np.ndarray:
    """All coordinates, from those that are free."""
    point = np.full(len(free), NONE)
    point[free] = own
    return point


def at_limits(likelihood: DriftLikelihood, found: Found) -> Found:
    """The same without noise of rows, without any, or without differences at the start, if it is no less likely."""
    largest = bounds(likelihood)[1]
    start, rate, shock = found.point
    further = min(largest[0] - start, largest[1] - rate)
    limits = [
        (shock > NEAR, np.array([start, rate, largest[2]])),
        (max(start, rate) > NEAR, np.array([start + further, rate + further, shock])),
        (start < -NEAR, np.array([NONE, rate, shock])),
    ]
    for near, point in limits:
        if near and likelihood.value(ratios_at(point)) <= found.value + LITTLE:
            found = Found(point, found.free & (point > NONE), *value_and_slope(likelihood, point))
    return found


def polished(likelihood: DriftLikelihood, found: Found) -> np.ndarray:
    """The point after steps of Newton's method, by which it does not depend on how it was found."""
    least, largest = bounds(likelihood)
    inside = np.flatnonzero(found.free & (found.point > least + CLOSE) & (found.point < largest - CLOSE))
    if not len(inside):
        return found.point

    def moved(step: np.ndarray) -> np.ndarray:
        point = found.point.copy()
        point[inside] += step
        return point

    def gradient(step: np.ndarray) -> np.ndarray:
        return value_and_slope(likelihood, moved(step))[1][inside]

    here = gradient(np.zeros(len(inside)))
    hessian = np.array([gradient(step) - here for step in STEP * np.eye(len(inside))]) / STEP
    if not (np.isfinite(hessian).all() and (np.linalg.eigvalsh(hessian + hessian.T) > 0).all()):
        return found.point
    step = -np.linalg.solve(hessian, here)
    if np.abs(step).max() > CLOSE:
        return found.point  # where the likelihood is flat
    return moved(step - np.linalg.solve(hessian, gradient(step)))
