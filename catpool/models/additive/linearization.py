"""How rows depend on the linear predictor of an additive model, and what they weigh in a linear fit."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from catpool.data.targets.weights import Weights
from catpool.models.additive.additive_rows import TargetColumn
from catpool.priors.numerics.link import Link

LEAST = 1e-10  # of the variance of y, that is noise even where factors explain y to all digits
STEP = 1.0  # the furthest that an effect on the scale of a link moves in a round, so that it cannot overshoot
FLAT = 1e-10  # the least variance of a row, below which its residual on the scale of a link says nothing
FURTHEST = 30.0  # linear predictors beyond it have means of 0 or 1 to all digits


def working_rows(target: TargetColumn, weights: Weights) -> OnIdentity | OnLink:
    """How the rows of a column of the target depend on the linear predictor."""
    if not target.family.homoscedastic:
        return OnLink(target.y, weights, target.family.link, target.offset)
    return OnIdentity(target.y if target.offset is None else target.y - target.offset, weights)


def unit_weights(weights: Weights, n: int) -> np.ndarray:
    """The weights of n rows; precisions in units of their mean, so that their unit does not matter."""
    if weights.row is None:
        return np.ones(n)
    return weights.row / weights.row[weights.row > 0].mean() if weights.precision else weights.row


class OnIdentity:
    """Rows whose mean is the linear predictor, with one variance.

    Parameters
    ----------
    y : ndarray of shape (n,)
    weights : Weights
    """

    reweights = False  # whether the weights of rows change with the linear predictor

    def __init__(self, y: np.ndarray, weights: Weights) -> None:
        self.y = y
        self.weights = unit_weights(weights, len(y))
        self.least = 0.0
        self.number = np.count_nonzero(self.weights) if weights.precision else self.weights.sum()

    def start(self) -> tuple[float, float]:
        """The intercept and the dispersion of a model without factors."""
        mean = np.average(self.y, weights=self.weights)
        total = self.dispersion(self.weights, self.y - mean, 0.0)
        self.least = LEAST * total
        return float(mean), total

    def linearize(self, predictor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weights of the rows and their residuals on the scale of the linear predictor, which may be changed."""
        return self.weights, self.y - predictor

    def dispersion(self, weights: np.ndarray, residual: np.ndarray, fitted: float) -> float:
        """The variance of the noise, given the effective number of effects."""
        return max(float((weights * residual**2).sum() / max(self.number - 1 - fitted, 1.0)), self.least)

    def limited(self, move: np.ndarray) -> np.ndarray:
        """How far effects move in one round."""
        return move


class OnLink:
    """Classes and counts, whose mean is a function of the linear predictor.

    Parameters
    ----------
    y : ndarray of shape (n,)
    weights : Weights
    link : Link
    offset : ndarray of shape (n,), optional
        What the linear predictor starts from.
    """

    reweights = True

    def __init__(self, y: np.ndarray, weights: Weights, link: Link, offset: np.ndarray | None = None) -> None:
        ones = np.ones(len(y))
        self.y, self.link, self.offset = y, link, offset
        self.row = ones if weights.row is None else weights.row
        self.exposure = ones if weights.exposure is None else weights.exposure
        self.counts = not np.isfinite(link.most)

    def start(self) -> tuple[float, float]:
        # half a row more of each kind, so that the mean of rows that are all alike is on no boundary
        size = self.row * self.exposure
        more = size.sum() / self.row.sum()
        total = (self.row * self.y).sum() + 0.5
        eta = float(self.link.eta(np.asarray(total / (size.sum() + more))))
        return eta if self.offset is None else self._intercept(eta, total, np.append(size, more), self.offset), 1.0

    def _intercept(self, eta: float, total: float, size: np.ndarray, offset: np.ndarray) -> float:
        """The intercept whose means have this total, where without an offset it is `eta`; the last is a row more."""
        middle = float(np.average(offset, weights=size[:-1]))
        offset = np.append(offset, middle)
        low, high = eta - offset.max(), eta - offset.min()

        def excess(mean: float) -> float:
            return float((size * self.link.mean(np.clip(mean + offset, -FURTHEST, FURTHEST))).sum() - total)

        # rounding may take the root out of its bounds where the offset is almost constant
        return brentq(excess, low, high) if excess(low) < 0 < excess(high) else eta - middle

    def linearize(self, predictor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        eta = np.clip(predictor if self.offset is None else predictor + self.offset, -FURTHEST, FURTHEST)
        variance = np.maximum(self.exposure * self.link.variance(eta), FLAT)
        return self.row * variance, (self.y - self.exposure * self.link.mean(eta)) / variance

    def dispersion(self, weights: np.ndarray, residual: np.ndarray, fitted: float) -> float:
        """Pearson's statistic by its degrees of freedom; classes have no more noise than their mean implies."""
        if not self.counts:
            return 1.0
        return max(1.0, float((weights * residual**2).sum() / max(self.row.sum() - 1 - fitted, 1.0)))

    def limited(self, move: np.ndarray) -> np.ndarray:
        return np.clip(move, -STEP, STEP)
