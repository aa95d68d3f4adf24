"""The rows of a mixed model, and the options of its fit, which have to go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from catpool.data.frozen import frozen
from catpool.data.targets.weights import Weights
from catpool.models.mixed.design import Design
from catpool.models.mixed.solver.profiled_deviance import is_exact
from catpool.priors.families.dispersed import DispersedFamily
from catpool.priors.families.family import Family
from catpool.priors.rules import averaged_below


@frozen
class MixedRows:
    """The training rows of a mixed model.

    Parameters
    ----------
    y : ndarray of shape (n,)
    design : Design
    weights : Weights
    family : Family or DispersedFamily
    """

    y: np.ndarray
    design: Design
    weights: Weights
    family: Family | DispersedFamily

    def subset(self, rows: np.ndarray) -> MixedRows:
        return MixedRows(self.y[rows], self.design.subset(rows), self.weights.subset(rows), self.family)


@frozen
class MixedOptions:
    """How a model is fitted.

    Parameters
    ----------
    prior : {"auto", "reml", "ml", "full_bayes"}
    prior_scale : float
        Of the half-t prior of full Bayes.
    solver : {"auto", "exact", "cg"}
    quadrature : int
        Points of the quadrature for binary targets and counts; one is the Laplace approximation.
    approximation : {"auto", "laplace", "pql"}
    """

    prior: str
    prior_scale: float
    solver: str
    quadrature: int
    approximation: str

    @property
    def reml(self) -> bool:
        return self.prior != "ml"

    @property
    def method(self) -> str:
        return "REML" if self.reml else "ML"

    def uncertain(self, seen: Sequence[int], rows: float) -> list[bool]:
        """Whether the variances of each factor are averaged over, from the levels that have rows.

        Parameters
        ----------
        seen : sequence of int
        rows : float
            The number of rows; infinite if their variance is known.
        """
        return [1 < own < min(averaged_below(self.prior), rows) for own in seen]

    def is_laplace(self, design: Design) -> bool:
        """Whether the likelihood of a binary target or counts has Laplace's approximation, or its refinement."""
        shapes = [factor.shape for factor in design.factors]
        return self.approximation == "laplace" or (self.approximation == "auto" and is_exact(shapes, self.solver))

    def check(self, rows: MixedRows) -> None:
        """Refuse options that the rows' model does not have."""
        if self.prior == "full_bayes":
            self._check_full_bayes(rows.design)
        one_intercept, normal = rows.design.one_intercept, rows.family.homoscedastic
        if normal and self.approximation != "auto":
            raise ValueError(
                "`approximation` needs a binary target or counts, as the likelihood of other targets is exact. Got "
                f'{self.approximation!r}; pass approximation="auto".'
            )
        if self.approximation == "pql" and self.quadrature > 1:
            raise ValueError(
                f"`quadrature` of {self.quadrature} points refines Laplace's approximation, and does not go with "
                'approximation="pql". Pass quadrature=1, or approximation="laplace".'
            )
        if self.approximation == "laplace" and self.solver == "cg":
            raise ValueError(
                'approximation="laplace" needs determinants, which solver="cg" does not give. Pass solver="exact", or '
                'approximation="pql".'
            )
        if isinstance(rows.family, DispersedFamily):
            self._check_dispersed(rows)
        if self.quadrature > 1 and (normal or not one_intercept):
            raise ValueError(
                "`quadrature` of more than one point needs one factor without slopes, and a target that is not of the "
                f"normal family. Got {self.quadrature}; pass quadrature=1."
            )
        if self.solver == "cg" and one_intercept and not normal:
            raise ValueError(
                'solver="cg" does not go with a binary target or counts of one factor without slopes: their equations '
                'are solved level by level. Pass solver="auto".'
            )

    def _check_full_bayes(self, design: Design) -> None:
        if not is_exact([each.shape for each in design.factors], self.solver):
            raise ValueError(
                'prior="full_bayes" needs determinants, which conjugate gradients do not give. Pass solver="exact", or '
                'prior="reml".'
            )
        if self.approximation == "pql" or self.quadrature > 1:
            raise ValueError(
                'prior="full_bayes" goes with Laplace\'s approximation of one point, but `approximation` is '
                f"{self.approximation!r} and `quadrature` is {self.quadrature}. Leave them at their defaults, or pass "
                'prior="ml".'
            )

    def _check_dispersed(self, rows: MixedRows) -> None:
        """Refuse options that a family with a dispersion does not have."""
        name = rows.family.name
        if self.prior == "full_bayes":
            raise ValueError(
                f'prior="full_bayes" does not go with family="{name}", whose dispersion is estimated by maximum '
                'likelihood together with the variances. Pass prior="ml".'
            )
        if not self.is_laplace(rows.design):
            raise ValueError(
                f'family="{name}" has Laplace\'s approximation alone, in which its dispersion is estimated, but '
                f'approximation="{self.approximation}" with solver="{self.solver}" would leave it out. Pass '
                'approximation="laplace" and solver="auto".'
            )
