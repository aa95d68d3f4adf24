"""The random-intercept model of one factor, y_ki = mu + u_k + e_ki, fitted by ML or REML.

With lambda = var(u) / var(e), category means y_k of n_k rows and w_k = n_k / (1 + lambda n_k),

    W = sum w_k,   mu = sum w_k y_k / W,   RSS = within + sum w_k (y_k - mu)^2,

twice the negative log-likelihood, maximal over mu and var(e) = RSS / nu, is

    criterion  = sum log(1 + lambda n_k) + log W + nu (1 + log(2 pi RSS / nu)),      nu = N - 1,
    derivative = W - sum w_k^2 / W - nu sum w_k^2 (y_k - mu)^2 / RSS

under REML. Under ML the terms in log W and sum w_k^2 / W are absent and nu = N. If var(e) is known to be 1, and rows
have precisions as weights, lambda is var(u), and

    criterion  = sum log(1 + lambda n_k) + log W + RSS - within + nu log(2 pi),
    derivative = W - sum w_k^2 / W - sum w_k^2 (y_k - mu)^2.

Categories of one size enter only through their number, sum and sum of squares, so the cost of an evaluation is the
number of distinct sizes.

The criterion can have two minima (for some unbalanced data), and its derivative with respect to the root of lambda is
zero at zero for all data. So the derivative with respect to lambda is scanned, each place where it rises through zero
is solved for, and the minima are compared, lambda = 0 among them. Many tables (folds, say) are fitted at once, and
none of them enters the numbers of another.

References
----------
D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
Statistical Software 67(1).
"""

from __future__ import annotations

import numpy as np

from catpool.data.frozen import frozen
from catpool.moments.moments import TINY
from catpool.priors.likelihoods.size_classes import SizeClasses
from catpool.priors.numerics.roots import rising_roots

CELLS = 1 << 16  # tables times values of lambda times sizes that are computed at once
POINTS = 1 << 11  # sizes times values of lambda in a scan
FEWEST, MOST = 12, 48  # values of lambda in a scan; small data, which can have several minima, get more
NEGLIGIBLE = 1e-3  # lambda times the largest size, up to which the derivative is next to a straight line


@frozen
class RandomInterceptFit:
    """Fitted models: lambda, the mean, both variances, and twice the negative log-likelihood, each of shape (...)."""

    ratio: np.ndarray
    mean: np.ndarray
    between: np.ndarray
    within: np.ndarray
    criterion: np.ndarray


