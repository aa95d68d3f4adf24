"""Mixed models fitted to all training rows, and for each fold to the rows outside it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from catpool.crossfit.folds import Folds
from catpool.data.progress import FOLDS, counted
from catpool.models.mixed.aggregated_rows import AggregatedRows, aggregate_rows
from catpool.models.mixed.average_variances import fit_full_bayes
from catpool.models.mixed.design import Design, DesignScales
from catpool.models.mixed.dispersed_rows import aggregate_dispersed
from catpool.models.mixed.dropped_columns import dropped_by_fold, of_fold
from catpool.models.mixed.fitted_model import MixedModel, rescale_positive_target, with_zeros
from catpool.models.mixed.joint_laplace import average_generalized
from catpool.models.mixed.laplace import fit_dispersed_intercepts, fit_random_intercepts, quadrature_name
from catpool.models.mixed.laplace_search import fit_laplace
from catpool.models.mixed.mixed_options import MixedOptions, MixedRows
from catpool.models.mixed.model_assembly import ModelAssembly
from catpool.models.mixed.near_dependence import name_dependent
from catpool.models.mixed.quasi_likelihood import penalized_quasi_likelihood
from catpool.models.mixed.row_likelihood import CanonicalRows, RowLikelihood
from catpool.models.mixed.row_residuals import RowResiduals
from catpool.models.mixed.separation import warn_of_separation
from catpool.models.mixed.solver.mixed_fit import MixedFit, fit_mixed
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.profiled_deviance import is_exact
from catpool.models.mixed.variance_prior import VariancePrior
from catpool.moments.partition import Parts
from catpool.moments.unit import unit_of, units_of
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.families.family import Family

EXPOSURES = 16  # the exponent of two up to which exposures are usual
LEAST_FREEDOM = 2  # with no more rows beyond the coefficients, no posterior of the normal model has a variance


def fit_mixed_model(rows: MixedRows, options: MixedOptions, *, keep_posterior: bool = True) -> MixedModel:
    """Fit the model to all rows; `keep_posterior` is as in `ModelAssembly`."""
    if isinstance(rows.family, DispersedFamily):
        return _fit_dispersed(rows, rows.family, options, keep_posterior)
    if not rows.family.homoscedastic:
        return _fit_generalized(rows, options, keep_posterior)
    return _fit_normal(rows, options, Parts(None, 1), keep_posterior)[0]


def fit_mixed_model_out_of_fold(
    rows: MixedRows, folds: Folds, options: MixedOptions
) -> tuple[MixedModel, list[MixedModel]]:
    """Fit the model to all rows, and once per fold to the rows that the fold learns from."""
    dropped, linear = dropped_by_fold(rows, folds), rows.family.homoscedastic
    # cross-products by fold suffice only for a linear model of all the rows outside a fold, in units of all rows
    if not linear or folds.training is not None or any(dropped) or _has_own_units(rows, folds, options):

        def fit_outside(fold: int) -> MixedModel:
            subset, own = rows.subset(folds.training_rows(fold)), dropped[fold]
            design = subset.design.without_slopes(own.slopes).without(own.covariates)
            with of_fold(fold):
                model = fit_mixed_model(replace(subset, design=design), options, keep_posterior=False)
            return with_zeros(model, own.covariates) if own.covariates else model

        return fit_mixed_model(rows, options), counted(fit_outside, range(folds.n_folds), FOLDS)
    whole, *outside = _fit_normal(rows, options, Parts(folds.labels, folds.n_parts), keep_posterior=True)
    return whole, outside[: folds.n_folds]


def _has_own_units(rows: MixedRows, folds: Folds, options: MixedOptions) -> bool:
    """Whether variances of slopes are averaged over, whose prior is in units of the covariates a fold learns from."""
    codes = [factor.codes for factor in rows.design.factors if factor.slopes.shape[1]]
    training = [folds.training_rows(fold) for fold in range(folds.n_folds)] if codes else []
    return any(any(options.uncertain([len(np.unique(each[own])) for each in codes], np.inf)) for own in training)


def _fit_normal(rows: MixedRows, options: MixedOptions, parts: Parts, keep_posterior: bool) -> list[MixedModel]:
    """The model of all rows and, if there are several parts, those of the rows outside each part."""
    scales, unit = rows.design.measure_scales(rows.weights.row), unit_of(rows.y)
    of_rows = RowResiduals(
        rows.y / unit, *rows.design.standardize(scales), rows.weights.row, rows.weights.precision, parts
    )
    products = of_rows.cross_products(parts)
    views = [products.merge(), *(products.leave_out_parts() if parts.number > 1 else [])]
    of_all = ModelAssembly(scales, unit, rows.family, options, keep_posterior)
    assemblies = [of_all, *[replace(of_all, keep_posterior=False)] * (len(views) - 1)]

    def fit(view: int) -> MixedModel:
        with of_fold(view - 1) if view else nullcontext(), name_dependent(rows.design):
            return _fit_system(*views[view], assemblies[view], replace(of_rows, left_out=view - 1 if view else None))

    return counted(fit, range(len(views)), FOLDS)


def _fit_system(system: MixedSystem, center: float, assembly: ModelAssembly, rows: RowResiduals) -> MixedModel:
    options = assembly.options
    freedom = system.rows - (system.covariates if options.reml else 0)
    residuals, uncertain = replace(rows, center=center), options.uncertain(system.seen, system.rows)
    if any(uncertain) and freedom > LEAST_FREEDOM and is_exact(system.shapes, options.solver):
        fits = fit_full_bayes(system, uncertain, options.prior_scale, residuals)
    else:
        fits = [(1.0, fit_mixed(system, reml=options.reml, solver=options.solver, residuals=residuals))]
    return assembly.assemble(fits, center=center, freedom=freedom, method=options.method)


def _fit_dispersed(rows: MixedRows, family: DispersedFamily, options: MixedOptions, keep_posterior: bool) -> MixedModel:
    """Fit a family with a dispersion, in a unit in which the logarithm of the mean is not far from zero."""
    weight = np.ones(len(rows.y)) if rows.weights.row is None else rows.weights.row
    unit = family.unit(rows.y[weight > 0])
    model = _fit_generalized(replace(rows, y=rows.y / unit), options, keep_posterior)
    if unit == 1 or model.dispersion is None:
        return model
    dispersion, positive = family.in_unit(model.dispersion, unit), float(weight[rows.y > 0].sum())
    return rescale_positive_target(model, unit, dispersion, positive)


def _in_unit_of_exposure(rows: MixedRows) -> tuple[MixedRows, float]:
    """Rows whose exposures are not too far from one for the linear predictor, and the logarithm of their unit."""
    if rows.weights.exposure is None:
        return rows, 0.0
    unit = units_of(rows.weights.exposure.max(), EXPOSURES)
    return replace(rows, weights=replace(rows.weights, exposure=rows.weights.exposure / unit)), float(np.log(unit))


def _center(offset: np.ndarray | None) -> tuple[np.ndarray | None, float]:
    """The offset about its mean, which goes to the intercept, and the mean."""
    middle = 0.0 if offset is None else float(offset.mean())
    return None if offset is None else offset - middle, middle


def _fit_generalized(rows: MixedRows, options: MixedOptions, keep_posterior: bool) -> MixedModel:
    """Fit a binary target, counts or a family with a dispersion, on the scale of the link."""
    rows, log_unit = _in_unit_of_exposure(rows)
    scales, family = rows.design.measure_scales(rows.weights.row), rows.family
    offset, middle = _center(rows.design.offset)
    aggregated, likelihood = _aggregate(rows, scales, offset)
    mean = aggregated.total.sum() / aggregated.count.sum()
    _refuse_constant(mean, likelihood, family)
    warn_of_separation(aggregated, rows.design, classes=bool(np.isfinite(family.bounds[1])))
    best = _fit_best(aggregated, likelihood, mean, rows.design, options)
    fits, uncertain = None, _uncertain(aggregated, family, options)
    if options.is_laplace(rows.design) and options.quadrature == 1 and any(uncertain):
        prior = VariancePrior(best.fit.shapes, uncertain, best.fit.lambdas, options.prior_scale)
        fits = average_generalized(aggregated, family.link, mean, prior)
    assembly = ModelAssembly(scales, 1.0, family, options, keep_posterior)
    center = -middle - log_unit
    model = assembly.assemble(fits or [(1.0, best.fit)], center=center, freedom=np.inf, method=best.method)
    return model if fits else replace(model, criterion=best.criterion, dispersion=best.dispersion)


def _refuse_constant(mean: float, likelihood: RowLikelihood, family: Family | DispersedFamily) -> None:
    """Raise an error if all values of y are alike, so that no coefficient is finite."""
    least, most = family.bounds
    if not least < mean < most or likelihood.is_constant():
        raise ValueError(
            f"A mixed model of the {family.name} family needs different values of y, but its values are "
            "all alike. Use another target, or more rows."
        )


class BestFit(NamedTuple):
    """The fit at the most likely variances.

    Parameters
    ----------
    fit : MixedFit
    method : str
        As in `MixedModel`.
    criterion : float, default=NaN
        Twice the negative log-likelihood, if it is known.
    dispersion : float, optional
        If the family has one.
    """

    fit: MixedFit
    method: str
    criterion: float = np.nan
    dispersion: float | None = None


def _fit_best(
    rows: AggregatedRows, likelihood: RowLikelihood, mean: float, design: Design, options: MixedOptions
) -> BestFit:
    """Fit by Laplace's approximation, by quadrature or by penalized quasi-likelihood, as the options say."""
    if not options.is_laplace(design):
        return BestFit(penalized_quasi_likelihood(rows, likelihood.link, mean, options.solver), "PQL")
    if design.one_intercept and not likelihood.parameters.size:
        fit, criterion, method = fit_random_intercepts(rows, likelihood.link, mean, options.quadrature)
        return BestFit(fit, method, criterion)
    fit, criterion, dispersion = fit_laplace(rows, likelihood, mean)
    if options.quadrature == 1 or dispersion is None:
        return BestFit(fit, "Laplace", criterion, dispersion)
    found = fit_dispersed_intercepts(rows, likelihood, fit, dispersion, options.quadrature)
    fit, criterion, dispersion = found
    return BestFit(fit, quadrature_name(options.quadrature), criterion, dispersion)


def _uncertain(rows: AggregatedRows, family: Family | DispersedFamily, options: MixedOptions) -> list[bool]:
    """Whether the variances of each factor are averaged over, which takes a known dispersion."""
    if isinstance(family, DispersedFamily):
        return [False] * len(rows.factors)
    return options.uncertain([len(np.unique(factor.codes)) for factor in rows.factors], np.inf)


def _aggregate(
    rows: MixedRows, scales: DesignScales, offset: np.ndarray | None
) -> tuple[AggregatedRows, RowLikelihood]:
    covariates, factors = rows.design.standardize(scales)
    if isinstance(rows.family, DispersedFamily):
        return aggregate_dispersed(rows.y, covariates, factors, rows.weights, rows.family, offset)
    link = rows.family.link
    aggregated = aggregate_rows(rows.y, covariates, factors, rows.weights, link.constant, offset)
    return aggregated, CanonicalRows(aggregated.total, aggregated.count, link)
