"""A fitted mixed model in the user's units: coefficients, effects, variances, and predictions from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers, require_one_of
from catpool.models.mixed.contrasts import Contrasts
from catpool.models.mixed.design import Design, DesignScales
from catpool.models.mixed.joint_posterior import JointPosterior
from catpool.models.mixed.solver.covariance_parameters import CovarianceParameters
from catpool.models.mixed.solver.grouping_factor import sum_random_effects
from catpool.models.mixed.solver.mixed_fit import MixedFit
from catpool.priors.families.by_name import MIXED_FAMILIES
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.mixtures.mixture_of_t import average, variance_of_t

ROUNDING = 1e-24  # of variances, in units of the residual variance


@frozen
class MixedModel:
    """A fitted model.

    Parameters
    ----------
    fixed : ndarray of shape (1 + p,)
        The intercept and the covariates' coefficients.
    fixed_covariance : ndarray of shape (1 + p, 1 + p)
    effects : list of ndarray of shape (size, width)
        The conditional modes of each factor's effects.
    variances : list of ndarray of shape (size, width, width)
        The prediction error variances of each factor's effects.
    covariances : list of ndarray of shape (width, width)
        The covariance of each factor's effects.
    scale : float
        The residual variance; one if the family fixes it.
    criterion : float
        Twice the negative log-likelihood, restricted under REML; NaN if it is not known.
    parameters : int
        The number of estimated variances, covariances and coefficients.
    family : str
    method : str
        What was maximized: "REML", "ML", "Laplace", "PQL" or the quadrature; or "full Bayes".
    solver : str
        How the equations were solved: "exact" or "cg".
    singular : list of bool
        For each factor, whether its covariance is singular.
    posterior : JointPosterior, optional
        The joint posterior of coefficients and effects. None where conjugate gradients solved the equations, and in
        the models of folds.
    dispersion : float or None, default=None
        Of the negative binomial, gamma and Tweedie families: the coefficient of mu^2, or of mu to the Tweedie power,
        in the variance of a row. None for the others.
    contrasts : Contrasts, optional
        The columns of covariates and the levels of those that hold categories; files of version 1 do not have it.
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
    posterior: JointPosterior | None = None
    dispersion: float | None = None
    contrasts: Contrasts | None = None

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a model."""
        width, lists = np.size(self.fixed), (self.variances, self.covariances, self.singular)
        require(width, "a model without an intercept")
        require_numbers((width,), fixed=self.fixed)
        require_numbers((width, width), fixed_covariance=self.fixed_covariance)
        require(all(len(each) == len(self.effects) for each in lists), "factors without their estimates")
        for effects, variances, covariance in zip(self.effects, self.variances, self.covariances, strict=True):
            require(np.ndim(effects) == 2, "effects that are not a table")
            size, own = np.shape(effects)
            require_numbers((size, own), effects=effects)
            require_numbers((size, own, own), variances=variances)
            require_numbers((own, own), covariances=covariance)
        require_one_of(MIXED_FAMILIES, family=self.family)
        dispersed = isinstance(MIXED_FAMILIES[self.family], DispersedFamily)
        require(
            dispersed == (self.dispersion is not None),
            f"a dispersion of {self.dispersion} beside the `family` {self.family!r}",
        )
        require_numbers((), least=0.0, dispersion=self.dispersion)

    def sds(self) -> list[np.ndarray]:
        """The posterior standard deviations of each factor's effects, shape (size, width)."""
        return [np.sqrt(np.maximum(np.diagonal(each, axis1=1, axis2=2), 0.0)) for each in self.variances]

    def fixed_part(self, design: Design) -> np.ndarray:
        """X beta and the offset, shape (n,), on the scale of the linear predictor."""
        fixed: np.ndarray = self.fixed[0] + design.covariates @ self.fixed[1:]
        return fixed if design.offset is None else fixed + design.offset

    def predictor(self, design: Design, effects: Sequence[np.ndarray]) -> np.ndarray:
        """The linear predictor of rows, shape (n,), from their design and each factor's effects."""
        return self.fixed_part(design) + sum_random_effects(design.factors, effects)


def with_zeros(model: MixedModel, covariates: list[int]) -> MixedModel:
    """The model with coefficients of zero for covariates that it was fitted without."""
    number = len(model.fixed) + len(covariates)
    kept = np.delete(np.arange(number), [1 + each for each in covariates])
    fixed, covariance = np.zeros(number), np.zeros((number, number))
    fixed[kept], covariance[np.ix_(kept, kept)] = model.fixed, model.fixed_covariance
    return replace(model, fixed=fixed, fixed_covariance=covariance)


