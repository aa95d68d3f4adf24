"""A fitted mixed model: variances by restricted or unrestricted maximum likelihood, effects and their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError
from threadpoolctl import ThreadpoolController

from catpool.models.mixed.solver.equations import Equations
from catpool.models.mixed.solver.profile import Profile, places_of
from catpool.models.mixed.solver.system import Shape, System

NOTHING = 1e-20  # of the scatter of y: what is left of it by rounding
SINGLE = 1500  # effects beside the longest factor's up to which one thread is the fastest, as others may be busy


@dataclass(frozen=True)
class MixedFit:
    """What is known once a model is fitted.

    Parameters
    ----------
    lambdas : list of ndarray of shape (width, width)
        The effects' covariance relative to the rows' variance is Lambda Lambda'.
    scale : float
        sigma^2, the variance of a row.
    fixed : ndarray of shape (p,)
        beta.
    fixed_covariance : ndarray of shape (p, p)
    effects : list of ndarray of shape (size, width)
        The conditional modes.
    criterion : float
        Twice the negative log-likelihood, restricted under REML; NaN where it is not known.
    equations : Equations
        At these covariances.
    """

    lambdas: list[np.ndarray]
    scale: float
    fixed: np.ndarray
    fixed_covariance: np.ndarray
    effects: list[np.ndarray]
    criterion: float
    equations: Equations

    @property
    def shapes(self) -> list[Shape]:
        return self.equations.system.shapes

    @property
    def solver(self) -> str:
        return self.equations.name

    @property
    def covariances(self) -> list[np.ndarray]:
        """Of each factor's effects, of shape (width, width)."""
        return [self.scale * each @ each.T for each in self.lambdas]

    def variances(self, *, given_fixed: bool = False) -> list[np.ndarray]:
        """Of the effects about their modes, given the covariances, of shape (size, width, width).

        Parameters
        ----------
        given_fixed : bool, default=False
            Whether beta is taken as known too, as lme4 does.
        """
        with one_thread(self.equations.system):
            blocks = self.equations.blocks(reml=not given_fixed)
        return [self.scale * own @ block @ own.T for own, block in zip(self.lambdas, blocks, strict=True)]


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread(system: System) -> Any:
    """A context in which small systems are solved by one thread."""
    lengths = [shape.length for shape in system.shapes]
    return _blas().limit(limits=1 if sum(lengths) - max(lengths) <= SINGLE else None, user_api="blas")


def fit_mixed(
    system: System,
    *,
    reml: bool,
    known: bool = False,
    solver: str = "auto",
    near: Sequence[np.ndarray] | None = None,
) -> MixedFit:
    """Fit the model of a system.

    Parameters
    ----------
    system : System
    reml : bool
    known : bool, default=False
        Whether a row's variance is one, rather than estimated.
    solver : {"auto", "exact", "cg"}, default="auto"
    near : sequence of ndarray, optional
        Lambdas to start the search from.

    Raises
    ------
    ValueError
        Where the covariates are collinear.
    """
    try:
        with one_thread(system):
            profile = Profile(system, reml=reml, known=known, solver=solver)
            _check(profile)
            lambdas = profile.parameters.lambdas(profile.fit(near))
            return _finished(profile, lambdas)
    except LinAlgError as error:
        raise ValueError(
            f"The covariates must be linearly independent of each other and of a constant ({error}). Leave one out."
        ) from error


def _check(profile: Profile) -> None:
    """Refuse rows that leave nothing to be told of the variances."""
    system = profile.system
    if profile.known:
        return
    if system.rows <= system.covariates:
        raise ValueError(
            f"A mixed model needs more rows than coefficients, but there are {system.rows:g} rows and "
            f"{system.covariates} coefficients. Leave covariates out, or pass a smaller `cv`."
        )
    scatter = system.fixed[-1, -1] - system.fixed[0, -1] ** 2 / system.fixed[0, 0]
    nought = [np.zeros((shape.width, shape.width)) for shape in system.shapes]
    if not profile.solve(nought).solution().residual > NOTHING * max(scatter, 0.0):
        raise ValueError(
            "y has no noise: it is constant, or the covariates tell it wholly. There is nothing to encode."
        )


def _finished(profile: Profile, lambdas: list[np.ndarray]) -> MixedFit:
    system, equations = profile.system, profile.solve(lambdas)
    solution = equations.solution()
    scale = profile.scale(solution)
    effects = [
        solution.effects[where].reshape(shape.size, shape.width) @ own.T
        for (where, shape), own in zip(places_of(system), lambdas, strict=True)
    ]

    return MixedFit(
        lambdas,
        scale,
        solution.fixed,
        scale * equations.fixed_covariance(),
        effects,
        profile.criterion(solution),
        equations,
    )
