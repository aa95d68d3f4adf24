"""A linear mixed model fitted by maximum or restricted maximum likelihood, from its cross-products."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from sklearn.exceptions import ConvergenceWarning

from catpool.data.frozen import frozen
from catpool.models.mixed.solver.equations import MixedModelEquations
from catpool.models.mixed.solver.grouping_factor import FactorShape
from catpool.models.mixed.solver.little_noise import (
    Residuals,
    deviance_of_residuals,
    leave_noise,
    low_noise_start,
    root_of,
)
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.profiled_deviance import ProfiledDeviance
from catpool.models.mixed.solver.rooted_equations import has_roots
from catpool.priors.numerics.blas import blas_threads

NOISE = 1e-5  # share of the scatter of y from which on the residual is surely known
ROUNDING = 1e-13  # share of the scatter of y that rounding leaves as residual
CANCELLED = 1e-15  # share of the sum of squares of y that rounding leaves, where y is constant far from its center
LITTLE_NOISE = 1e-6  # share of the scatter of y that is taken for noise where the factors predict y exactly
ONE_THREAD = 1500  # effects beside the longest factor's, up to which one thread is fastest on a busy machine


@frozen
class MixedFit:
    """A fitted model.

    Parameters
    ----------
    lambdas : list of ndarray of shape (width, width)
        Relative covariance factors: the effects' covariance is sigma^2 Lambda Lambda'.
    scale : float
        sigma^2, the residual variance.
    fixed : ndarray of shape (p,)
        beta.
    fixed_covariance : ndarray of shape (p, p)
    effects : list of ndarray of shape (size, width)
        The conditional modes (BLUPs) of each factor.
    criterion : float
        Twice the negative log-likelihood, restricted under REML; NaN if it is not known.
    equations : MixedModelEquations
        The equations of these Lambdas.
    """

    lambdas: list[np.ndarray]
    scale: float
    fixed: np.ndarray
    fixed_covariance: np.ndarray
    effects: list[np.ndarray]
    criterion: float
    equations: MixedModelEquations

    @property
    def shapes(self) -> list[FactorShape]:
        return self.equations.system.shapes

    @property
    def solver(self) -> str:
        return self.equations.name

    @property
    def covariances(self) -> list[np.ndarray]:
        """The covariance of each factor's effects, shape (width, width)."""
        return [self.scale * each @ each.T for each in self.lambdas]

    def variances(self, *, given_fixed: bool = False) -> list[np.ndarray]:
        """The prediction error variances of the effects, shape (size, width, width), by factor.

        Parameters
        ----------
        given_fixed : bool, default=False
            Whether beta is taken as known, as in lme4's conditional variances.
        """
        with limit_threads(self.equations.system):
            blocks = self.equations.inverse_blocks(reml=not given_fixed)
        return [self.scale * own @ block @ own.T for own, block in zip(self.lambdas, blocks, strict=True)]


def limit_threads(system: MixedSystem) -> Any:
    """A context in which a small system is solved by one thread."""
    lengths = [shape.length for shape in system.shapes]
    return blas_threads(1 if sum(lengths) - max(lengths) <= ONE_THREAD else None)


def fit_mixed(
    system: MixedSystem,
    *,
    reml: bool,
    known: bool = False,
    solver: str = "auto",
    near: Sequence[np.ndarray] | None = None,
    residuals: Residuals | None = None,
) -> MixedFit:
    """Fit the model of a system.

    Parameters
    ----------
    system : MixedSystem
    reml : bool
    known : bool, default=False
        Whether the residual variance is one rather than estimated.
    solver : {"auto", "exact", "cg"}, default="auto"
    near : sequence of ndarray, optional
        Lambdas to start the search from.
    residuals : callable, optional
        What a fit leaves of the rows, where these are at hand: it shows noise that is far smaller than y.

    Raises
    ------
    ValueError
        If the covariates are collinear, or the residual variance would be zero.
    """
    with explain_singular(system.covariates), limit_threads(system):
        deviance = ProfiledDeviance(system, reml=reml, known=known, solver=solver)
        if not known:
            check_residual(deviance, residuals)
        try:
            fit = fit_at(deviance, deviance.minimize(near))
        except LinAlgError:  # as the rounding of effects far larger than the noise may cause
            if (found := _fit_residuals(deviance, residuals)) is None:
                raise
            return found
        if known or not deviance.exact or fit.scale * deviance.freedom > NOISE * system.scatter:
            return fit
        return _fit_residuals(deviance, residuals) or _fit_without_noise(deviance) or fit


