"""Partial pooling of a given strength."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from catpool.encoders.pooled import PooledEncoder
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.prior import Prior, given_strength


class SmoothedMeanEncoder(PooledEncoder):
    """Replace each category by its mean, drawn towards the mean of all: partial pooling of a given strength.

    ``fit_transform`` encodes each training row out of fold, ``fit(...).transform`` new rows from all
    training rows. With total t_k and count n_k of the rows a row may learn from, their mean mu, and
    smoothing m,

        encoding_k = (t_k + m mu) / (n_k + m),

    known as the m-estimate. The parameters
    ``columns=None``, ``cv=10``, ``random_state=None``, ``target_type="auto"``,
    ``unknown="prior"``, ``missing="category"``, ``remainder="passthrough"`` and ``n_jobs=None`` are those of
    `catpool.encoders.pooled.PooledEncoder`, as are the fitted attributes.

    Parameters
    ----------
    smoothing : float, default=10.0
        The prior's strength in rows, from 0 (no pooling) to infinity (complete pooling).

    See Also
    --------
    EmpiricalBayesEncoder : Learns the strength from the data.

    References
    ----------
    D. Micci-Barreca (2001), A preprocessing scheme for high-cardinality categorical attributes in
    classification and prediction problems, SIGKDD Explorations 3, 27-32.

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import SmoothedMeanEncoder
    >>> X = pd.DataFrame({"city": ["Bonn", "Bonn", "Kiel", "Kiel"]})
    >>> encoder = SmoothedMeanEncoder(smoothing=2.0).fit(X, [1.5, 2.5, 4.0, 8.0])
    >>> encoder.transform(pd.DataFrame({"city": ["Bonn", "Kiel", "Ulm"]})).ravel()
    array([3., 5., 4.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **PooledEncoder._parameter_constraints,
        "smoothing": [Interval(Real, 0, None, closed="both")],
    }

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        *,
        smoothing: float = 10.0,
        interactions: Sequence[Sequence[Any]] | None = None,
        cv: Any = 10,
        crossfit: str = "all",
        crossfit_reliability: float = 0.97,
        random_state: Any = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mean",
        drop_noise: bool = False,
        weight_type: str = "frequency",
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            columns,
            interactions=interactions,
            cv=cv,
            crossfit=crossfit,
            crossfit_reliability=crossfit_reliability,
            random_state=random_state,
            target_type=target_type,
            unknown=unknown,
            missing=missing,
            remainder=remainder,
            output=output,
            drop_noise=drop_noise,
            weight_type=weight_type,
            n_jobs=n_jobs,
        )
        self.smoothing = smoothing

    def _prior(self, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        return [given_strength(each, self.smoothing) for each in moments]
