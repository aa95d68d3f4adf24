"""Fits of effects of features on the scale of a link, for shares and counts.

The mean of the value of a category is mu_k, the inverse link of eta_k = x_k' beta. Under a conjugate prior of s rows of
this mean, the mean of its n_k rows has, next to a factor s / (s + 1) for shares, the variance

    v(mu_k) (1 / n_k + 1 / s).

So the working response eta_k + (y_k - mu_k) / v(mu_k), times the root of v(mu_k), has a linear mixed model of known
variances 1 / n_k of rows, and 1 / s of categories. Each round fits it, and takes the new eta from it. As mu_k is the
mean over categories of the same features, and not of the one in the middle, categories without rows are predicted
without bias.

References
----------
D. A. Williams (1982), Extra-binomial variation in logistic linear models, Applied Statistics 31, 144-148.

N. E. Breslow, D. G. Clayton (1993), Approximate inference in generalized linear mixed models, Journal of the American
Statistical Association 88, 9-25.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.features.category_products import CategoryProducts
from catpool.models.features.feature_blocks import FeatureDesign
from catpool.models.features.feature_effects import FeatureEffects, effects_of
from catpool.models.features.feature_likelihood import FeatureEquations, FeatureLikelihood
from catpool.models.features.feature_search import continue_search, maximize_likelihood
from catpool.models.features.free_effects import identified_effects, with_zeros
from catpool.models.features.normal_fit import COARSE, FEWEST
from catpool.models.mixed.quasi_likelihood import ETA, largest_predictor
from catpool.models.mixed.solver.variance_search import warn_not_converged
from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.method_of_moments import moments_prior

ROUNDS = 100
EXACT = 40  # rounds, after which changes need only be small
NEAR, NEARLY = 1e-7, 1e-3  # change of linear predictors in a round, after which the fit has converged
SHORTER, SHORTEST, LONGER = 0.6, 0.1, 1.3  # how steps that turn back get shorter, and others longer
LEAST_SLOPE = 1e-12  # of the inverse link: with a mean so near its bound, a category says nothing of effects
STRONGEST = 1e4  # rows of the average category, which the prior has to start from at most


@frozen
class LinkFit:
    """The effects of one class in one table, and the features that it does without, by place, or None if all."""

    effects: FeatureEffects
    dropped: np.ndarray | None


def is_ready_on_link(moments: Moments, family: Family) -> bool:
    """Whether the effects of features can be learned from a table of shape (K,)."""
    least, most = family.bounds
    return bool(moments.categories >= FEWEST and least < moments.mean < most)


def fit_on_link(design: FeatureDesign, moments: Moments, family: Family, *, reml: bool) -> LinkFit:
    """Fit the model to the moments of one table, of shape (K,), that `is_ready_on_link`."""
    table = WorkingCategories(design, moments, family, reml)
    found = table.fit()
    effects, covariance = with_zeros(table.kept, found.effects, found.covariance)
    middle = effects[0] + design.average @ effects[1:]
    between = float(found.theta[0] / family.link.variance(np.array(middle)))
    return LinkFit(effects_of(design, effects, covariance, between, family.name), np.flatnonzero(~table.kept) - 1)


class WorkingCategories:
    """The categories of one table, and their working responses.

    Parameters
    ----------
    design : FeatureDesign
    moments : Moments of shape (K,)
    family : Family
    reml : bool
    """

    def __init__(self, design: FeatureDesign, moments: Moments, family: Family, reml: bool) -> None:
        self.moments, self.family, self.link, self.reml = moments, family, family.link, reml
        self.free = np.array([True, *(block.penalized for block in design.blocks)])
        self.kept = identified_effects(design, moments)
        self.kinds = design.kinds[self.kept]
        self.values, self.summed = design.values, design.summed
        if not self.kept.all():
            self.values = self.summed = design.values[:, self.kept]
        self.most = float(largest_predictor(moments.category_means.max(), self.link))

    def fit(self) -> FeatureEquations:
        """The equations at the last round."""
        eta = np.full(len(self.values), self.link.eta(self.moments.mean))
        found, stride, last = None, 1.0, np.zeros_like(eta)
        for each in range(ROUNDS):
            found = self._solve(eta, found)
            step = np.clip(self.values @ found.effects, -ETA, self.most) - eta
            if np.abs(step).max() <= (NEAR if each < EXACT else NEARLY):
                return found
            stride = max(SHORTER * stride, SHORTEST) if step @ last < 0 else min(LONGER * stride, 1.0)
            last, eta = step, eta + stride * step
        assert found is not None
        warn_not_converged("The fit of the effects of features", ROUNDS)
        return found

    def _solve(self, eta: np.ndarray, last: FeatureEquations | None) -> FeatureEquations:
        """Fit the model of the working response at the linear predictors of the last round."""
        if self.summed is not self.values:
            with suppress(np.linalg.LinAlgError):  # where features tell nearly all, which takes more digits
                found, change = self._solve_once(eta, last)
                if change <= COARSE:
                    return found
            self.summed = self.values
        return self._solve_once(eta, last)[0]

    def _solve_once(self, eta: np.ndarray, last: FeatureEquations | None) -> tuple[FeatureEquations, float]:
        """The equations, and by how much they were refined."""
        count, slope = self.moments.count, np.maximum(self.link.variance(eta), LEAST_SLOPE)
        response = eta + (self.moments.category_means - self.link.mean(eta)) / slope
        root = np.sqrt(slope)
        products = CategoryProducts.of(count, root.astype(self.summed.dtype)[:, None] * self.summed, root * response)
        rows, blocks = float(self.moments.categories), len(self.free) - 1
        likelihood = FeatureLikelihood(products, self.kinds, blocks, within=0.0, rows=rows, reml=self.reml, known=True)
        if last is None:
            found = maximize_likelihood(likelihood, self.free, self._rough_variance())
        else:
            found = continue_search(likelihood, self.free, last.theta)
        if self.summed is self.values:
            return found, 0.0
        weights = slope * count / (1 + found.theta[0] * count)
        return found, found.refine(self.values, weights, response)

    def _rough_variance(self) -> float:
        """One over the strength by the method of moments, to start from."""
        strength = float(moments_prior([self.moments], self.family)[0].strength)
        rows = float(self.moments.size / self.moments.categories)
        return 1 / min(max(strength, 1e-3), STRONGEST * rows)
