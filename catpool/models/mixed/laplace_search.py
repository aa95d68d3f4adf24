"""The search for the parameters that minimize Laplace's approximation, for any factors, slopes and covariates.

It starts from penalized quasi-likelihood, in units in which the information of its last working response is the
identity, so that a quasi-Newton method needs few steps.
"""

from __future__ import annotations

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import block_diag
from scipy.optimize import minimize

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.fit_at_modes import fit_at_modes
from catpool.models.mixed.laplace_criterion import LaplaceCriterion
from catpool.models.mixed.quasi_likelihood import penalized_quasi_likelihood
from catpool.models.mixed.solver.mixed_fit import MixedFit, explain_singular, limit_threads
from catpool.models.mixed.solver.profiled_deviance import ProfiledDeviance
from catpool.models.mixed.solver.twin_factors import share_equally
from catpool.models.mixed.solver.variance_search import CriterionEvaluation, polish, warn_not_converged
from catpool.priors.link import Link

STEPS = 100
GRADIENT = 1e-4  # at which the search ends and polishing begins, in units of standard errors
POLISHING = 8  # steps at most
AT_REST = 1e-3  # the largest gradient of a converged fit, in the same units
OFF_ZERO = 0.3  # where a variance starts that was zero before, in units of `parameter_units`
SMALL = 0.01  # a theta below it is compared with zero, in the same units
FLATTEST = 1e-8  # the least curvature, as a share of the largest


def fit_laplace(rows: AggregatedRows, link: Link, mean: float) -> tuple[MixedFit, float]:
    """The fit and its criterion.

    Parameters
    ----------
    rows : AggregatedRows
    link : Link
    mean : float
        The overall mean, to start from.
    """
    start = penalized_quasi_likelihood(rows, link, mean, "exact", nearly=True)
    system = start.equations.system
    with explain_singular(system.covariates), limit_threads(system):
        criterion = LaplaceCriterion(rows, link)
        point = LaplaceSearch(criterion, start).minimize()
        lambdas, fixed = criterion.split(point)
        modes = criterion.modes(point)
        effects = criterion.effects(lambdas, modes.spherical)
        fit = fit_at_modes(rows, link, lambdas, fixed, effects, modes.eta)
    return fit, criterion.value(modes) - 2 * rows.constant


class LaplaceSearch:
    """A search from the parameters of another fit.

    Parameters
    ----------
    criterion : LaplaceCriterion
    start : MixedFit
        A fit to a working response.

    Attributes
    ----------
    point : ndarray of shape (k + 1 + p,)
        The parameters to start from: theta, then beta.
    free : ndarray of shape (k + 1 + p,)
        Which of them are not zero for certain.
    hessian : ndarray of shape (k + 1 + p, k + 1 + p)
        Second derivatives of the criterion of the working response.
    """

    def __init__(self, criterion: LaplaceCriterion, start: MixedFit) -> None:
        self.criterion, self.parameters = criterion, criterion.parameters
        deviance = ProfiledDeviance(start.equations.system, reml=False, known=True, solver="exact")
        self.units, self.twins = deviance.units, deviance.twins
        unknown = deviance.unidentified()
        theta = self.parameters.theta(start.lambdas)
        theta = np.where(self._is_small(theta), OFF_ZERO * self.units, theta)  # at zero the gradient vanishes
        self.point = np.append(np.where(unknown, 0.0, theta), start.fixed)
        self.free = np.append(~unknown, np.full(len(start.fixed), True))
        self.hessian = block_diag(deviance(theta).hessian, 2 * np.linalg.inv(start.fixed_covariance))

    def _is_small(self, theta: np.ndarray) -> np.ndarray:
        return self.parameters.on_diagonal & (np.abs(theta) < SMALL * self.units)

    def minimize(self) -> np.ndarray:
        """The parameters with the least criterion, with exact zeros where these are best, and twins alike."""
        self._descend()
        self._try_zeros()
        self.point[self.free] = polish(self._evaluate, self.point[self.free], POLISHING)
        self._warn_unless_at_rest()
        thetas = len(self.parameters.places)
        lambdas = share_equally(self.parameters.lambdas(self.point[:thetas]), self.twins)
        return np.append(self.parameters.theta(lambdas), self.point[thetas:])

    def _complete(self, values: np.ndarray) -> np.ndarray:
        """All parameters, from those that are free."""
        result = self.point.copy()
        result[self.free] = values
        return result

    def _axes(self) -> np.ndarray:
        """The free parameters' units, as columns, in which the second derivatives are the identity."""
        roots, axes = np.linalg.eigh(self.hessian[np.ix_(self.free, self.free)])
        return axes / np.sqrt(np.maximum(np.abs(roots), FLATTEST * np.abs(roots).max()))

    def _descend(self) -> None:
        """Search by the BFGS method, which learns the second derivatives."""
        axes, origin = self._axes(), self.point[self.free]

        def criterion(place: np.ndarray) -> tuple[float, np.ndarray]:
            try:
                value, gradient = self.criterion(self._complete(origin + axes @ place))
            except LinAlgError:  # of a step that is far too long
                return np.inf, np.zeros(len(place))
            return value, axes.T @ gradient[self.free]

        found = minimize(
            criterion, np.zeros(len(origin)), jac=True, method="BFGS", options={"gtol": GRADIENT, "maxiter": STEPS}
        )
        self.point = self._complete(origin + axes @ found.x)
        back = np.linalg.inv(axes)
        self.hessian[np.ix_(self.free, self.free)] = back.T @ np.linalg.inv(found.hess_inv) @ back

    def _try_zeros(self) -> None:
        """Set small parameters to zero if this makes the criterion no larger, and leave them there."""
        thetas = len(self.parameters.places)
        small = np.append(self._is_small(self.point[:thetas]), np.full(len(self.point) - thetas, False))
        zeros = np.where(small, 0.0, self.point)
        if (small & self.free).any() and self.criterion(zeros)[0] <= self.criterion(self.point)[0] + 1e-7:
            self.point, self.free = zeros, self.free & ~small

    def _evaluate(self, values: np.ndarray) -> CriterionEvaluation:
        value, gradient = self.criterion(self._complete(values))
        return CriterionEvaluation(value, gradient[self.free], self.hessian[np.ix_(self.free, self.free)])

    def _warn_unless_at_rest(self) -> None:
        gradient = self.criterion(self.point)[1][self.free]
        if np.abs(self._axes().T @ gradient).max() > AT_REST:
            warn_not_converged("Laplace's approximation", STEPS)
