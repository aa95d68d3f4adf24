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
from catpool.models.mixed.quasi_likelihood import starting_fit
from catpool.models.mixed.row_likelihood import RowLikelihood
from catpool.models.mixed.solver.mixed_fit import MixedFit, explain_singular, limit_threads
from catpool.models.mixed.solver.profiled_deviance import FEW, ProfiledDeviance
from catpool.models.mixed.solver.twin_factors import share_equally
from catpool.models.mixed.solver.variance_search import CriterionEvaluation, polish, warn_not_converged

STEPS = 100
GRADIENT = 1e-6  # at which the search ends and polishing begins, in units of standard errors
POLISHING = 8  # steps at most
AT_REST = 1e-3  # the largest gradient of a converged fit, in the same units
OFF_ZERO, FAR_OFF_ZERO = 0.3, 3.0  # the least variances to start from, as theta in units of `parameter_units`
SMALL = 0.01  # a theta below it is compared with zero, in the same units
DIFFERENCE = 1e-3  # of the logarithm of a dispersion, for a difference of gradients
FLATTEST = 1e-6  # the least curvature, as a share of what is expected or of the largest


NO_NOISE = (
    "The factors and covariates predict y exactly, or nearly so, and leave no dispersion to estimate. Leave a factor "
    'or covariate out, or pass family="normal".'
)


def fit_laplace(rows: AggregatedRows, likelihood: RowLikelihood, mean: float) -> tuple[MixedFit, float, float | None]:
    """The fit, its criterion, and the dispersion if there is one.

    Parameters
    ----------
    rows : AggregatedRows
    likelihood : RowLikelihood
    mean : float
        The overall mean, to start from.
    """
    start, likelihood = starting_fit(rows, likelihood, mean)
    system = start.equations.system
    with explain_singular(system.covariates), limit_threads(system):
        criterion = LaplaceCriterion(rows, likelihood)
        point = _minimize(criterion, start)
        lambdas, fixed, likelihood = criterion.split(point)
        modes = criterion.modes(point)
        effects = criterion.effects(lambdas, modes.spherical)
        fit = fit_at_modes(rows, likelihood, lambdas, fixed, effects, modes.eta)
    return fit, criterion.value(modes) - 2 * rows.constant, likelihood.dispersion


def _minimize(criterion: LaplaceCriterion, start: MixedFit) -> np.ndarray:
    """The best parameters; where some are zero, those that are found again from larger ones may be better."""
    likelihood, factors = criterion.likelihood, criterion.rows.factors
    levels, rows = np.array([len(np.unique(factor.codes)) for factor in factors]), likelihood.count.sum()
    # without a limit at zero, a dispersion cannot be told from the variance of a level for each row
    intercepts = np.array([factor.intercept for factor in factors])
    alike = (levels >= rows) & likelihood.is_unbounded & intercepts
    near = LaplaceSearch(criterion, start, OFF_ZERO, alike)
    points = [near.minimize()]
    if near.zeros.any() and len(criterion.last) <= FEW:
        points.append(LaplaceSearch(criterion, start, FAR_OFF_ZERO, alike).minimize())
    rivals = (levels > rows / 2) & intercepts & ~alike  # whose variance may stand for the dispersion
    if likelihood.parameters.size and rivals.any():
        about = LaplaceCriterion(criterion.rows, likelihood.about(criterion.rows.fixed_part(start.fixed)))
        points.append(LaplaceSearch(about, start, OFF_ZERO, rivals | alike).minimize())
    values = [criterion(point)[0] for point in points]
    return points[0] if values[0] <= min(values) + 1e-7 else points[int(np.argmin(values))]


class LaplaceSearch:
    """A search from the parameters of another fit.

    Parameters
    ----------
    criterion : LaplaceCriterion
    start : MixedFit
        A fit to a working response.
    least : float
        The least variance to start from, as theta in units of `parameter_units`: at zero the gradient vanishes.
    without : ndarray of bool of shape (factors,)
        Whether its variances stay at zero.

    Attributes
    ----------
    point : ndarray of shape (parameters,)
        The parameters to start from: theta, then beta, then the logarithm of a dispersion, if there is one.
    first : int
        The place of the logarithm of a dispersion.
    free : ndarray of shape (parameters,)
        Which of them are searched.
    zeros : ndarray of shape (parameters,)
        Which variances were, and turned out to be zero.
    hessian : ndarray of shape (parameters, parameters)
        Second derivatives of the criterion of the working response.
    """

    def __init__(self, criterion: LaplaceCriterion, start: MixedFit, least: float, without: np.ndarray) -> None:
        self.criterion, self.parameters = criterion, criterion.parameters
        deviance = ProfiledDeviance(start.equations.system, reml=False, known=True, solver="exact")
        self.units, self.twins = deviance.units, deviance.twins
        theta = self.parameters.theta(_sum_twins(start.lambdas, self.twins))
        theta = np.where(self._is_below(least, theta), least * self.units, theta)
        repeated = {each for group in self.twins for each in group[1:]}  # whose effects the first twin has meanwhile
        repeated |= set(np.flatnonzero(without).tolist())
        idle = deviance.unidentified() | np.array([factor in repeated for factor, *_ in self.parameters.places])
        self.point = np.concatenate([np.where(idle, 0.0, theta), start.fixed, criterion.likelihood.parameters])
        self.first = len(idle) + len(start.fixed)
        self.free = np.append(~idle, np.full(len(self.point) - len(idle), True))
        self.zeros = np.zeros(len(self.point), dtype=bool)
        self.hessian = block_diag(
            deviance(theta).hessian, 2 * np.linalg.inv(start.fixed_covariance), *self._bend_by_dispersion()
        )

    def _bend_by_dispersion(self) -> list[float]:
        """The second derivative by the logarithm of a dispersion, if there is one."""
        steps = [DIFFERENCE * (np.arange(len(self.point)) == place) for place in range(self.first, len(self.point))]
        ahead_and_behind = [[self.criterion(self.point + sign * step)[1] @ step for sign in (1, -1)] for step in steps]
        return [(ahead - behind) / (2 * DIFFERENCE**2) for ahead, behind in ahead_and_behind]

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

    def _rows(self) -> RowLikelihood:
        """The likelihood of the rows."""
        return self.criterion.likelihood.at(self.point[self.first :])

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
        if self._rows().is_degenerate():
            raise ValueError(NO_NOISE)
        roots, own = np.linalg.eigh(found.hess_inv)
        back = own.T @ np.linalg.inv(axes) / np.sqrt(np.clip(roots, 1e-300, 1 / FLATTEST))[:, None]
        self.hessian[np.ix_(self.free, self.free)] = back.T @ back

    def _try_zeros(self) -> None:
        """Set small parameters to zero if this makes the criterion no larger, and leave them there."""
        thetas = len(self.parameters.places)
        small = self.free & np.append(self._is_below(SMALL, self.point[:thetas]), self.zeros[thetas:])
        if self._try(small, 0.0):
            self.zeros = small
        if self._rows().is_negligible():
            self._try(np.arange(len(self.point)) == len(self.point) - 1, -np.inf)

    def _try(self, those: np.ndarray, value: float) -> bool:
        """Whether some parameters stay at a value from now on, as this makes the criterion no larger."""
        point = np.where(those, value, self.point)
        if not those.any() or self.criterion(point)[0] > self.criterion(self.point)[0] + 1e-7:
            return False
        self.point, self.free = point, self.free & ~those
        return True

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
