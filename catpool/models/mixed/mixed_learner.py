"""Mixed models fitted to all training rows, and for each fold to the rows outside it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from catpool.crossfit.folds import Folds
from catpool.data.frozen import frozen
from catpool.data.progress import FOLDS, counted
from catpool.data.weights import Weights
from catpool.models.mixed.aggregated_rows import aggregate_rows
from catpool.models.mixed.cross_products import CrossProducts, cross_products
from catpool.models.mixed.design import Design, DesignScales
from catpool.models.mixed.fitted_model import MixedModel, rescale_fit, rescale_target, with_zeros
from catpool.models.mixed.laplace import fit_random_intercepts
from catpool.models.mixed.laplace_search import fit_laplace
from catpool.models.mixed.quasi_likelihood import penalized_quasi_likelihood
from catpool.models.mixed.separation import warn_of_separation
from catpool.models.mixed.solver.mixed_fit import fit_mixed
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.profiled_deviance import is_exact
from catpool.moments.partition import Parts
from catpool.moments.unit import unit_of
from catpool.priors.family import Family


@frozen
class MixedRows:
    """The training rows of a mixed model.

    Parameters
    ----------
    y : ndarray of shape (n,)
    design : Design
    weights : Weights
    family : Family
    """

    y: np.ndarray
    design: Design
    weights: Weights
    family: Family

    def subset(self, rows: np.ndarray) -> MixedRows:
        return MixedRows(self.y[rows], self.design.subset(rows), self.weights.subset(rows), self.family)


@frozen
class MixedOptions:
    """How a model is fitted.

    Parameters
    ----------
    reml : bool
    solver : {"auto", "exact", "cg"}
    quadrature : int
        Points of the quadrature for binary targets and counts; one is the Laplace approximation.
    approximation : {"auto", "laplace", "pql"}
    """

    reml: bool
    solver: str
    quadrature: int
    approximation: str

    @property
    def method(self) -> str:
        return "REML" if self.reml else "ML"

    def is_laplace(self, design: Design) -> bool:
        """Whether the likelihood of a binary target or counts has Laplace's approximation, or its refinement."""
        shapes = [factor.shape for factor in design.factors]
        return self.approximation == "laplace" or (self.approximation == "auto" and is_exact(shapes, self.solver))

    def check(self, rows: MixedRows) -> None:
        """Refuse options that the rows' model does not have."""
        one_intercept, normal = rows.design.one_intercept, rows.family.homoscedastic
        if normal and self.approximation != "auto":
            raise ValueError(
                "`approximation` needs a binary target or counts, as the likelihood of other targets is exact. Got "
                f'{self.approximation!r}; pass approximation="auto".'
            )
        if self.approximation == "pql" and self.quadrature > 1:
            raise ValueError(
                f"`quadrature` of {self.quadrature} points refines Laplace's approximation, and does not go with "
                'approximation="pql". Pass quadrature=1, or approximation="laplace".'
            )
        if self.approximation == "laplace" and self.solver == "cg":
            raise ValueError(
                'approximation="laplace" needs determinants, which solver="cg" does not give. Pass solver="exact", or '
                'approximation="pql".'
            )
        if self.quadrature > 1 and (normal or not one_intercept or rows.design.names):
            raise ValueError(
                "`quadrature` of more than one point needs a binary target or counts, one factor, and neither "
                f"covariates nor slopes. Got {self.quadrature}; pass quadrature=1."
            )
        if self.solver == "cg" and one_intercept and not normal:
            raise ValueError(
                'solver="cg" does not go with a binary target or counts of one factor without slopes: their equations '
                'are solved level by level. Pass solver="auto".'
            )


def fit_mixed_model(rows: MixedRows, options: MixedOptions) -> MixedModel:
    """Fit the model to all rows."""
    if not rows.family.homoscedastic:
        return _fit_generalized(rows, options)
    return _fit_normal(rows, options, Parts(None, 1))[0]


def fit_mixed_model_out_of_fold(
    rows: MixedRows, folds: Folds, options: MixedOptions
) -> tuple[MixedModel, list[MixedModel]]:
    """Fit the model to all rows, and once per fold to the rows that the fold learns from."""
    dependent = _dependent_covariates(rows, folds)
    # cross-products by fold suffice only for a linear model of all the rows outside a fold
    if not rows.family.homoscedastic or folds.training is not None or any(dependent):

        def fit_outside(fold: int) -> MixedModel:
            subset, left_out = rows.subset(folds.training_rows(fold)), dependent[fold]
            if not left_out:
                return fit_mixed_model(subset, options)
            model = fit_mixed_model(replace(subset, design=subset.design.without(left_out)), options)
            return with_zeros(model, left_out)

        return fit_mixed_model(rows, options), counted(fit_outside, range(folds.n_folds), FOLDS)
    whole, *outside = _fit_normal(rows, options, Parts(folds.labels, folds.n_parts))
    return whole, outside[: folds.n_folds]


