"""The histogram of each category, pooled: shares of rows in bins that hold equal shares of all rows.

The shares have a Dirichlet prior about those of all rows, as the shares of the classes of a target have.
"""

from __future__ import annotations

import numpy as np

from catpool.data.targets.ranges import Ranges
from catpool.moments.moments import Moments
from catpool.moments.sorted_rows import SortedRows
from catpool.priors.families.binomial import BINOMIAL
from catpool.priors.posterior import posterior_mean
from catpool.priors.rules import PriorRule


def pooled_histogram(rows: SortedRows, bins: int, rule: PriorRule) -> list[np.ndarray]:
    """The share of the rows of each category in each bin, of shape (size,).

    Parameters
    ----------
    rows : SortedRows
    bins : int
    rule : callable
        Learns the prior.
    """
    edges = rows.overall(np.arange(1, bins) / bins)
    places = Ranges("histogram", edges).places(rows.values)
    cells = rows.spread(np.arange(rows.size) * bins) + places
    shares = np.bincount(cells, rows.weights, rows.size * bins).reshape(rows.size, bins).T.astype(float)
    moments = [Moments(rows.count, own, _scatter(own.sum(), rows.count.sum())) for own in shares]
    priors = rule(moments, BINOMIAL)
    return [posterior_mean(each, prior, BINOMIAL) for each, prior in zip(moments, priors, strict=True)]


def _scatter(total: float, size: float) -> np.ndarray:
    """The scatter of zeros and ones about their mean."""
    return np.asarray(total * (1 - total / size))
