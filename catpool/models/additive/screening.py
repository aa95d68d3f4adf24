"""Interactions that are found by their variance: cells that differ beyond the sum of the effects of their columns.

A candidate is judged by the residuals r of an additive model of all columns. With c cells of n_k rows and sums t_k,

    Q = sum of t_k^2 / n_k

is compared with its distribution when residuals are dealt to rows at random. Its mean and variance follow from the
variance and the kurtosis of the residuals, and a gamma distribution of these moments gives a p-value. What is chosen is
the candidate of the largest

    share = variance between cells * mean reliability of a row's cell / variance of r,

and the effects of its cells are taken out of the residuals before the next choice. So a candidate that repeats a chosen
one has nothing left to show.

References
----------
E. J. G. Pitman (1938), Significance tests which may be applied to samples from any populations: III, the analysis of
variance test, Biometrika 29, 322-335.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import gamma

from catpool.data.factorize import factorize_integers
from catpool.data.frozen import frozen
from catpool.models.additive.factors import FactorMaker

LEVEL = 0.01  # the probability of choosing anything where there is nothing to find
LEAST = 0.002  # the share of the residual variance that an interaction must have
NESTED = 1.02  # fewer cells than this times the categories of a column repeat the column
SPARSE = 0.7  # more cells than this times the rows say nothing of each other
SCREENED = 200_000  # rows that are screened


@frozen
class Choice:
    """An interaction that was chosen.

    Parameters
    ----------
    label : tuple
        The labels of its columns.
    share : float
        The share of the residual variance that is between its cells, times their reliability.
    p_value : float
    """

    label: tuple[Any, ...]
    share: float
    p_value: float


class Screen:
    """Chooses among interactions of columns.

    Parameters
    ----------
    maker : FactorMaker
        Of the training rows.
    residuals : list of ndarray of shape (n,)
        Of an additive model of the columns, for each column of the target.
    weights : ndarray of shape (n,) or None
        What the rows count.
    categories, numbers : sequence
        The labels of the columns; two numbers are not combined, because trees do that well.
    """

    def __init__(
        self,
        maker: FactorMaker,
        residuals: Sequence[np.ndarray],
        weights: np.ndarray | None,
        categories: Sequence[Any],
        numbers: Sequence[Any],
    ) -> None:
        self.maker, self.numbers, self.labels = maker, set(numbers), [*categories, *numbers]
        weights = np.ones(len(residuals[0])) if weights is None else weights
        rows = np.flatnonzero(weights)
        # a fixed sample, so that the choice does not depend on the folds
        self.rows = rows if len(rows) <= SCREENED else np.random.default_rng(0).choice(rows, SCREENED, replace=False)
        self.weights = weights[self.rows]
        self.n = self.weights.sum()
        self.residuals = [each[self.rows] - np.average(each[self.rows], weights=self.weights) for each in residuals]
        self.variances = [self._moments(each).variance for each in self.residuals]
        self.categories = {label: len(np.unique(maker.part(label)[0][self.rows])) for label in self.labels}
        self.tested = 0

    def choose(self, most: int) -> list[Choice]:
        """The interactions that stand out, the strongest first."""
        pairs = [pair for pair in combinations(self.labels, 2) if not self.numbers.issuperset(pair)]
        chosen: list[Choice] = []
        alive = self._found(pairs)
        while alive and len(chosen) < most:
            scores = {label: self._score(*cells) for label, cells in alive.items()}
            alive = {label: cells for label, cells in alive.items() if self._stands_out(*scores[label])}
            if not alive:
                break
            best = max(alive, key=lambda label: scores[label][0])
            chosen.append(Choice(best, *scores[best]))
            self._take_out(*alive.pop(best))
            if len(best) == 2:
                alive |= self._found([(*best, each) for each in self.labels if each not in best])
        return chosen

    def _found(self, candidates: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[np.ndarray, int]]:
        """The codes and the number of cells of those candidates that stand out."""
        self.tested += len(candidates)
        found = {}
        for label in candidates:
            codes, cells = self._cells(label)
            categories = max(self.categories[part] for part in label)
            if NESTED * categories < cells < SPARSE * self.n and self._stands_out(*self._score(codes, cells)):
                found[label] = codes, cells
        return found

    def _stands_out(self, share: float, p_value: float) -> bool:
        return share >= LEAST and p_value * self.tested < LEVEL

    def _cells(self, label: tuple[Any, ...]) -> tuple[np.ndarray, int]:
        """The cell of each row, and how many there are."""
        codes, vocabulary = self.maker.part(label[0])
        cells, number = codes[self.rows], vocabulary.size
        for part in label[1:]:
            codes, vocabulary = self.maker.part(part)
            cells, keys = factorize_integers(cells * vocabulary.size + codes[self.rows])
            number = len(keys)
        return cells, number

    def _moments(self, residual: np.ndarray) -> Residuals:
        squares = self.weights * residual**2
        return Residuals(self.n, squares.sum(), (squares * residual**2).sum())

    def _score(self, codes: np.ndarray, cells: int) -> tuple[float, float]:
        """The mean share over the columns of the target, and the smallest p-value times their number."""
        count, shares, p_values = np.bincount(codes, self.weights, cells), [], []
        for residual, variance in zip(self.residuals, self.variances, strict=True):
            tested = judge_cells(count, np.bincount(codes, self.weights * residual, cells), self._moments(residual))
            shares.append(tested.explained / variance if variance > 0 else 0.0)
            p_values.append(tested.p_value)
        return float(np.mean(shares)), min(1.0, min(p_values) * len(p_values))

    def _take_out(self, codes: np.ndarray, cells: int) -> None:
        """Take the effects of cells out of the residuals."""
        count = np.bincount(codes, self.weights, cells)
        for residual in self.residuals:
            total = np.bincount(codes, self.weights * residual, cells)
            strength = judge_cells(count, total, self._moments(residual)).strength
            if np.isfinite(strength):
                residual -= (total / (count + strength)).take(codes)


class Residuals(NamedTuple):
    """The moments of residuals of mean zero: their number, and the sums of their second and fourth powers."""

    n: float
    squares: float
    fourth: float

    @property
    def variance(self) -> float:
        return self.squares / self.n

    @property
    def kurtosis(self) -> float:
        """The excess over that of a normal distribution."""
        return self.fourth / self.n / self.variance**2 - 3


class TestedCells(NamedTuple):
    """What residuals say of cells.

    Parameters
    ----------
    strength : float
        Of the prior of the cells, in rows; infinite if they do not differ.
    explained : float
        The variance between cells, times the mean reliability of a row's cell.
    p_value : float
    """

    strength: float
    explained: float
    p_value: float


def judge_cells(count: np.ndarray, total: np.ndarray, residuals: Residuals) -> TestedCells:
    """Estimate how cells differ by the method of moments, and test whether they do.

    Parameters
    ----------
    count, total : ndarray of shape (cells,)
        Rows of each cell, and the sums of their residuals.
    residuals : Residuals
        Of all rows.
    """
    seen = count > 0
    count, total, n = count[seen], total[seen], residuals.n
    cells, between_cells = len(count), (total**2 / count).sum()
    if cells < 2 or n <= cells or residuals.squares <= 0:
        return TestedCells(np.inf, 0.0, 1.0)
    within = max((residuals.squares - between_cells) / (n - cells), 1e-12 * residuals.variance)
    between = (between_cells - (cells - 1) * within) / (n - (count**2).sum() / n)
    if between <= 0:
        return TestedCells(np.inf, 0.0, 1.0)
    reliability = count / (count + within / between)
    explained = between * (count * reliability).sum() / n
    return TestedCells(within / between, explained, _p_value(between_cells, count, residuals))


def _p_value(between_cells: float, count: np.ndarray, residuals: Residuals) -> float:
    """The probability that residuals dealt to rows at random differ at least as much between cells."""
    n, cells = residuals.n, len(count)
    mean = (cells - 1) * residuals.variance
    # as of independent rows; that there are only so many of them would make it a little smaller
    in_units = 2 * (cells - 1) + residuals.kurtosis * ((1 / count).sum() - cells**2 / n)
    variance = residuals.variance**2 * max(in_units, 1e-12)
    return float(gamma.sf(between_cells, mean**2 / variance, scale=variance / mean))
