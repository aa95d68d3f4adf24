"""Partial pooling of a strength learned from the data."""

from __future__ import annotations

from catpool.encoders.pooled import PooledEncoder
from catpool.families import Family
from catpool.moments import Moments
from catpool.priors import Prior, estimated_strength


class EmpiricalBayesEncoder(PooledEncoder):
    """Replace each category by its posterior mean, with a prior learned from the categories: partial pooling.

    ``fit_transform`` encodes each training row out of fold, prior included, ``fit(...).transform`` new rows
    from all training rows. With mean y_k and count n_k of the rows a row may learn from, and a prior of mean
    mu and strength m,

        encoding_k = r_k y_k + (1 - r_k) mu,    r_k = n_k / (n_k + m),
        m = variance of a row within its category / variance between categories.

    Both variances are estimated by the method of moments: analysis of variance for continuous targets
    (normal family), its counterparts for classes (binomial) and counts (Poisson). Where the categories do
    not differ more than chance has it, m is infinite and each category gets the prior mean. The parameters
    ``columns=None``, ``cv=10``, ``random_state=None``, ``target_type="auto"``,
    ``unknown="prior"``, ``missing="category"``, ``remainder="passthrough"`` and ``n_jobs=None`` are those of
    `catpool.encoders.pooled.PooledEncoder`, as are the fitted attributes.

    See Also
    --------
    SmoothedMeanEncoder : Partial pooling of a given strength.

    References
    ----------
    B. Efron, C. Morris (1975), Data analysis using Stein's estimator and its generalizations, Journal of the
    American Statistical Association 70, 311-319.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> X = pd.DataFrame({"city": ["Bonn", "Bonn", "Kiel", "Kiel", "Ulm", "Ulm"]})
    >>> encoder = EmpiricalBayesEncoder().fit(X, [1.0, 3.0, 4.0, 8.0, 9.0, 11.0])
    >>> encoder.summary_[["prior_mean", "prior_strength"]]
       prior_mean  prior_strength
    0         6.0        0.285714
    >>> encoder.transform(pd.DataFrame({"city": ["Bonn", "Ulm", "Jena"]})).ravel()
    array([2.5, 9.5, 6. ])
    """

    def _prior(self, moments: Moments, family: Family) -> Prior:
        return estimated_strength(moments, family)
