"""The spread of a category's rows: their standard deviation, from variances that are shrunk to each other.

With d_k = n_k - 1 degrees of freedom and the scatter S_k of a category's rows about their mean, the variance is

    v_k = (d_0 s_0^2 + S_k) / (d_0 + d_k - 2)

if the prior is learned, with s_0^2 and d_0 as in `moderated`. If the strength m of the prior is given, it is

    v_k = (m v + S_k) / (m + d_k),

where v is the variance within all categories. So with m = 0 it is the variance of the category's rows, and v where a
category has fewer than two. If no category has two, the variance of all rows stands for v.
"""

from __future__ import annotations

import numpy as np

from catpool.moments.moments import TINY, Moments
from catpool.priors.families.family import Family
from catpool.priors.own_variances import freedom_within, scatters_within, variances
from catpool.priors.prior import Prior
from catpool.priors.within.moderated import fit_variances


def spread(moments: Moments, prior: Prior, family: Family) -> np.ndarray:
    """The standard deviation of the rows of each category, in units of y, of shape (..., K)."""
    if moments.scatters is None:
        raise ValueError(
            'output="spread" needs the scatter within each category, which rows that were learned from before were '
            "not summed for. Set it before the first part, and fit again."
        )
    if prior.between is None:  # the strength was given
        return np.sqrt(_shrunk(moments, prior.strength))
    return np.sqrt(variances(moments, prior if prior.within_freedom is not None else _learned(moments)))


def _shrunk(moments: Moments, strength: np.ndarray) -> np.ndarray:
    """The variance of each category at a given strength of the prior."""
    freedom, scatter = freedom_within(moments), scatters_within(moments)
    typical, given = _typical_variance(moments)[..., None], np.minimum(strength, 1e300)[..., None]
    weight = freedom + given
    own = freedom / np.where(weight > 0, weight, 1.0)
    return np.where(freedom > 0, own * scatter / np.maximum(freedom, TINY) + (1 - own) * typical, typical)


def _typical_variance(moments: Moments) -> np.ndarray:
    """The variance within categories, of shape (...), or that of all rows if no category has two."""
    freedom = freedom_within(moments).sum(axis=-1)
    within = scatters_within(moments).sum(axis=-1) / np.maximum(freedom, TINY)
    return np.where(freedom > 0, within, moments.scatter / np.maximum(moments.size - 1, 1.0))


def _learned(moments: Moments) -> Prior:
    """A prior of each table, of which only the variance within and its degrees of freedom matter."""
    typical = _typical_variance(moments)
    fits = [fit_variances(table) for table in moments.views()]
    within, freedom = np.array(fits).reshape(*typical.shape, 2).transpose(-1, *range(typical.ndim))
    known = within > 0  # without, no category has scatter, or none has two rows
    return Prior(moments.mean, np.ones_like(typical), None, np.where(known, within, typical), within_freedom=freedom)
