"""Full Bayes for nested levels: the levels whose variances are averaged over, and these averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from catpool.data.frozen import frozen
from catpool.models.nested.tree import LevelMixture, Levels, Tree
from catpool.moments.moments import Moments
from catpool.priors.mixtures.mixture_of_t import average, variance_of_t
from catpool.priors.rules import averaged_below


@frozen
class VarianceRule:
    """How the variances of levels are learned.

    Parameters
    ----------
    prior : {"auto", "reml", "ml", "full_bayes"}
    scale : float
        Of the half-t prior of full Bayes.
    """

    prior: str
    scale: float

    @property
    def reml(self) -> bool:
        return self.prior != "ml"

    def uncertain(self, tree: Tree, moments: Moments) -> np.ndarray:
        """Whether the variance of each level is averaged over, shape (levels,)."""
        most = averaged_below(self.prior)
        return np.array([np.count_nonzero(each) < most for each in tree.sum_levels(moments.count)])


def average_levels(components: Sequence[Levels], mixture: LevelMixture) -> Levels:
    """The mixture of levels whose variances differ."""
    weights, inflation = mixture.probability, variance_of_t(mixture.freedom)

    def mean(values: Sequence[np.ndarray | float]) -> np.ndarray:
        return average(weights, values)

    def spread(values: Sequence[np.ndarray | float], variances: Sequence[np.ndarray | float]) -> np.ndarray:
        apart = np.array(values) - mean(values)
        return mean(inflation * np.array(variances) + apart**2)

    levels = range(len(components[0].values))
    within = float(inflation * mean([each.within for each in components]))
    between = [float(inflation * mean([each.between[level] for each in components])) for level in levels]
    return replace(
        components[0],
        mean=float(mean([each.mean for each in components])),
        mean_variance=float(spread([each.mean for each in components], [each.mean_variance for each in components])),
        values=[mean([each.values[level] for each in components]) for level in levels],
        variances=[
            spread([each.values[level] for each in components], [each.variances[level] for each in components])
            for level in levels
        ],
        gains=[mean([each.gains[level] for each in components]) for level in levels],
        between=between,
        strengths=[within / own if own > 0 else np.inf for own in between],
        within=within,
        log_likelihood=np.nan,
        mixture=mixture,
    )
