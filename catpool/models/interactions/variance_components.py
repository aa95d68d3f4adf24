"""The variances of the effects of crossed factors, of their cells, and of rows, for many tables at once.

The mean y_c of the n_c rows of a cell is, with an effect of each of its categories and one of the cell itself,

    y_c = mu + sum of u + (cell's effect) + error,      variances: s of each factor, t of the cells, sigma^2 / n_c.

With the weights w_c = n_c / (sigma^2 + t n_c), P y = w_c (y_c - mu - sum of u) from the mixed model equations. For each
variance theta_k with Var(y) = sum theta_k V_k, the slope of twice the log-likelihood and the average information are

    y'P V_k P y - tr(P V_k),        (V_k P y)' P (V_l P y),

(Gilmour, Thompson, Cullis 1995). Steps of this Newton method start from the method of moments. A variance that would
become negative is zero. The search finds one maximum of the likelihood; there can be others.

References
----------
A. R. Gilmour, R. Thompson, B. R. Cullis (1995), Average information REML, Biometrics 51, 1440-1450.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.interactions.cell_means import CellMeans, Response
from catpool.models.interactions.crossed_factors import RIDGE, CrossedFactors, DenseEquations
from catpool.models.interactions.sparse_equations import SparseEquations
from catpool.models.interactions.starting_variances import starting_variances

MOST_NUMBERS = 1 << 22  # of dense matrices, at the most
COST = 1 << 26  # multiplications in a round with dense matrices, at the most
ROUNDS = 50
NEAR = 2e-3  # relative change of the variances in the last round
NEAR_FITTED = 1e-2  # change of linear predictors in a round; Newton steps square it, so the next is negligible
LONGEST = 4.0  # the largest change of the logarithm of a variance in one round
MATTERS = 1e4  # times the variance that counts as zero: one that begins to matter
TURN = 0.05  # changes of the logarithm of a variance that count as a turn
LONGER = 1.5  # how much further the next step may go after one in the same direction


@frozen
class Components:
    """Fitted variances and effects of V tables.

    Parameters
    ----------
    theta : ndarray of shape (V, 2 + F)
        The variances of rows, of cells, and of the factors; zero where there is no more than chance.
    effects, errors : list of ndarray of shape (V, size)
        Conditional modes of each factor, and their variances.
    mean, mean_variance : ndarray of shape (V,)
    criterion : ndarray of shape (V,)
        Twice the negative log-likelihood, without constants.
    converged : ndarray of bool of shape (V,)
    """

    theta: np.ndarray
    effects: list[np.ndarray]
    errors: list[np.ndarray]
    mean: np.ndarray
    mean_variance: np.ndarray
    criterion: np.ndarray
    converged: np.ndarray

    @classmethod
    def concatenate(cls, fits: Sequence[Components]) -> Components:
        """The fits of all tables, from those of some tables after the other."""
        theta, *numbers = (
            np.concatenate([getattr(fit, name) for fit in fits])
            for name in ("theta", "mean", "mean_variance", "criterion", "converged")
        )
        effects, errors = (
            [np.concatenate(each) for each in zip(*(getattr(fit, name) for fit in fits), strict=True)]
            for name in ("effects", "errors")
        )
        return cls(theta, effects, errors, *numbers)


def is_dense(factors: CrossedFactors) -> bool:
    """Whether the equations are solved with dense matrices."""
    return factors.numbers <= MOST_NUMBERS and factors.cost <= COST


class Evaluation:
    """The model of V tables at some variances.

    Parameters
    ----------
    cells : CellMeans
    factors : CrossedFactors
    theta : ndarray of shape (V, 2 + F)
    reml : bool
    """

    def __init__(self, cells: CellMeans, factors: CrossedFactors, theta: np.ndarray, *, reml: bool) -> None:
        self.cells, self.factors, self.theta = cells, factors, theta
        self.precision = 1 / (theta[:, :1] + theta[:, 1:2] * cells.count)
        self.weights = cells.count * self.precision
        equations = DenseEquations if is_dense(factors) else SparseEquations
        self.equations = equations(factors, self.weights, theta[:, 2:])
        self.effects, self.mean = self.equations.solve(cells.mean)
        self.rest = cells.mean - self.mean[:, None] - factors.take(self.effects)
        self.projected = self.weights * self.rest  # P y
        self.levels = [each / own[:, None] for each, own in zip(self.effects, theta.T[2:], strict=True)]  # Z'P y
        self.reml = reml
        self.errors, self.mean_variance, self.errors_of_cells = self.equations.errors(reml=reml)

    @property
    def fitted(self) -> np.ndarray:
        """The fitted means of the cells, with their own effects."""
        return self.cells.mean - self.rest + self.theta[:, 1:2] * self.projected

    @cached_property
    def slopes(self) -> np.ndarray:
        """The slopes of twice the log-likelihood, of shape (V, 2 + F)."""
        cells, residual = self.cells, self.theta[:, 0]
        squares = (self.projected * self.precision * self.rest).sum(axis=1) + cells.within / residual**2
        trace = self.precision * (cells.count > 0) - self.precision * self.weights * self.errors_of_cells
        of_rows = squares - trace.sum(axis=1) - cells.freedom / residual
        of_cells = (self.projected**2 - self.weights + self.weights**2 * self.errors_of_cells).sum(axis=1)
        return np.stack([of_rows, of_cells, *self._slopes_of_factors()], axis=1)

    def _slopes_of_factors(self) -> list[np.ndarray]:
        return [
            (level**2).sum(axis=1) - (1 - errors / variance[:, None]).sum(axis=1) / variance
            for level, errors, variance in zip(self.levels, self.errors, self.theta.T[2:], strict=True)
        ]

    def information(self) -> np.ndarray:
        """The average information, of shape (V, 2 + F, 2 + F)."""
        of_cells = np.stack([self.precision * self.rest, self.projected], axis=1)
        information = self.equations.projected_products(of_cells, self.levels)
        information[:, 0, 0] += self.cells.within / self.theta[:, 0] ** 3
        return information

    def criterion(self) -> np.ndarray:
        """Twice the negative log-likelihood, of shape (V,), without constants."""
        cells, residual = self.cells, self.theta[:, 0]
        logs = cells.freedom * np.log(residual) - (np.log(self.precision) * (cells.count > 0)).sum(axis=1)
        logs += np.log(self.theta[:, 2:]) @ np.array(self.factors.sizes) + self.equations.log_determinant(
            reml=self.reml
        )
        return logs + cells.within / residual + (self.projected * cells.mean).sum(axis=1)


def fit_components(response: Response, factors: CrossedFactors, *, with_cells: bool, reml: bool) -> Components:
    """Fit the variances and the effects of V tables, none of which enters the numbers of another.

    Parameters
    ----------
    response : Response
    factors : CrossedFactors
    with_cells : bool
        Whether cells have effects of their own.
    reml : bool
    """
    cells = response.cells(None)
    free = np.array([not response.is_working, with_cells, *(True for _ in factors.sizes)])
    theta, floor = starting_variances(cells, factors, free)
    fitted = np.zeros_like(cells.mean)
    open_, information, stride = np.ones((len(theta), 1), dtype=bool), None, Stride(theta.shape)
    for _ in range(ROUNDS):
        at = Evaluation(cells, factors, theta, reml=reml)
        if information is not None:  # which changes little, so the last one tells how near the maximum is
            new = _step(at, information, free, floor)
            open_ &= _change(response, theta[:, free], new[:, free], fitted, at.fitted) > 1
            if not open_.any():
                break
        information = at.information()
        new = stride.limit(theta, _step(at, information, free, floor), floor)
        theta, fitted = np.where(open_, new, theta), np.where(open_, at.fitted, fitted)  # others wait as they are
        cells = response.cells(fitted)
    return _components(at, free, floor, ~open_[:, 0])


class Stride:
    """Limits how far variances move in a round: half as far after each turn, so that no cycle goes on.

    Parameters
    ----------
    shape : tuple of int
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.reach, self.last = np.full(shape, LONGEST), np.zeros(shape)

    def limit(self, theta: np.ndarray, new: np.ndarray, floor: np.ndarray) -> np.ndarray:
        """The new variances, as far as they may move; from zero they may move to where they begin to matter."""
        start = np.where(theta > floor, theta, np.maximum(floor * MATTERS, theta))
        some = new != theta
        move = np.log(np.where(some, new, 1.0) / np.where(some, start, 1.0))
        turned = move * self.last < -(TURN**2)  # not where rounding decides on the sign
        self.reach = np.where(turned, np.abs(self.last) / 2, np.minimum(LONGER * self.reach, LONGEST))
        self.last = np.clip(move, -self.reach, self.reach)
        moved = start * np.exp(self.last)
        moved = np.where(moved > floor * (1 + 1e-9), moved, floor)  # at zero, whatever the rounding
        return np.where(some, moved, theta)


