"""`CrossedFactors`: the categories that cells have in several factors, and the mixed model equations of their effects.

Cells c of V tables have responses y_c with weights w_c, and one category in each of several factors, with effects of
variance s. The mixed model equations of the mean and the effects are, with Z the indicators of all categories,

    (Z'WZ + diag(1/s)) u = Z'W y.

The block of the first factor is diagonal, so it is eliminated, and the rest, the Schur complement, is dense. The cost
is the number of categories of the first factor times the square of that of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, reduce
from itertools import permutations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix

from catpool.data.frozen import frozen

RIDGE = 1e-13  # added to a matrix of unit diagonal: what rounding leaves of a difference of sums over rows


@frozen
class CrossedFactors:
    """The category of each cell in each factor, the largest factor first.

    Parameters
    ----------
    codes : list of ndarray of shape (C,)
    sizes : list of int
    """

    codes: list[np.ndarray]
    sizes: list[int]

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the categories of the second factor, of the third and so on start; the mean comes after them."""
        return np.cumsum([0, *self.sizes[1:]])

    @cached_property
    def border_places(self) -> np.ndarray:
        """The place of each cell of two factors in a matrix that has one more column for totals."""
        return self.codes[0] * (self.sizes[1] + 1) + self.codes[1]

    @property
    def numbers(self) -> int:
        """How many numbers the dense matrices of a table have."""
        rest = int(self.starts[-1]) + 1
        return (self.sizes[0] + rest) * rest

    @property
    def cost(self) -> int:
        """The multiplications for the Schur complement of a table."""
        return self.numbers * (int(self.starts[-1]) + 1)

    @cached_property
    def pairs(self) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """By two factors: the number of each cell's pair of categories, and both categories of each pair."""
        return {(left, right): self._pairs(left, right) for left, right in permutations(range(len(self.codes)), 2)}

    def _pairs(self, left: int, right: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        own, other = self.codes[left], self.codes[right]
        if len(self.codes) == 2:  # each cell is a pair
            return self._cells, own, other
        pairs, found = pd.factorize(own * self.sizes[right] + other)
        return pairs, found // self.sizes[right], found % self.sizes[right]

    @cached_property
    def _cells(self) -> np.ndarray:
        return np.arange(len(self.codes[0]))

    @cached_property
    def indicators(self) -> csr_matrix:
        """The categories of each cell, and the mean: of shape (categories + 1, C)."""
        return indicators([*self.codes, np.zeros_like(self.codes[0])], [*self.sizes, 1])

    @cached_property
    def transposed(self) -> csc_matrix:
        """The transpose of `indicators`, which shares their memory."""
        return self.indicators.T

    def split(self, rest: np.ndarray) -> list[np.ndarray]:
        """The parts of an array along its last axis that belong to each factor but the first."""
        return [rest[..., start:stop] for start, stop in zip(self.starts[:-1], self.starts[1:], strict=True)]

    def sums(self, values: np.ndarray) -> list[np.ndarray]:
        """The sums over the cells of each category, (..., size) for each factor, from values of shape (..., C)."""
        return [sum_by(own, size, values) for own, size in zip(self.codes, self.sizes, strict=True)]

    def take(self, effects: Sequence[np.ndarray]) -> np.ndarray:
        """The sum of the effects of each cell's categories, of shape (..., C)."""
        return reduce(np.add, (each.take(own, axis=-1) for each, own in zip(effects, self.codes, strict=True)))


def indicators(codes: Sequence[np.ndarray], sizes: Sequence[int]) -> csr_matrix:
    """The matrix of which cell has which category of which factor, of shape (categories of all factors, cells)."""
    starts, cells = np.cumsum([0, *sizes]), len(codes[0])
    rows = np.concatenate([start + own for start, own in zip(starts, codes, strict=False)])
    columns = np.tile(np.arange(cells), len(codes))
    return coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(starts[-1], cells)).tocsr()


