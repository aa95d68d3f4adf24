"""The mixed-model equations where effects are far larger than the noise, by square roots in place of cross-products.

With Lambda of 1e4 and more, the Schur complements of `equations` are differences of numbers that are alike in nearly
all digits: of the intercept remains the sum of n_j - n_j^2 lambda^2 / (n_j lambda^2 + 1). Here nothing is subtracted.
Let C be the columns of the rest and X, A their parts within the span of the longest factor's columns, and K what C'WC
has beyond A'A. With R'R the longest factor's part of Z'WZ and H = R Lambda,

    S = Lambda'K Lambda + Lambda'A'(I + H H')^-1 A Lambda + I,

a sum of squares, whose root is found by orthogonal transformations of its parts. That loses as many digits as Lambda
has, not twice as many. Directions in which columns depend on each other, as the intercept on any factor's levels, are
found once, and are exact zeros of K.

y is measured from a fit of the rows, c + X a, so that the sums hold what is left of y, in the size of the noise. The
effects are then normal about -c, and the penalty is that of Lambda^-1 c.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import solve_triangular

from catpool.models.mixed.solver.block_matrices import repeat_dense_lambdas, to_dense
from catpool.models.mixed.solver.cholesky import CholeskyEquations
from catpool.models.mixed.solver.equations import EquationSolution, PartitionedSystem
from catpool.models.mixed.solver.mixed_system import MixedSystem

DEPENDENT = 1e-11  # share of a column's squares that rounding leaves where it depends on others
LARGEST = 1 << 22  # numbers that the parts of S may have
SHIFTS, FAR = 4, 1e-4  # how often the residual is measured again, and its share of squares about the shift at least


def has_roots(system: MixedSystem) -> bool:
    """Whether a system is small enough."""
    lengths = [shape.length for shape in system.shapes]
    columns = sum(lengths) - max(lengths) + system.covariates
    return (sum(lengths) + columns) * columns <= LARGEST


class RootedSystem(PartitionedSystem):
    """A partitioned system of what a fit leaves of y, with the roots of its cross-products.

    Parameters
    ----------
    system : MixedSystem
        Of y - Z c - X a.
    effects : ndarray of shape (R,)
        c.
    fixed : ndarray of shape (p,)
        a.

    Attributes
    ----------
    roots : ndarray of shape (G, q, q)
        R of the longest factor's levels.
    within : ndarray of shape (G, q, r + p)
        A.
    within_y : ndarray of shape (G, q)
        The same of what is left of y.
    between_others : ndarray of shape (r + p, r + p)
        C'WC.
    beyond : ndarray of shape (r + p, r + p)
        A root of K.
    """

    def __init__(self, system: MixedSystem, effects: np.ndarray, fixed: np.ndarray) -> None:
        super().__init__(system)
        self.shift_effects, self.shift_fixed = effects, fixed
        squares, axes = np.linalg.eigh(self.longest_blocks)
        squares = np.where(squares > DEPENDENT * squares[:, -1:], squares, 0.0)
        self.roots = np.sqrt(squares)[:, :, None] * np.swapaxes(axes, 1, 2)
        inverse = np.divide(1.0, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
        columns = np.hstack([to_dense(self.coupling), system.cross[self.longest_slice]])
        blocks = columns.reshape(*self.longest_blocks.shape[:2], -1)
        within = inverse[:, :, None] * (np.swapaxes(axes, 1, 2) @ blocks)
        self.within, self.within_y = within[:, :, :-1], within[:, :, -1]
        self.between_others = self._products_of_others()
        self.beyond = self._root_beyond(self.within.reshape(len(columns), -1))

    def _products_of_others(self) -> np.ndarray:
        """C'WC."""
        system, rest = self.system, self.rest_indices
        both = system.cross[rest, :-1]
        return np.block([[to_dense(self.rest_block), both], [both.T, system.fixed[:-1, :-1]]])

    def _root_beyond(self, within: np.ndarray) -> np.ndarray:
        size = np.sqrt(np.diag(self.between_others))
        size[size == 0] = 1.0
        squares, axes = np.linalg.eigh((self.between_others - within.T @ within) / np.outer(size, size))
        squares = np.where(squares > DEPENDENT, squares, 0.0)
        return np.sqrt(squares)[:, None] * axes.T * size


