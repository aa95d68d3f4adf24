"""The joint posterior of a mixed model's coefficients and effects, for predictions with intervals and for draws.

Given the variances it is normal or a multivariate t, and follows from the mixed-model equations, which are kept as the
cross-products of the training rows. Under full Bayes it is a mixture over the variances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from catpool.data.frozen import frozen
from catpool.data.verify import require, require_numbers
from catpool.models.mixed.design import Design, DesignScales
from catpool.models.mixed.solver.cholesky import CholeskyEquations
from catpool.models.mixed.solver.equations import PartitionedSystem
from catpool.models.mixed.solver.grouping_factor import FactorShape, sum_random_effects
from catpool.models.mixed.solver.mixed_fit import MixedFit, limit_threads
from catpool.models.mixed.solver.mixed_system import MixedSystem
from catpool.models.mixed.solver.rooted_equations import RootedEquations, RootedSystem, has_roots
from catpool.priors.mixtures.mixture_of_t import MixtureOfT

LOW_NOISE = 1e9  # information of a level, relative to the prior's, from which on cross-products lose too many digits


class Component(NamedTuple):
    """One component of the mixture.

    Parameters
    ----------
    equations : CholeskyEquations
    scale : float
        The residual variance.
    fixed : ndarray of shape (1 + p,)
        Coefficients of the standardized design.
    effects : list of ndarray of shape (size, width)
        Effects of the standardized design, by factor.
    """

    equations: CholeskyEquations
    scale: float
    fixed: np.ndarray
    effects: list[np.ndarray]


@frozen
class JointPosterior:
    """A mixture of m components, with y in the user's units and a standardized design.

    Parameters
    ----------
    sizes, widths : list of int
        The number of levels of each factor, and of effects of a level.
    indices, indptr : ndarray
        The places of the numbers in Z'WZ, as in `scipy.sparse.csr_matrix`.
    random : ndarray of shape (s, numbers)
        Z'WZ: once for all components, s = 1, or for each of them.
    cross : ndarray of shape (s, R, 1 + p)
        Z'WX.
    products : ndarray of shape (s, 1 + p, 1 + p)
        X'WX.
    probability, scales : ndarray of shape (m,)
        The probability and the residual variance of each component.
    lambdas : list of ndarray of shape (m, width, width)
        Their relative covariance factors, by factor.
    fixed : ndarray of shape (m, 1 + p)
        Their coefficients.
    effects : list of ndarray of shape (m, size, width)
        Their effects, by factor.
    design_scales : DesignScales
    freedom : float
        Degrees of freedom of the t distributions; infinite for normal ones.
    """

    sizes: list[int]
    widths: list[int]
    indices: np.ndarray
    indptr: np.ndarray
    random: np.ndarray
    cross: np.ndarray
    products: np.ndarray
    probability: np.ndarray
    scales: np.ndarray
    lambdas: list[np.ndarray]
    fixed: np.ndarray
    effects: list[np.ndarray]
    design_scales: DesignScales
    freedom: float

    def verify(self) -> None:
        """Raise an error if what was read from a file cannot be a posterior."""
        number, width = len(self.probability), np.shape(self.fixed)[1]
        systems, total = len(self.random), sum(a * b for a, b in zip(self.sizes, self.widths, strict=True))
        require(systems in (1, number), "systems of other components")
        require_numbers((number,), least=0.0, probability=self.probability, scales=self.scales)
        require_numbers((number, width), fixed=self.fixed)
        require_numbers((systems, total, width), cross=self.cross)
        require_numbers((systems, width, width), products=self.products)
        require(len(self.lambdas) == len(self.effects) == len(self.sizes), "factors without effects")
        for size, own, root, effects in zip(self.sizes, self.widths, self.lambdas, self.effects, strict=True):
            require_numbers((number, own, own), lambdas=root)
            require_numbers((number, size, own), effects=effects)
        places = np.shape(self.indptr) == (total + 1,) and self.indptr[0] == 0 and (np.diff(self.indptr) >= 0).all()
        require(bool(places) and self.indptr[-1] == len(self.indices), "a matrix without its places")
        require(bool(((self.indices >= 0) & (self.indices < total)).all()), "places outside of a matrix")
        require_numbers((systems, len(self.indices)), random=self.random)
        self.design_scales.verify_for(width - 1, self.widths)

    def shifted(self, by: float) -> JointPosterior:
        """The posterior with another intercept."""
        return replace(self, fixed=self.fixed + by * (np.arange(self.fixed.shape[1]) == 0))

    def predictor(self, design: Design) -> MixtureOfT:
        """The posterior of the linear predictor of rows."""
        covariates, factors = design.standardize(self.design_scales)
        levels = [factor.codes for factor in factors]
        rows = [factor.columns() for factor in factors]
        offset = 0.0 if design.offset is None else design.offset
        means, variances = [], []
        for each in self.components():
            means.append(covariates @ each.fixed + sum_random_effects(factors, each.effects) + offset)
            variances.append(each.scale * each.equations.row_variances(levels, rows, covariates))
        return MixtureOfT(self.probability, np.array(means), np.sqrt(variances), self.freedom)

    def level_effects(self, factor: int) -> MixtureOfT:
        """The posterior of a factor's effects, in the order of levels and then of terms, in the user's units."""
        units = self.design_scales.effects_to_original(factor, self.widths[factor])
        means, sds = [], []
        for each in self.components():
            block, own = each.equations.inverse_blocks(reml=True)[factor], units @ each.equations.lambdas[factor]
            variances = np.diagonal(each.scale * own @ block @ own.T, axis1=1, axis2=2)
            means.append((each.effects[factor] @ units.T).ravel())
            sds.append(np.sqrt(np.maximum(variances, 0.0)).ravel())
        return MixtureOfT(self.probability, np.array(means), np.array(sds), self.freedom)

    def draw(self, rng: np.random.Generator, number: int) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Draws of coefficients and effects, as in `Component`."""
        chosen = np.sort(rng.choice(len(self.probability), number, p=self.probability))
        for index, component in enumerate(self.components()):
            for _ in range(int((chosen == index).sum())):
                effects, fixed = component.equations.draw(rng)
                spread = np.sqrt(component.scale * _inverse_chi_squared(self.freedom, rng))
                own = component.equations.system.split(spread * effects)
                moved = [
                    mean + each @ root.T
                    for mean, each, root in zip(component.effects, own, component.equations.lambdas, strict=True)
                ]
                yield component.fixed + spread * fixed, moved

    def components(self) -> Iterator[Component]:
        shared = self._partition(0) if len(self.random) == 1 else None
        for index, scale in enumerate(self.scales):
            partition = self._partition(index) if shared is None else shared
            with limit_threads(partition.system):
                equations = _equations(partition, [each[index] for each in self.lambdas])
            yield Component(equations, float(scale), self.fixed[index], [each[index] for each in self.effects])

    def _partition(self, index: int) -> PartitionedSystem:
        system = self._system(index)
        if not self._has_low_noise or not has_roots(system):
            return PartitionedSystem(system)
        return RootedSystem(system, np.zeros(len(system.cross)), np.zeros(system.covariates))

    @property
    def _has_low_noise(self) -> bool:
        """Whether effects are so much larger than the noise that cross-products lose too many digits."""
        return max(np.abs(each).max() for each in self.lambdas) ** 2 * self.random.max() > LOW_NOISE

    def _system(self, index: int) -> MixedSystem:
        shapes = [FactorShape(size, width, True) for size, width in zip(self.sizes, self.widths, strict=True)]
        length, width = self.cross.shape[1:]
        random = csr_matrix((self.random[index], self.indices, self.indptr), shape=(length, length))
        # y plays no part in the uncertainty
        cross = np.hstack([self.cross[index], np.zeros((length, 1))])
        products = np.zeros((width + 1, width + 1))
        products[:-1, :-1] = self.products[index]
        return MixedSystem(shapes, random, cross, products, 0.0, 0.0)


