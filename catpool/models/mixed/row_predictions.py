"""Predictive distributions of rows, and draws of their effects, from a mixed model's joint posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.columns.categories import MISSING
from catpool.models.mixed.design import Design
from catpool.models.mixed.effects_table import EffectsTable, hidden_rows
from catpool.models.mixed.joint_posterior import JointPosterior
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.families.family import Family
from catpool.priors.predictive import LinearPredictive, Predictive
from catpool.tables.policy import Policy


def predict_rows(
    tables: Sequence[EffectsTable], design: Design, policy: Policy, family: Family | DispersedFamily
) -> tuple[Predictive, np.ndarray]:
    """The predictive distribution of rows, and for which of them the policy hides it, shape (n,)."""
    posterior, model = _posterior(tables), tables[0].model
    predictor = posterior.predictor(_as_unseen(design, policy))
    found = LinearPredictive(predictor, posterior.scales, family, model.dispersion or 0.0)
    return found, hidden_rows(tables, design)


def draw_effects(
    tables: Sequence[EffectsTable], design: Design, policy: Policy, rng: np.random.Generator, number: int
) -> np.ndarray:
    """Draws of the effects of rows, shape (number, n, effects of all factors), NaN where the policy hides them."""
    posterior, shown = _posterior(tables), _as_unseen(design, policy)
    hidden = [table.hides(factor.codes) for table, factor in zip(tables, design.factors, strict=True)]
    units = [posterior.design_scales.effects_to_original(*each) for each in enumerate(posterior.widths)]
    draws = []
    for _, effects in posterior.draw(rng, number):
        rows = [(own @ unit.T)[factor.codes] for own, unit, factor in zip(effects, units, shown.factors, strict=True)]
        for own, gone in zip(rows, hidden, strict=True):
            own[gone] = np.nan
        draws.append(np.hstack(rows))
    return rng.permutation(np.array(draws))  # which come sorted by component


def _posterior(tables: Sequence[EffectsTable]) -> JointPosterior:
    posterior = tables[0].model.posterior
    if posterior is None:
        raise ValueError(
            "The joint posterior of the effects is not known, because the model was fitted by conjugate gradients, or "
            'comes from a file without it. Fit it again, with solver="exact".'
        )
    return posterior


def _as_unseen(design: Design, policy: Policy) -> Design:
    """The design with missing values as unseen levels, if the policy says so."""
    if policy.missing != "prior":
        return design
    factors = [
        replace(each, codes=np.where(each.codes == MISSING, each.size - 1, each.codes)) for each in design.factors
    ]
    return replace(design, factors=factors)
