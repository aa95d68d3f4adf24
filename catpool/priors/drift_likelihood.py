"""`DriftLikelihood`: the likelihood of the local level model, with its gradient.

With innovations e of variance F, and r the number of restrictions, minus twice the log-likelihood of N rows is

    (N - r) log(2 pi sigma^2) + sum of e^2 / F / sigma^2 + sum of log(w F) + r log(sum of share^2 / F),

where the sum of squares has the scatter within visits as well. Gradients are sums over the changes of e and F, which
follow recursions like those of e and F.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from catpool.data.frozen import frozen
from catpool.priors.local_level import Filtered, Visits, filter_levels, shift, solve_recursion


class Profile(NamedTuple):
    """The filter at some ratios, and what is likeliest given them.

    Parameters
    ----------
    filtered : Filtered
    information : float
        On the prior mean, in units of one over sigma^2.
    mean : ndarray of shape (C,)
    errors : ndarray of shape (C, m)
    squares : ndarray of shape (C,)
        The sum of squares, of which sigma^2 is the mean.
    """

    filtered: Filtered
    information: float
    mean: np.ndarray
    errors: np.ndarray
    squares: np.ndarray


@frozen
class DriftLikelihood:
    """Minus twice the log-likelihood of the ratios start, rate and shock, but for constants.

    Parameters
    ----------
    visits : Visits
    restricted : bool
    variance : float or None
        That of the change in a unit of time, if it is given.
    """

    visits: Visits
    restricted: bool
    variance: float | None

    @cached_property
    def freedom(self) -> float:
        """The number of rows, less one under the restricted likelihood."""
        return float(self.visits.rows.sum()) - self.restricted

    def first(self, number: int) -> DriftLikelihood:
        """The likelihood of the first visits, if these are less than half and tell anything."""
        few = self.visits.subset(np.arange(len(self.visits.time)) < number)
        enough = 2 * number < len(self.visits.time) and few.some_return and few.category[-1] > 0
        return DriftLikelihood(few, self.restricted, self.variance) if enough else self

    def profile(self, ratios: np.ndarray) -> Profile:
        filtered = filter_levels(self.visits, *ratios)
        weighed = filtered.share / filtered.total
        information = float((weighed * filtered.share).sum())
        mean = (weighed * filtered.innovations).sum(axis=1) / information
        errors = filtered.errors(mean)
        squares = self.visits.scatters.sum(axis=1) + (errors**2 / filtered.total).sum(axis=1)
        return Profile(filtered, information, mean, errors, squares)

    def noise(self, profile: Profile, ratios: np.ndarray) -> np.ndarray:
        """The variance sigma^2 of each class."""
        if self.variance is None:
            return profile.squares / self.freedom
        return profile.squares / profile.squares.mean() * (self.variance / ratios[1])

    def log_likelihoods(self, profile: Profile, noise: np.ndarray) -> np.ndarray:
        """The log-likelihood of each class, of shape (C,)."""
        own = self.freedom * np.log(2 * np.pi * noise) + profile.squares / noise
        information = np.log(profile.information) if self.restricted else 0.0
        determinant = float(np.log(profile.filtered.total * self.visits.weight).sum() + information)
        return -(own + determinant) / 2

    def value(self, ratios: np.ndarray) -> float:
        profile = self.profile(ratios)
        return float(-2 * self.log_likelihoods(profile, self.noise(profile, ratios)).sum())

    def value_and_gradient(self, ratios: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, and its derivatives by the logarithms of the ratios."""
        profile = self.profile(ratios)
        noise = self.noise(profile, ratios)
        classes, total = len(profile.mean), profile.squares.sum()
        gradient = np.zeros(len(ratios))
        for position in np.flatnonzero(ratios):
            squares, determinant = self._slope(profile, *self._growth(ratios, int(position)))
            gradient[position] = (squares / profile.squares).sum() * self.freedom + classes * determinant
            if self.variance is not None:
                gradient[position] += squares.sum() * classes * (1 / noise.sum() - self.freedom / total)
        if self.variance is not None:
            gradient[1] += total * classes / noise.sum() - classes * self.freedom
        return float(-2 * self.log_likelihoods(profile, noise).sum()), gradient

    def _growth(self, ratios: np.ndarray, position: int) -> tuple[np.ndarray, float]:
        """How fast variances before visits, and that of shocks, grow with the logarithm of a ratio."""
        if position == 0:
            return np.where(self.visits.first, ratios[0], 0.0), 0.0
        return (ratios[1] * self.visits.elapsed, 0.0) if position == 1 else (np.zeros(len(self.visits.time)), ratios[2])

    def _slope(self, profile: Profile, growth: np.ndarray, shock: float) -> tuple[np.ndarray, float]:
        """How the sums of squares and the determinant change if these variances grow."""
        filtered, ends = profile.filtered, self.visits.last
        if shock:
            growth = growth + shock + shift(np.where(ends, 0.0, shock * (1 - 2 * filtered.carried)))
        change = solve_recursion(filtered.carried**2, growth[None])[0]
        relative = change / filtered.total
        left = shift(np.where(ends, 0.0, shock / filtered.total - filtered.carried * relative))
        determinant = float(relative.sum())
        squares = np.array([self._change_of_squares(filtered, each, left, relative) for each in profile.errors])
        if self.restricted:
            change_of_share = self._change_of_squares(filtered, filtered.share, left, relative)
            determinant += change_of_share / profile.information
        return squares, determinant

    def _change_of_squares(
        self, filtered: Filtered, errors: np.ndarray, left: np.ndarray, relative: np.ndarray
    ) -> float:
        """How the sum of squares over variances changes for errors that follow the recursion of innovations."""
        changes = solve_recursion(filtered.carried, (left * shift(errors))[None])[0]
        return float(((2 * changes - errors * relative) * errors / filtered.total).sum())
