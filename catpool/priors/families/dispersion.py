"""The dispersion of overdispersed counts, from their scatter within categories.

With the mean y_k and the total t_k of the n_k rows of category k, whose mean is m_k, the scatter of the rows about y_k
and a product of totals have the expected values

    E[S_k] = (n_k - 1) (m_k + d m_k^2),      E[t_k (t_k - 1)] = n_k^2 m_k^2 (1 + d / n_k),

so that each category has an unbiased equation for d. The dispersion solves their sum, with weights that are inverse to
the variance of S_k but for a factor, where m_k is replaced by an estimate that is pulled in by one row:

    sum over k of (S_k - (n_k - 1) y_k - d (n_k - 1) t_k (t_k - 1) / n_k / (n_k + d)) / (1 + d m_k)^2 = 0.

Without a weight, the few categories of the largest means would decide alone. At d = 0 the sum is the score of the
negative binomial likelihood: there is dispersion if it is positive. Where each category has one row, all rows are taken
for those of one category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from catpool.moments.moments import EPS, Moments
from catpool.priors.families.family import Family
from catpool.priors.families.overdispersed import OVERDISPERSED, OfDispersion
from catpool.priors.families.poisson import POISSON
from catpool.priors.method_of_moments import moments_prior
from catpool.priors.own_variances import freedom_within
from catpool.priors.prior import Prior
from catpool.priors.rules import ColumnRule, PriorRule
from catpool.priors.views import fit_each_view

MOST = 1e3
NEGLIGIBLE = 1e-6  # of the variance of a row


def with_dispersion(rule: PriorRule) -> PriorRule:
    """The rule for overdispersed counts, from one for counts of a known dispersion."""

    def learn(moments: Sequence[Moments], family: Family) -> list[Prior]:
        if not family.dispersed or any(each.scatters is None for each in moments):
            raise ValueError(
                f'family="{OVERDISPERSED.name}" needs the scatter within each category, which rows that were learned '
                "from before were not summed for. Set it before the first part, and fit again."
            )
        return fit_each_view(moments, lambda classes: [_learn(each, rule) for each in classes])

    return ColumnRule(learn, scatters=True)


def _learn(moments: Moments, rule: PriorRule) -> Prior:
    """The prior of a table of shape (K,)."""
    dispersion = np.array(estimate_dispersion(moments))
    family = OfDispersion(dispersion) if dispersion > 0 else POISSON
    (prior,) = rule([moments], family)
    if prior.between is None:  # of a user's own function
        (known,) = moments_prior([moments], family)
        prior = replace(prior, between=known.between, within=known.within)
    if dispersion > 0 and prior.components is None and not prior.strength > dispersion:
        raise ValueError(
            f"With the dispersion {dispersion:.3g} a prior has a variance only if its strength is larger, but `prior` "
            f'returned {prior.strength:.3g}. Return a larger one, or pass prior="reml".'
        )
    # the likelihood given an estimate by other means cannot be compared with others
    return replace(prior, dispersion=dispersion, log_likelihood=None)


def estimate_dispersion(moments: Moments) -> float:
    """The dispersion of moments of shape (K,), which is 0 if rows vary no more than Poisson counts."""
    assert moments.scatters is not None
    if moments.some_repeat:
        rows, totals, scatters, spare = moments.count, moments.total, moments.scatters, freedom_within(moments)
    else:
        rows, totals, scatters = (np.atleast_1d(each) for each in (moments.size, moments.total_of_all, moments.scatter))
        spare = np.maximum(rows - 1.0, 0.0)
    some = spare > 0
    rows, totals, scatters, spare = (each[some] for each in (rows, totals, scatters, spare))
    excess = scatters - spare * totals / rows
    product = spare * np.maximum(totals * (totals - 1.0), 0.0) / rows
    centers = (totals + moments.mean) / (rows + 1.0)

    def balance(dispersion: float) -> float:
        return float(((excess - dispersion * product / (rows + dispersion)) / (1 + dispersion * centers) ** 2).sum())

    if balance(0.0) <= 0:
        return 0.0
    found = MOST if balance(MOST) >= 0 else float(brentq(balance, 0.0, MOST, xtol=1e-14, rtol=4 * EPS))
    return found if found * moments.mean > NEGLIGIBLE else 0.0
