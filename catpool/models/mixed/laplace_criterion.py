"""Laplace's approximation of the likelihood of any mixed model that is not normal, and its gradient.

With eta = X beta + Z Lambda b and b ~ N(0, I), let b be at its conditional mode, r and -W the first and the second
derivatives of the rows' log-likelihoods with respect to eta (with a canonical link, residuals and variances), and
M = Lambda'Z'WZ Lambda + I. Twice the negative log-likelihood is approximated by

    -2 log f(y | eta) + b'b + log det M.

Its gradient is exact. Let g = h dW / d eta be the derivative of log det M with respect to eta, h being the diagonal of
Z Lambda M^-1 Lambda'Z'; let t = M^-1 Lambda'Z'g and a = g - 2r - W Z Lambda t, which accounts for b following its mode.
Then

    d / d beta = X'a,    d / d Lambda = a'Z dLambda b + r'Z dLambda t + 2 trace(M^-1 Lambda'Z'WZ dLambda),
    d / d psi = -2 d log f / d psi + h'dW / d psi + (Z Lambda t)'dr / d psi

for psi, the logarithm of a dispersion.

References
----------
D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
Statistical Software 67(1).
H. J. Skaug, D. A. Fournier (2006), Automatic approximation of the marginal likelihood in non-Gaussian hierarchical
models, Computational Statistics and Data Analysis 51, 699-709.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.quasi_likelihood import ETA
from catpool.models.mixed.row_likelihood import RowLikelihood
from catpool.models.mixed.solver.cholesky import CholeskyEquations
from catpool.models.mixed.solver.covariance_parameters import CovarianceParameters
from catpool.models.mixed.solver.grouping_factor import sum_random_effects
from catpool.models.mixed.solver.reweighted_systems import ReweightedSystems

NEWTON_STEPS = 200
HALVINGS = 30
TOLERANCE = 1e-9  # of the modes, relative to the largest


class JointModes(NamedTuple):
    """The conditional modes of all effects at some parameters.

    Parameters
    ----------
    spherical : ndarray of shape (R,)
        b.
    eta : ndarray of shape (m,)
        The linear predictor of each row.
    height : float
        log f(y | eta) - b'b / 2.
    equations : CholeskyEquations
        The equations whose M is that of these modes.
    likelihood : RowLikelihood
        That of the rows, at the parameters.
    """

    spherical: np.ndarray
    eta: np.ndarray
    height: float
    equations: CholeskyEquations
    likelihood: RowLikelihood


class Heights:
    """The logarithm of what is integrated, at some predictors and effects.

    Parameters
    ----------
    likelihood : RowLikelihood
    """

    def __init__(self, likelihood: RowLikelihood) -> None:
        self.likelihood = likelihood

    def __call__(self, eta: np.ndarray, b: np.ndarray) -> float:
        return float(self.likelihood.log_likelihood(_clip(eta)).sum() - b @ b / 2)

    def climb(
        self, b: np.ndarray, eta: np.ndarray, height: float, step: np.ndarray, of_rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """The modes, the predictor and the height after a step, or the first part of it that is not downhill."""
        for halving in range(HALVINGS):
            share = 0.5**halving
            there, predictor = b + share * step, eta + share * of_rows
            now = self(predictor, there)
            if now >= height - 1e-12 * abs(height):
                break
        return there, predictor, now


class LaplaceCriterion:
    """The criterion as a function of (theta, beta, psi), theta as in `CovarianceParameters`.

    It keeps the last modes: those of similar parameters are good starting points.

    Parameters
    ----------
    rows : AggregatedRows
    likelihood : RowLikelihood
        psi has its parameters.
    """

    def __init__(self, rows: AggregatedRows, likelihood: RowLikelihood) -> None:
        self.rows, self.likelihood = rows, likelihood
        self.shapes = [factor.shape for factor in rows.factors]
        self.parameters = CovarianceParameters(self.shapes)
        self.systems = ReweightedSystems(rows.factors, np.empty((len(rows.total), 0)))
        self.columns = [factor.columns() for factor in rows.factors]
        self.last = np.zeros(sum(shape.length for shape in self.shapes))

    def split(self, point: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, RowLikelihood]:
        """The factors' Lambdas, beta, and the likelihood of the rows."""
        thetas = len(self.parameters.places)
        ends = [thetas, thetas + self.rows.covariates.shape[1]]
        theta, beta, psi = np.split(point, ends)
        return self.parameters.lambdas(theta), beta, self.likelihood.at(psi)

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The criterion, without its constant, and its gradient."""
        lambdas, *_ = self.split(point)
        modes = self.modes(point)
        return self.value(modes), self._gradient(lambdas, modes)

    def value(self, modes: JointModes) -> float:
        """The criterion, without its constant."""
        return modes.equations.log_determinant() - 2 * (modes.height + modes.likelihood.constant)

    def modes(self, point: np.ndarray) -> JointModes:
        """Find the modes by Newton's method; a step that lowers the height is halved."""
        lambdas, beta, likelihood = self.split(point)
        heights = Heights(likelihood)
        b, eta, height = self._start(heights, lambdas, self.rows.fixed_part(beta))
        for _ in range(NEWTON_STEPS):
            equations = self._equations(lambdas, likelihood.information(_clip(eta)))
            step = equations.solve_effects(self._to_effects(lambdas, likelihood.residual(_clip(eta))) - b)
            b, eta, height = heights.climb(b, eta, height, step, self._to_rows(lambdas, step))
            if np.abs(step).max() <= TOLERANCE * max(1.0, np.abs(b).max()):  # M changes by less than rounding
                break
        self.last = b
        return JointModes(b, eta, height, equations, likelihood)

    def _start(
        self, heights: Heights, lambdas: Sequence[np.ndarray], fixed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """The last modes, unless zeros are higher, with their predictor and height."""
        zeros = np.zeros_like(self.last)
        places = [(self.last, fixed + self._to_rows(lambdas, self.last)), (zeros, fixed)]
        starts = [(b, eta, heights(eta, b)) for b, eta in places]
        return max(starts, key=lambda start: start[2])

    def _equations(self, lambdas: Sequence[np.ndarray], weights: np.ndarray) -> CholeskyEquations:
        """The equations of the effects alone, beta being known."""
        return CholeskyEquations(self.systems.partition(np.zeros_like(weights), weights), lambdas)

    def _by_factor(self, values: np.ndarray) -> list[np.ndarray]:
        """Values of all effects as one array of shape (size, width) for each factor."""
        ends = np.cumsum([shape.length for shape in self.shapes])[:-1]
        parts = np.split(values, ends)
        return [part.reshape(shape.size, shape.width) for part, shape in zip(parts, self.shapes, strict=True)]

    def effects(self, lambdas: Sequence[np.ndarray], spherical: np.ndarray) -> list[np.ndarray]:
        """Lambda b of each factor, shape (size, width)."""
        return [each @ own.T for each, own in zip(self._by_factor(spherical), lambdas, strict=True)]

    def _to_rows(self, lambdas: Sequence[np.ndarray], spherical: np.ndarray) -> np.ndarray:
        """Z Lambda b, shape (m,)."""
        return sum_random_effects(self.rows.factors, self.effects(lambdas, spherical))

    def _sum_by_level(self, values: np.ndarray) -> list[np.ndarray]:
        """Z'values of each factor, shape (size, width)."""
        return [
            np.column_stack([np.bincount(factor.codes, values * each, factor.size) for each in columns.T])
            for factor, columns in zip(self.rows.factors, self.columns, strict=True)
        ]

    def _to_effects(self, lambdas: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
        """Lambda'Z'values, shape (R,)."""
        sums = self._sum_by_level(values)
        return np.concatenate([(each @ own).ravel() for each, own in zip(sums, lambdas, strict=True)])

    def _gradient(self, lambdas: Sequence[np.ndarray], modes: JointModes) -> np.ndarray:
        eta, equations, likelihood = _clip(modes.eta), modes.equations, modes.likelihood
        residual, variance = likelihood.residual(eta), likelihood.information(eta)
        scaled = [columns @ own for columns, own in zip(self.columns, lambdas, strict=True)]
        solved = equations.solve_rows([factor.codes for factor in self.rows.factors], scaled)
        leverage = sum(np.einsum("nq,nq->n", *each) for each in zip(scaled, solved, strict=True))
        bend = leverage * likelihood.skew(eta)
        turn = equations.solve_effects(self._to_effects(lambdas, bend))
        turned = self._to_rows(lambdas, turn)
        pull = bend - 2 * residual - variance * turned
        pairs = zip(self._sum_by_level(pull), self._by_factor(modes.spherical), strict=True)
        by_lambda = [pulls.T @ own for pulls, own in pairs]
        pairs = zip(self._sum_by_level(residual), self._by_factor(turn), strict=True)
        by_lambda = [before + pulls.T @ own for before, (pulls, own) in zip(by_lambda, pairs, strict=True)]
        for total, columns, own in zip(by_lambda, self.columns, solved, strict=True):
            total += 2 * (columns * variance[:, None]).T @ own
        by_psi = [
            -2 * each.log_likelihood + leverage @ each.information + turned @ each.residual
            for each in likelihood.slopes(eta)
        ]
        return np.concatenate([self.parameters.theta(by_lambda), self.rows.covariates.T @ pull, by_psi])


def _clip(eta: np.ndarray) -> np.ndarray:
    return np.clip(eta, -10 * ETA, 10 * ETA)