def rescale_target(model: MixedModel, factor: float, freedom: float) -> MixedModel:
    """The model of a target that is `factor` times as large."""
    return replace(
        model,
        fixed=factor * model.fixed,
        fixed_covariance=factor * (factor * model.fixed_covariance),  # the square of the factor may overflow
        effects=[factor * each for each in model.effects],
        variances=[factor * (factor * each) for each in model.variances],
        covariances=[factor * (factor * each) for each in model.covariances],
        scale=factor * (factor * model.scale),
        criterion=model.criterion + 2 * freedom * float(np.log(factor)),
    )


def rescale_positive_target(model: MixedModel, factor: float, dispersion: float, positive: float) -> MixedModel:
    """The model, on the logarithmic scale, of a target that is `factor` times as large.

    Parameters
    ----------
    model : MixedModel
    factor : float
    dispersion : float
        Of that target.
    positive : float
        The number of rows in which it is more than zero, and has a density.
    """
    fixed, logarithm = model.fixed.copy(), float(np.log(factor))
    fixed[0] += logarithm
    posterior = None if model.posterior is None else model.posterior.shifted(logarithm)
    criterion = model.criterion + 2 * positive * logarithm
    return replace(model, fixed=fixed, dispersion=dispersion, criterion=criterion, posterior=posterior)


def _clean(covariance: np.ndarray, scale: float) -> np.ndarray:
    """The covariance of effects, or zeros if it is the rounding of zeros, which other units would correlate."""
    return covariance if covariance.max() > ROUNDING * scale else np.zeros_like(covariance)


def rescale_fit(
    fit: MixedFit, scales: DesignScales, center: float, *, reml: bool, method: str, family: str
) -> MixedModel:
    """A fit of a standardized design in the user's units.

    Parameters
    ----------
    fit : MixedFit
    scales : DesignScales
    center : float
        The value that the target was measured from.
    reml : bool
    method, family : str
        As in `MixedModel`.
    """
    to_original = scales.to_original()
    fixed = to_original @ fit.fixed
    fixed[0] += center
    units = [scales.effects_to_original(factor, shape.width) for factor, shape in enumerate(fit.shapes)]
    shift = 2 * np.log(scales.scales).sum() if reml else 0.0  # the REML criterion depends on the units of X
    return MixedModel(
        fixed=fixed,
        fixed_covariance=to_original @ fit.fixed_covariance @ to_original.T,
        effects=[effects @ each.T for effects, each in zip(fit.effects, units, strict=True)],
        variances=[each @ own @ each.T for own, each in zip(fit.variances(), units, strict=True)],
        covariances=[each @ _clean(own, fit.scale) @ each.T for own, each in zip(fit.covariances, units, strict=True)],
        scale=fit.scale,
        criterion=float(fit.criterion + shift),
        parameters=len(CovarianceParameters(fit.shapes).places) + len(fixed) + _has_scale(family),
        family=family,
        method=method,
        solver=fit.solver,
        singular=[bool((np.diag(each) == 0).any()) for each in fit.lambdas],
    )


def average_models(models: Sequence[MixedModel], probability: Sequence[float], freedom: float) -> MixedModel:
    """The mixture of models of one design, whose variances differ.

    Parameters
    ----------
    models : sequence of MixedModel
    probability : sequence of float
        Of each model.
    freedom : float
        Degrees of freedom of the residual variance; infinite where it is known.
    """
    inflation = variance_of_t(freedom)

    def mean(values: Iterable[np.ndarray]) -> np.ndarray:
        return average(probability, list(values))

    def spread(means: Iterable[np.ndarray], variances: Iterable[np.ndarray]) -> np.ndarray:
        """The variances within the models and between their means."""
        own = np.array(list(means))
        apart = own - mean(own)
        return mean(inflation * each for each in variances) + mean(apart[..., None] * apart[..., None, :])

    first, factors = models[0], range(len(models[0].effects))
    return replace(
        first,
        fixed=mean(each.fixed for each in models),
        fixed_covariance=spread((each.fixed for each in models), (each.fixed_covariance for each in models)),
        effects=[mean(each.effects[place] for each in models) for place in factors],
        variances=[
            spread((each.effects[place] for each in models), (each.variances[place] for each in models))
            for place in factors
        ],
        covariances=[inflation * mean(each.covariances[place] for each in models) for place in factors],
        scale=float(inflation * mean(np.array(each.scale) for each in models)),
        criterion=np.nan,
        method="full Bayes",
    )


def _has_scale(family: str) -> bool:
    """Whether a residual variance or a dispersion is estimated."""
    own = MIXED_FAMILIES[family]
    return own.homoscedastic or isinstance(own, DispersedFamily)
