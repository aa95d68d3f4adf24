"""The weights of the components of a mixture in the posterior of each category.

If one component is the prior of all categories, its weight is the same for all. If each category has a component of its
own, that component is g with the probability

    share_g f_g(rows of the category) / sum over h of share_h f_h(rows of the category),

where f_g is the marginal likelihood of the rows under component g (`Family.log_marginal`).
"""

from __future__ import annotations

import numpy as np

from catpool.moments.moments import Moments
from catpool.priors.families.family import Family
from catpool.priors.prior import NOTHING, Prior

WeightedPriors = list[tuple[np.ndarray, Prior]]  # weights of shape (..., 1) or (..., K), and components of shape (...)


def weigh_components(moments: Moments, prior: Prior, family: Family) -> WeightedPriors:
    """The components of a mixture, each with its posterior weight for each category."""
    if prior.shares is None:
        return [(probability[..., None], component) for probability, component in prior.each_component()]
    some = [(share, component) for share, component in prior.each_component() if share.any()]
    if len(some) == 1:
        return [(np.ones_like(moments.count, dtype=float), some[0][1])]
    logs = [_log(share) + family.log_marginal(moments, component) for share, component in some]
    highest = logs[0]
    for each in logs[1:]:
        highest = np.maximum(highest, each)
    weights = [np.exp(np.subtract(each, highest, out=each), out=each) for each in logs]
    total = sum(weights)  # one by one, as components without a share must not change the last digit
    return [(np.divide(weight, total, out=weight), own) for weight, (_, own) in zip(weights, some, strict=True)]


def _log(share: np.ndarray) -> np.ndarray:
    """The logarithm of shares of shape (...), with an axis for categories."""
    with np.errstate(divide="ignore"):
        return np.log(share)[..., None]


def strength_about(mean: np.ndarray, component: Prior) -> np.ndarray:
    """The strength of a prior about this mean that has the spread of a component about it, of shape (...)."""
    assert component.between is not None
    assert component.within is not None
    spread = component.between + (component.mean - mean) ** 2
    some = spread > NOTHING * component.within
    return np.where(some, component.within / np.where(some, spread, 1.0), np.inf)