def _dependent_covariates(rows: MixedRows, folds: Folds) -> list[list[int]]:
    """The covariates that each fold does without, and a warning that names the folds and the covariates."""
    if not rows.design.names:
        return [[] for _ in range(folds.n_folds)]
    weight = rows.weights.row
    training = [folds.training_rows(fold) for fold in range(folds.n_folds)]
    weighed = training if weight is None else [own[weight[own] > 0] for own in training]
    dependent = [rows.design.dependent(own) if len(own) else [] for own in weighed]
    if any(dependent):
        named = {fold: [rows.design.names[each] for each in own] for fold, own in enumerate(dependent) if own}
        warnings.warn(
            "Some folds learn from rows in which covariates are constant, or follow from others, and do without them: "
            f"{', '.join(f'fold {fold} without {names}' for fold, names in named.items())}. Leave these covariates "
            "out, or use folds that are more alike.",
            stacklevel=2,
        )
    return dependent


def _fit_normal(rows: MixedRows, options: MixedOptions, parts: Parts) -> list[MixedModel]:
    """The model of all rows and, if there are several parts, that of the rows outside each part."""
    scales, unit = rows.design.measure_scales(rows.weights.row), unit_of(rows.y)
    products = _cross_products(replace(rows, y=rows.y / unit), scales, parts)
    views = [products.merge(), *(products.leave_out_parts() if parts.number > 1 else [])]
    return counted(lambda view: _fit_system(*view, scales, options, unit, rows.family), views, FOLDS)


def _cross_products(rows: MixedRows, scales: DesignScales, parts: Parts) -> CrossProducts:
    covariates, factors = rows.design.standardize(scales)
    return cross_products(rows.y, covariates, factors, rows.weights.row, parts, precision=rows.weights.precision)


def _fit_system(
    system: MixedSystem, center: float, scales: DesignScales, options: MixedOptions, unit: float, family: Family
) -> MixedModel:
    fit = fit_mixed(system, reml=options.reml, solver=options.solver)
    model = rescale_fit(fit, scales, center, reml=options.reml, method=options.method, family=family.name)
    freedom = system.rows - (system.covariates if options.reml else 0)
    return model if unit == 1 else rescale_target(model, unit, freedom)


def _center(offset: np.ndarray | None) -> tuple[np.ndarray | None, float]:
    """The offset about its mean, which goes to the intercept, and the mean."""
    middle = 0.0 if offset is None else float(offset.mean())
    return None if offset is None else offset - middle, middle


def _fit_generalized(rows: MixedRows, options: MixedOptions) -> MixedModel:
    """Fit a binary target or counts by Laplace's approximation, by quadrature or by penalized quasi-likelihood."""
    scales, family = rows.design.measure_scales(rows.weights.row), rows.family
    link, (least, most) = family.link, family.bounds
    covariates, factors = rows.design.standardize(scales)
    offset, middle = _center(rows.design.offset)
    aggregated = aggregate_rows(rows.y, covariates, factors, rows.weights, link.constant, offset)
    mean = aggregated.total.sum() / aggregated.count.sum()
    # at the ends of the link no coefficient is finite
    if not least < mean < most:
        raise ValueError(
            f"A mixed model of the {family.name} family needs different values of y, but all of y is {mean:g}. Use "
            "another target, or more rows."
        )
    warn_of_separation(aggregated, rows.design, classes=bool(np.isfinite(most)))
    criterion, method = np.nan, "PQL"
    if not options.is_laplace(rows.design):
        fit = penalized_quasi_likelihood(aggregated, link, mean, options.solver)
    elif rows.design.one_intercept:
        fit, criterion, method = fit_random_intercepts(aggregated, link, mean, options.quadrature)
    else:
        (fit, criterion), method = fit_laplace(aggregated, link, mean), "Laplace"
    model = rescale_fit(fit, scales, -middle, reml=False, method=method, family=family.name)
    return replace(model, criterion=criterion)
