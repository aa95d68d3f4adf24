"""The design of a mixed model: covariates, grouping factors and random slopes, read from columns and standardized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from catpool.data.frames import Frame, column_name
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
    slopes : list of ndarray of shape (width - 1,)
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
        The random effects of each factor: "intercept", and the names of its slopes.
    groups : list of str
        The factors' names.
    """

    covariates: np.ndarray
    factors: list[GroupingFactor]
    names: list[str]
    terms: list[list[str]]
    groups: list[str]

    @property
    def one_intercept(self) -> bool:
        """Whether the only random effects are the intercepts of one factor."""
        return len(self.factors) == 1 and self.factors[0].width == 1

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
        factors = [replace(each, codes=each.codes[rows], slopes=each.slopes[rows]) for each in self.factors]
        return replace(self, covariates=self.covariates[rows], factors=factors)


def _positive(scales: np.ndarray) -> np.ndarray:
    return np.where(scales > 0, scales, 1.0)


def read_design(
    X: Frame,
    groups: Sequence[tuple[Any, np.ndarray, int, Sequence[Any]]],
    *,
    covariates: Sequence[Any],
    correlated: bool,
) -> Design:
    """Read the design of a model from its columns.

    Parameters
    ----------
    X : Frame
    groups : sequence of tuple
        Of each factor: its label, the levels of the rows, of shape (n,), the number of levels, and the labels of the
        columns that have a random slope.
    covariates : sequence
        Labels of columns.
    correlated : bool
        Whether the intercept and the slopes of a level may be correlated.
    """
    names = X.names_by_label
    return Design(
        numeric_columns(X, covariates),
        [GroupingFactor(codes, size, numeric_columns(X, slopes), correlated) for _, codes, size, slopes in groups],
        [names[label] for label in covariates],
        [[INTERCEPT, *(names[label] for label in slopes)] for *_, slopes in groups],
        [column_name(label, names) for label, *_ in groups],
    )


def numeric_columns(X: Frame, labels: Sequence[Any]) -> np.ndarray:
    """Columns of finite numbers, shape (n, columns).

    Raises
    ------
    ValueError
        If a column is not numeric, or has missing or infinite values.
    """
    columns = np.empty((len(X), len(labels)))
    for position, label in enumerate(labels):
        column = X.column(label)
        try:
            if getattr(column.dtype, "kind", "O") in "mM":  # dates would silently become nanoseconds
                raise TypeError(f"they are {column.dtype}")
            columns[:, position] = np.asarray(column, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The covariate {label!r} must be numbers ({error}). Turn categories into indicators, or name it in "
                "`groups`."
            ) from error
        if not np.isfinite(columns[:, position]).all():
            raise ValueError(
                f"The covariate {label!r} must be finite, but it has missing or infinite values. Impute them."
            )
    return columns
