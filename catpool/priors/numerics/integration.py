"""Points and probabilities that stand for a posterior distribution of a few hyperparameters.

The hyperparameters z are standard normal before the data are seen (`standard_normal`), so that their posterior density,
the likelihood times exp(-z'z / 2), has one mode in most cases, and light tails. About the mode, along the axes of its
second derivatives, each direction is scaled so that the density falls about as a normal one does. In these units up to
two hyperparameters have an even grid, on which sums converge as fast as the density is smooth; more of them have
quasi-random points, with the ratio of the density to the normal one as weights.

References
----------
H. Rue, S. Martino, N. Chopin (2009), Approximate Bayesian inference for latent Gaussian models by using integrated
nested Laplace approximations, Journal of the Royal Statistical Society B 71, 319-392.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import qmc

STEPS, RADIUS = {1: 0.5, 2: 0.6}, 4.0  # of the grid, by its axes, in units of standard deviations
FEW, MANY = 64, 256  # quasi-random points: of hyperparameters that are well known, and of others
LOOSE = 0.4  # the standard deviation of a hyperparameter that is not well known; before the data are seen it is one
WIDER = 1.4  # the standard deviation of the quasi-random points
DIFFERENCE = 0.05  # step of second differences, where the standard deviation is one before the data are seen
FLATTEST = 0.1  # the least curvature of the log density
BOUND = 12.0  # the largest hyperparameter to start from
DISTANCES = (1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 20.0)  # from the mode, tried in turn
STEEPEST = 0.8  # the bend of an axis as a share of its scale; below one, so that points keep their order
FINE = 64  # parts of a unit that numbers are rounded to
HUGE = 1e100  # in place of infinity, of which the search could make no differences
NEGLIGIBLE = 1e-5  # probability of all points that are left out

LogDensity = Callable[[np.ndarray], float]


def integration_points(
    log_likelihood: LogDensity, start: np.ndarray, at_points: LogDensity | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Points of the posterior, shape (m, k), and their probabilities, shape (m,), which sum to one.

    Parameters
    ----------
    log_likelihood : callable
        Of hyperparameters of shape (k,), which are standard normal before the data are seen.
    start : ndarray of shape (k,)
        Where the search for the mode starts.
    at_points : callable, optional
        A better log-likelihood, which is asked for at each point once. By default it is the one that finds the points.
    """

    def log_density(z: np.ndarray) -> float:
        height = log_likelihood(z) - float(z @ z) / 2
        return -np.inf if np.isnan(height) else height  # of parameters beyond all numbers

    mode = _find_mode(log_density, np.clip(start, -BOUND, BOUND))
    axes = _axes(log_density, mode)
    # rounded, so that the points are the same for densities that differ by rounding alone
    unit = np.exp2(np.floor(np.log2(np.linalg.norm(axes, axis=0).min()))) / FINE
    mode, axes = (np.round(each / unit) * unit for each in (mode, axes))
    scale, bend = (np.round(each * FINE) / FINE for each in _fit_directions(log_density, mode, axes))
    loose = bool(np.linalg.norm(axes, axis=0).max() > LOOSE)
    units, log_base = _grid(len(mode)) if len(mode) in STEPS else _quasi_random(len(mode), MANY if loose else FEW)
    root = np.sqrt(1 + units**2)
    points = mode + (scale * units + bend * (root - 1)) @ axes.T
    stretch = np.log(scale + bend * units / root).sum(axis=1)
    heights = [(at_points or log_likelihood)(point) - float(point @ point) / 2 for point in points]
    height = np.array(heights) + stretch + log_base
    probability = np.exp(height - height.max())
    return _without_negligible(points, probability / probability.sum())


def _find_mode(log_density: LogDensity, start: np.ndarray) -> np.ndarray:
    found = minimize(lambda z: min(-log_density(z), HUGE), start, method="BFGS", options={"gtol": 1e-3, "eps": 1e-5})
    return np.asarray(found.x)


def _axes(log_density: LogDensity, mode: np.ndarray) -> np.ndarray:
    """The axes of the second derivatives at the mode, as columns of one standard deviation."""
    k = len(mode)
    steps, hessian, center = DIFFERENCE * np.eye(k), np.empty((k, k)), log_density(mode)
    ahead = [log_density(mode + step) for step in steps]
    behind = [log_density(mode - step) for step in steps]
    for i in range(k):
        hessian[i, i] = ahead[i] - 2 * center + behind[i]
        for j in range(i):
            both = log_density(mode + steps[i] + steps[j]) + log_density(mode - steps[i] - steps[j])
            hessian[i, j] = hessian[j, i] = (both - ahead[i] - ahead[j] - behind[i] - behind[j] + 2 * center) / 2
    roots, axes = np.linalg.eigh(-hessian / DIFFERENCE**2)
    return np.asarray(axes / np.sqrt(np.maximum(roots, FLATTEST)))


def _fit_directions(log_density: LogDensity, mode: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scale a and the bend b of each axis, shape (k,).

    With them the density at a t + b (sqrt(1 + t^2) - 1) has the height of a normal one at t of -4 and 4.
    """
    below, above = (np.array([_reach(log_density, mode, side * axis) for axis in axes.T]) for side in (-1, 1))
    scale, bend = (below + above) / (2 * RADIUS), (above - below) / (2 * (np.sqrt(1 + RADIUS**2) - 1))
    return scale, np.clip(bend, -STEEPEST * scale, STEEPEST * scale)


def _reach(log_density: LogDensity, mode: np.ndarray, axis: np.ndarray) -> float:
    """How far the density is from the mode, in lengths of `axis`, where it has fallen as a normal one at RADIUS."""
    center, near, depth = log_density(mode), 0.0, 0.0
    for far in DISTANCES:
        deeper = np.sqrt(2 * max(center - log_density(mode + far * axis), 0.0))
        if deeper >= RADIUS:
            share = (RADIUS - depth) / (deeper - depth) if np.isfinite(deeper) else 0.5
            return float(near + share * (far - near))
        near, depth = far, deeper
    return near


def _grid(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of an even grid within a circle, shape (m, k), each with the same weight."""
    half = int(RADIUS / STEPS[k])
    line = STEPS[k] * np.arange(-half, half + 1)
    points = np.stack(np.meshgrid(*[line] * k), axis=-1).reshape(-1, k)
    points = points[(points**2).sum(axis=1) <= RADIUS**2]
    return points, np.zeros(len(points))


def _quasi_random(k: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal quasi-random points, shape (m, k), and the logarithms of their weights."""
    uniform = qmc.Sobol(k, seed=0).random(number)
    points = WIDER * ndtri(uniform)
    return points, (points**2).sum(axis=1) / (2 * WIDER**2)


def _without_negligible(points: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points without those that together have next to no probability."""
    order = np.argsort(probability)
    kept = np.sort(order[np.cumsum(probability[order]) > NEGLIGIBLE])
    return points[kept], probability[kept] / probability[kept].sum()
