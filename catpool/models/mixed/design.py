"""A mixed model in the user's units: how columns become a design, and how a fit becomes effects and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from catpool.models.mixed.solver.mixed_fit import MixedFit
from catpool.models.mixed.solver.system import Factor, random_part
from catpool.models.mixed.solver.variance_search import Parameters
from catpool.priors.families import FAMILIES

COLLINEAR = 1e-12  # the least eigenvalue of the covariates' correlations


@dataclass(frozen=True)
class Design:
    """The columns of a model, of which the covariates are brought to mean nought and variance one.

    Parameters
    ----------
    covariates : ndarray of shape (n, p)
        As they came, without a constant.
    factors : list of Factor
        Their slopes as they came.
    names : list of str
        The covariates'.
    terms : list of list of str
        What differs by level of each factor: "intercept", and names of slopes.
    """

    covariates: np.ndarray
    factors: list[Factor]
    names: list[str]
    terms: list[list[str]]

    @property
    def one_intercept(self) -> bool:
        """Whether there is one factor, and no slopes."""
        return len(self.factors) == 1 and self.factors[0].width == 1

    def units(self) -> Units:
        centers, scales = self.covariates.mean(axis=0), self.covariates.std(axis=0)
        self._refuse_collinear((self.covariates - centers) / _positive(scales))
        slopes = [np.sqrt((factor.slopes**2).mean(axis=0)) for factor in self.factors]
        return Units(centers, _positive(scales), [_positive(each) for each in slopes])

    def _refuse_collinear(self, standard: np.ndarray) -> None:
        if standard.shape[1] and np.linalg.eigvalsh(standard.T @ standard / len(standard))[0] < COLLINEAR:
            raise ValueError(
                f"The covariates {self.names} must be linearly independent of each other and of a constant. "
                "Leave one out."
            )

    def scaled(self, units: Units) -> tuple[np.ndarray, list[Factor]]:
        """X with its column of ones, and the factors with slopes of unit mean square."""
        ones = np.ones((len(self.covariates), 1))
        design = np.hstack([ones, (self.covariates - units.centers) / units.scales])
        return design, [
            replace(factor, slopes=factor.slopes / scales)
            for factor, scales in zip(self.factors, units.slopes, strict=True)
        ]

    def subset(self, rows: np.ndarray) -> Design:
        factors = [replace(each, codes=each.codes[rows], slopes=each.slopes[rows]) for each in self.factors]
        return replace(self, covariates=self.covariates[rows], factors=factors)


def _positive(scales: np.ndarray) -> np.ndarray:
    return np.where(scales > 0, scales, 1.0)


@dataclass(frozen=True)
class Units:
    """What the covariates' distances are measured from and by, and each factor's slopes by."""

    centers: np.ndarray
    scales: np.ndarray
    slopes: list[np.ndarray]

    def back(self) -> np.ndarray:
        """The matrix from coefficients of scaled columns to those of columns as they came."""
        matrix = np.diag(np.append(1.0, 1 / self.scales))
        matrix[0, 1:] = -self.centers / self.scales
        return matrix


@dataclass(frozen=True)
class MixedModel:
    """A fitted model.

    Parameters
    ----------
    fixed : ndarray of shape (1 + p,)
        The intercept and the covariates' coefficients.
    fixed_covariance : ndarray of shape (1 + p, 1 + p)
    effects : list of ndarray of shape (size, width)
        Conditional modes of each factor.
    variances : list of ndarray of shape (size, width, width)
        Of the effects about the modes.
    covariances : list of ndarray of shape (width, width)
        Of each factor's effects.
    scale : float
        Variance of a row; one where the family has it given.
    criterion : float
        Twice the negative log-likelihood, restricted under REML; NaN where it is not known.
    parameters : int
        Variances, covariances and coefficients that were estimated.
    family : str
    method : str
        What was maximised.
    solver : str
        How the equations were solved: "exact" or "cg".
    singular : list of bool
        Of each factor, whether its covariance has no full rank.
    """

    fixed: np.ndarray
    fixed_covariance: np.ndarray
    effects: list[np.ndarray]
    variances: list[np.ndarray]
    covariances: list[np.ndarray]
    scale: float
    criterion: float
    parameters: int
    family: str
    method: str
    solver: str
    singular: list[bool]

    def sds(self) -> list[np.ndarray]:
        """Posterior standard deviations of the effects, of shape (size, width)."""
        return [np.sqrt(np.maximum(np.diagonal(each, axis1=1, axis2=2), 0.0)) for each in self.variances]

    def fixed_part(self, covariates: np.ndarray) -> np.ndarray:
        """Of shape (n,), on the scale of the linear predictor."""
        return self.fixed[0] + covariates @ self.fixed[1:]

    def predictor(self, design: Design, effects_of: Sequence[np.ndarray]) -> np.ndarray:
        """The linear predictor of rows, of shape (n,), from the effects of each factor."""
        return self.fixed_part(design.covariates) + random_part(design.factors, effects_of)


def times(model: MixedModel, factor: float, freedom: float) -> MixedModel:
    """The model of a target so many times as large."""
    return replace(
        model,
        fixed=factor * model.fixed,
        fixed_covariance=factor * (factor * model.fixed_covariance),
        effects=[factor * each for each in model.effects],
        variances=[factor * (factor * each) for each in model.variances],
        covariances=[factor * (factor * each) for each in model.covariances],
        scale=factor * (factor * model.scale),
        criterion=model.criterion + 2 * freedom * float(np.log(factor)),
    )


def in_units(fit: MixedFit, units: Units, center: float, *, reml: bool, method: str, family: str) -> MixedModel:
    """A fit of scaled columns, its target a distance from `center`, in the user's units."""
    back = units.back()
    fixed = back @ fit.fixed
    fixed[0] += center
    scales = [1 / np.append(1.0, each) for each in units.slopes]
    both = [np.outer(each, each) for each in scales]
    shift = 2 * np.log(units.scales).sum() if reml else 0.0
    return MixedModel(
        fixed=fixed,
        fixed_covariance=back @ fit.fixed_covariance @ back.T,
        effects=[effects * each for effects, each in zip(fit.effects, scales, strict=True)],
        variances=[own * each for own, each in zip(fit.variances(), both, strict=True)],
        covariances=[own * each for own, each in zip(fit.covariances, both, strict=True)],
        scale=fit.scale,
        criterion=float(fit.criterion + shift),
        parameters=len(Parameters(fit.shapes).places) + len(fixed) + FAMILIES[family].homoscedastic,
        family=family,
        method=method,
        solver=fit.solver,
        singular=[bool((np.diag(each) == 0).any()) for each in fit.lambdas],
    )
