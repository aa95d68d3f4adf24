"""Full Bayes for mixed models, without sampling: an average over the variances that are uncertain.

Given the variances relative to the residual one, all else has an exact posterior (with flat priors on coefficients and
on the logarithm of the residual variance, a multivariate t). The restricted likelihood is the likelihood of these
relative variances, so that with the priors of `VariancePrior` their posterior is a sum over a few points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.linalg import LinAlgError

from catpool.models.mixed.solver.little_noise import Residuals, deviance_of_residuals
from catpool.models.mixed.solver.mixed_fit import (
    MixedFit,
    check_residual,
    explain_singular,
    fit_at,
    fit_mixed,
    limit_threads,
)
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.profiled_deviance import ProfiledDeviance
from catpool.models.mixed.variance_prior import VariancePrior
from catpool.priors.numerics.integration import LogDensity, integration_points

Weighted = list[tuple[float, MixedFit]]  # fits of different variances, and their probabilities


def fit_full_bayes(system: MixedSystem, uncertain: Sequence[bool], scale: float, residuals: Residuals) -> Weighted:
    """Fits of the normal model whose variances are those of the posterior.

    Parameters
    ----------
    system : MixedSystem
    uncertain : sequence of bool
        Whether a factor's variances are averaged over; those of the others are estimated by REML.
    scale : float
        Of the half-t prior.
    residuals : callable
        As in `fit_mixed`.
    """
    with explain_singular(system.covariates), limit_threads(system):
        deviance = ProfiledDeviance(system, reml=True, solver="exact")
        check_residual(deviance, residuals)
        of_residuals = deviance_of_residuals(deviance, residuals)
        if of_residuals is None and deviance.limit_without_noise() is not None:  # then the variances may have no bounds
            return [(1.0, fit_mixed(system, reml=True, solver="exact"))]
        deviance = of_residuals or deviance
        guess = deviance.parameters.lambdas(deviance.starts()[0])
        given = guess if all(uncertain) else fit_mixed(system, reml=True, solver="exact", residuals=residuals).lambdas
        unit = float(np.sqrt(system.fixed[0, 0] / system.rows))  # precisions are relative: Lambda is that of their mean
        prior, theta = VariancePrior(system.shapes, uncertain, given, scale / unit), deviance.parameters.theta
        deviance.value(theta(prior.lambdas(prior.start)))  # raises an error if no equations can be solved

        def log_likelihood(z: np.ndarray) -> float:
            return -deviance.value(theta(prior.lambdas(z))) / 2

        fits: dict[bytes, MixedFit] = {}

        def fitted(z: np.ndarray) -> float:
            fits[z.tobytes()] = fit = fit_at(deviance, theta(prior.lambdas(z)))
            return -fit.criterion / 2

        likelihoods = where_solvable(log_likelihood), where_solvable(fitted)
        points, probability = integration_points(likelihoods[0], prior.start, likelihoods[1])
    return [(float(each), fits[z.tobytes()]) for each, z in zip(probability, points, strict=True)]


def where_solvable(log_likelihood: LogDensity) -> LogDensity:
    """The log-likelihood, or minus infinity for variances of which rounding makes the equations singular."""

    def bounded(z: np.ndarray) -> float:
        try:
            return log_likelihood(z)
        except LinAlgError:
            return -np.inf

    return bounded
