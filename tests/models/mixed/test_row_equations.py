"""One dense matrix of all columns in the place of the mixed-model equations, where there are few effects."""

import numpy as np
import pytest
from helpers.mixed import crossed

from catpool.models.mixed.aggregated_rows import AggregatedRows
from catpool.models.mixed.row_equations import DENSE, DenseRows, SparseRows, row_equations
from catpool.models.mixed.solver.grouping_factor import GroupingFactor


def rows_of(n, sizes, slopes):
    rng = np.random.default_rng(n)
    X, y = crossed(rng, n, sizes)
    x = X["x"].to_numpy()
    factors = [
        GroupingFactor(X[f"g{i}"].to_numpy(), size, x[:, None] if slopes and i == 0 else np.empty((n, 0)))
        for i, size in enumerate(sizes)
    ]
    total = (y > 0).astype(float)
    return AggregatedRows(total, np.ones(n), np.column_stack([np.ones(n), x]), factors, 0.0), rng


@pytest.mark.parametrize("sizes", [(6,), (4, 9)], ids=str)
@pytest.mark.parametrize("slopes", [False, True])
def test_dense_and_sparse_equations_agree(sizes, slopes):
    rows, rng = rows_of(80, sizes, slopes)
    lambdas = [np.tril(rng.uniform(0.2, 1.5, (factor.width, factor.width))) for factor in rows.factors]
    working, precisions = rng.normal(size=80), rng.uniform(0.1, 2, 80)
    found = []
    for equations in (DenseRows(rows), SparseRows(rows)):
        equations.at(lambdas)
        solution = equations.solve(working, precisions)
        predictor = equations.predictor(solution.fixed, solution.spherical)
        inner = solution.equations().solve()
        np.testing.assert_allclose(inner.effects, solution.spherical, atol=1e-10)
        found.append([*solution[:3], solution.row_variances(), predictor])
    for dense, sparse in zip(*found, strict=True):
        np.testing.assert_allclose(dense, sparse, rtol=1e-9, atol=1e-10)


def test_the_equations_of_many_effects_are_sparse():
    assert isinstance(row_equations(rows_of(80, (6,), False)[0]), DenseRows)
    many = rows_of(400, (300,), False)[0]
    assert DENSE < 400 * 302**2
    assert isinstance(row_equations(many), SparseRows)
