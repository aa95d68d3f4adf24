"""Rows whose noise is far smaller than y, so that differences of sums of y squared do not show it.

A fit whose effects are next to free leaves the residuals, row by row. If these are more than the rounding of y, the
search for variances starts anew from their sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from catpool.models.mixed.solver.grouping_factor import FactorShape
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.profiled_deviance import LowNoiseStart, ProfiledDeviance
from catpool.models.mixed.solver.rooted_equations import RootedEquations, RootedSystem, has_roots

LOW_NOISE = 1e-6  # share of the scatter of y that is noise, below which sums do not show it well
LOOSE, FREE = 1e5, 1e8  # sizes of effects, in units of `parameter_units`, that are hardly shrunk, and not at all
REFINEMENTS = 3
ROUNDING = 1e-22  # share of the squares of y below which a residual may be rounding


class RowSums(NamedTuple):
    """What a fit leaves of y.

    Parameters
    ----------
    system : MixedSystem
        The sums of y - X a - Z c, measured from a center.
    center : float
    squares : float
        The weighted sum of squares of y itself.
    """

    system: MixedSystem
    center: float
    squares: float


Residuals = Callable[[np.ndarray, Sequence[np.ndarray]], RowSums]  # of coefficients and effects


def deviance_of_residuals(deviance: ProfiledDeviance, residuals: Residuals) -> ProfiledDeviance | None:
    """The criterion from sums of residuals; None where y will do, the residual is rounding, or the system too large."""
    system = deviance.system
    free = deviance.parameters.on_diagonal & ~deviance.unidentified()
    sizes = np.where(free, deviance.units, 0.0)
    if not has_roots(system) or _is_noisy(deviance, deviance.parameters.lambdas(LOOSE * sizes)):
        return None
    partition, squares = _refine(system, deviance.parameters.lambdas(FREE * sizes), residuals)
    noise = partition.system.fixed[-1, -1]
    if not noise > ROUNDING * squares:
        return None
    pairs = zip(system.split(partition.shift_effects), system.shapes, strict=True)
    unit = np.sqrt(noise / deviance.freedom)
    start = LowNoiseStart(partition, [root_of(effects / unit, shape) for effects, shape in pairs])
    return ProfiledDeviance(partition.system, reml=deviance.reml, low_noise=start)


def leave_noise(system: MixedSystem, residuals: Residuals) -> bool:
    """Whether coefficients alone leave more of the rows than rounding."""
    zeros = [np.zeros((shape.width, shape.width)) for shape in system.shapes]
    partition, squares = _refine(system, zeros, residuals)
    return bool(partition.system.fixed[-1, -1] > ROUNDING * squares)


def _is_noisy(deviance: ProfiledDeviance, lambdas: Sequence[np.ndarray]) -> bool:
    try:
        return deviance.equations(lambdas).solve().residual > LOW_NOISE * deviance.system.scatter
    except LinAlgError:
        return False


def _refine(system: MixedSystem, lambdas: Sequence[np.ndarray], residuals: Residuals) -> tuple[RootedSystem, float]:
    """Solve for effects, coefficients and what they leave of the rows, in turn."""
    partition, squares = _unshifted(system), 0.0
    for _ in range(REFINEMENTS):
        _, found = RootedEquations(partition, lambdas).approach()
        effects = [each @ own.T for each, own in zip(partition.system.split(found.effects), lambdas, strict=True)]
        system, center, squares = residuals(found.fixed, effects)
        fixed = found.fixed + center * (np.arange(len(found.fixed)) == 0)
        partition = RootedSystem(system, np.concatenate([each.ravel() for each in effects]), fixed)
    return partition, squares


def low_noise_start(system: MixedSystem, lambdas: list[np.ndarray]) -> LowNoiseStart:
    """A start from Lambdas, for sums of y as they are."""
    return LowNoiseStart(_unshifted(system), lambdas)


def _unshifted(system: MixedSystem) -> RootedSystem:
    return RootedSystem(system, np.zeros(len(system.cross)), np.zeros(system.covariates))


def root_of(effects: np.ndarray, shape: FactorShape) -> np.ndarray:
    """A Lambda such that effects have about their own covariance."""
    squares = effects.T @ effects / len(effects)
    diagonal = np.diag(np.diag(squares))
    return np.linalg.cholesky(squares + 1e-3 * diagonal if shape.correlated else diagonal)