def _change(response: Response, theta: np.ndarray, new: np.ndarray, fitted: np.ndarray, now: np.ndarray) -> np.ndarray:
    """The largest change of each table, of shape (V, 1), as a share of what is near enough."""
    change = np.abs(new / theta - 1).max(axis=1, keepdims=True) / NEAR
    if not response.is_working:
        return change
    return np.maximum(change, np.abs(now - fitted).max(axis=1, keepdims=True) / NEAR_FITTED)


def _step(at: Evaluation, information: np.ndarray, free: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """The variances after a Newton step, where those that are not `free`, or fall from zero, stay."""
    slopes, bend = at.slopes, np.diagonal(information, axis1=1, axis2=2)
    moving = free & ((at.theta > floor) | (slopes > 0)) & (bend > 0)
    scale = np.sqrt(np.where(moving, bend, 1.0))
    both = moving[:, :, None] & moving[:, None, :]
    matrix = np.where(both, information / scale[:, :, None] / scale[:, None, :], 0.0)
    matrix += np.eye(len(free)) * np.where(moving, RIDGE, 1.0)[:, :, None]
    step = np.linalg.solve(matrix, np.where(moving, slopes / scale, 0.0)[..., None])[..., 0] / scale
    return np.where(moving, np.maximum(at.theta + step, np.maximum(np.exp(-LONGEST) * at.theta, floor)), at.theta)


def _components(at: Evaluation, free: np.ndarray, floor: np.ndarray, converged: np.ndarray) -> Components:
    none = free & (at.theta <= floor)
    some = ~none[:, 2:].T[:, :, None]
    # what is reported counts the mean as estimated, under maximum likelihood, too
    found = (at.errors, at.mean_variance) if at.reml else at.equations.errors(reml=True)[:2]
    effects, errors = ([each * own for each, own in zip(of, some, strict=True)] for of in (at.effects, found[0]))
    theta = np.where(none, 0.0, at.theta)
    return Components(theta, effects, errors, at.mean, found[1], at.criterion(), converged)
