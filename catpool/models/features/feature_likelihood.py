r"""The likelihood of a mixed model of category means with effects of features, and its first two derivatives.

The mean of the n_k rows of category k is, with a one and the features of the category in x_k,

    y_k = x_k' beta + u_k + error,      variances: tau_b of the effects of a block b, lambda of u, 1 / n_k of errors,

all times sigma^2. With the weights w_k = n_k / (1 + lambda n_k), S the diagonal of the roots of tau (one where effects
are free) and E the indicators of penalized effects, Henderson's equations are

    (S X'WX S + E) c = S X'W y,     beta = S c,

and with G the inverse of their matrix, twice the negative log-likelihood, minimal over sigma^2 = RSS / nu, is

    sum log(1 + lambda n_k) - log det G + nu (1 + log(2 pi RSS / nu)),
    RSS = within + sum w_k (y_k - x_k' beta)^2 + c'Ec,

where nu is the number of rows minus that of free effects under REML; under ML it is the number of rows, and free
effects are left out of the determinant. All that is needed of the data are the sums of w_k^p x_k x_k'.

References
----------
C. R. Henderson (1975), Best linear unbiased estimation and prediction under a selection model, Biometrics 31, 423-447.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from catpool.models.features.category_products import CategoryProducts
from catpool.models.features.cholesky_factor import UNSOLVED, CholeskyFactor

POWERS = np.array([[2], [3]])  # of the weights, which first and second derivatives need
PORTION = 1 << 12  # categories whose sum in single precision loses few digits


class FeatureLikelihood:
    """The likelihood of one table, at any variances.

    Parameters
    ----------
    products : CategoryProducts
        Of the features, and of the means of the categories.
    kinds : ndarray of shape (n,)
        The block of each effect, or -1 if it is free.
    blocks : int
        The number of blocks, of which those with free effects have no variance.
    within, rows : float
        The sum of squares within categories, and the number of rows.
    reml : bool
    known : bool, default=False
        Whether sigma^2 is known to be one.
    """

    def __init__(
        self,
        products: CategoryProducts,
        kinds: np.ndarray,
        blocks: int,
        *,
        within: float,
        rows: float,
        reml: bool,
        known: bool = False,
    ) -> None:
        self.products, self.kinds, self.within, self.reml, self.known = products, kinds, within, reml, known
        self.penalized = kinds >= 0
        self.freedom = rows - np.count_nonzero(~self.penalized) * reml
        self.blocks = [_run_of(kinds == block) for block in range(blocks)]
        self._last: FeatureEquations | None = None

    def at(self, theta: np.ndarray) -> FeatureEquations:
        """The equations at lambda and the tau of each block; the last ones are kept, as searches end where they are."""
        if self._last is None or not np.array_equal(self._last.theta, theta):
            self._last = FeatureEquations(self, theta)
        return self._last

    def derivatives(self, free: np.ndarray, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The log-likelihood, its gradient and Hessian, where the variances that are not free are zero.

        Parameters
        ----------
        free : ndarray of bool of shape (1 + B,)
        parameters : ndarray of shape (1, number that are free)
        """
        theta = np.zeros(len(free))
        theta[free] = parameters[0]
        found = self.at(theta)
        gradient, hessian = -found.gradient / 2, -found.hessian / 2
        return np.array([found.log_likelihood]), gradient[None, free], hessian[None][:, free][:, :, free]


def _run_of(marked: np.ndarray) -> slice:
    """The places that are marked, which follow each other, if there are any."""
    start = int(np.argmax(marked))
    return slice(start, start + int(np.count_nonzero(marked)))