class RootedEquations(CholeskyEquations):
    """Equations whose roots come from orthogonal transformations.

    Parameters
    ----------
    partition : RootedSystem
    lambdas : sequence of ndarray of shape (width, width)
    """

    partition: RootedSystem

    def __init__(self, partition: RootedSystem, lambdas: Sequence[np.ndarray]) -> None:
        super().__init__(partition, lambdas)
        # of effects that rows do not tell, rounding would leave more than the noise in sums of products
        sides = (self.inner_root @ partition.within).reshape(len(self.longest_sides), -1)
        self.coupling, self.longest_sides[:, :-1] = sides[:, : self.r] @ to_dense(self.rest_lambda), sides[:, self.r :]
        self._effects, self._fixed = self._shift(), partition.shift_fixed

    def _longest_root(self) -> np.ndarray:
        """L; and L^-1 as well as L^-1 H', whose zeros solving for them would fill with rounding."""
        own = self.partition.roots @ self.lambdas[self.partition.longest]
        self.axes, stretch, turned = np.linalg.svd(own)
        self.size = np.sqrt(1 + stretch**2)[:, :, None]
        turn, upper = np.linalg.qr(self.size * turned)
        signs = np.sign(np.diagonal(upper, axis1=1, axis2=2))
        turn = np.swapaxes(turn, 1, 2) * signs[:, :, None]
        self.inverse_own = turn @ (turned / self.size)
        self.inner_root = turn @ (stretch[:, :, None] / self.size * np.swapaxes(self.axes, 1, 2))
        return np.swapaxes(upper * signs[:, :, None], 1, 2)

    def _lower(self) -> np.ndarray:
        partition, size = self.partition, self.r + self.p
        shrunk = (np.swapaxes(self.axes, 1, 2) @ partition.within) / self.size
        others = [each for position, each in enumerate(self.lambdas) if position != partition.longest]
        wide = np.eye(size)
        wide[: self.r, : self.r] = repeat_dense_lambdas(others, partition.rest_shapes)
        # large rows first: then small ones keep their digits
        parts = [partition.beyond @ wide, shrunk.reshape(-1, size) @ wide, np.eye(self.r, size)]
        return _upper_root(np.vstack(parts)).T

    def _shift(self) -> np.ndarray:
        """Lambda^-1 c, shape (R,), or what of it a singular Lambda has effects for."""
        pairs = zip(self.lambdas, self.system.split(self.partition.shift_effects), strict=True)
        inverses = ((np.linalg.inv(own) if np.diag(own).all() else np.linalg.pinv(own), each) for own, each in pairs)
        return np.concatenate([(each @ inverse.T).ravel() for inverse, each in inverses])

    def solve(self) -> EquationSolution:
        """The solution; where it is far from c, the residual is measured again from nearby.

        Raises
        ------
        LinAlgError
            If rounding leaves nothing of the residual.
        """
        for _ in range(SHIFTS):
            square, found = self.approach()
            if found.residual > FAR * square:
                return found
        raise LinAlgError("effects and noise differ too much in size")

    def approach(self) -> tuple[float, EquationSolution]:
        """The sum of squares about present effects, and a solution from there, which become the present ones."""
        square, found = self._measure(), super().solve()
        self._effects, self._fixed = self._effects + found.effects, self._fixed + found.fixed
        return square, found._replace(effects=self._effects, fixed=self._fixed)

    def _measure(self) -> float:
        """Replace the sides of y by those of its residual; returns the sum of squares about present effects."""
        partition, system, rest, r = self.partition, self.system, self.partition.rest_indices, self.r
        pairs = zip(system.split(self._effects), self.lambdas, strict=True)
        effects = partition.shift_effects - np.concatenate([(each @ own.T).ravel() for each, own in pairs])
        others = np.concatenate([effects[rest], partition.shift_fixed - self._fixed])
        longest = effects[partition.longest_slice].reshape(*partition.within_y.shape, 1)
        moved = (partition.roots @ longest)[:, :, 0]
        inner = partition.within_y + moved + partition.within @ others
        before = np.concatenate([system.cross[rest, -1], system.fixed[:-1, -1]])
        after = before + np.einsum("gqc,gq->c", partition.within, moved) + partition.between_others @ others
        square = system.fixed[-1, -1] + np.vdot(moved, partition.within_y + inner) + others @ (before + after)
        square += self._effects @ self._effects
        own = (self.inner_root @ inner[:, :, None]).ravel() - self._pull(self._effects[partition.longest_slice])
        self.longest_sides[:, -1] = own
        self.rest_sides[:, -1] = self.rest_lambda.T @ after[:r] - self._effects[rest] - self.coupling.T @ own
        self.fixed[:-1, -1] = self.fixed[-1, :-1] = after[r:] - self.longest_sides[:, :-1].T @ own
        self.fixed[-1, -1] = square - own @ own
        return float(square)

    def _pull(self, effects: np.ndarray) -> np.ndarray:
        """L^-1 times effects of the longest factor, shape (G q) or (G q, m)."""
        shape = self.partition.longest_shape
        return (self.inverse_own @ effects.reshape(shape.size, shape.width, -1)).reshape(effects.shape)

    def _longest_inverse(self) -> np.ndarray:
        return np.swapaxes(self.inverse_own, 1, 2) @ self.inverse_own

    def _longest_dependence(self) -> tuple[np.ndarray, np.ndarray]:
        shape, inverse = self.partition.longest_shape, np.swapaxes(self.inverse_own, 1, 2)
        fixed = self.longest_sides[:, :-1].reshape(shape.size, shape.width, self.p)
        rest = np.asarray(self.coupling).reshape(shape.size, shape.width, self.r)
        return (inverse @ rest).reshape(shape.length, self.r), inverse @ fixed

    def inverse_blocks(self, *, reml: bool) -> list[np.ndarray]:
        inverse, shape, size = self._dense_inverse(reml), self.partition.longest_shape, self.r + self.p * reml
        rest, fixed = self._longest_dependence()
        columns = np.hstack([to_dense(rest), fixed.reshape(shape.length, self.p)])[:, :size]
        # the inverse itself would be a large number times differences that ought to be zero
        half = solve_triangular(self.lower[:size, :size], columns.T, lower=True, check_finite=False).T
        half = half.reshape(shape.size, shape.width, size)
        longest = self._longest_inverse() + half @ np.swapaxes(half, 1, 2)
        return self.partition.insert_longest(self._rest_blocks(inverse), longest)

    def inverse_traces(self, *, reml: bool) -> list[np.ndarray]:
        return [block.sum(axis=0) for block in self.inverse_blocks(reml=reml)]

    def information(self, working: np.ndarray) -> np.ndarray:
        """As w'Pw = d'd - d'Cd with d = Lambda^-1 w, which are small numbers if Lambda is large."""
        sides = np.vstack(
            [
                np.linalg.solve(own, part.reshape(shape.size, shape.width, -1)).reshape(part.shape)
                for own, shape, part in (
                    (own, shape, working[where])
                    for own, shape, where in zip(self.lambdas, self.system.shapes, self.system.slices, strict=True)
                )
            ]
        )
        own = self._pull(sides[self.partition.longest_slice])
        rest = sides[self.partition.rest_indices] - self.coupling.T @ own
        form = own.T @ own + self._rest_quadratic_form(rest, -self.longest_sides[:, :-1].T @ own)
        return np.asarray(sides.T @ sides - form)


def _upper_root(stacked: np.ndarray) -> np.ndarray:
    """The upper triangle, with a positive diagonal, whose square is that of a matrix."""
    upper = np.linalg.qr(stacked, mode="r")
    diagonal = np.diag(upper)
    if not diagonal.all():
        raise LinAlgError("columns depend on each other")
    return np.asarray(upper * np.sign(diagonal)[:, None])
