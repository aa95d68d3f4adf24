"""What is believed of a category after its rows are seen.

In all three families the posterior mean is the same blend of the category's mean and the prior's,

    reliability * category mean + (1 - reliability) * prior mean,
    reliability = count / (count + strength),

and a category with no rows gets the prior by itself. (Efron and Morris 1975, Data analysis using Stein's
estimator and its generalizations, Journal of the American Statistical Association 70, 311-319.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catpool.moments import Moments
from catpool.priors import Prior, reliability


@dataclass(frozen=True)
class Posterior:
    """Mean of each category and how far it rests on the category's own rows, each of shape (..., K)."""

    mean: np.ndarray
    reliability: np.ndarray


def posterior(moments: Moments, prior: Prior) -> Posterior:
    """Blend what the rows say with what was believed before them."""
    weight = reliability(moments.count, prior.strength)
    mean = weight * moments.category_means
    mean += (1 - weight) * prior.mean[..., None]
    return Posterior(mean, weight)
