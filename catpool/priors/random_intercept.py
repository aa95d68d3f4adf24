"""The random-intercept model of one factor, y_ki = mu + u_k + e_ki, fitted by ML or REML.

With lambda = var(u) / var(e), category means y_k of n_k rows and w_k = n_k / (1 + lambda n_k),

    W = sum w_k,   mu = sum w_k y_k / W,   RSS = within + sum w_k (y_k - mu)^2,

twice the negative log-likelihood, maximal over mu and var(e) = RSS / nu, is

    criterion  = sum log(1 + lambda n_k) + log W + nu (1 + log(2 pi RSS / nu)),      nu = N - 1,
    derivative = W - sum w_k^2 / W - nu sum w_k^2 (y_k - mu)^2 / RSS

under REML. Under ML the terms in log W and sum w_k^2 / W are absent and nu = N. Categories of one size enter only
through their number, sum and sum of squares, so the cost of an evaluation is the number of distinct sizes.

The criterion can have two minima (for some unbalanced data), and its derivative with respect to the root of lambda is
zero at zero for all data. So the derivative with respect to lambda is scanned, each place where it rises through zero
is solved for, and the minima are compared, lambda = 0 among them.

References
----------
D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
Statistical Software 67(1).
"""

from __future__ import annotations

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import Moments

LARGE = 4096  # rows; categories with more rarely share their size
COPIES = 8  # interleaved sums of each size, as adding to a sum again must wait for the last addition; a power of 2
POINTS = 1 << 14  # sizes times values of lambda in a scan
FEWEST, MOST = 32, 512  # values of lambda in a scan; small data, which can have several minima, get more


@frozen
class SizeClasses:
    """Categories grouped by size: how many, and the sum and sum of squares of their means.

    Parameters
    ----------
    size, number, total, square : ndarray of shape (D,)
        Means are distances from `center`.
    rows : float
        N, of all categories. The number of observations if weights are precisions.
    within : float
    center : float
    """

    size: np.ndarray
    number: np.ndarray
    total: np.ndarray
    square: np.ndarray
    rows: float
    within: float
    center: float


def group_by_size(moments: Moments) -> SizeClasses:
    """Group categories of one size, from moments of shape (K,).

    Fractional sizes and those of `LARGE` rows and more are not grouped.
    """
    distance = moments.distances
    counts = np.minimum(moments.count, LARGE).astype(np.intp)
    whole = counts == moments.count
    if whole.all():
        alone = np.zeros(0, dtype=np.intp)
    else:
        alone = np.flatnonzero(~whole & (moments.count > 0))
        counts[alone] = 0
    largest = int(counts.max())
    counts += (np.arange(len(counts)) & COPIES - 1) * (largest + 1)
    number = _sum_by_size(counts, largest)
    number[0] = 0
    size = np.flatnonzero(number)
    total, apart = _sum_by_size(counts, largest, distance), distance[alone]
    squares = distance * distance
    return SizeClasses(
        size=np.append(size, moments.count[alone]),
        number=np.append(number[size], np.ones(len(alone))),
        total=np.append(total[size], apart),
        square=np.append(_sum_by_size(counts, largest, squares)[size], squares[alone]),
        rows=float(moments.rows),
        within=float(moments.within),
        center=float(moments.mean),
    )


def _sum_by_size(counts: np.ndarray, largest: int, values: np.ndarray | None = None) -> np.ndarray:
    """Sum the values of the categories of each size, or count them."""
    return np.bincount(counts, values, minlength=COPIES * (largest + 1)).reshape(COPIES, -1).sum(axis=0)


@frozen
class RandomInterceptFit:
    """A fitted model: lambda, the mean, both variances, and twice the negative log-likelihood."""

    ratio: float
    mean: float
    between: float
    within: float
    criterion: float


class VarianceRatioProfile:
    """The criterion as a function of lambda, minimal over the other parameters.

    Parameters
    ----------
    sizes : SizeClasses
    reml : bool
    """

    def __init__(self, sizes: SizeClasses, *, reml: bool) -> None:
        self.sizes, self.reml = sizes, reml
        self.freedom = sizes.rows - reml

    def parts(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The weights w of shape (..., D), and W, mu - center and RSS of shape (...)."""
        data = self.sizes
        w = data.size / (1 + ratio[..., None] * data.size)
        weight = w @ data.number
        mean = w @ data.total / weight
        rss = data.within + np.maximum(w @ data.square - weight * mean**2, 0.0)
        return w, weight, mean, rss

    def derivative(self, ratio: np.ndarray) -> np.ndarray:
        data = self.sizes
        w, weight, mean, rss = self.parts(ratio)
        w *= w
        pull = w @ data.square - 2 * mean * (w @ data.total) + mean**2 * (w @ data.number)
        slope = weight - self.freedom * pull / rss
        return slope - (w @ data.number) / weight if self.reml else slope

    def criterion(self, ratio: np.ndarray) -> np.ndarray:
        data = self.sizes
        _, weight, _, rss = self.parts(ratio)
        fit = np.log1p(ratio[..., None] * data.size) @ data.number
        fit += self.freedom * (1 + np.log(2 * np.pi * rss / self.freedom))
        return fit + np.log(weight) if self.reml else fit

    def minimum(self) -> float:
        """The ratio with the least criterion."""
        grid = self._grid()
        slope = self.derivative(grid)
        candidates = [0.0] if slope[0] >= 0 else []
        for left in np.flatnonzero((slope[:-1] < 0) & (slope[1:] >= 0)):
            candidates.append(self._root(grid[left], grid[left + 1]))
        if slope[-1] < 0:
            candidates.append(grid[-1])
        return min(candidates, key=lambda ratio: float(self.criterion(np.array(ratio))))

    def _grid(self) -> np.ndarray:
        """Zero, and ratios from negligible to far larger than the spread of the means allows."""
        data = self.sizes
        spread = data.square.sum() / data.within * data.rows
        least, most = 1e-8 / data.size.max(), 1e3 * (spread + 1 / data.size.min())
        points = np.clip(POINTS // len(data.size), FEWEST, MOST)
        return np.append(0.0, np.geomspace(least, most, points))

    def _root(self, low: float, high: float) -> float:
        from scipy.optimize import brentq  # here, because it takes long to load

        def slope(ratio: float) -> float:
            return float(self.derivative(np.array(ratio)))

        if low == 0:
            return float(brentq(slope, low, high, xtol=1e-300, rtol=1e-14))
        return float(np.exp(brentq(lambda log: slope(np.exp(log)), np.log(low), np.log(high), xtol=1e-14)))


def fit_random_intercept(moments: Moments, *, reml: bool) -> RandomInterceptFit:
    """Fit the model to moments of shape (K,) with variance both between and within categories."""
    profile = VarianceRatioProfile(group_by_size(moments), reml=reml)
    ratio = profile.minimum()
    _, _, mean, rss = profile.parts(np.array(ratio))
    within = float(rss) / profile.freedom
    criterion = float(profile.criterion(np.array(ratio)))
    return RandomInterceptFit(ratio, profile.sizes.center + float(mean), ratio * within, within, criterion)
