"""`DriftLikelihood`: the likelihood of the local level model, with its gradient.

With innovations e of variance F, and r the number of restrictions, minus twice the log-likelihood of N rows is

    (N - r) log(2 pi sigma^2) + sum of e^2 / F / sigma^2 + sum of log(w F) + r log(sum of share^2 / F),

where the sum of squares has the scatter within visits as well. Its gradient takes one pass over the visits, from the
last to the first, for all ratios: `smooth`.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from catpool.data.frozen import frozen
from catpool.priors.drifting.local_level import Filtered, Visits, filter_levels, smooth


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

    @cached_property
    def log_rate(self) -> float | None:
        """The logarithm of the rate if y were nothing but noise, where the variance of the change is given."""
        return None if self.variance is None else float(np.log(self.variance / self.visits.variance))

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
        """The value, and its derivatives by the logarithms of the ratios, of which that of a ratio of 0 is 0."""
        profile = self.profile(ratios)
        noise = self.noise(profile, ratios)
        classes, total = len(profile.mean), profile.squares.sum()
        changes = self._changes(profile, ratios)
        squares, share, determinant = changes[:classes], changes[classes], changes[classes + 1]
        if self.restricted:
            determinant = determinant + share / profile.information
        gradient = (squares.T / profile.squares).sum(axis=1) * self.freedom + classes * determinant
        if self.variance is not None:
            gradient += squares.sum(axis=0) * classes * (1 / noise.sum() - self.freedom / total)
            gradient[1] += total * classes / noise.sum() - classes * self.freedom
        return float(-2 * self.log_likelihoods(profile, noise).sum()), gradient

    def _changes(self, profile: Profile, ratios: np.ndarray) -> np.ndarray:
        """Those of the sums of squares of errors and shares, and of the determinant, of shape (C + 2, 3)."""
        filtered, visits = profile.filtered, self.visits
        levels, noises = smooth(filtered, np.vstack([profile.errors, filtered.share]))
        grown = [levels.changes(visits.first.astype(float)), levels.changes(visits.elapsed)]
        return np.column_stack([*grown, noises.changes(np.ones(len(visits.time)))]) * ratios