def _equations(partition: PartitionedSystem, lambdas: Sequence[np.ndarray]) -> CholeskyEquations:
    if isinstance(partition, RootedSystem):
        return RootedEquations(partition, lambdas)
    return CholeskyEquations(partition, lambdas)


def _inverse_chi_squared(freedom: float, rng: np.random.Generator) -> float:
    return 1.0 if np.isinf(freedom) else float(freedom / rng.chisquare(freedom))


def join_fits(
    fits: Sequence[tuple[float, MixedFit]], scales: DesignScales, *, center: float, unit: float, freedom: float
) -> JointPosterior:
    """The posterior of fits of one design.

    Parameters
    ----------
    fits : sequence of tuple
        The probability of each fit, and the fit.
    scales : DesignScales
    center, unit : float
        The value that the target was measured from, in these units.
    freedom : float
    """
    probability, found = zip(*fits, strict=True)
    first = found[0].equations.system
    same = all(each.equations.system is first for each in found)
    systems = [first] if same else [each.equations.system for each in found]
    fixed = np.array([each.fixed for each in found])
    fixed[:, 0] += center
    return JointPosterior(
        sizes=[shape.size for shape in first.shapes],
        widths=[shape.width for shape in first.shapes],
        indices=first.random.indices,
        indptr=first.random.indptr,
        random=np.array([each.random.data for each in systems]),
        cross=np.array([each.cross[:, :-1] for each in systems]),
        products=np.array([each.fixed[:-1, :-1] for each in systems]),
        probability=np.array(probability),
        scales=np.array([unit * (unit * each.scale) for each in found]),
        lambdas=[np.array(own) for own in zip(*(each.lambdas for each in found), strict=True)],
        fixed=unit * fixed,
        effects=[unit * np.array(own) for own in zip(*(each.effects for each in found), strict=True)],
        design_scales=scales,
        freedom=freedom,
    )
