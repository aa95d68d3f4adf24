"""Mixed models learned from all rows, and for each fold from the rows it may see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from catpool.crossfit.folds import Folds
from catpool.data.weights import Weights
from catpool.models.mixed.cross_products import Products, cross_products
from catpool.models.mixed.design import Design, MixedModel, Units, in_units, times
from catpool.models.mixed.laplace import fit_one_factor
from catpool.models.mixed.quasi_likelihood import penalised_quasi_likelihood, together
from catpool.models.mixed.solver.mixed_fit import fit_mixed
from catpool.models.mixed.solver.system import System
from catpool.moments.partition import Parts
from catpool.priors.family import Family

FAR = 64  # of a power of two


@dataclass(frozen=True)
class Rows:
    """The training rows.

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

    def subset(self, rows: np.ndarray) -> Rows:
        return Rows(self.y[rows], self.design.subset(rows), self.weights.subset(rows), self.family)


@dataclass(frozen=True)
class Options:
    """How a model is fitted.

    Parameters
    ----------
    reml : bool
    solver : {"auto", "exact", "cg"}
    quadrature : int
        Points of the quadrature for binary targets and counts; one is Laplace's approximation.
    """

    reml: bool
    solver: str
    quadrature: int

    @property
    def method(self) -> str:
        return "REML" if self.reml else "ML"


def learn(rows: Rows, options: Options) -> MixedModel:
    """Fit the model to all rows."""
    if not rows.family.homoscedastic:
        return _generalized(rows, options)
    return _normal(rows, options, Parts(None, 1))[0]


def learn_out_of_fold(rows: Rows, folds: Folds, options: Options) -> tuple[MixedModel, list[MixedModel]]:
    """Fit the model to all rows, and for each fold to the rows it learns from."""
    if not rows.family.homoscedastic or folds.training is not None:
        views = [rows.subset(folds.training_of(fold)) for fold in range(folds.n_folds)]
        return learn(rows, options), [learn(view, options) for view in views]
    whole, *outside = _normal(rows, options, Parts(folds.labels, folds.n_parts))
    return whole, outside[: folds.n_folds]


def _normal(rows: Rows, options: Options, parts: Parts) -> list[MixedModel]:
    """The model of all rows and, where there are several parts, that of the rows outside each."""
    units, unit = rows.design.units(), _unit(rows.y)
    products = _products(replace(rows, y=rows.y / unit), units, parts)
    views = [products.merged(), *(products.outside() if parts.number > 1 else [])]
    return [_model(*view, units, options, unit, rows.family) for view in views]


def _unit(y: np.ndarray) -> float:
    """A power of two, which takes no digits and so tells nothing of y, that keeps squares of y in range."""
    exponent = np.frexp(np.abs(y).max())[1]
    return float(np.ldexp(1.0, exponent)) if abs(exponent) > FAR else 1.0


def _products(rows: Rows, units: Units, parts: Parts) -> Products:
    design, factors = rows.design.scaled(units)
    return cross_products(rows.y, design, factors, rows.weights.row, parts, precision=rows.weights.precision)


def _model(system: System, center: float, units: Units, options: Options, unit: float, family: Family) -> MixedModel:
    fit = fit_mixed(system, reml=options.reml, solver=options.solver)
    model = in_units(fit, units, center, reml=options.reml, method=options.method, family=family.name)
    freedom = system.rows - (system.covariates if options.reml else 0)
    return model if unit == 1 else times(model, unit, freedom)


def _generalized(rows: Rows, options: Options) -> MixedModel:
    """By Laplace's approximation or quadrature where one factor has intercepts alone, else by quasi-likelihood."""
    units, family = rows.design.units(), rows.family
    link, (least, most) = family.link, family.bounds
    covariates, factors = rows.design.scaled(units)
    totals = together(rows.y, covariates, factors, rows.weights, link)
    mean = totals.total.sum() / totals.count.sum()
    if not least < mean < most:
        raise ValueError(
            f"A model on the scale of the {family.name} family needs rows that differ, but all of y is {mean:g}."
        )
    if rows.design.one_intercept:
        fit, criterion, method = fit_one_factor(totals, link, mean, options.quadrature)
    else:
        fit = penalised_quasi_likelihood(totals, link, mean, options.solver)
        criterion, method = np.nan, "PQL"
    model = in_units(fit, units, 0.0, reml=False, method=method, family=family.name)
    return replace(model, criterion=criterion)
