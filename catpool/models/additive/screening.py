"""Interactions that are found by their variance: cells that differ beyond the sum of the effects of their columns.

A candidate is judged by the residuals r of an additive model of all columns, through the products of different rows in
one cell. With n_k rows, the sum t_k, the sum of squares s_k and of fourth powers f_k of the residuals in cell k,

    U = sum of (t_k^2 - s_k) / n_k,    variance of U = 2 sum of (s_k^2 - f_k) / n_k^2

where cells do not differ, whatever the variance of each row is and however skewed. U is compared with a chi-squared
distribution that has this variance and as many degrees of freedom as there are cells of equal weight in it. What is
chosen is the candidate of the largest

    share = variance between cells * mean reliability of a row's cell / variance of r,    variance between = U / (n - c)

of c cells, and the effects of its cells are taken out of the residuals before the next choice. So a candidate that
repeats a chosen one has nothing left to show.

References
----------
W. Hoeffding (1948), A class of statistics with asymptotically normal distribution, Annals of Mathematical Statistics
19, 293-325.
F. E. Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics Bulletin 2,
110-114.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import chi2

from catpool.data.factorize import factorize_integers
from catpool.data.frozen import frozen
from catpool.data.targets.weights import Weights
from catpool.models.additive.factors import FactorMaker

LEVEL = 0.01  # the probability of choosing anything where there is nothing to find
LEAST = 0.002  # the share of the residual variance that an interaction must have
NESTED = 1.02  # fewer cells than this times the categories of a column repeat the column
SPARSE = 0.7  # more cells than this times the rows say nothing of each other
EXPLAINED = 1e-3  # residuals of less than this, in units of the noise, are what rounding leaves of an exact fit
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
    weights : Weights
    categories, numbers : sequence
        The labels of the columns; two numbers are left to the trees unless they have few values and many combinations.
    """

    def __init__(
        self,
        maker: FactorMaker,
        residuals: Sequence[np.ndarray],
        weights: Weights,
        categories: Sequence[Any],
        numbers: Sequence[Any],
    ) -> None:
        self.maker, self.numbers, self.labels = maker, set(numbers), [*categories, *numbers]
        row = np.ones(len(residuals[0])) if weights.row is None else weights.row
        rows = np.flatnonzero(row)
        # a fixed sample, so that the choice does not depend on the folds
        self.rows = rows if len(rows) <= SCREENED else np.random.default_rng(0).choice(rows, SCREENED, replace=False)
        # residuals are in units of their own standard deviation, so that precisions are in them
        self.copies = np.ones(len(self.rows)) if weights.precision else row[self.rows]
        self.n = self.copies.sum()
        self.residuals = [Residuals(each[self.rows], self.copies) for each in residuals]
        self.variances = [each.variance for each in self.residuals]
        self._sizes: dict[tuple[Any, bool], int] = {}
        self.tested = 0

    def choose(self, most: int) -> list[Choice]:
        """The interactions that stand out, the strongest first."""
        pairs = [pair for pair in combinations(self.labels, 2) if self._is_candidate(pair)]
        chosen: list[Choice] = []
        alive = self._found(pairs)
        while alive and len(chosen) < most:
            scores = {label: self._score(*cells) for label, cells in alive.items()}
            alive = {label: cells for label, cells in alive.items() if self._stands_out(*scores[label])}
            if not alive:
                break
            # rounded, so that the first of two that are alike is chosen, whatever the order of rows
            best = max(alive, key=lambda label: float(f"{scores[label][0]:.6g}"))
            chosen.append(Choice(best, *scores[best]))
            self._take_out(*alive.pop(best))
            if len(best) == 2:
                alive |= self._found([(*best, each) for each in self.labels if each not in best])
        return chosen

    def _is_candidate(self, pair: tuple[Any, ...]) -> bool:
        return not self.numbers.issuperset(pair) or bool(self.maker.grid(pair))

    def _found(self, candidates: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[np.ndarray, int]]:
        """The codes and the number of cells of those candidates that stand out."""
        self.tested += len(candidates)
        found = {}
        for label in candidates:
            codes, cells = self._cells(label)
            grid = self.maker.grid(label)
            categories = max(self._size(part, exact=part in grid) for part in label)
            if NESTED * categories < cells < SPARSE * self.n and self._stands_out(*self._score(codes, cells)):
                found[label] = codes, cells
        return found

    def _stands_out(self, share: float, p_value: float) -> bool:
        return share >= LEAST and p_value * self.tested < LEVEL

    def _size(self, part: Any, *, exact: bool) -> int:
        """The number of categories of a column in the rows that are screened."""
        key = part, exact
        if key not in self._sizes:
            self._sizes[key] = len(np.unique(self.maker.part(part, exact=exact)[0][self.rows]))
        return self._sizes[key]

    def _cells(self, label: tuple[Any, ...]) -> tuple[np.ndarray, int]:
        """The cell of each row, and how many there are."""
        grid = self.maker.grid(label)
        codes, vocabulary = self.maker.part(label[0], exact=label[0] in grid)
        cells, number = codes[self.rows], vocabulary.size
        for part in label[1:]:
            codes, vocabulary = self.maker.part(part, exact=part in grid)
            cells, keys = factorize_integers(cells * vocabulary.size + codes[self.rows])
            number = len(keys)
        return cells, number

    def _score(self, codes: np.ndarray, cells: int) -> tuple[float, float]:
        """The mean share over the columns of the target, and the smallest p-value times their number."""
        count, shares, p_values = np.bincount(codes, self.copies, cells), [], []
        for residual, variance in zip(self.residuals, self.variances, strict=True):
            judged = judge_cells(count, *residual.sums(codes, cells))
            shares.append(judged.explained / variance if variance > EXPLAINED else 0.0)
            p_values.append(judged.p_value)
        return float(np.mean(shares)), min(1.0, min(p_values) * len(p_values))

    def _take_out(self, codes: np.ndarray, cells: int) -> None:
        """Take the effects of cells out of the residuals."""
        count = np.bincount(codes, self.copies, cells)
        for position, residual in enumerate(self.residuals):
            total, *others = residual.sums(codes, cells)
            strength = judge_cells(count, total, *others).strength
            if np.isfinite(strength):
                left = residual.values - (total / (count + strength)).take(codes)
                self.residuals[position] = Residuals(left, self.copies)


