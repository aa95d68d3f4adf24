"""Cross-products of a mixed model's columns, which are all that its fit needs, summed over parts of the rows.

The model is y = X beta + sum over factors of Z u + e. Z has, for each level of a factor, an indicator and the products
of it with the covariates whose slopes differ by level: its width. With T = [X, y], the weighted cross-products are

    Z'WZ (sparse),    Z'WT,    T'WT,

sums over rows, as the moments of a single column are. y is taken as its distance from a typical value of the row's
part, so that parts of other rows never touch a row's own target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.sparse import csr_matrix

from catpool.data.factorize import factorize_integers
from catpool.models.mixed.solver.system import Factor, Pattern, Shape, System
from catpool.moments.moments import sum_of_others
from catpool.moments.partition import Parts, typical_values


@dataclass(frozen=True)
class Products:
    """The cross-products of each part of the rows, of shape (P, ...)."""

    shapes: list[Shape]
    pattern: Pattern
    entries: np.ndarray
    outer: np.ndarray
    fixed: np.ndarray
    rows: np.ndarray
    log_weights: np.ndarray
    centers: np.ndarray

    def merged(self) -> tuple[System, float]:
        """The system of all rows, and what is to be added to its intercept."""
        own = self._centered(self.centers[0])
        arrays = [array.sum(axis=0) for array in own._sums()]
        return self._system(*arrays), float(self.centers[0])

    def outside(self) -> list[tuple[System, float]]:
        """For each part, the system of all other parts' rows, and what is to be added to its intercept."""
        if len(self.rows) == 1:
            raise ValueError("One part has no others.")
        first = self._centered(self.centers[0])._others()
        alike = (self.centers == self.centers[0]).all()  # else the first part's own center must not reach its view
        zeroth = first if alike else self._centered(self.centers[1])._others()
        views = [zeroth._part(0)] + [first._part(part) for part in range(1, len(self.rows))]
        centers = [self.centers[1]] + [self.centers[0]] * (len(self.rows) - 1)
        return [(view, float(center)) for view, center in zip(views, centers, strict=True)]

    def _sums(self) -> list[np.ndarray]:
        return [self.entries, self.outer, self.fixed, self.rows, self.log_weights]

    def _others(self) -> Products:
        arrays = []
        for array in self._sums():
            flat = array.reshape(len(array), -1).astype(float)
            sum_of_others(flat)
            arrays.append(flat.reshape(array.shape))
        entries, outer, fixed, rows, log_weights = arrays
        return replace(self, entries=entries, outer=outer, fixed=fixed, rows=rows, log_weights=log_weights)

    def _part(self, part: int) -> System:
        return self._system(*(array[part] for array in self._sums()))

    def _system(
        self, entries: np.ndarray, outer: np.ndarray, fixed: np.ndarray, rows: np.ndarray, log_weights: np.ndarray
    ) -> System:
        return System(self.shapes, self.pattern.matrix(entries), outer, fixed, float(rows), float(log_weights))

    def _centered(self, center: float) -> Products:
        """The same with y taken as the distance from one value."""
        move = self.centers - center
        if not move.any():
            return self
        outer, fixed = self.outer.copy(), self.fixed.copy()
        outer[..., -1] += move[:, None] * outer[..., 0]
        fixed[:, :, -1] += move[:, None] * fixed[:, :, 0]
        fixed[:, -1, :] += move[:, None] * fixed[:, 0, :]
        return replace(self, outer=outer, fixed=fixed, centers=np.full_like(self.centers, center))


def cross_products(
    y: np.ndarray,
    covariates: np.ndarray,
    factors: Sequence[Factor],
    weights: np.ndarray | None,
    parts: Parts,
    *,
    precision: bool = False,
) -> Products:
    """Sum the cross-products of each part of the rows.

    Parameters
    ----------
    y : ndarray of shape (n,)
    covariates : ndarray of shape (n, p)
        X, the first column of which is ones.
    factors : sequence of Factor
    weights : ndarray of shape (n,), optional
    parts : Parts
    precision : bool, default=False
        Whether a row of weight w is one row of variance sigma^2 / w, rather than w rows.
    """
    labels = np.zeros(len(y), dtype=np.intp) if parts.labels is None else parts.labels.astype(np.intp)
    centers = typical_values(y, parts)
    design = np.column_stack([covariates, y - centers[labels]])
    shapes = [Shape(factor.size, factor.width, factor.correlated) for factor in factors]
    sums = _Sums(labels, parts.number, weights)
    entries, pattern = _inner(factors, shapes, sums)
    outer = np.concatenate([_outer(factor, design, sums) for factor in factors], axis=1)
    fixed, rows, logs = sums.squares(design), sums.rows(precision), sums.log_weights(precision)
    return Products(shapes, pattern, entries, outer, fixed, rows, logs, centers)


