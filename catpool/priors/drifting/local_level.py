"""The local level model: effects of categories that start from a prior and walk at random, seen with noise.

The level of a category is mu + a, where a starts with variance tau^2 at the category's first row and changes by a
random walk of variance q per unit of time. Rows of one category and time, which weigh w in all, may share a shock of
variance omega^2 that does not last, as restaurants that are inspected in the same year. Their mean is the level plus
noise of variance omega^2 + sigma^2 / w. So a category's rows at times s and t after its first covary by

    tau^2 + q min(s, t),     plus omega^2 if s = t,     plus sigma^2 / w if they are the same.

In units of sigma^2, with P the variance of a level before its rows are seen, the Kalman filter is

    v = omega^2 + 1 / w,     F = P + v,     next P = q * elapsed + P v / F,
    next innovation = difference of means + innovation * v / F.

Innovations are the elimination of a tridiagonal matrix, that of the covariances of differences between successive
means: LAPACK does it for all categories at once, in the order of the rows. What is computed of a row depends on no
later row, not even in the last digit. Rounding errors of this elimination grow where P is much less than v, so that
P is refined by a step of Newton's method, which is another elimination.

References
----------
A. C. Harvey (1989), Forecasting, structural time series models and the Kalman filter, Cambridge University Press.
S. J. Koopman, N. Shephard (1992), Exact score for time series models in state space form, Biometrika 79.
J. Durbin, S. J. Koopman (2012), Time series analysis by state space methods, 2nd edition, Oxford University Press.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpttrf, dtbtrs

from catpool.data.frozen import frozen
from catpool.moments.moments import TINY

EQUAL = 1e-20  # of the variance of rows: that of rows that are equal but for rounding


@frozen
class Visits:
    """The rows of categories in the order of time, those of one category and time as one visit.

    Parameters
    ----------
    category : ndarray of shape (m,)
        In ascending order.
    time : ndarray of shape (m,)
        In ascending order in each category.
    elapsed : ndarray of shape (m,)
        The time since the category's visit before; 0 for its first.
    weight : ndarray of shape (m,)
        The precision of the mean, in rows of weight one.
    means : ndarray of shape (C, m)
        Of each class of the target.
    scatters : ndarray of shape (C, m)
        Of the rows about the means.
    rows : ndarray of shape (m,)
        The number of rows.
    """

    category: np.ndarray
    time: np.ndarray
    elapsed: np.ndarray
    weight: np.ndarray
    means: np.ndarray
    scatters: np.ndarray
    rows: np.ndarray

    @cached_property
    def first(self) -> np.ndarray:
        """Whether each visit is the first of its category, of shape (m,)."""
        return np.diff(self.category, prepend=-1) != 0

    @cached_property
    def last(self) -> np.ndarray:
        """Whether each visit is the last of its category, of shape (m,)."""
        return np.append(self.first[1:], True)

    @property
    def some_return(self) -> bool:
        """Whether any category has several visits, without which there is no drift to see."""
        return not self.first.all()

    @property
    def some_together(self) -> bool:
        """Whether some rows are of one category and time, without which shocks are noise."""
        return float(self.rows.sum()) > len(self.rows)

    @property
    def agree(self) -> bool:
        """Whether rows of one category and time are equal, so that there is no noise but in shocks."""
        apart = float(self.scatters.sum()) / (self.rows.sum() * len(self.means))
        return self.some_together and apart <= EQUAL * self.variance

    @property
    def spaced(self) -> Visits:
        """The same, with the time between two of them as the unit of what has elapsed."""
        return replace(self, elapsed=self.elapsed / self.spacing)

    @property
    def as_rows(self) -> Visits:
        """The same, each as one row of weight one."""
        one = np.ones(len(self.time))
        return replace(self, weight=one, rows=one, scatters=np.zeros_like(self.scatters))

    @property
    def spacing(self) -> float:
        """The mean time between two visits of a category."""
        return float(self.elapsed[~self.first].mean())

    @cached_property
    def variance(self) -> float:
        """That of the rows of the average class, for rows of weight one."""
        apart = self.means - np.average(self.means, weights=self.weight, axis=1)[:, None]
        squares = self.scatters.sum() + (self.weight * apart**2).sum()
        return float(squares / (len(self.means) * self.rows.sum()))

    def subset(self, some: np.ndarray) -> Visits:
        """Select visits, by a boolean array; of each category all until some time."""
        columns = {name: getattr(self, name)[..., some] for name in ("means", "scatters")}
        own = ("category", "time", "elapsed", "weight", "rows")
        return replace(self, **columns, **{name: getattr(self, name)[some] for name in own})


@frozen
class Filtered:
    """What is expected of each visit from those of its category before it, in units of sigma^2.

    Parameters
    ----------
    ahead : ndarray of shape (m,)
        The variance P of the level.
    total : ndarray of shape (m,)
        The variance F of the visit's mean.
    noise : ndarray of shape (m,)
        The variance v of the visit's mean about the level.
    left : ndarray of shape (m,)
        The share v / F of the innovation that the level does not follow.
    carried : ndarray of shape (m,)
        The same, and 0 for the last visit of a category.
    innovations : ndarray of shape (C, m)
        Where the prior mean is 0.
    share : ndarray of shape (m,)
        The weight of the prior mean in the level that was expected.
    """

    ahead: np.ndarray
    total: np.ndarray
    noise: np.ndarray
    left: np.ndarray
    carried: np.ndarray
    innovations: np.ndarray
    share: np.ndarray

    def errors(self, mean: np.ndarray) -> np.ndarray:
        """The innovations under a prior mean of each class, of shape (C, m)."""
        return self.innovations - mean[:, None] * self.share


def filter_levels(visits: Visits, start: float, rate: float, shock: float = 0.0) -> Filtered:
    """Filter the levels of all categories.

    Parameters
    ----------
    visits : Visits
    start : float
        The variance tau^2 between categories, in units of sigma^2.
    rate : float
        The variance q of the change in a unit of time, in the same units.
    shock : float, default=0.0
        The variance omega^2 of what rows of one category and time share, in the same units.
    """
    first, noise = visits.first, shock + 1 / visits.weight
    grown = np.where(first, start, rate * visits.elapsed)
    before = np.where(first, 0.0, _before(noise))
    beside = np.resize(-before[1:], max(len(noise) - 1, 1))  # LAPACK wants one even for a single visit
    total = dpttrf(grown + noise + before, beside)[0]
    ahead = _refine(np.maximum(total - noise, TINY), grown, noise, visits.last)
    total = ahead + noise
    left = noise / total
    carried = np.where(visits.last, 0.0, left)
    changes = visits.means - np.where(first, 0.0, _before(visits.means))
    solved = solve_recursion(carried, np.vstack([changes, first]))
    return Filtered(ahead, total, noise, left, carried, solved[:-1], solved[-1])


def _refine(ahead: np.ndarray, grown: np.ndarray, noise: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Variances that fulfil their recursion to all digits, from those that nearly do."""
    left = np.where(last, 0.0, noise / (ahead + noise))
    expected = grown + _before(left * ahead)
    return np.maximum(ahead + solve_recursion(left**2, (expected - ahead)[None])[0], TINY)


