"""No pooling."""

from __future__ import annotations

from collections.abc import Sequence

from catpool.encoders.pooled import PooledEncoder
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.prior import Prior, given_strength


class MeanEncoder(PooledEncoder):
    """Replace each category by the mean of the target in it: no pooling.

    ``fit_transform`` encodes each training row out of fold, ``fit(...).transform`` new rows from all
    training rows. With total t_k and count n_k of the rows a row may learn from,

        encoding_k = t_k / n_k,

    and the mean of all these rows for a category that has none among them. The parameters
    ``columns=None``, ``cv=10``, ``random_state=None``, ``target_type="auto"``,
    ``unknown="prior"``, ``missing="category"``, ``remainder="passthrough"`` and ``n_jobs=None`` are those of
    `catpool.encoders.pooled.PooledEncoder`, as are the fitted attributes.

    See Also
    --------
    SmoothedMeanEncoder : Partial pooling of a given strength.
    EmpiricalBayesEncoder : Partial pooling of a strength learned from the data.

    References
    ----------
    D. Micci-Barreca (2001), A preprocessing scheme for high-cardinality categorical attributes in
    classification and prediction problems, SIGKDD Explorations 3, 27-32.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import MeanEncoder
    >>> X = pd.DataFrame({"city": ["Bonn", "Bonn", "Kiel", "Kiel"]})
    >>> y = [1.5, 2.5, 4.0, 8.0]
    >>> encoder = MeanEncoder(cv=[0, 1, 0, 1])
    >>> encoder.fit_transform(X, y).ravel()  # the other row of each city
    array([2.5, 1.5, 8. , 4. ])
    >>> encoder.transform(pd.DataFrame({"city": ["Bonn", "Kiel", "Ulm"]})).ravel()
    array([2., 6., 4.])
    """

    def _prior(self, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        return [given_strength(each, 0.0) for each in moments]