def _fit_residuals(deviance: ProfiledDeviance, residuals: Residuals | None) -> MixedFit | None:
    """The fit from residuals of rows, if these have to tell how much noise there is."""
    if residuals is None or not deviance.exact:
        return None
    found = deviance_of_residuals(deviance, residuals)
    return None if found is None else fit_at(found, found.minimize())


def _fit_without_noise(deviance: ProfiledDeviance) -> MixedFit | None:
    """The fit of a little noise, with a warning, if the effects predict y exactly."""
    limit = deviance.limit_without_noise()
    if limit is None:
        return None
    _warn_of_no_noise()
    return _fit_little_noise(deviance, fit_at(deviance, limit))


class SingularEquationsError(ValueError):
    """Equations that cannot be solved."""


@contextmanager
def explain_singular(covariates: int) -> Iterator[None]:
    """Say what makes equations with so many columns of X singular, if they turn out to be.

    Raises
    ------
    SingularEquationsError
    """
    try:
        yield
    except LinAlgError as error:
        cause = "Weights or exposures may differ too much in size: rescale the smallest or the largest."
        if covariates > 1:
            cause += " Or covariates may nearly depend on each other: leave one out."
        message = f"The equations of the mixed model cannot be solved ({error}). {cause}"
        raise SingularEquationsError(message) from error


def check_residual(deviance: ProfiledDeviance, residuals: Residuals | None) -> None:
    """Refuse rows that leave no residual variance to compare the effects with."""
    system = deviance.system
    if system.rows <= system.covariates:
        raise ValueError(
            "A mixed model needs more rows than coefficients, but the number of rows, or the sum of their weights, is "
            f"{system.rows:g}, and there are {system.covariates} coefficients. Pass more rows, or fewer covariates."
        )
    zeros = [np.zeros((shape.width, shape.width)) for shape in system.shapes]
    # written so that a NaN is refused too
    least = max(ROUNDING * system.scatter, CANCELLED * system.fixed[-1, -1])
    if not (deviance.equations(zeros).solve().residual > least or (residuals and leave_noise(system, residuals))):
        raise ValueError(
            "y is constant, or the covariates predict it exactly: no variance is left for the random effects. Use "
            "another target, or leave covariates out."
        )


def _warn_of_no_noise() -> None:
    warnings.warn(
        "The factors predict y exactly, or all but what rounding may have left, so the residual variance is not known. "
        "It is taken for a millionth of the variance of y, and each level keeps its own mean. It may be that weights "
        "or copies repeat rows that have a level each, or that y has a far outlier: leave a factor out, or clip y.",
        ConvergenceWarning,
        stacklevel=2,
    )


def _fit_little_noise(deviance: ProfiledDeviance, near: MixedFit) -> MixedFit:
    """The fit with the largest residual variance that goes with such rows, near one of other covariances."""
    noise = float(np.sqrt(LITTLE_NOISE * deviance.system.scatter / deviance.freedom))
    system = deviance.system.in_units(noise)
    pairs = zip(near.effects, system.shapes, strict=True)
    roots = [root_of(effects / noise, shape) for effects, shape in pairs]
    start = low_noise_start(system, roots) if has_roots(system) else None
    known = ProfiledDeviance(system, reml=deviance.reml, known=True, solver="exact", low_noise=start)
    fit = fit_at(known, known.minimize(roots))
    return replace(
        fit,
        scale=noise**2,
        fixed=noise * fit.fixed,
        fixed_covariance=noise**2 * fit.fixed_covariance,
        effects=[noise * each for each in fit.effects],
        criterion=fit.criterion + 2 * deviance.freedom * np.log(noise),
    )


def fit_at(deviance: ProfiledDeviance, theta: np.ndarray) -> MixedFit:
    """The fit at some covariance parameters."""
    lambdas = deviance.parameters.lambdas(theta)
    system, equations = deviance.system, deviance.equations(lambdas)
    solution = equations.solve()
    scale = deviance.scale(solution)
    effects = [each @ own.T for each, own in zip(system.split(solution.effects), lambdas, strict=True)]
    fixed_covariance = scale * equations.fixed_covariance()
    return MixedFit(lambdas, scale, solution.fixed, fixed_covariance, effects, deviance.criterion(solution), equations)
