"""`coordinates`: the effects of places near each other are alike."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from catpool.data.columns.binning import as_numbers
from catpool.data.columns.finite_numbers import check_range
from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.models.features.ready_made.expansion import check_rank, leading, spread, walk_covariance

AT_ONCE = 4096  # places whose distances to all knots are in memory
ROUNDING = 1e-14  # of coordinates, relative to the radius of the globe, or to the largest
RANGES = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 360.0)}


def coordinates(*columns: Hashable, earth: bool = True, rank: int = 100) -> PlaceFeatures:
    r"""Prior features of categories that are places: those near each other have similar effects.

    The prior means of the categories are a Gaussian process over the map. It looks alike at each scale, so there is no
    range to choose: its variogram is the distance,

    .. math:: \operatorname{Var}(z_i'\gamma - z_j'\gamma) = s^2 \lVert x_i - x_j \rVert

    which makes it a random walk on a map (Lévy's Brownian motion). The features are the first
    `rank` functions of its Karhunen-Loève expansion; a category's own effect is added to them. A new category has the
    mean of the process at its place, and the variance that it has there given those that are known.

    Parameters
    ----------
    *columns : label
        The columns of X with latitude and longitude, which must be constant within a category; or, without `earth`,
        with coordinates of one unit. Categories for which one is missing have no features.
    earth : bool, default=True
        Whether the columns are a latitude and a longitude in degrees. Distances are then those through the globe, which
        are those on its surface for places near each other.
    rank : int, default=100
        The largest number of functions. The whole process at K places has K - 1. Above 1,024 categories, the functions
        are computed from 1,024 of them.

    Returns
    -------
    PlaceFeatures
        For ``prior_features``.

    Raises
    ------
    ValueError
        If there are no columns, or not two on `earth`; if `earth` is no truth value, or `rank` not a whole number from
        1. On fit and on use, if a latitude or a longitude is out of range. On fit, if there are no coordinates, or
        all categories are at one place.

    References
    ----------
    S. N. Wood (2003), Thin plate regression splines, Journal of the Royal Statistical Society B 65, 95-114, for the
    truncated expansion.

    J.-P. Chilès, P. Delfiner (2012), Geostatistics, Wiley, chapter 2, for the variogram.

    Examples
    --------
    A town in the west and one in the north, neither of which has rows:

    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder, coordinates
    >>> towns = pd.DataFrame({"town": ["Bonn", "Köln", "Kiel", "Lübeck"]})
    >>> towns = towns.assign(lat=[50.7, 50.9, 54.3, 53.9], lon=[7.1, 7.0, 10.1, 10.7])
    >>> X = pd.concat([towns, towns], ignore_index=True)
    >>> encoder = EmpiricalBayesEncoder(["town"], prior_features={"town": coordinates("lat", "lon")})
    >>> encoder = encoder.fit(X, [1.0, 1.2, 3.1, 2.8, 1.3, 1.1, 2.9, 3.2])
    >>> new = pd.DataFrame({"town": ["Aachen", "Hamburg"], "lat": [50.8, 53.6], "lon": [6.1, 10.0]})
    >>> encoder.transform(new)["town"].round(2).tolist()
    [1.2, 2.77]
    """
    if not columns or (earth and len(columns) != 2):
        raise ValueError(
            f'coordinates() must have {"two columns" if earth else "columns"}, such as coordinates("lat", "lon"), but '
            f"got {list(columns)}. Name them{', or pass earth=False' if columns else ''}."
        )
    if not isinstance(earth, bool):
        raise ValueError(f"`earth` must be True or False, but it is {earth!r}. Pass the columns one by one.")
    return PlaceFeatures(columns, earth, check_rank(rank))


@frozen
class PlaceFeatures:
    """A Gaussian process over a map.

    Parameters
    ----------
    columns : tuple
        The labels of the coordinates.
    earth : bool
        Whether they are a latitude and a longitude.
    rank : int
    """

    columns: tuple[Any, ...]
    earth: bool
    rank: int

    def fit(self, categories: pd.DataFrame) -> PlaceBasis:
        """Learn the functions from the places of categories."""
        points = self.points(categories)
        points = points[~np.isnan(points).any(axis=1)]
        if not len(points):
            raise ValueError(
                f"coordinates() must have numbers, but columns {list(self.columns)} are missing throughout. "
                "Pass other columns."
            )
        unit = 1.0 if self.earth else np.abs(points).max(axis=0)
        if len(points) > 1 and (np.ptp(points, axis=0) <= ROUNDING * unit).all():
            raise ValueError(
                f"coordinates() must have different places, but columns {list(self.columns)} are the same place for "
                "all categories. Pass other columns."
            )
        return PlaceBasis.of(self, spread(points))

    def points(self, categories: pd.DataFrame) -> np.ndarray:
        """The places of categories, of shape (m, d), with NaN for unknown ones."""
        numbers = [as_numbers(categories[label], label) for label in self.columns]
        for label, own in zip(self.columns, numbers, strict=True):
            self._check(own, np.isinf(own), "finite", label, categories)
        if not self.earth:
            for label, own in zip(self.columns, numbers, strict=True):
                check_range(np.fmin.reduce(own, initial=0.0), np.fmax.reduce(own, initial=0.0), label)
            return np.column_stack(numbers)
        for label, own, (name, (low, high)) in zip(self.columns, numbers, RANGES.items(), strict=True):
            self._check(own, (own < low) | (own > high), f"a {name} from {low:g} to {high:g}", label, categories)
        return _on_the_globe(*np.radians(numbers))

    def _check(self, numbers: np.ndarray, wrong: np.ndarray, what: str, label: Any, categories: pd.DataFrame) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"Column {label!r} must be {what}, but it is {numbers[row]:g} where {categories.index.name!r} is "
                f"{categories.index[row]!r}. Mend it, or make it missing"
                f"{', or pass earth=False for coordinates of a plane' if self.earth else ''}."
            )


@frozen
class PlaceBasis:
    """The functions of a map.

    Parameters
    ----------
    features : PlaceFeatures
    knots : ndarray of shape (m, d)
        The points that the functions are computed from.
    weights : ndarray of shape (m, q)
        The weight of each knot in each function.
    """

    features: PlaceFeatures
    knots: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, features: PlaceFeatures, knots: np.ndarray) -> PlaceBasis:
        """The functions that have most of the variance at the knots."""
        start = cls(features, knots, np.zeros((len(knots), 1)))
        covariance = start.covariance(knots)
        values, vectors = leading(covariance, features.rank)
        if not len(values):
            return start
        return cls(features, knots, vectors / np.sqrt(values * np.trace(covariance) / len(knots)))

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be functions."""
        require(self.knots.ndim == 2 and self.weights.ndim == 2 and self.weights.size > 0, "functions without knots")
        dimensions = 3 if self.features.earth else len(self.features.columns)
        require_numbers((len(self.weights), dimensions), knots=self.knots)
        require_numbers(self.weights.shape, weights=self.weights)

    def __call__(self, categories: pd.DataFrame) -> np.ndarray:
        """The functions at the places of categories, of shape (m, q)."""
        points = self.features.points(categories)
        parts = np.array_split(points, len(points) // AT_ONCE + 1)
        return np.vstack([self.covariance(part) @ self.weights for part in parts])

    def left(self, categories: pd.DataFrame) -> np.ndarray:
        """The variance of the effects at places that the functions leave, of shape (m,)."""
        points, usual = self.features.points(categories), self._usual
        if usual == 0:
            return np.zeros(len(points))
        return np.maximum(self._distance(points) / usual - 1 - (self(categories) ** 2).sum(axis=1), 0.0)

    def left_covariance(self, categories: pd.DataFrame) -> np.ndarray:
        """The covariance of the effects at places that the functions leave, of shape (m, m)."""
        points, functions, usual = self.features.points(categories), self(categories), self._usual
        if usual == 0:
            return np.zeros((len(points), len(points)))
        return walk_covariance(cdist(points, points), self._distance(points), usual) - functions @ functions.T

    @property
    def _usual(self) -> float:
        """The mean variance at the knots, which is the unit of the functions."""
        return float(cdist(self.knots, self.knots).mean() / 2)

    def _distance(self, points: np.ndarray) -> np.ndarray:
        """The mean distance of points from the knots, of shape (m,)."""
        parts = np.array_split(points, len(points) // AT_ONCE + 1)
        return np.concatenate([cdist(part, self.knots).mean(axis=1) for part in parts])

    def covariance(self, points: np.ndarray) -> np.ndarray:
        """The covariance of the effects at points and at knots, about the mean over the knots, of shape (m, knots)."""
        half = -cdist(points, self.knots) / 2
        own = -cdist(self.knots, self.knots).mean(axis=0) / 2
        return half - half.mean(axis=1, keepdims=True) - own + own.mean()


def _on_the_globe(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Points on a globe of radius 1, of shape (m, 3), from radians."""
    ring = np.cos(latitude)
    return np.column_stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)])