def _before(values: np.ndarray) -> np.ndarray:
    """The value before each along the last axis; 0 for the first."""
    before = np.zeros_like(values)
    before[..., 1:] = values[..., :-1]
    return before


def solve_recursion(carried: np.ndarray, values: np.ndarray, *, backwards: bool = False) -> np.ndarray:
    """Solve x[i] = values[i] + carried[i - 1] * x[i - 1] for values of shape (k, m), from the first to the last.

    Backwards, from the last to the first, x[i] = values[i] + carried[i] * x[i + 1].
    """
    bands = np.empty((2, len(carried)), order="F")
    bands[0] = 1.0
    np.negative(carried, out=bands[1])
    trans = "T" if backwards else "N"
    solved: np.ndarray = dtbtrs(bands, np.asarray(values, dtype=float).T, uplo="L", trans=trans, diag="U")[0].T
    return solved


class Smoothed(NamedTuple):
    """How sums of squares and the determinant change with the variances that the filter adds.

    Parameters
    ----------
    squares : ndarray of shape (k, m)
        By how much the sum of e^2 / F, for each of k series, falls with a variance that is added at each visit.
    determinant : ndarray of shape (m,)
        By how much the sum of log F rises with it.
    """

    squares: np.ndarray
    determinant: np.ndarray

    def changes(self, growth: np.ndarray) -> np.ndarray:
        """Those of the k sums of squares and of the determinant, of shape (k + 1,), if variances grow."""
        return np.append(-(self.squares @ growth), self.determinant @ growth)


def smooth(filtered: Filtered, errors: np.ndarray) -> tuple[Smoothed, Smoothed]:
    """Smooth series of errors, of shape (k, m): for variances of the level before each visit, and of its noise.

    With r and N of the next visit of a category, which are 0 after its last, those of a visit are

        e / F + v / F * r,     1 / F + (v / F)^2 * N.

    A variance that is added to the level changes the sum of e^2 / F by -r^2, and that of log F by N. One that is added
    to the noise changes them by -(e / F - P / F * r)^2 and 1 / F + (P / F)^2 * N, with r and N of the next visit.
    """
    total, gain = filtered.total, filtered.ahead / filtered.total
    level = solve_recursion(filtered.carried, errors / total, backwards=True)
    spread = solve_recursion(filtered.carried**2, 1 / total[None], backwards=True)
    going_on = filtered.carried > 0  # which the last visits of categories do not
    noise = errors / total - gain * np.where(going_on, _next(level), 0.0)
    noise_spread = 1 / total + gain**2 * np.where(going_on, _next(spread), 0.0)[0]
    return Smoothed(level**2, spread[0]), Smoothed(noise**2, noise_spread)


def _next(values: np.ndarray) -> np.ndarray:
    """The value after each along the last axis; 0 for the last."""
    after = np.zeros_like(values)
    after[..., :-1] = values[..., 1:]
    return after


def steady_half_life(visits: Visits, rate: float, shock: float = 0.0) -> float:
    """The time in which a row loses half its weight in the end, in a category that is visited as the average is.

    With x = rate * spacing / v and p = x / 2 + sqrt(x^2 / 4 + x), a visit leaves 1 / (1 + p) of what was known.

    Parameters
    ----------
    visits : Visits
    rate, shock : float
        The variances of the change in a unit of time and of shocks, in units of that of a row of weight one.
    """
    change = rate * visits.spacing / (shock + 1 / float(visits.weight.mean()))
    ahead = change / 2 + np.sqrt(change) * np.sqrt(change / 4 + 1)  # where x^2 would overflow, too
    return float(visits.spacing * np.log(2) / np.log1p(ahead))
