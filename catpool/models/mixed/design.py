"""The design of a mixed model: covariates, grouping factors and random slopes, and their units in a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.models.mixed.solver.grouping_factor import GroupingFactor

INTERCEPT = "intercept"
COLLINEAR = 1e-12  # the least eigenvalue of the covariates' correlations


@frozen
class DesignScales:
    """The units in which a design is fitted.

    Parameters
    ----------
    centers, scales : ndarray of shape (p,)
        The covariates' means and standard deviations.
    slope_centers : list of ndarray of shape (q,)
        The means of each factor's slope covariates where the model is the same about any value: with an intercept and
        correlated effects. Elsewhere zeros.
    slopes : list of ndarray of shape (q,)
        The root mean squares of each factor's slope covariates about their centers.
    """

    centers: np.ndarray
    scales: np.ndarray
    slope_centers: list[np.ndarray]
    slopes: list[np.ndarray]

    def verify_for(self, covariates: int, widths: list[int]) -> None:
        """Raise an error if what was read from a file cannot be the units of a design of these sizes."""
        require_numbers((covariates,), centers=self.centers, scales=self.scales)
        require(len(self.slope_centers) == len(self.slopes) == len(widths), "factors without their units")
        for middle, own, width in zip(self.slope_centers, self.slopes, widths, strict=True):
            require(np.shape(own) in ((width,), (width - 1,)), "units of other slopes")
            require_numbers(np.shape(own), slope_centers=middle, slopes=own)

    def to_original(self) -> np.ndarray:
        """The matrix that takes coefficients of standardized covariates to those of the original ones."""
        matrix = np.diag(np.append(1.0, 1 / self.scales))
        matrix[0, 1:] = -self.centers / self.scales
        return matrix

    def effects_to_original(self, factor: int, width: int) -> np.ndarray:
        """The matrix that takes the effects of a level to those of the original slopes, shape (width, width)."""
        centers, scales = self.slope_centers[factor], self.slopes[factor]
        if not len(scales):
            return np.eye(width)
        matrix = np.diag(np.append(np.ones(width - len(scales)), 1 / scales))
        if width > len(scales):
            matrix[0, 1:] = -centers / scales
        return matrix


@frozen
class Design:
    """The columns of a model, in the user's units.

    Parameters
    ----------
    covariates : ndarray of shape (n, p)
        Without a constant.
    factors : list of GroupingFactor
    names : list of str
        The covariates' names.
    terms : list of list of str
        The random effects of each factor: "intercept", if it has one, and the names of its slopes.
    groups : list of str
        The factors' names.
    offset : ndarray of shape (n,), optional
        The known part of the linear predictor.
    """

    covariates: np.ndarray
    factors: list[GroupingFactor]
    names: list[str]
    terms: list[list[str]]
    groups: list[str]
    offset: np.ndarray | None = None

    @property
    def one_intercept(self) -> bool:
        """Whether the only random effects are the intercepts of one factor."""
        return len(self.factors) == 1 and self.factors[0].intercept and self.factors[0].width == 1

    def measure_scales(self, weights: np.ndarray | None) -> DesignScales:
        centers, scales = self.covariates.mean(axis=0), self.covariates.std(axis=0)
        self._refuse_collinear((self.covariates - centers) / _positive(scales))
        middles = [_middle(factor, weights) for factor in self.factors]
        spreads = [_spread(factor, middle, weights) for factor, middle in zip(self.factors, middles, strict=True)]
        return DesignScales(centers, _positive(scales), middles, spreads)

    def _refuse_collinear(self, standard: np.ndarray) -> None:
        if standard.shape[1] and np.linalg.eigvalsh(standard.T @ standard / len(standard))[0] < COLLINEAR:
            raise ValueError(
                f"The covariates {self.names} must be linearly independent of each other and of a constant. "
                "Leave one out."
            )

    def dependent(self, rows: np.ndarray) -> list[int]:
        """The covariates that in some rows are a constant, or a linear function of those before them."""
        standard = (self.covariates[rows] - self.covariates[rows].mean(axis=0)) / _positive(self.covariates.std(axis=0))
        dependent: list[int] = []
        for each in range(standard.shape[1]):
            before = np.delete(standard[:, :each], dependent, axis=1)
            left = standard[:, each] - before @ np.linalg.lstsq(before, standard[:, each])[0]
            if (left**2).mean() < COLLINEAR:
                dependent.append(each)
        return dependent

    def constant_slopes(self, rows: np.ndarray) -> list[tuple[int, int]]:
        """The factors and places of slopes that in some rows cannot be told from an intercept, or from nothing."""
        found = []
        for number, factor in enumerate(self.factors):
            slopes = factor.slopes[rows]
            centers = slopes.mean(axis=0) if factor.intercept else np.zeros(slopes.shape[1])
            squares, before = (((each - centers) ** 2).mean(axis=0) for each in (slopes, factor.slopes))
            found += [(number, int(place)) for place in np.flatnonzero((squares <= COLLINEAR * before) & (before > 0))]
        return found

    def without_slopes(self, those: list[tuple[int, int]]) -> Design:
        """The design with zeros in the place of the covariates of some slopes, which then have no effects."""
        factors = list(self.factors)
        for number, place in those:
            slopes = factors[number].slopes.copy()
            slopes[:, place] = 0.0
            factors[number] = replace(factors[number], slopes=slopes)
        return replace(self, factors=factors)

    def without(self, covariates: list[int]) -> Design:
        names = [name for place, name in enumerate(self.names) if place not in covariates]
        return replace(self, covariates=np.delete(self.covariates, covariates, axis=1), names=names)

    def standardize(self, scales: DesignScales) -> tuple[np.ndarray, list[GroupingFactor]]:
        """X with a column of ones and standardized covariates, and factors with slopes of unit mean square."""
        # in these units the equations are well conditioned, and one tolerance serves all columns
        ones = np.ones((len(self.covariates), 1))
        design = np.hstack([ones, (self.covariates - scales.centers) / scales.scales])
        return design, [
            replace(factor, slopes=(factor.slopes - middle) / own)
            for factor, middle, own in zip(self.factors, scales.slope_centers, scales.slopes, strict=True)
        ]

    def subset(self, rows: np.ndarray) -> Design:
        factors, offset = [factor.take(rows) for factor in self.factors], self.offset
        own = None if offset is None else offset[rows]
        return replace(self, covariates=self.covariates[rows], factors=factors, offset=own)


def _middle(factor: GroupingFactor, weights: np.ndarray | None) -> np.ndarray:
    """The means of slope covariates, or zeros if the model is another about other values."""
    free = factor.intercept and factor.correlated
    return _mean(factor.slopes, weights) if free else np.zeros(factor.slopes.shape[1])


def _spread(factor: GroupingFactor, centers: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The root mean squares of slope covariates about their centers; one for what is a constant but for rounding."""
    squares = _mean((factor.slopes - centers) ** 2, weights)
    return np.sqrt(np.where(squares > COLLINEAR * centers**2, squares, 1.0))


def _mean(columns: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    means: np.ndarray = columns.mean(axis=0) if weights is None else weights @ columns / weights.sum()
    return means


def _positive(scales: np.ndarray) -> np.ndarray:
    return np.where(scales > 0, scales, 1.0)
