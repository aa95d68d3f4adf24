"""The search for the parameters that minimize Laplace's approximation, for any factors, slopes and covariates.

It starts from penalized quasi-likelihood, in units in which the information of its last working response is the
identity, so that a quasi-Newton method needs few steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import block_diag
from scipy.optimize import minimize

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.fit_at_modes import fit_at_modes
from catpool.models.mixed.laplace_criterion import LaplaceCriterion
from catpool.models.mixed.quasi_likelihood import penalized_quasi_likelihood
from catpool.models.mixed.solver.mixed_fit import MixedFit, explain_singular, limit_threads
from catpool.models.mixed.solver.profiled_deviance import FEW, ProfiledDeviance
from catpool.models.mixed.solver.twin_factors import share_equally
from catpool.models.mixed.solver.variance_search import CriterionEvaluation, polish, warn_not_converged
from catpool.priors.link import Link

STEPS = 100
GRADIENT = 1e-6  # at which the search ends and polishing begins, in units of standard errors
POLISHING = 8  # steps at most
AT_REST = 1e-3  # the largest gradient of a converged fit, in the same units
OFF_ZERO, FAR_OFF_ZERO = 0.3, 3.0  # the least variances to start from, as theta in units of `parameter_units`
SMALL = 0.01  # a theta below it is compared with zero, in the same units
FLATTEST = 1e-6  # the least curvature, as a share of what is expected or of the largest


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
        point = _minimize(criterion, start)
        lambdas, fixed = criterion.split(point)
        modes = criterion.modes(point)
        effects = criterion.effects(lambdas, modes.spherical)
        fit = fit_at_modes(rows, link, lambdas, fixed, effects, modes.eta)
    return fit, criterion.value(modes) - 2 * rows.constant


def _minimize(criterion: LaplaceCriterion, start: MixedFit) -> np.ndarray:
    """The best parameters; where variances are zero, a few effects can be searched again, from larger variances."""
    near = LaplaceSearch(criterion, start, OFF_ZERO)
    point = near.minimize()
    if near.zeros.any() and len(criterion.last) <= FEW:
        other = LaplaceSearch(criterion, start, FAR_OFF_ZERO).minimize()
        if criterion(other)[0] < criterion(point)[0] - 1e-7:
            return other
    return point


class LaplaceSearch:
    """A search from the parameters of another fit.

    Parameters
    ----------
    criterion : LaplaceCriterion
    start : MixedFit
        A fit to a working response.
    least : float
        The least variance to start from, as theta in units of `parameter_units`: at zero the gradient vanishes.

    Attributes
    ----------
    point : ndarray of shape (k + 1 + p,)
        The parameters to start from: theta, then beta.
    free : ndarray of shape (k + 1 + p,)
        Which of them are searched.
    zeros : ndarray of shape (k + 1 + p,)
        Which of them were, and turned out to be zero.
    hessian : ndarray of shape (k + 1 + p, k + 1 + p)
        Second derivatives of the criterion of the working response.
    """

    def __init__(self, criterion: LaplaceCriterion, start: MixedFit, least: float) -> None:
        self.criterion, self.parameters = criterion, criterion.parameters
        deviance = ProfiledDeviance(start.equations.system, reml=False, known=True, solver="exact")
        self.units, self.twins = deviance.units, deviance.twins
        theta = self.parameters.theta(_sum_twins(start.lambdas, self.twins))
        theta = np.where(self._is_below(least, theta), least * self.units, theta)
        repeated = {each for group in self.twins for each in group[1:]}  # whose effects the first twin has meanwhile
        idle = deviance.unidentified() | np.array([factor in repeated for factor, *_ in self.parameters.places])
        self.point = np.append(np.where(idle, 0.0, theta), start.fixed)
        self.free = np.append(~idle, np.full(len(start.fixed), True))
        self.zeros = np.zeros(len(self.point), dtype=bool)
        self.hessian = block_diag(deviance(theta).hessian, 2 * np.linalg.inv(start.fixed_covariance))

    def _is_below(self, least: float, theta: np.ndarray) -> np.ndarray:
        return self.parameters.on_diagonal & (np.abs(theta) < least * self.units)

    def minimize(self) -> np.ndarray:
        """The parameters with the least criterion, with exact zeros where these are best, and twins alike."""
        self._descend()
        self._try_zeros()
        self._polish()
        thetas = len(self.parameters.places)
        lambdas = share_equally(self.parameters.lambdas(self.point[:thetas]), self.twins)
        return np.append(self.parameters.theta(lambdas), self.point[thetas:])

    def _axes(self) -> np.ndarray:
        """Units of the free parameters, as columns, in which the second derivatives are the identity."""
        roots, axes = np.linalg.eigh(self.hessian[np.ix_(self.free, self.free)])
        return axes / np.sqrt(np.maximum(np.abs(roots), FLATTEST * np.abs(roots).max()))

    def _moved(self, step: np.ndarray) -> np.ndarray:
        """All parameters, the free ones after a step."""
        result = self.point.copy()
        result[self.free] += step
        return result

    def _descend(self) -> None:
        """Search by the BFGS method, which learns the second derivatives."""
        axes = self._axes()

        def criterion(place: np.ndarray) -> tuple[float, np.ndarray]:
            try:
                value, gradient = self.criterion(self._moved(axes @ place))
            except LinAlgError:  # of a step that is far too long
                return np.inf, np.zeros(len(place))
            return value, axes.T @ gradient[self.free]

        options = {"gtol": GRADIENT, "maxiter": STEPS}
        found = minimize(criterion, np.zeros(axes.shape[1]), jac=True, method="BFGS", options=options)
        self.point = self._moved(axes @ found.x)
        roots, own = np.linalg.eigh(found.hess_inv)
        back = own.T @ np.linalg.inv(axes) / np.sqrt(np.clip(roots, 1e-300, 1 / FLATTEST))[:, None]
        self.hessian[np.ix_(self.free, self.free)] = back.T @ back

    def _try_zeros(self) -> None:
        """Set small parameters to zero if this makes the criterion no larger, and leave them there."""
        thetas = len(self.parameters.places)
        small = self.free & np.append(self._is_below(SMALL, self.point[:thetas]), self.zeros[thetas:])
        point = np.where(small, 0.0, self.point)
        if small.any() and self.criterion(point)[0] <= self.criterion(self.point)[0] + 1e-7:
            self.point, self.free, self.zeros = point, self.free & ~small, small

    def _polish(self) -> None:
        """Take the last steps, in which the criterion stays the same to all its digits, by the gradient alone."""
        axes = self._axes()

        def evaluate(place: np.ndarray) -> CriterionEvaluation:
            value, gradient = self.criterion(self._moved(axes @ place))
            return CriterionEvaluation(value, axes.T @ gradient[self.free], np.eye(len(place)))

        place = polish(evaluate, np.zeros(axes.shape[1]), POLISHING)
        if np.abs(evaluate(place).gradient).max() > AT_REST:
            warn_not_converged("Laplace's approximation", STEPS)
        self.point = self._moved(axes @ place)


def _sum_twins(lambdas: Sequence[np.ndarray], twins: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Lambdas of which the first twin has the sum of the covariances of all."""
    result = share_equally(lambdas, twins)
    for first, *others in twins:
        result[first] = np.sqrt(1 + len(others)) * result[first]
    return result
