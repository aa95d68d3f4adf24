"""Binary targets and counts: mixed models on the logit and the log scale.

With eta = X beta + Z u and mu the link's inverse of eta, rows have the mean n mu and the variance n v(mu): n is one, or
a frequency or an exposure. Rows that are alike are taken together first, so that a factor without covariates costs as
much as it has levels.

References
----------
N. E. Breslow, D. G. Clayton (1993), Approximate inference in generalized linear mixed models, Journal of the American
Statistical Association 88, 9-25.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from catpool.data.factorize import factorize_integers
from catpool.data.weights import Weights
from catpool.models.mixed.cross_products import cross_products
from catpool.models.mixed.solver.mixed_fit import MixedFit, fit_mixed
from catpool.models.mixed.solver.system import Factor, random_part
from catpool.models.mixed.solver.variance_search import warn_of_no_end
from catpool.moments.partition import Parts
from catpool.priors.link import Link

ETA = 30.0  # a predictor's distance from nought beyond which probabilities and rates are as good as at their ends
ROUNDS = 100
BEYOND = 3.0  # how far on the link's scale a fit may go beyond the largest of the rows


@dataclass(frozen=True)
class Totals:
    """Rows that are alike, taken together.

    Parameters
    ----------
    total, count : ndarray of shape (m,)
        Sum of y, and n.
    covariates : ndarray of shape (m, 1 + p)
        X of scaled covariates.
    factors : list of Factor
    constant : float
        What of the log-likelihood does not depend on the model.
    """

    total: np.ndarray
    count: np.ndarray
    covariates: np.ndarray
    factors: list[Factor]
    constant: float


def together(y: np.ndarray, covariates: np.ndarray, factors: list[Factor], weights: Weights, link: Link) -> Totals:
    """Sum y and n over the rows whose factors and covariates are alike."""
    row = np.ones(len(y)) if weights.row is None else weights.row
    count = row if weights.exposure is None else row * weights.exposure
    units = np.ones(len(y)) if weights.exposure is None else weights.exposure
    constant = float((row * link.constant(y, units)).sum())
    if covariates.shape[1] > 1 or any(factor.width > 1 for factor in factors):
        seen = row > 0
        kept = [replace(each, codes=each.codes[seen], slopes=each.slopes[seen]) for each in factors]
        return Totals((y * row)[seen], count[seen], covariates[seen], kept, constant)
    cell = np.zeros(len(y), dtype=np.intp)
    for factor in factors:
        cell = factorize_integers(cell * factor.size + factor.codes)[0]
    number = int(cell.max()) + 1
    first = np.empty(number, dtype=np.intp)
    first[cell[::-1]] = np.arange(len(y))[::-1]
    total, size = np.bincount(cell, y * row, number), np.bincount(cell, count, number)
    kept = [replace(each, codes=each.codes[first], slopes=each.slopes[first]) for each in factors]
    seen = size > 0
    kept = [replace(each, codes=each.codes[seen], slopes=each.slopes[seen]) for each in kept]
    return Totals(total[seen], size[seen], covariates[first][seen], kept, constant)


def penalised_quasi_likelihood(rows: Totals, link: Link, mean: float, solver: str = "auto") -> MixedFit:
    """Fit linear mixed models of the working response, each at the last one's predictor, until they agree."""
    eta = np.full(len(rows.total), link.start(mean))
    most = min(ETA, link.start(min(float((rows.total / rows.count).max()), link.most)) + BEYOND)
    fit, last = None, None
    for _ in range(ROUNDS):
        variance = np.maximum(rows.count * link.variance(eta), 1e-10 * rows.count)
        working = eta + (rows.total - rows.count * link.mean(eta)) / variance
        fit = _working_fit(rows, working, variance, solver, None if fit is None else fit.lambdas)
        eta = np.clip(rows.covariates @ fit.fixed + random_part(rows.factors, fit.effects), -ETA, most)
        now = np.concatenate([fit.fixed, *(each.ravel() for each in fit.lambdas)])
        if last is not None and np.abs(now - last).max() <= 1e-7 * max(1.0, np.abs(now).max()):
            return fit
        last = now
    assert fit is not None
    warn_of_no_end("Penalised quasi-likelihood", ROUNDS)
    return fit


def _working_fit(
    rows: Totals, working: np.ndarray, variance: np.ndarray, solver: str, near: Sequence[np.ndarray] | None
) -> MixedFit:
    products = cross_products(working, rows.covariates, rows.factors, variance, Parts(None, 1), precision=True)
    system, center = products.merged()
    fit = fit_mixed(system, reml=False, known=True, solver=solver, near=near)
    fixed = fit.fixed.copy()
    fixed[0] += center
    return replace(fit, fixed=fixed)