class FeatureEquations:
    """Henderson's equations of a table at some variances.

    Parameters
    ----------
    likelihood : FeatureLikelihood
    theta : ndarray of shape (1 + B,)
        Lambda, and the tau of each block.
    """

    def __init__(self, likelihood: FeatureLikelihood, theta: np.ndarray) -> None:
        self.likelihood, self.theta = likelihood, theta
        penalized, data = likelihood.penalized, likelihood.products
        self.weights = data.sizes / (1 + theta[0] * data.sizes)
        self.scale = np.where(penalized, np.sqrt(np.append(theta[1:], 1.0)[likelihood.kinds]), 1.0)
        self.products = data.weighted(self.weights[None])[0]
        self._matrix = self._scaled(self.products) + np.diag(penalized.astype(float))
        self._factor = CholeskyFactor(self._matrix)
        self.solved = self._factor.solve(self.scale * self.products[:-1, -1])
        self.rest = np.append(-self.scale * self.solved, 1.0)  # of a mean, times the numbers of its category
        own = self.rest @ self.products @ self.rest + (self.solved[penalized] ** 2).sum()
        self.squares = own if likelihood.known else own + likelihood.within
        if self.squares <= 0:
            raise np.linalg.LinAlgError(UNSOLVED)

    @cached_property
    def _determined(self) -> CholeskyFactor:
        """The factor of the matrix whose determinant counts: under ML, that of penalized effects."""
        some = self.likelihood.penalized
        return self._factor if self.likelihood.reml else CholeskyFactor(self._matrix[some][:, some])

    @cached_property
    def inverse(self) -> np.ndarray:
        """The inverse of the matrix of the equations."""
        return self._factor.inverse()

    @cached_property
    def traced(self) -> np.ndarray:
        """The inverse of the matrix whose determinant counts, and zeros."""
        if self.likelihood.reml:
            return self.inverse
        traced = np.zeros_like(self._matrix)
        if not self.likelihood.penalized.any():
            return traced
        traced[np.ix_(self.likelihood.penalized, self.likelihood.penalized)] = self._determined.inverse()
        return traced

    def _scaled(self, products: np.ndarray) -> np.ndarray:
        return self.scale[:, None] * products[:-1, :-1] * self.scale

    def refine(self, features: np.ndarray, weights: np.ndarray, means: np.ndarray) -> float:
        """Solve once more, from what the solution leaves of the means of all categories; return the relative change.

        Parameters
        ----------
        features : ndarray of shape (K, n)
        weights, means : ndarray of shape (K,)
        """
        rest = means - features @ self.effects.astype(features.dtype)
        weighted, sums = (weights * rest).astype(features.dtype), np.zeros(len(self.solved))
        for start in range(0, len(rest), PORTION):
            sums += weighted[start : start + PORTION] @ features[start : start + PORTION]
        left = self.scale * sums - self.likelihood.penalized * self.solved
        change = self.inverse @ left
        squares = weights @ rest**2 + (self.solved[self.likelihood.penalized] ** 2).sum() - change @ left
        self.squares = squares if self.likelihood.known else squares + self.likelihood.within
        self.solved = self.solved + change
        return float(np.abs(change).max() / np.abs(self.solved).max())

    @property
    def effects(self) -> np.ndarray:
        """The effects of features."""
        return self.scale * self.solved

    @property
    def covariance(self) -> np.ndarray:
        """The covariance of the effects given the rows, free ones counted as estimated."""
        return self.within * (self.scale[:, None] * self.inverse * self.scale)

    @property
    def within(self) -> float:
        """The variance of a row, sigma^2."""
        return 1.0 if self.likelihood.known else float(self.squares / self.likelihood.freedom)

    @property
    def log_likelihood(self) -> float:
        data, freedom = self.likelihood.products, self.likelihood.freedom
        logs = data.numbers @ np.log1p(self.theta[0] * data.sizes) + self._determined.log_determinant
        if self.likelihood.known:
            return float(-(logs + self.squares + freedom * np.log(2 * np.pi)) / 2)
        return float(-(logs + freedom * (1 + np.log(2 * np.pi * self.squares / freedom))) / 2)

    @cached_property
    def _powers(self) -> np.ndarray:
        """The sums of products times the square and the cube of the weights."""
        return self.likelihood.products.weighted(self.weights**POWERS)

    @cached_property
    def _pulls(self) -> np.ndarray:
        """Minus the derivatives of RSS, times the tau of blocks that have one."""
        of_blocks = [self._pull(block) for block in range(len(self.likelihood.blocks))]
        return np.array([self.rest @ self._powers[0] @ self.rest, *of_blocks])

    def _pull(self, block: int) -> float:
        own = self.likelihood.blocks[block]
        at_zero = self.theta[1 + block] == 0
        return float((((self.products @ self.rest)[own] if at_zero else self.solved[own]) ** 2).sum())

    @property
    def gradient(self) -> np.ndarray:
        """The derivatives of twice the negative log-likelihood by the variances, of shape (1 + B,)."""
        data = self.likelihood.products
        traces = [data.numbers @ self.weights - np.trace(self._turned)]
        traces += [self._trace(block) for block in range(len(self.likelihood.blocks))]
        return (np.array(traces) - self._pulls / self.within) / self._units

    @cached_property
    def _turned(self) -> np.ndarray:
        """The inverse of the matrix whose determinant counts, times the sums with the square of the weights."""
        return self.traced @ self._scaled(self._powers[0])

    @property
    def _units(self) -> np.ndarray:
        """By what derivatives are divided that were taken times the tau of blocks that have one."""
        return np.append(1.0, np.where(self.theta[1:] > 0, self.theta[1:], 1.0))

    def _trace(self, block: int) -> float:
        own = self.likelihood.blocks[block]
        if self.theta[1 + block] > 0:
            return float(own.stop - own.start - np.trace(self.traced[own, own]))
        across = self.products[own, :-1] * self.scale
        return float(np.trace(self.products[own, own]) - ((across @ self.traced) * across).sum())

    @property
    def hessian(self) -> np.ndarray:
        """The second derivatives of the same by the variances that are not zero, of shape (1 + B, 1 + B)."""
        pulls, noise = self._pulls, self.within
        change = 0.0 if self.likelihood.known else np.outer(pulls, pulls) / noise**2 / self.likelihood.freedom
        found = 2 * self._curvature() / noise - change - self._cross_traces()
        return found / np.outer(self._units, self._units)

    def _curvature(self) -> np.ndarray:
        """Half of the second derivatives of RSS."""
        blocks = self.likelihood.blocks
        found = np.zeros((1 + len(blocks),) * 2)
        pushed = self.scale * (self._powers[0] @ self.rest)[:-1]
        through = self.inverse @ pushed
        found[0, 0] = self.rest @ self._powers[1] @ self.rest - pushed @ through
        for line, left in enumerate(blocks, start=1):
            found[0, line] = found[line, 0] = self.solved[left] @ through[left]
            for column, right in enumerate(blocks, start=1):
                own = self.solved[left] @ self.inverse[left, right] @ self.solved[right]
                found[line, column] = (line == column) * (self.solved[left] ** 2).sum() - own
        return found

    def _cross_traces(self) -> np.ndarray:
        """Minus the second derivatives of the determinants."""
        data, blocks = self.likelihood.products, self.likelihood.blocks
        found = np.zeros((1 + len(blocks),) * 2)
        turned, trace = self._turned, data.numbers @ self.weights**2
        found[0, 0] = trace - 2 * (self.traced * self._scaled(self._powers[1])).sum() + (turned * turned.T).sum()
        rest = np.eye(len(turned)) - self.traced
        for line, left in enumerate(blocks, start=1):
            found[0, line] = found[line, 0] = (turned[left] * self.traced[left]).sum()
            for column, right in enumerate(blocks, start=1):
                found[line, column] = (rest[left, right] ** 2).sum()
        return found
