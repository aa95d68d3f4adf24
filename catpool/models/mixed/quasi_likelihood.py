"""Penalized quasi-likelihood: mixed models of binary targets and counts, on the logit and the log scale.

With eta = X beta + Z u and mu the inverse link of eta, a row has the mean n mu and the variance n v(mu), where n is
one, a frequency or an exposure. Each round fits a linear mixed model, with weights n v(mu), to the working response

    eta + (y - n mu) / (n v(mu)),

and takes the new eta from it, until coefficients and variances stay the same.

References
----------
N. E. Breslow, D. G. Clayton (1993), Approximate inference in generalized linear mixed models, Journal of the American
Statistical Association 88, 9-25.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.cross_products import cross_products
from catpool.models.mixed.row_likelihood import CanonicalRows, RowLikelihood, bounded_response
from catpool.models.mixed.solver.grouping_factor import sum_random_effects
from catpool.models.mixed.solver.mixed_fit import MixedFit, fit_mixed
from catpool.models.mixed.solver.variance_search import warn_not_converged
from catpool.moments.partition import Parts
from catpool.priors.numerics.link import Link

Rows = TypeVar("Rows", bound=RowLikelihood)

ETA = 30.0  # the largest linear predictor; its probability is one in all but the last digits
ROUNDS = 100
TOLERANCE = 1e-7  # change of coefficients and variances, relative to the largest
NEARLY, FEW_ROUNDS = 0.02, 20  # the same, where another search goes on
MARGIN = 3.0  # how far, on the link's scale, a prediction may exceed the largest row


def penalized_quasi_likelihood(rows: AggregatedRows, link: Link, mean: float, solver: str = "auto") -> MixedFit:
    """Fit linear mixed models of the working response until they agree.

    Parameters
    ----------
    rows : AggregatedRows
    link : Link
    mean : float
        The overall mean, to start from.
    solver : {"auto", "exact", "cg"}, default="auto"
    """
    likelihood = CanonicalRows(rows.total, rows.count, link)
    fit, _, converged = _fit_until_they_agree(rows, likelihood, mean, solver, TOLERANCE, ROUNDS)
    if not converged:
        warn_not_converged("Penalized quasi-likelihood", ROUNDS)
    return fit


def starting_fit(rows: AggregatedRows, likelihood: Rows, mean: float) -> tuple[MixedFit, Rows]:
    """Linear mixed models of the working response that agree by and large, to start another search from.

    Parameters
    ----------
    rows : AggregatedRows
    likelihood : RowLikelihood
    mean : float
        The overall mean, to start from.

    Returns
    -------
    fit : MixedFit
    likelihood : RowLikelihood
        With the dispersion about its means, by the method of moments.
    """
    return _fit_until_they_agree(rows, likelihood, mean, "exact", NEARLY, FEW_ROUNDS)[:2]


def _fit_until_they_agree(
    rows: AggregatedRows, likelihood: Rows, mean: float, solver: str, tolerance: float, rounds: int
) -> tuple[MixedFit, Rows, bool]:
    """The last of the fits, its likelihood, and whether they agree."""
    link = likelihood.link
    most = float(largest_predictor((rows.total / rows.count).max(), link))
    eta = np.clip(np.full(len(rows.total), link.eta(np.array(mean))) + rows.offset, -ETA, most)
    fit, last = None, None
    for _ in range(rounds):
        likelihood = likelihood.about(eta)
        working, weights = likelihood.working(eta, likelihood.expected_information(eta))
        fit = _fit_working_response(rows, working - rows.offset, weights, solver, None if fit is None else fit.lambdas)
        eta = np.clip(rows.fixed_part(fit.fixed) + sum_random_effects(rows.factors, fit.effects), -ETA, most)
        now = np.concatenate([fit.fixed, *(each.ravel() for each in fit.lambdas)])
        if last is not None and np.abs(now - last).max() <= tolerance * max(1.0, np.abs(now).max()):
            return fit, likelihood, True
        last = now
    assert fit is not None
    return fit, likelihood, False


def working_response(
    total: np.ndarray, count: np.ndarray, eta: np.ndarray, link: Link
) -> tuple[np.ndarray, np.ndarray]:
    """The working response of rows or cells, and its weights, the inverse of its variances."""
    return bounded_response(eta, total - count * link.mean(eta), count * link.variance(eta), count)


def largest_predictor(largest: np.ndarray, link: Link) -> np.ndarray:
    """The largest linear predictor that a fit may have, from the largest mean of a row or cell."""
    return np.minimum(ETA, link.eta(np.minimum(largest, link.most)) + MARGIN)


def _fit_working_response(
    rows: AggregatedRows, working: np.ndarray, weights: np.ndarray, solver: str, near: Sequence[np.ndarray] | None
) -> MixedFit:
    products = cross_products(working, rows.covariates, rows.factors, weights, Parts(None, 1), precision=True)
    system, center = products.merge()
    fit = fit_mixed(system, reml=False, known=True, solver=solver, near=near)
    fixed = fit.fixed.copy()
    fixed[0] += center
    return replace(fit, fixed=fixed)