def sum_by(codes: np.ndarray, size: int, values: np.ndarray) -> np.ndarray:
    """Sum values of shape (..., C) by code, to shape (..., size)."""
    flat = values.reshape(-1, values.shape[-1])
    if len(flat) == 1:
        return np.bincount(codes, flat[0], size).reshape(*values.shape[:-1], size)
    cells = (codes + size * np.arange(len(flat))[:, None]).ravel()
    return np.bincount(cells, flat.ravel(), size * len(flat)).reshape(*values.shape[:-1], size)


class DenseEquations:
    """The equations of V tables, solved exactly.

    Parameters
    ----------
    factors : CrossedFactors
    weights : ndarray of shape (V, C)
    variances : ndarray of shape (V, F)
        Of the effects of each factor, in the order of `factors`; positive.
    """

    def __init__(self, factors: CrossedFactors, weights: np.ndarray, variances: np.ndarray) -> None:
        self.factors, self.weights = factors, weights
        self.border = self._border()
        self.size = self.border[..., -1]
        self.first = self.size + 1 / variances[:, :1]
        self.shares = self.border / self.first[..., None]
        self.inner = self._inner()
        inner = self.inner.copy()
        own = np.arange(inner.shape[1] - 1)
        inner[:, own, own] += np.repeat(1 / variances[:, 1:], factors.sizes[1:], axis=1)
        scale = 1 / np.sqrt(np.diagonal(inner, axis1=1, axis2=2))
        schur = (inner - self.border.swapaxes(1, 2) @ self.shares) * scale[:, :, None] * scale[:, None, :]
        schur += RIDGE * np.eye(schur.shape[1])
        self.schur, self.scale = schur, scale
        self.inverse = np.linalg.inv(schur) * scale[:, :, None] * scale[:, None, :]

    def log_determinant(self, *, reml: bool) -> np.ndarray:
        """The logarithm of the determinant, of shape (V,), without the mean unless `reml`."""
        roots = np.diagonal(np.linalg.cholesky(self.schur), axis1=1, axis2=2)
        found = np.log(self.first).sum(axis=1) + 2 * (np.log(roots) - np.log(self.scale)).sum(axis=1)
        return found if reml else found + np.log(self.inverse[:, -1, -1])

    def _border(self) -> np.ndarray:
        """The weights of the first factor's categories in those of the others, and their totals."""
        factors, size, rest = self.factors, self.factors.sizes[0], int(self.factors.starts[-1])
        border = np.zeros((len(self.weights), size, rest + 1))
        if len(factors.sizes) == 2:  # each cell is a pair of its own
            border.reshape(len(border), -1)[:, factors.border_places] = self.weights
        else:
            for number, (start, width) in enumerate(zip(factors.starts, factors.sizes[1:], strict=False), start=1):
                cells = factors.codes[0] * width + factors.codes[number]
                block = sum_by(cells, size * width, self.weights).reshape(-1, size, width)
                border[..., start : start + width] = block
        border[..., -1] = sum_by(factors.codes[0], size, self.weights)
        return border

    def _inner(self) -> np.ndarray:
        """The weights of the other factors' categories in each other, and in all cells."""
        codes, sizes, starts = self.factors.codes[1:], self.factors.sizes[1:], self.factors.starts
        totals = self.border.sum(axis=1)
        inner = np.zeros((len(totals), totals.shape[1], totals.shape[1]))
        inner[:, -1] = inner[:, :, -1] = totals
        for right, (column, width) in enumerate(zip(codes, sizes, strict=True)):
            own = slice(starts[right], starts[right + 1])
            diagonal = np.arange(own.start, own.stop)
            inner[:, diagonal, diagonal] = totals[:, own]
            for left, (line, height) in enumerate(zip(codes[:right], sizes, strict=False)):
                block = sum_by(line * width + column, height * width, self.weights).reshape(-1, height, width)
                inner[:, starts[left] : starts[left + 1], own] = block
                inner[:, own, starts[left] : starts[left + 1]] = block.swapaxes(1, 2)
        return inner

    def solve(self, values: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """The effects of each factor, of shape (V, size), and the mean, (V,), for responses of shape (V, C)."""
        first, rest = (each[:, 0] for each in self._solve(*self._sums((self.weights * values)[:, None])))
        return [first, *self.factors.split(rest)], rest[:, -1]

    def projected_products(self, values: np.ndarray, levels: Sequence[np.ndarray]) -> np.ndarray:
        """The products f'Pf with each other of the projections P of responses f.

        Parameters
        ----------
        values : ndarray of shape (V, K, C)
            Responses of the cells.
        levels : sequence of ndarray of shape (V, size)
            One for each factor: further responses, which are the same in all cells of a category.

        Returns
        -------
        ndarray of shape (V, K + F, K + F)
        """
        weighted = self.weights[:, None] * values
        right = [self._sums(weighted), *self._sums_of_levels(levels)]
        first, rest = (np.concatenate(each, axis=1) for each in zip(*right, strict=True))
        found = self._solve(first, rest)
        products = -(first @ found[0].swapaxes(1, 2) + rest @ found[1].swapaxes(1, 2))
        cells = slice(values.shape[1])
        products[:, cells, cells] += weighted @ values.swapaxes(1, 2)
        starts = self.factors.starts
        for number, level in enumerate(levels):
            sums = first if number == 0 else rest[..., starts[number - 1] : starts[number]]
            column = (sums @ level[..., None])[..., 0]
            products[:, :, values.shape[1] + number] += column
            products[:, values.shape[1] + number, cells] += column[:, cells]
        return products

    def _sums(self, weighted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, *rest = self.factors.sums(weighted)
        return first, np.concatenate([*rest, first.sum(axis=-1, keepdims=True)], axis=2)

    def _sums_of_levels(self, levels: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As `_sums`, of the weighted responses that are the same in all cells of a category."""
        yield (self.size * levels[0])[:, None], levels[0][:, None] @ self.border
        for start, level in zip(self.factors.starts, levels[1:], strict=False):
            own = slice(start, start + level.shape[1])
            yield level[:, None] @ self.border[:, :, own].swapaxes(1, 2), level[:, None] @ self.inner[:, own]

    def _solve(self, first: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = (rest - first @ self.shares) @ self.inverse
        return first / self.first[:, None] - found @ self.shares.swapaxes(1, 2), found

    def errors(self, *, reml: bool) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """The variances of the errors of the effects, of the mean, and of the sum of both in each cell.

        Without `reml`, the mean counts as known.
        """
        codes, starts, spread = self.factors.codes, self.factors.starts, self.inverse
        if not reml:  # the row and the column of the mean become zero
            last = spread[:, -1]
            spread = spread - last[:, :, None] * (last / last[:, -1:])[:, None, :]
        width = spread.shape[1]
        slopes = self.shares @ spread
        first = 1 / self.first + (slopes * self.shares).sum(axis=2)
        rest = np.diagonal(spread, axis1=1, axis2=2)
        # effects and mean go together in each cell
        of_cells = (first - 2 * slopes[..., -1]).take(codes[0], axis=1) + rest[:, -1:]
        with_mean = rest + 2 * spread[:, -1]
        flat, own = slopes.reshape(len(slopes), -1), spread.reshape(len(slopes), -1)
        columns = [each + start for each, start in zip(codes[1:], starts, strict=False)]
        for number, column in enumerate(columns):
            of_cells += with_mean.take(column, axis=1)
            of_cells -= 2 * flat.take(codes[0] * width + column, axis=1)
            for other in columns[:number]:
                of_cells += 2 * own.take(column * width + other, axis=1)
        return [first, *self.factors.split(rest)], rest[:, -1], of_cells
