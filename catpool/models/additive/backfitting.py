"""Additive models of many factors by backfitting: y = mu + an effect of each factor's category + noise.

Each factor has a variance of its own. The effect of a category is shrunk by it, given the effects of all other factors:

    effect_k = sum of w (y - the rest) over the rows of k / (sum of w + phi / tau^2),

and the variances follow from the effects (Schall 1991): with reliabilities r_k = w_k / (w_k + phi / tau^2),

    tau^2 = sum of effect_k^2 / sum of r_k,    phi = sum of squared residuals / (rows - 1 - sum of all r).

The variance of a factor without signal shrinks in each round, until the factor is dropped or the fit ends. It ends
where no effect moves by more than a small part of its standard error. Columns that say almost the same would need
hundreds of rounds, so what factors share is divided among them in each round, and rounds are accelerated. For classes
and counts, y is linearized at the linear predictor at the start of each round, as in penalized quasi-likelihood.

References
----------
R. Schall (1991), Estimation in generalized linear models with random effects, Biometrika 78, 719-727.
T. Hastie, R. Tibshirani (1986), Generalized additive models, Statistical Science 1, 297-310.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from catpool.models.additive.acceleration import Acceleration
from catpool.models.additive.additive_model import AdditiveModel
from catpool.models.additive.additive_rows import FactorRows, TargetColumn
from catpool.models.additive.linearization import working_rows

ROUNDS = 200  # the most rounds
STILL = 0.02  # how far effects move in the last round, in units of their standard errors
START = 0.1  # the variance of each factor at the start, in units of the noise
NEGLIGIBLE = 1e-3  # reliability of a factor's largest category below which the factor has no signal
SETTLED = 10  # rounds in which variances change too much for an acceleration
WEAK = 2.0  # effective number of a factor's effects below which it goes its own way to zero


def fit_targets(rows: FactorRows, targets: Sequence[TargetColumn]) -> list[AdditiveModel]:
    """Fit an additive model to each column of the target."""
    return [fit_additive(rows, target) for target in targets]


def fit_additive(rows: FactorRows, target: TargetColumn) -> AdditiveModel:
    """Fit an additive model to one column of the target."""
    fit = Backfitting(rows, target)
    for number in range(ROUNDS):
        moved = fit.improve()
        if moved.max(initial=0.0) < STILL:
            return fit.model()
        if number >= SETTLED:
            fit.accelerate()
    warnings.warn(
        f"The effects of {rows.names[int(moved.argmax())]!r} still change after {ROUNDS} rounds, and are not exact. "
        "Another column may say almost the same. Leave one of them out.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return fit.model()


def residuals(model: AdditiveModel, rows: FactorRows, target: TargetColumn) -> np.ndarray:
    """What a model leaves unexplained of each row, in units of its standard deviation, of shape (n,)."""
    working = working_rows(target, rows.weights)
    weights, left = working.linearize(model.predictor(rows.codes))
    copies = None if rows.weights.precision else rows.weights.row
    row = 1.0 if copies is None else np.where(copies > 0, copies, 1.0)
    return left * np.sqrt(weights / row / (model.dispersion or 1.0))  # without noise where y is constant


class Backfitting:
    """An additive model that is being fitted.

    Parameters
    ----------
    rows : FactorRows
    target : TargetColumn
    """

    def __init__(self, rows: FactorRows, target: TargetColumn) -> None:
        self.rows, self.working = rows, working_rows(target, rows.weights)
        self.state = np.zeros(1 + sum(rows.sizes))  # the intercept, and the effects of all factors
        self.effects = np.split(self.state[1:], np.cumsum(rows.sizes))[:-1]  # without the rest, which is empty
        self.mean, self.dispersion = self.working.start()
        self.variances = np.full(len(rows.sizes), START * self.dispersion)
        self.fitted = np.zeros(len(rows.sizes))  # the effective number of each factor's effects
        self.predictor = np.full(len(target.y), self.mean)
        self.weights, self.residual = self.working.linearize(self.predictor)
        self.information = [self._information(factor) for factor in range(len(rows.sizes))]
        self.shared = [part.covered(rows.codes) for part in rows.shared]
        self.acceleration, self.move = Acceleration(len(self.state)), np.zeros_like(self.state)

    @property
    def mean(self) -> float:
        return float(self.state[0])

    @mean.setter
    def mean(self, value: float) -> None:
        self.state[0] = value

    def improve(self) -> np.ndarray:
        """One round over all factors: how far each one's effects move at most, in units of their standard errors."""
        before = self.state.copy()
        self.weights, self.residual = self.working.linearize(self.predictor)
        self.dispersion = self.working.dispersion(self.weights, self.residual, self.fitted.sum())
        total = self.weights.sum()
        shift = float(self.working.limited((self.weights * self.residual).sum() / total)) if total > 0 else 0.0
        self.mean += shift
        self.predictor += shift
        self.residual -= shift
        moved = np.zeros(len(self.effects))
        for factor in self._alive():
            moved[factor] = self._furthest(factor, self._update(factor))
        for part in self.shared:
            for own, move in part.moves(self.effects, self.information, self.variances).items():
                self.effects[own] += move
                moved[own] = max(moved[own], self._furthest(own, move))
        self.move = self.state - before
        return moved

    def accelerate(self) -> None:
        """Go on to where the rounds lead to, with all factors but the weak ones."""
        scale = np.sqrt(np.concatenate([[self.weights.sum()], *self.information]) / self.dispersion)
        strong = np.repeat(np.append(True, self.fitted > WEAK), [1, *self.rows.sizes])
        self.state += strong * self.acceleration.step(self.state.copy(), strong * scale * self.move)
        self.predictor = np.full(len(self.predictor), self.mean)
        for factor in self._alive():
            self.predictor += self.effects[factor].take(self.rows.codes[factor])

    def _update(self, factor: int) -> np.ndarray:
        """The effects of a factor given all others, and its variance given these; how the effects move."""
        codes, size, old = self.rows.codes[factor], self.rows.sizes[factor], self.effects[factor].copy()
        information = self._information(factor) if self.working.reweights else self.information[factor]
        total = np.bincount(codes, self.weights * self.residual, size) + information * old
        strength = self.dispersion / self.variances[factor]
        new = old + self.working.limited(total / (information + strength) - old)
        reliability = information / (information + strength)
        variance = (new**2).sum() / max(reliability.sum(), 1e-300)
        if variance * information.max() <= NEGLIGIBLE * self.dispersion:
            variance, new, reliability = 0.0, np.zeros(size), np.zeros(size)
        moved = (new - old).take(codes)
        self.residual -= moved
        self.predictor += moved
        self.information[factor] = information
        self.effects[factor][:] = self._centered(new, information > 0)
        self.variances[factor], self.fitted[factor] = variance, reliability.sum()
        return new - old

    def _alive(self) -> list[int]:
        return [factor for factor, variance in enumerate(self.variances) if variance > 0]

    def _furthest(self, factor: int, move: np.ndarray) -> float:
        # errors without shrinkage: the effects of a factor without signal shrink for long, but soon by little of these
        return float((np.abs(move) * np.sqrt(self.information[factor] / self.dispersion)).max())

    def _centered(self, effects: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Move the mean of a factor's effects to the intercept, where rounds would bring it slowly."""
        center = effects[seen].mean() if seen.any() else 0.0
        self.mean += center
        return np.where(seen, effects - center, effects)

    def _information(self, factor: int) -> np.ndarray:
        return np.bincount(self.rows.codes[factor], self.weights, self.rows.sizes[factor]).astype(float)

    def model(self) -> AdditiveModel:
        return AdditiveModel(float(self.mean), self.effects, self.information, self.variances, float(self.dispersion))
