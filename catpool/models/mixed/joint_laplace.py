"""Full Bayes for binary targets and counts: coefficients beta, with flat priors, are integrated out like effects.

Given the variances, beta and the effects u = Lambda b have one mode, at which Laplace's approximation is

    log p(y | Lambda) ~ log f(y | beta, b) - b'b / 2 - log det(M) / 2 - log det(X'V^-1 X) / 2,

with the determinants of the mixed-model equations of the last working response. It tells which variances to average
over. Their posterior is skewed, so that its mean is not the mode. Its moments given the variances, and the
probabilities of the variances, are those of expectation propagation.

References
----------
H. Rue, S. Martino, N. Chopin (2009), Approximate Bayesian inference for latent Gaussian models by using integrated
nested Laplace approximations, Journal of the Royal Statistical Society B 71, 319-392.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.average_variances import Weighted, where_solvable
from catpool.models.mixed.expectation_propagation import Quadratics, at_modes, match_moments, tilted_moments
from catpool.models.mixed.quasi_likelihood import ETA
from catpool.models.mixed.row_equations import RowSolution, row_equations
from catpool.models.mixed.row_likelihood import CanonicalRows
from catpool.models.mixed.solver.mixed_fit import MixedFit, explain_singular
from catpool.models.mixed.variance_prior import VariancePrior
from catpool.priors.numerics.blas import blas_threads
from catpool.priors.numerics.integration import integration_points
from catpool.priors.numerics.link import Link

STEPS = 50
HALVINGS = 20
CLOSE = 1e-8  # change of the linear predictor at which the mode is found
SLACK = 1e-10  # relative loss of height that may be rounding
ROUNDS, NEAR = 20, 0.002  # of expectation propagation, and the change of means and sds, in sds, that ends it


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


class NormalPosterior(NamedTuple):
    """The posterior with quadratic functions in the place of log-likelihoods, given Lambda.

    Parameters
    ----------
    mean : Mode
    quadratics : Quadratics
    solution : RowSolution
    """

    mean: Mode
    quadratics: Quadratics
    solution: RowSolution

    @property
    def sds(self) -> np.ndarray:
        """The standard deviations of the rows' linear predictors, shape (m,)."""
        return np.sqrt(self.solution.row_variances())


class JointLaplace:
    """The approximate likelihood of Lambda, and the posterior given Lambda.

    Parameters
    ----------
    rows : AggregatedRows
    link : Link
    mean : float
        The overall mean, to start from.
    """

    def __init__(self, rows: AggregatedRows, link: Link, mean: float) -> None:
        self.rows, self.likelihood = rows, CanonicalRows(rows.total, rows.count, link)
        self.equations = row_equations(rows)
        fixed = np.zeros(rows.covariates.shape[1])
        fixed[0] = link.eta(np.array(mean))
        # the last coefficients and effects, which are close to those of the next Lambdas
        self.last = fixed, [np.zeros((factor.size, factor.width)) for factor in rows.factors]

    def log_likelihood(self, lambdas: Sequence[np.ndarray]) -> float:
        """That of Laplace's approximation."""
        posterior = self._at_mode(lambdas)
        return posterior.mean.height - posterior.solution.log_determinants / 2

    def fit(self, lambdas: list[np.ndarray]) -> tuple[MixedFit, float]:
        """The fit by expectation propagation, and its log-likelihood."""
        start = self._at_mode(lambdas)
        try:
            posterior, sds = self._propagate(start)
        except LinAlgError:  # of rows that rounding takes for certain
            posterior, sds = start, start.sds
        mean, equations = posterior.mean, posterior.solution.equations()
        masses = tilted_moments(self.likelihood, mean.eta, sds, posterior.quadratics).log_mass
        height = masses.sum() - mean.spherical @ mean.spherical / 2 - posterior.solution.log_determinants / 2
        effects = self.equations.effects(mean.spherical)
        fit = MixedFit(lambdas, 1.0, mean.fixed, equations.fixed_covariance(), effects, np.nan, equations)
        return fit, float(height)

    def _propagate(self, here: NormalPosterior) -> tuple[NormalPosterior, np.ndarray]:
        """The posterior whose moments are right, and the standard deviations of its rows, shape (m,)."""
        sds, share, last = here.sds, 1.0, np.inf
        for _ in range(ROUNDS):
            eta, before = here.mean.eta, sds
            moments = tilted_moments(self.likelihood, eta, sds, here.quadratics)
            wanted = match_moments(here.quadratics, moments, sds, self.rows.count)
            here = self._solve(eta, here.quadratics.towards(wanted, share))
            sds = here.sds
            moved = max(np.abs((here.mean.eta - eta) / sds).max(), np.abs(sds / before - 1).max()) / share
            if moved <= NEAR:
                break
            share, last = share / 2 if moved > last / 2 else share, moved  # damped where rounds do not settle
        return here, sds

    def _at_mode(self, lambdas: Sequence[np.ndarray]) -> NormalPosterior:
        self.equations.at(lambdas)
        fixed, effects = self.last
        spherical = [np.linalg.lstsq(root, own.T)[0].T.ravel() for root, own in zip(lambdas, effects, strict=True)]
        mode = self._mode(fixed, np.concatenate(spherical))
        for _ in range(STEPS):
            full = self._solve(mode.eta, at_modes(self.likelihood, mode.eta))
            after = self._step(mode, full.mean)
            moved, mode = np.abs(after.eta - mode.eta).max(), after
            if moved <= CLOSE:
                break
        self.last = mode.fixed, self.equations.effects(mode.spherical)
        return full._replace(mean=mode)

    def _solve(self, eta: np.ndarray, quadratics: Quadratics) -> NormalPosterior:
        """The posterior with functions of the distance from eta, shape (m,)."""
        working = eta - self.rows.offset + quadratics.slope / quadratics.curvature
        solution = self.equations.solve(working, quadratics.curvature)
        mean = self._mode(solution.fixed, solution.spherical)
        return NormalPosterior(mean, quadratics.moved(mean.eta - eta), solution)

    def _step(self, mode: Mode, full: Mode) -> Mode:
        """The mode after a Newton step, which is halved while it loses height."""
        after = full
        for _ in range(HALVINGS):
            if after.height >= mode.height - SLACK * abs(mode.height):
                return after
            fixed, spherical = (mode.fixed + after.fixed) / 2, (mode.spherical + after.spherical) / 2
            after = self._mode(fixed, spherical)
        return mode

    def _mode(self, fixed: np.ndarray, spherical: np.ndarray) -> Mode:
        eta = np.clip(self.equations.predictor(fixed, spherical) + self.rows.offset, -10 * ETA, 10 * ETA)
        height = self.likelihood.log_likelihood(eta).sum() - spherical @ spherical / 2
        return Mode(fixed, spherical, eta, float(height))


def average_generalized(rows: AggregatedRows, link: Link, mean: float, prior: VariancePrior) -> Weighted:
    """Fits of the generalized model whose variances are those of the posterior."""
    laplace, fits = JointLaplace(rows, link, mean), {}

    def fitted(z: np.ndarray) -> float:
        fits[z.tobytes()], height = laplace.fit(prior.lambdas(z))
        return height

    with explain_singular(rows.covariates.shape[1]), blas_threads(1):
        laplace.log_likelihood(prior.lambdas(prior.start))  # raises an error if no equations can be solved
        density = where_solvable(lambda z: laplace.log_likelihood(prior.lambdas(z)))
        points, probability = integration_points(density, prior.start, where_solvable(fitted))
    return [(float(each), fits[z.tobytes()]) for each, z in zip(probability, points, strict=True)]
