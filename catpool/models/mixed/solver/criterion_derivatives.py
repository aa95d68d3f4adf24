"""Derivatives of the likelihood criterion with respect to the covariance parameters.

With D = Lambda Lambda' of one factor, a = Z'W(y - X beta - Z u), and P the matrix of restricted maximum likelihood,

    d criterion / d D = Gamma = sum over levels of Z_j'P Z_j - a_j a_j' / sigma^2,

and the derivative with respect to Lambda is 2 Gamma Lambda. The second derivatives are the average information
(Gilmour, Thompson and Cullis 1995): the quadratic forms w'Pw / sigma^2 of one working variable w = (d V / d theta) P y
for each parameter, plus the part of 2 Gamma that is due to Lambda entering D as a square.

References
----------
A. R. Gilmour, R. Thompson, B. R. Cullis (1995), Average information REML: an efficient algorithm for variance parameter
estimation in linear mixed models, Biometrics 51, 1440-1450.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.models.mixed.solver.covariance_parameters import CovarianceParameters
from catpool.models.mixed.solver.equations import EquationSolution, MixedModelEquations
from catpool.models.mixed.solver.mixed_system import MixedSystem


def criterion_derivatives(
    parameters: CovarianceParameters,
    equations: MixedModelEquations,
    solution: EquationSolution,
    *,
    scale: float,
    freedom: float,
    reml: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient, shape (k,), and the average information, shape (k, k).

    Parameters
    ----------
    parameters : CovarianceParameters
    equations : MixedModelEquations
        The equations of an invertible Lambda.
    solution : EquationSolution
        Their solution.
    scale : float
        sigma^2.
    freedom : float
        Residual degrees of freedom; infinite if sigma^2 is known.
    reml : bool
    """
    system, lambdas = equations.system, equations.lambdas
    effects = system.split(solution.effects)
    inverses = [np.linalg.inv(each) for each in lambdas]
    pulls = [own @ inverse for own, inverse in zip(effects, inverses, strict=True)]  # a_j' of each level
    gammas = [
        inverse.T @ (shape.size * np.eye(shape.width) - trace) @ inverse - pull.T @ pull / scale
        for shape, inverse, trace, pull in zip(
            system.shapes, inverses, equations.inverse_traces(reml=reml), pulls, strict=True
        )
    ]
    gradient = np.array([2 * (gammas[factor] @ lambdas[factor])[a, b] for factor, a, b in parameters.places])
    working = _working_variables(system, parameters, lambdas, effects, pulls)
    information = equations.information(working) / scale
    explained = np.array([2 * pulls[factor][:, a] @ effects[factor][:, b] for factor, a, b in parameters.places])
    information -= np.outer(explained, explained) / (freedom * scale**2)  # sigma^2 is profiled out
    _add_curvature(information, parameters, gammas)
    return gradient, information


def _working_variables(
    system: MixedSystem,
    parameters: CovarianceParameters,
    lambdas: Sequence[np.ndarray],
    effects: Sequence[np.ndarray],
    pulls: Sequence[np.ndarray],
) -> np.ndarray:
    """The effects, shape (R, k), that Z maps to the working variables."""
    working = np.zeros((sum(shape.length for shape in system.shapes), len(parameters.places)))
    for position, (factor, a, b) in enumerate(parameters.places):
        own = np.outer(pulls[factor][:, a], lambdas[factor][:, b])
        own[:, a] += effects[factor][:, b]
        working[system.slices[factor], position] = own.ravel()
    return working


def _add_curvature(information: np.ndarray, parameters: CovarianceParameters, gammas: Sequence[np.ndarray]) -> None:
    """Add, in place, the second derivative of D = Lambda Lambda' times Gamma."""
    for i, (factor, a, b) in enumerate(parameters.places):
        for j, (other, c, d) in enumerate(parameters.places):
            if factor == other and b == d:
                information[i, j] += 2 * gammas[factor][a, c]
