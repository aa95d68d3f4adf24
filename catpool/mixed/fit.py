"""A fitted mixed model: variances by restricted or unrestricted maximum likelihood, effects and their uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.linalg import LinAlgError
from threadpoolctl import ThreadpoolController

from catpool.mixed.equations import Equations
from catpool.mixed.profile import Profile, places_of
from catpool.mixed.system import Shape, System

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
    equations : Exact
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
        blocks = self.equations.blocks(reml=not given_fixed)
        return [self.scale * own @ block @ own.T for own, block in zip(self.lambdas, blocks, strict=True)]


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


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
    lengths = [shape.length for shape in system.shapes]
    threads = 1 if sum(lengths) - max(lengths) <= SINGLE else None
    try:
        with _blas().limit(limits=threads, user_api="blas"):
            profile = Profile(system, reml=reml, known=known, solver=solver)
            lambdas = profile.parameters.lambdas(profile.fit(near))
            return _finished(profile, lambdas)
    except LinAlgError as error:
        raise ValueError(
            f"The covariates must be linearly independent of each other and of a constant ({error}). Leave one out."
        ) from error


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