def _outer(factor: Factor, design: np.ndarray, sums: _Sums) -> np.ndarray:
    """Z'WT of a factor, of shape (P, G q, p + 1)."""
    values = [
        [sums.of(factor.codes, factor.size, _times(factor, a, column, sums.weights)) for column in design.T]
        for a in range(factor.width)
    ]
    return np.array(values).transpose(2, 3, 0, 1).reshape(sums.number, -1, design.shape[1])


def _times(factor: Factor, position: int, column: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    own = factor.column(position, weights)
    return column if own is None else own * column


@dataclass(frozen=True)
class _Sums:
    """Sums over the rows of each part."""

    labels: np.ndarray
    number: int
    weights: np.ndarray | None

    def of(self, codes: np.ndarray, size: int, values: np.ndarray | None) -> np.ndarray:
        """By part and code, of shape (P, size)."""
        return (
            np.bincount(self.labels * size + codes, values, minlength=self.number * size)
            .reshape(-1, size)
            .astype(float)
        )

    def squares(self, design: np.ndarray) -> np.ndarray:
        weighted = design if self.weights is None else design * self.weights[:, None]
        if self.number == 1:
            return (weighted.T @ design)[None]
        order = [np.flatnonzero(self.labels == part) for part in range(self.number)]
        return np.stack([weighted[rows].T @ design[rows] for rows in order])

    def rows(self, precision: bool) -> np.ndarray:
        weights = self.weights if self.weights is None or not precision else (self.weights > 0).astype(float)
        return np.bincount(self.labels, weights, minlength=self.number).astype(float)

    def log_weights(self, precision: bool) -> np.ndarray:
        if not precision or self.weights is None:
            return np.zeros(self.number)
        logarithms = np.log(np.where(self.weights > 0, self.weights, 1.0))
        return np.bincount(self.labels, logarithms, minlength=self.number)


def _inner(factors: Sequence[Factor], shapes: list[Shape], sums: _Sums) -> tuple[np.ndarray, Pattern]:
    """The values of Z'WZ, of shape (P, values), and where they go."""
    starts = np.cumsum([0, *(shape.length for shape in shapes)])
    values, rows, columns = [], [], []
    for factor, start in zip(factors, starts, strict=False):
        level = start + np.arange(factor.size) * factor.width
        for a, b in _triangle(factor.width):
            values.append(sums.of(factor.codes, factor.size, _product(factor, a, factor, b, sums.weights)))
            rows.append(level + a)
            columns.append(level + b)
    for (first, start), (second, other) in combinations(list(zip(factors, starts, strict=False)), 2):
        cells, found = factorize_integers(first.codes.astype(np.int64) * second.size + second.codes)
        left, right = np.divmod(found, second.size)
        for a in range(first.width):
            for b in range(second.width):
                values.append(sums.of(cells, len(found), _product(first, a, second, b, sums.weights)))
                rows.append(start + left * first.width + a)
                columns.append(other + right * second.width + b)
    return np.concatenate(values, axis=1), _pattern(np.concatenate(rows), np.concatenate(columns), int(starts[-1]))


def _triangle(width: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(width) for b in range(a, width)]


def _product(first: Factor, a: int, second: Factor, b: int, weights: np.ndarray | None) -> np.ndarray | None:
    left, right = first.column(a, weights), second.column(b, None)
    return left if right is None else right if left is None else left * right


def _pattern(rows: np.ndarray, columns: np.ndarray, size: int) -> Pattern:
    """Of a symmetric matrix, from the places of its values on and off the diagonal, each off it on one side only."""
    apart = np.flatnonzero(rows != columns)
    source = np.concatenate([np.arange(len(rows)), apart])
    places = csr_matrix(
        (source + 1, (np.concatenate([rows, columns[apart]]), np.concatenate([columns, rows[apart]]))),
        shape=(size, size),
    )
    places.sort_indices()
    return Pattern(places.indices, places.indptr, places.data - 1)
