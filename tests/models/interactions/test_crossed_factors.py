"""The equations of crossed factors against matrices that are written out, and the fit of variances against slopes."""

import numpy as np
import pytest

from catpool.models.interactions.cell_means import CellMeans
from catpool.models.interactions.crossed_factors import CrossedFactors, DenseEquations
from catpool.models.interactions.sparse_equations import SparseEquations
from catpool.models.interactions.variance_components import Evaluation, fit_components

SIZES = {2: [9, 5], 3: [8, 5, 3]}


class Fixed:
    """A response that is the same in each round."""

    is_working = False

    def __init__(self, cells):
        self.means = cells

    def cells(self, fitted):
        return self.means


def factors(parts, rng, cells=30):
    sizes = SIZES[parts]
    every = rng.permutation(np.prod(sizes))[:cells]
    codes = [np.ravel(each) for each in np.unravel_index(every, sizes)]
    return CrossedFactors(codes, sizes)


def table(rng, crossed, tables=3):
    """Cells with one to six rows, and effects of the factors."""
    cells = len(crossed.codes[0])
    count = rng.integers(1, 7, (tables, cells)).astype(float)
    count[0, :3] = 0.0
    effects = [rng.normal(size=(tables, size)) for size in crossed.sizes]
    noise = rng.normal(size=(tables, cells)) / np.sqrt(np.maximum(count, 1))
    mean = crossed.take(effects) + 0.5 * rng.normal(size=(tables, cells)) + noise
    freedom = np.maximum(count - 1, 0).sum(axis=1)
    return CellMeans(count, mean, rng.chisquare(freedom), freedom)


def written_out(crossed, weights, variances):
    """The inverse of the equations of one table, with the mean last, and the indicators of the cells."""
    blocks = [np.eye(size)[own] for own, size in zip(crossed.codes, crossed.sizes, strict=True)]
    indicators = np.hstack([*blocks, np.ones((len(weights), 1))])
    ridge = np.append(np.repeat(1 / variances, crossed.sizes), 0.0)
    return indicators.T @ (weights[:, None] * indicators) + np.diag(ridge), indicators


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("reml", [True, False])
def test_dense_equations_are_those_of_the_matrix(parts, reml):
    rng = np.random.default_rng(parts)
    crossed = factors(parts, rng) if parts > 1 else CrossedFactors([np.arange(30) % 7], [7])
    weights, variances = rng.uniform(0.2, 3, (2, 30)), rng.uniform(0.1, 2, (2, len(crossed.sizes)))
    values = rng.normal(size=(2, 4, 30))
    levels = [rng.normal(size=(2, size)) for size in crossed.sizes]
    equations = DenseEquations(crossed, weights, variances)
    effects, mean = equations.solve(values[:, 0])
    errors, mean_error, of_cells = equations.errors(reml=reml)
    products = equations.projected_products(values, levels)
    for number in range(2):
        matrix, indicators = written_out(crossed, weights[number], variances[number])
        right = indicators.T @ (weights[number] * values[number]).T
        solution = np.linalg.solve(matrix, right)
        np.testing.assert_allclose(
            np.append(np.concatenate([e[number] for e in effects]), mean[number]), solution[:, 0]
        )
        random = slice(None) if reml else slice(-1)
        inverse, own = np.linalg.inv(matrix[random, random]), indicators[:, random]
        expected = np.diag(inverse)
        found = np.concatenate([each[number] for each in errors])
        np.testing.assert_allclose(np.append(found, mean_error[number])[random], expected, rtol=1e-9)
        np.testing.assert_allclose(of_cells[number], np.einsum("ci,ij,cj->c", own, inverse, own), rtol=1e-9)
        assert np.isclose(equations.log_determinant(reml=reml)[number], np.linalg.slogdet(matrix[random, random])[1])
        taken = [each[number][codes] for each, codes in zip(levels, crossed.codes, strict=True)]
        every = np.vstack([values[number], *taken])
        right = indicators.T @ (weights[number] * every).T
        projected = (weights[number] * every) @ every.T - right.T @ np.linalg.solve(matrix, right)
        np.testing.assert_allclose(products[number], projected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("parts", [2, 3])
def test_sparse_equations_have_the_same_effects_and_nearly_the_same_errors(parts):
    rng = np.random.default_rng(parts)
    sizes = [80, 60, 40][:parts]
    rows = np.unique(np.column_stack([rng.integers(0, size, 3000) for size in sizes]), axis=0)
    crossed = CrossedFactors(list(rows.T), sizes)
    weights, variances = rng.uniform(0.2, 1, (2, len(rows))), rng.uniform(0.2, 0.5, (2, parts))
    values, levels = rng.normal(size=(2, 2, len(rows))), [rng.normal(size=(2, size)) for size in sizes]
    dense = DenseEquations(crossed, weights, variances)
    sparse = SparseEquations(crossed, weights, variances)
    for own, other in zip(dense.solve(values[:, 0])[0], sparse.solve(values[:, 0])[0], strict=True):
        np.testing.assert_allclose(other, own, atol=1e-6)
    np.testing.assert_allclose(
        sparse.projected_products(values, levels), dense.projected_products(values, levels), rtol=1e-5, atol=1e-5
    )
    for reml in (True, False):
        (own, mean, cells), (other, near_mean, near_cells) = dense.errors(reml=reml), sparse.errors(reml=reml)
        for exact, near in zip(own, other, strict=True):
            np.testing.assert_allclose(near, exact, rtol=0.02 if reml else 0.2)  # 60 categories share much
        np.testing.assert_allclose(near_cells, cells, rtol=0.02)
        if reml:
            np.testing.assert_allclose(near_mean, mean, rtol=0.02)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("parts", [2, 3])
def test_slopes_are_those_of_the_criterion(parts, reml):
    rng = np.random.default_rng(parts)
    crossed = factors(parts, rng)
    cells, theta = table(rng, crossed), rng.uniform(0.3, 1.5, (3, 2 + parts))

    def criterion(at):
        return Evaluation(cells, crossed, at, reml=reml).criterion()

    slopes = Evaluation(cells, crossed, theta, reml=reml).slopes
    for number in range(theta.shape[1]):
        step = 1e-5 * np.eye(theta.shape[1])[number]
        expected = (criterion(theta - step) - criterion(theta + step)) / 2e-5
        np.testing.assert_allclose(slopes[:, number], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("parts", [2, 3])
def test_no_other_variances_are_likelier(parts, reml):
    rng = np.random.default_rng(10 + parts)
    crossed = factors(parts, rng)
    cells = table(rng, crossed)
    found = fit_components(Fixed(cells), crossed, with_cells=True, reml=reml)
    for shift in rng.normal(0, 0.3, (50, 2 + parts)):
        other = np.maximum(found.theta, 1e-6) * np.exp(shift)
        assert (Evaluation(cells, crossed, other, reml=reml).criterion() > found.criterion - 1e-4).all()


def test_no_bit_of_a_table_depends_on_the_others():
    rng = np.random.default_rng(0)
    crossed = factors(2, rng)
    cells = table(rng, crossed, tables=5)
    every = fit_components(Fixed(cells), crossed, with_cells=True, reml=True)
    for number in range(5):
        one = CellMeans(*(each[number, None] for each in (cells.count, cells.mean, cells.within, cells.freedom)))
        alone = fit_components(Fixed(one), crossed, with_cells=True, reml=True)
        assert alone.theta.tobytes() == every.theta[number].tobytes()
        for own, both in zip(alone.effects, every.effects, strict=True):
            assert own.tobytes() == both[number].tobytes()
