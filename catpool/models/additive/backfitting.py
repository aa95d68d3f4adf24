"""Additive models of many factors by backfitting: y = mu + an effect of each factor's category + noise.

Each factor has a variance of its own. The effect of a category is shrunk by it, given the effects of all other factors:

    effect_k = sum of w (y - the rest) over the rows of k / (sum of w + phi / tau^2),

and the variances follow from the effects (Schall 1991): with reliabilities r_k = w_k / (w_k + phi / tau^2),

    tau^2 = sum of effect_k^2 / sum of r_k,    phi = sum of squared residuals / (rows - 1 - sum of all r).

The variance of a factor without signal shrinks in each round, until the factor is dropped or the fit ends. It ends
where no effect moves by more than a small part of its standard error. For classes and counts, y is linearized at the
linear predictor at the start of each round, as in penalized quasi-likelihood.

References
----------
R. Schall (1991), Estimation in generalized linear models with random effects, Biometrika 78, 719-727.
T. Hastie, R. Tibshirani (1986), Generalized additive models, Statistical Science 1, 297-310.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.models.additive.additive_model import AdditiveModel
from catpool.models.additive.additive_rows import FactorRows, TargetColumn
from catpool.models.additive.linearization import working_rows

ROUNDS = 100  # the most rounds
STILL = 0.02  # how far effects move in the last round, in units of their standard errors
START = 0.1  # the variance of each factor at the start, in units of the noise
NEGLIGIBLE = 1e-3  # reliability of a factor's largest category below which the factor has no signal


def fit_targets(rows: FactorRows, targets: Sequence[TargetColumn]) -> list[AdditiveModel]:
    """Fit an additive model to each column of the target."""
    return [fit_additive(rows, target) for target in targets]


def fit_additive(rows: FactorRows, target: TargetColumn) -> AdditiveModel:
    """Fit an additive model to one column of the target."""
    fit = Backfitting(rows, target)
    for _ in range(ROUNDS):
        if fit.improve() < STILL:
            break
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
        self.mean, self.dispersion = self.working.start()
        self.effects = [np.zeros(size) for size in rows.sizes]
        self.variances = np.full(len(rows.sizes), START * self.dispersion)
        self.fitted = np.zeros(len(rows.sizes))  # the effective number of each factor's effects
        self.predictor = np.full(len(target.y), self.mean)
        self.weights, self.residual = self.working.linearize(self.predictor)
        self.information = [self._information(factor) for factor in range(len(rows.sizes))]

    def improve(self) -> float:
        """One round over all factors: how far the furthest effect moves, in units of its standard error."""
        self.weights, self.residual = self.working.linearize(self.predictor)
        self.dispersion = self.working.dispersion(self.weights, self.residual, self.fitted.sum())
        total = self.weights.sum()
        shift = float(self.working.limited((self.weights * self.residual).sum() / total)) if total > 0 else 0.0
        self.mean += shift
        self.predictor += shift
        self.residual -= shift
        alive = [factor for factor in range(len(self.effects)) if self.variances[factor] > 0]
        return max((self._update(factor) for factor in alive), default=0.0)

    def _update(self, factor: int) -> float:
        """The effects of a factor given all others, and its variance given these; how far the effects move."""
        codes, size, old = self.rows.codes[factor], self.rows.sizes[factor], self.effects[factor]
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
        self.effects[factor], self.information[factor] = self._centered(new, information > 0), information
        self.variances[factor], self.fitted[factor] = variance, reliability.sum()
        # errors without shrinkage: the effects of a factor without signal shrink for long, but soon by little of these
        return float((np.abs(new - old) * np.sqrt(information / self.dispersion)).max())

    def _centered(self, effects: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Move the mean of a factor's effects to the intercept, where rounds would bring it slowly."""
        center = effects[seen].mean() if seen.any() else 0.0
        self.mean += center
        return np.where(seen, effects - center, effects)

    def _information(self, factor: int) -> np.ndarray:
        return np.bincount(self.rows.codes[factor], self.weights, self.rows.sizes[factor]).astype(float)

    def model(self) -> AdditiveModel:
        return AdditiveModel(float(self.mean), self.effects, self.information, self.variances, float(self.dispersion))
