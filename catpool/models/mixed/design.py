"""The design of a mixed model: covariates, grouping factors and random slopes, and their units in a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
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
    slopes : list of ndarray of shape (q,)
        The root mean squares of each factor's slope covariates.
    """

    centers: np.ndarray
    scales: np.ndarray
    slopes: list[np.ndarray]

    def to_original(self) -> np.ndarray:
        """The matrix that takes coefficients of standardized covariates to those of the original ones."""
        matrix = np.diag(np.append(1.0, 1 / self.scales))
        matrix[0, 1:] = -self.centers / self.scales
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

    def measure_scales(self) -> DesignScales:
        centers, scales = self.covariates.mean(axis=0), self.covariates.std(axis=0)
        self._refuse_collinear((self.covariates - centers) / _positive(scales))
        slopes = [np.sqrt((factor.slopes**2).mean(axis=0)) for factor in self.factors]
        return DesignScales(centers, _positive(scales), [_positive(each) for each in slopes])

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

    def without(self, covariates: list[int]) -> Design:
        names = [name for place, name in enumerate(self.names) if place not in covariates]
        return replace(self, covariates=np.delete(self.covariates, covariates, axis=1), names=names)

    def standardize(self, scales: DesignScales) -> tuple[np.ndarray, list[GroupingFactor]]:
        """X with a column of ones and standardized covariates, and factors with slopes of unit mean square."""
        # in these units the equations are well conditioned, and one tolerance serves all columns
        ones = np.ones((len(self.covariates), 1))
        design = np.hstack([ones, (self.covariates - scales.centers) / scales.scales])
        return design, [
            replace(factor, slopes=factor.slopes / own) for factor, own in zip(self.factors, scales.slopes, strict=True)
        ]

    def subset(self, rows: np.ndarray) -> Design:
        factors, offset = [factor.take(rows) for factor in self.factors], self.offset
        own = None if offset is None else offset[rows]
        return replace(self, covariates=self.covariates[rows], factors=factors, offset=own)


def _positive(scales: np.ndarray) -> np.ndarray:
    return np.where(scales > 0, scales, 1.0)