class Residuals:
    """Residuals of rows, in units of their standard deviation, and the powers of them that are added up.

    Parameters
    ----------
    values : ndarray of shape (n,)
    copies : ndarray of shape (n,)
        How many rows each stands for.
    """

    def __init__(self, values: np.ndarray, copies: np.ndarray) -> None:
        self.values = values - np.average(values, weights=copies)
        squares = self.values**2
        self.powers = copies * self.values, copies * squares, copies * squares**2
        self.variance = self.powers[1].sum() / copies.sum()

    def sums(self, codes: np.ndarray, cells: int) -> list[np.ndarray]:
        """The sums over the rows of each cell: of residuals, of their squares, and of their fourth powers."""
        return [np.bincount(codes, power, cells) for power in self.powers]


class JudgedCells(NamedTuple):
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


def judge_cells(count: np.ndarray, total: np.ndarray, squares: np.ndarray, fourth: np.ndarray) -> JudgedCells:
    """Estimate how cells differ, and test whether they do.

    Parameters
    ----------
    count, total, squares, fourth : ndarray of shape (cells,)
        Rows of each cell, and the sums of their residuals, of the squares and of the fourth powers of these.
    """
    seen = count > 0
    count, total, squares, fourth = count[seen], total[seen], squares[seen], fourth[seen]
    n, products = count.sum(), ((total**2 - squares) / count).sum()
    if n <= len(count) or products <= 0:
        return JudgedCells(np.inf, 0.0, 1.0)
    between = products / (n - len(count))
    within = max(squares.sum() / n - between, 1e-12 * between)
    explained = between * (count * (count / (count + within / between))).sum() / n
    return JudgedCells(within / between, explained, _p_value(products, (squares**2 - fourth) / count**2))


def _p_value(products: float, variances: np.ndarray) -> float:
    """The probability of products that large in cells without effects, whose variance is twice the sum of these."""
    variances = np.maximum(variances, 0.0)
    total = variances.sum()
    if total <= 0:
        return 1.0
    freedom = total**2 / (variances**2).sum()
    return float(chi2.sf(freedom + products / np.sqrt(2 * total) * np.sqrt(2 * freedom), freedom))
