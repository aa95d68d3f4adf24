"""Covariates that nearly depend on each other, named where equations cannot be solved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from catpool.models.mixed.design import Design
from catpool.models.mixed.solver.mixed_fit import SingularEquationsError

NEARLY = 1e-8  # an eigenvalue of the covariates' correlations, with which equations may lose the noise
PART = 1e-2  # of the largest coefficient of what nearly vanishes, that of a covariate which takes part


@contextmanager
def name_dependent(design: Design) -> Iterator[None]:
    """Name the covariates of a design that nearly depend on each other, if equations cannot be solved.

    Raises
    ------
    ValueError
        In the place of a `SingularEquationsError`.
    """
    try:
        yield
    except SingularEquationsError as error:
        if not (names := nearly_dependent(design)):
            raise
        raise ValueError(
            f"The covariates {names} nearly depend on each other, so that the equations of the mixed model cannot be "
            "solved. Leave one out, or, if they are nearly equal, pass their difference in the place of one."
        ) from error


def nearly_dependent(design: Design) -> list[str]:
    """The names of the covariates of which some linear function nearly is a constant; none if there is no such one."""
    middle, spread = design.covariates.mean(axis=0), design.covariates.std(axis=0)
    varied = np.flatnonzero(spread > 0)
    if not len(varied):
        return []
    standard = (design.covariates - middle)[:, varied] / spread[varied]
    values, axes = np.linalg.eigh(standard.T @ standard / len(standard))
    part = np.abs(axes[:, 0])
    return [design.names[place] for place in varied[part > PART * part.max()]] if values[0] < NEARLY else []
