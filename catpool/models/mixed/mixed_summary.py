"""The summary of a fitted mixed model: coefficients, variance components and fit statistics as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from catpool.models.mixed.effects_table import EffectsTable
from catpool.models.mixed.fitted_model import MixedModel
from catpool.priors.families.by_name import MIXED_FAMILIES
from catpool.priors.families.dispersed import DispersedFamily


def summarize(model: MixedModel, tables: Sequence[EffectsTable], names: Sequence[str]) -> pd.DataFrame:
    """One row per learned number: its kind, group and term, its value and its standard error.

    Parameters
    ----------
    model : MixedModel
    tables : sequence of EffectsTable
        One per factor.
    names : sequence of str
        The names of the intercept and the covariates.
    """
    rows = _summarize_fixed(model, names)
    for table, covariance in zip(tables, model.covariances, strict=True):
        rows += _summarize_covariance(table, covariance)
    family = MIXED_FAMILIES[model.family]
    if family.homoscedastic:
        rows.append(_row("variance", "residual", "", model.scale))
    if isinstance(family, DispersedFamily) and model.dispersion is not None:
        rows.append(_row("dispersion", "", family.parameter, family.reported(model.dispersion)))
    rows += _summarize_icc(model, tables)
    rows += [
        _row("model", "", "log_likelihood", -model.criterion / 2),
        _row("model", "", "aic", model.criterion + 2 * model.parameters),
        _row("model", "", "rows", float(tables[0].counts.sum())),
    ]
    rows += [
        _row("model", table.column, "singular", float(singular))
        for table, singular in zip(tables, model.singular, strict=True)
    ]
    frame = pd.DataFrame(rows)
    frame.attrs.update(method=model.method, solver=model.solver)
    return frame


def _row(kind: str, group: str, term: str, value: float, se: float = np.nan) -> dict[str, Any]:
    return {"kind": kind, "group": group, "term": term, "value": value, "se": se}


def _summarize_fixed(model: MixedModel, names: Sequence[str]) -> list[dict[str, Any]]:
    errors = np.sqrt(np.diag(model.fixed_covariance))
    return [_row("fixed", "", name, *each) for name, *each in zip(names, model.fixed, errors, strict=True)]


def _summarize_covariance(table: EffectsTable, covariance: np.ndarray) -> list[dict[str, Any]]:
    """The variances of a factor's effects, then their correlations."""
    rows = [_row("variance", table.column, term, covariance[i, i]) for i, term in enumerate(table.terms)]
    sds = np.sqrt(np.diag(covariance))
    for i, first in enumerate(table.terms):
        for j in range(i + 1, len(table.terms)):
            both = sds[i] * sds[j]
            value = covariance[i, j] / both if both > 0 else np.nan  # undefined beside a variance of zero
            rows.append(_row("correlation", table.column, f"{first}, {table.terms[j]}", value))
    return rows


def _summarize_icc(model: MixedModel, tables: Sequence[EffectsTable]) -> list[dict[str, Any]]:
    """Each factor's share of a row's variance at covariates of zero, on the scale of the linear predictor."""
    noise = MIXED_FAMILIES[model.family].latent_noise(model.scale if model.dispersion is None else model.dispersion)
    if noise is None:  # counts have no variance that is the same for all rows
        return []
    pairs = zip(tables, model.covariances, strict=True)
    intercepts = [float(covariance[0, 0]) if table.intercept else 0.0 for table, covariance in pairs]
    total = sum(intercepts) + noise
    return [
        _row("icc", table.column, "", each / total if total > 0 else 0.0)
        for table, each in zip(tables, intercepts, strict=True)
    ]
