"""A fitted mixed model as a table of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from catpool.models.mixed.design import MixedModel
from catpool.models.mixed.effects_table import EffectsTable
from catpool.priors.families import FAMILIES


def summary(model: MixedModel, tables: Sequence[EffectsTable], names: Sequence[str]) -> pd.DataFrame:
    """A row for each number that was learned, with what it is."""
    rows = _fixed(model, names)
    for table, covariance in zip(tables, model.covariances, strict=True):
        rows += _variances(table, covariance)
    if FAMILIES[model.family].homoscedastic:
        rows.append(_row("variance", "residual", "", model.scale))
    rows += _shares(model, tables)
    likelihood = -model.criterion / 2
    rows += [
        _row("model", "", "log_likelihood", likelihood),
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


def _fixed(model: MixedModel, names: Sequence[str]) -> list[dict[str, Any]]:
    errors = np.sqrt(np.diag(model.fixed_covariance))
    return [_row("fixed", "", name, *each) for name, *each in zip(names, model.fixed, errors, strict=True)]


def _variances(table: EffectsTable, covariance: np.ndarray) -> list[dict[str, Any]]:
    rows = [_row("variance", table.column, term, covariance[i, i]) for i, term in enumerate(table.terms)]
    sds = np.sqrt(np.diag(covariance))
    for i, first in enumerate(table.terms):
        for j in range(i + 1, len(table.terms)):
            both = sds[i] * sds[j]
            value = covariance[i, j] / both if both > 0 else np.nan
            rows.append(_row("correlation", table.column, f"{first}, {table.terms[j]}", value))
    return rows


def _shares(model: MixedModel, tables: Sequence[EffectsTable]) -> list[dict[str, Any]]:
    """Of the variance of a row whose covariates are nought, on the scale of the linear predictor."""
    noise = FAMILIES[model.family].latent_noise(model.scale)
    if noise is None:
        return []
    intercepts = [float(each[0, 0]) for each in model.covariances]
    total = sum(intercepts) + noise
    return [
        _row("icc", table.column, "", each / total if total > 0 else 0.0)
        for table, each in zip(tables, intercepts, strict=True)
    ]
