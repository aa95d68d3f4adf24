"""The fit of a binary target or counts at some parameters and their conditional modes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.cross_products import cross_products
from catpool.models.mixed.row_likelihood import RowLikelihood
from catpool.models.mixed.solver.cholesky import CholeskyEquations
from catpool.models.mixed.solver.equations import PartitionedSystem
from catpool.models.mixed.solver.mixed_fit import MixedFit
from catpool.moments.partition import Parts


def fit_at_modes(
    rows: AggregatedRows,
    likelihood: RowLikelihood,
    lambdas: list[np.ndarray],
    fixed: np.ndarray,
    effects: Sequence[np.ndarray],
    eta: np.ndarray,
) -> MixedFit:
    """The fit, whose uncertainty is that of the mixed-model equations at the modes.

    Parameters
    ----------
    rows : AggregatedRows
    likelihood : RowLikelihood
    lambdas : list of ndarray of shape (width, width)
    fixed : ndarray of shape (1 + p,)
        beta.
    effects : sequence of ndarray of shape (size, width)
        The modes of each factor's effects.
    eta : ndarray of shape (m,)
        The linear predictor of the rows.
    """
    working, weights = likelihood.working(eta, likelihood.information(eta))
    products = cross_products(
        working - rows.offset, rows.covariates, rows.factors, weights, Parts(None, 1), precision=True
    )
    equations = CholeskyEquations(PartitionedSystem(products.merge()[0]), lambdas)
    return MixedFit(lambdas, 1.0, fixed, equations.fixed_covariance(), list(effects), np.nan, equations)