class VarianceRatioProfile:
    """The criterion as a function of lambda, minimal over the other parameters.

    Parameters
    ----------
    sizes : SizeClasses
        Of V tables.
    reml : bool
    known : bool, default=False
        Whether the variance within is known to be 1.
    """

    def __init__(self, sizes: SizeClasses, *, reml: bool, known: bool = False) -> None:
        self.sizes, self.reml, self.known = sizes, reml, known
        self.freedom = sizes.rows[:, None] - reml
        inverse = np.where(sizes.size > 0, 1 / np.maximum(sizes.size, TINY), np.inf)
        self._inverse = inverse[:, None, :]

    def _weigh(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The weights w, of shape (V, G, D); the sums of w_k, w_k y_k and w_k y_k^2, (3, V, G); and RSS."""
        w = ratio[..., None] + self._inverse
        np.divide(1.0, w, out=w)
        sums = self._sum(w)
        return w, sums, self.sizes.within[:, None] + _scatter(sums)

    def _sum(self, weights: np.ndarray) -> np.ndarray:
        return (weights @ self.sizes.sums).transpose(2, 0, 1)

    def of(self, tables: np.ndarray) -> VarianceRatioProfile:
        """The profile of some tables, which may be repeated."""
        return VarianceRatioProfile(self.sizes.take(tables), reml=self.reml, known=self.known)

    def mean_and_rss(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The distance of mu from the center, and RSS, of the shape of `ratio`, (V, G)."""
        _, (weight, total, _), rss = self._weigh(ratio)
        return total / weight, rss

    def scatter(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sum of w_k (y_k - mu)^2, and minus its derivative, of the shape of `ratio`, (V, G)."""
        w, sums, _ = self._weigh(ratio)
        mean, (weight2, total2, square2) = sums[1] / sums[0], self._sum(w * w)
        return _scatter(sums), square2 - 2 * mean * total2 + mean**2 * weight2

    def derivative(self, ratio: np.ndarray) -> np.ndarray:
        """The derivative of the criterion, of the shape of `ratio`, (V, G)."""
        return self._slopes(ratio, bend=False)[0]

    def derivatives(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first two derivatives of the criterion, of the shape of `ratio`, (V, G)."""
        return self._slopes(ratio, bend=True)

    def _slopes(self, ratio: np.ndarray, *, bend: bool) -> tuple[np.ndarray, np.ndarray]:
        w, (weight, total, _), rss = self._weigh(ratio)
        mean, square = total / weight, w * w
        weight2, total2, square2 = self._sum(square)
        pull = square2 - 2 * mean * total2 + mean**2 * weight2  # minus the derivative of RSS
        freedom, noise = (1.0, 1.0) if self.known else (self.freedom, rss)
        slope = weight - freedom * pull / noise
        if self.reml:
            slope = slope - weight2 / weight
        if not bend:
            return slope, slope
        weight3, total3, square3 = self._sum(square * w)
        change = 2 * (total2 - mean * weight2) ** 2 / weight - 2 * (square3 - 2 * mean * total3 + mean**2 * weight3)
        bent = 0.0 if self.known else (pull / rss) ** 2
        second = -weight2 - freedom * (change / noise + bent)
        if self.reml:
            second = second + 2 * weight3 / weight - (weight2 / weight) ** 2
        return slope, second

    def criterion(self, ratio: np.ndarray) -> np.ndarray:
        """Twice the negative log-likelihood, of the shape of `ratio`, (V, G); of a known variance without `within`."""
        _, sums, rss = self._weigh(ratio)
        logs = np.log1p(ratio[..., None] * self.sizes.size[:, None, :])
        fit = (logs @ self.sizes.sums[..., :1])[..., 0]
        if self.known:
            fit += _scatter(sums) + self.freedom * np.log(2 * np.pi)
        else:
            fit += self.freedom * (1 + np.log(2 * np.pi * rss / self.freedom))
        return fit + np.log(sums[0]) if self.reml else fit

    def minimum(self) -> np.ndarray:
        """The ratio with the least criterion, of shape (V,)."""
        grid = self._grid()
        slope = self._scan(grid)
        rising = np.nonzero((slope[:, :-1] < 0) & (slope[:, 1:] >= 0))
        at_zero, at_end = np.flatnonzero(slope[:, 0] >= 0), np.flatnonzero(slope[:, -1] < 0)
        tables = np.concatenate([at_zero, rising[0], at_end])
        found = np.concatenate([np.zeros(len(at_zero)), self._roots(grid, slope, *rising), grid[at_end, -1]])
        return self._best(tables, found)

    def _best(self, tables: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        """The ratio of each table with the least criterion among candidates, of which each table has one at least."""
        best = np.zeros(len(self.freedom))
        best[tables] = ratio
        if len(tables) > len(best):
            some = self.of(tables)
            order = np.argsort(-some.criterion(ratio[:, None])[:, 0], kind="stable")
            best[tables[order]] = ratio[order]  # the least comes last, and stays
        return best

    def _grid(self) -> np.ndarray:
        """Zero, and ratios from negligible to far larger than the spread of the means allows."""
        data = self.sizes
        least = np.where(data.sums[..., 0] > 0, data.size, np.inf).min(axis=1)
        spread = data.sums[..., 2].sum(axis=1)
        if not self.known:
            spread = spread / data.within * data.rows
        low, high = np.log(NEGLIGIBLE / data.size.max(axis=1)), np.log(10 * (spread + 1 / least))
        points = np.linspace(0.0, 1.0, int(np.clip(POINTS // data.size.shape[1], FEWEST, MOST)))
        grid = np.exp(low[:, None] + (high - low)[:, None] * points)
        return np.hstack([np.zeros((len(grid), 1)), grid])

    def _scan(self, grid: np.ndarray) -> np.ndarray:
        """The derivative at each point of a grid, some points at a time, as memory allows."""
        step = max(1, CELLS // self.sizes.size.size)
        return np.hstack([self.derivative(grid[:, start : start + step]) for start in range(0, grid.shape[1], step)])

    def _roots(self, grid: np.ndarray, slope: np.ndarray, tables: np.ndarray, left: np.ndarray) -> np.ndarray:
        """The ratios where the derivative rises through zero, each between a point of the grid and the next."""
        some = self.of(tables)

        def function(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            value, change = some.derivatives(ratio[:, None])
            return value[:, 0], change[:, 0]

        ends = (tables, left), (tables, left + 1)
        return rising_roots(function, *(grid[end] for end in ends), *(slope[end] for end in ends))


def _scatter(sums: np.ndarray) -> np.ndarray:
    """The sum of w_k (y_k - mu)^2, from those of w_k, w_k y_k and w_k y_k^2."""
    return np.maximum(sums[2] - sums[1] ** 2 / sums[0], 0.0)


def fit_random_intercept(
    sizes: SizeClasses, identified: np.ndarray, *, reml: bool, known: bool = False
) -> RandomInterceptFit:
    """Fit the model to each table.

    Parameters
    ----------
    sizes : SizeClasses
        Of as many tables as `identified` has elements.
    identified : ndarray of bool of shape (...)
        Whether a table has variance within several categories, of several rows each; the fit of others means nothing.
        If the variance within is known, several categories are enough.
    reml : bool
    known : bool, default=False
        As for `VarianceRatioProfile`.

    Returns
    -------
    RandomInterceptFit of shape (...)
    """
    if not identified.all():
        sizes = sizes.stand_in(identified.ravel())
    profile = VarianceRatioProfile(sizes, reml=reml, known=known)
    ratio = profile.minimum()
    mean, rss = (each[:, 0] for each in profile.mean_and_rss(ratio[:, None]))
    within = np.ones_like(rss) if known else rss / profile.freedom[:, 0]
    criterion = profile.criterion(ratio[:, None])[:, 0] + (profile.sizes.within if known else 0.0)
    shape = identified.shape
    found = ratio, profile.sizes.center + mean, ratio * within, within, criterion
    return RandomInterceptFit(*(each.reshape(shape) for each in found))
