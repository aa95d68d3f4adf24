"""Full Bayes for binary targets and counts: Laplace's approximation with coefficients integrated out like effects.

Given the variances, coefficients beta (with flat priors) and effects u = Lambda b have one mode, at which

    log p(y | Lambda) ~ log f(y | beta, b) - b'b / 2 - log det(M) / 2 - log det(X'V^-1 X) / 2,

with the determinants of the mixed-model equations of the last working response. Their posterior is skewed, so that its
mean is not the mode. The normal distribution nearest to it, by the Kullback-Leibler divergence from the normal one,
solves the same equations with the mean mu(eta) and the variance v(eta) of a row averaged over eta.

References
----------
H. Rue, S. Martino, N. Chopin (2009), Approximate Bayesian inference for latent Gaussian models by using integrated
nested Laplace approximations, Journal of the Royal Statistical Society B 71, 319-392.
M. Opper, C. Archambeau (2009), The variational Gaussian approximation revisited, Neural Computation 21, 786-792.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from catpool.data.frozen import frozen
from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.average_variances import Weighted, where_solvable
from catpool.models.mixed.cross_products import cross_products
from catpool.models.mixed.quasi_likelihood import ETA, MeanAndVariance, working_response
from catpool.models.mixed.solver.cholesky import CholeskyEquations
from catpool.models.mixed.solver.equations import EquationSolution, PartitionedSystem
from catpool.models.mixed.solver.grouping_factor import sum_random_effects
from catpool.models.mixed.solver.mixed_fit import MixedFit, explain_singular
from catpool.models.mixed.variance_prior import VariancePrior
from catpool.moments.partition import Parts
from catpool.priors.blas import blas_threads
from catpool.priors.integration import integration_points
from catpool.priors.link import Link
from catpool.priors.normal_quadrature import NODES, WEIGHTS

STEPS = 50
HALVINGS = 20
CLOSE = 1e-8  # change of the linear predictor at which the mode is found
SLACK = 1e-10  # relative loss of height that may be rounding
ROUNDS, NEAR = 12, 0.01  # of the search for the nearest normal distribution, and the change in sds that ends it


class Mode(NamedTuple):
    """Coefficients and effects, and what follows from them.

    Parameters
    ----------
    fixed : ndarray of shape (1 + p,)
    spherical : ndarray of shape (R,)
        b.
    eta : ndarray of shape (m,)
    height : float
        log f(y | beta, b) - b'b / 2.
    """

    fixed: np.ndarray
    spherical: np.ndarray
    eta: np.ndarray
    height: float


class JointLaplace:
    """The approximate likelihood of Lambda.

    Parameters
    ----------
    rows : AggregatedRows
    link : Link
    mean : float
        The overall mean, to start from.
    """

    def __init__(self, rows: AggregatedRows, link: Link, mean: float) -> None:
        self.rows, self.link = rows, link
        fixed = np.zeros(rows.covariates.shape[1])
        fixed[0] = link.eta(np.array(mean))
        # the last coefficients and effects, which are close to those of the next Lambdas
        self.last = fixed, [np.zeros((factor.size, factor.width)) for factor in rows.factors]

    def log_likelihood(self, lambdas: Sequence[np.ndarray]) -> float:
        mode, solution, _ = self._find_mode(lambdas)
        return mode.height - (solution.log_det + solution.log_det_fixed) / 2

    def fit(self, lambdas: list[np.ndarray]) -> MixedFit:
        """The nearest normal distribution, or where the search for it does not come to rest, that at the mode."""
        mode, _, equations = self._find_mode(lambdas)
        mode, equations = self._nearest_normal(lambdas, mode, equations) or (mode, equations)
        effects = self._effects(lambdas, mode.spherical)
        return MixedFit(lambdas, 1.0, mode.fixed, equations.fixed_covariance(), effects, np.nan, equations)

    def _nearest_normal(
        self, lambdas: Sequence[np.ndarray], mode: Mode, equations: CholeskyEquations
    ) -> tuple[Mode, CholeskyEquations] | None:
        levels = [factor.codes for factor in self.rows.factors]
        columns = [factor.columns() for factor in self.rows.factors]
        variances = equations.row_variances(levels, columns, self.rows.covariates)
        try:
            for _ in range(ROUNDS):
                equations, center = self._equations(lambdas, mode.eta, np.sqrt(variances))
                before, (mode, _) = mode.eta, self._solve(lambdas, equations, center)
                after = equations.row_variances(levels, columns, self.rows.covariates)
                if np.abs(mode.eta - before).max() <= NEAR * np.sqrt(after.max()):
                    return mode, equations
                variances = (variances + after) / 2  # damped, as large variances make for large weights
        except LinAlgError:  # of weights that rounding takes for none
            pass
        return None

    def _find_mode(self, lambdas: Sequence[np.ndarray]) -> tuple[Mode, EquationSolution, CholeskyEquations]:
        fixed, effects = self.last
        spherical = [np.linalg.lstsq(root, own.T)[0].T.ravel() for root, own in zip(lambdas, effects, strict=True)]
        mode = self._mode(lambdas, fixed, np.concatenate(spherical))
        for _ in range(STEPS):
            equations, center = self._equations(lambdas, mode.eta)
            full, solution = self._solve(lambdas, equations, center)
            after = self._step(lambdas, mode, full)
            moved, mode = np.abs(after.eta - mode.eta).max(), after
            if moved <= CLOSE:
                break
        self.last = mode.fixed, self._effects(lambdas, mode.spherical)
        return mode, solution, equations

    def _solve(
        self, lambdas: Sequence[np.ndarray], equations: CholeskyEquations, center: float
    ) -> tuple[Mode, EquationSolution]:
        solution = equations.solve()
        fixed = solution.fixed.copy()
        fixed[0] += center
        return self._mode(lambdas, fixed, solution.effects), solution

    def _step(self, lambdas: Sequence[np.ndarray], mode: Mode, full: Mode) -> Mode:
        """The mode after a Newton step, which is halved while it loses height."""
        after = full
        for _ in range(HALVINGS):
            if after.height >= mode.height - SLACK * abs(mode.height):
                return after
            fixed, spherical = (mode.fixed + after.fixed) / 2, (mode.spherical + after.spherical) / 2
            after = self._mode(lambdas, fixed, spherical)
        return mode

    def _mode(self, lambdas: Sequence[np.ndarray], fixed: np.ndarray, spherical: np.ndarray) -> Mode:
        rows, effects = self.rows, self._effects(lambdas, spherical)
        eta = np.clip(rows.fixed_part(fixed) + sum_random_effects(rows.factors, effects), -ETA, ETA)
        likelihood = self.link.log_likelihood(rows.total, rows.count, eta).sum()
        return Mode(fixed, spherical, eta, float(likelihood - spherical @ spherical / 2))

    def _effects(self, lambdas: Sequence[np.ndarray], spherical: np.ndarray) -> list[np.ndarray]:
        ends = np.cumsum([factor.shape.length for factor in self.rows.factors])
        parts = np.split(spherical, ends[:-1])
        return [own.reshape(-1, len(root)) @ root.T for own, root in zip(parts, lambdas, strict=True)]

    def _equations(
        self, lambdas: Sequence[np.ndarray], eta: np.ndarray, sds: np.ndarray | None = None
    ) -> tuple[CholeskyEquations, float]:
        """The equations of the working response, and the value to add to the intercept.

        Parameters
        ----------
        lambdas : sequence of ndarray of shape (width, width)
        eta : ndarray of shape (m,)
        sds : ndarray of shape (m,), optional
            The standard deviations of eta, over which means and variances of rows are averaged.
        """
        rows = self.rows
        link: MeanAndVariance = self.link if sds is None else AveragedLink(self.link, sds)
        working, weights = working_response(rows.total, rows.count, eta, link)
        products = cross_products(
            working - rows.offset, rows.covariates, rows.factors, weights, Parts(None, 1), precision=True
        )
        system, center = products.merge()
        return CholeskyEquations(PartitionedSystem(system), lambdas), center


@frozen
class AveragedLink:
    """Means and variances of rows, averaged over normal linear predictors.

    Parameters
    ----------
    link : Link
    sds : ndarray of shape (m,)
    """

    link: Link
    sds: np.ndarray

    def mean(self, eta: np.ndarray) -> np.ndarray:
        return np.asarray(self.link.mean(self._points(eta)) @ WEIGHTS)

    def variance(self, eta: np.ndarray) -> np.ndarray:
        return np.asarray(self.link.variance(self._points(eta)) @ WEIGHTS)

    def _points(self, eta: np.ndarray) -> np.ndarray:
        return np.clip(eta[:, None] + self.sds[:, None] * NODES, -ETA, ETA)


def average_laplace(rows: AggregatedRows, link: Link, mean: float, prior: VariancePrior) -> Weighted:
    """Fits of the generalized model whose variances are those of the posterior."""
    laplace = JointLaplace(rows, link, mean)
    with explain_singular(rows.covariates.shape[1]), blas_threads(1):
        laplace.log_likelihood(prior.lambdas(prior.start))  # raises an error if no equations can be solved
        density = where_solvable(lambda z: laplace.log_likelihood(prior.lambdas(z)))
        points, probability = integration_points(density, prior.start)
        fits = [laplace.fit(prior.lambdas(z)) for z in points]
    return list(zip(probability.tolist(), fits, strict=True))
