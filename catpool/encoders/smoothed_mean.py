"""Partial pooling of a given strength."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from catpool.encoders.columnwise_encoder import ColumnwiseEncoder
from catpool.encoders.flat_parameters import flat
from catpool.encoders.parameters import FLAT, constraints, documented
from catpool.models.flat.flat_structure import Flat
from catpool.priors.rules import fixed_strength

if TYPE_CHECKING:
    from sklearn.model_selection import BaseCrossValidator

    from catpool.crossfit.past.earlier_rows import EarlierRows


@documented
class SmoothedMeanEncoder(ColumnwiseEncoder):
    """Replace each category by its mean, shrunk toward the mean of all: partial pooling of a given strength.

    ``fit_transform`` encodes each training row out of fold, from rows outside its own fold, so that no row's own target
    reaches its own feature. ``fit(...).transform`` encodes new rows from all training rows. With total t_k and count
    n_k of the rows a row may learn from, their mean mu, and smoothing m,

        encoding_k = (t_k + m mu) / (n_k + m),

    known as the m-estimate.

    Parameters
    ----------
    <columns>
    <categories>
    smoothing : float, default=10.0
        The strength of the prior in rows, from 0 (no pooling) to infinity (complete pooling).
    <interactions>
    <cv>
    <crossfit>
    <crossfit_reliability>
    <random_state>
    <target_type>
    <unknown>
    <missing>
    <remainder>
    <output>
    <bins>
    <drop_noise>
    <weight_type>
    <n_jobs>
    <verbose>

    Attributes
    ----------
    <flat_fitted>
    <fitted>

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
    >>> encoder.transform(pd.DataFrame({"city": ["Bonn", "Kiel", "Ulm"]}))["city"].tolist()
    [3.0, 5.0, 4.0]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(
        *FLAT, smoothing=[Interval(Real, 0, None, closed="both")]
    )

    def __init__(
        self,
        columns: Sequence[Any] | str | Callable[[Any], Any] | None = "auto",
        *,
        categories: str | list[Any] = "auto",
        smoothing: float = 10.0,
        interactions: Sequence[Sequence[Any]] | str | int | None = None,
        cv: int | BaseCrossValidator | Iterable[Any] | str | EarlierRows = 10,
        crossfit: str = "all",
        crossfit_reliability: float = 0.97,
        random_state: int | np.random.RandomState | None = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mean",
        bins: int | Sequence[float] = 10,
        drop_noise: bool = False,
        weight_type: str = "frequency",
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.columns = columns
        self.categories = categories
        self.smoothing = smoothing
        self.interactions = interactions
        self.cv = cv
        self.crossfit = crossfit
        self.crossfit_reliability = crossfit_reliability
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.output = output
        self.bins = bins
        self.drop_noise = drop_noise
        self.weight_type = weight_type
        self.n_jobs = n_jobs
        self.verbose = verbose

    @property
    def columns_(self) -> list[Any]:
        """What is encoded: the labels of columns, and tuples of labels for interactions."""
        return [table.label for table in self.tables_]

    def _structure(self) -> Flat:
        return flat(self, fixed_strength(self.smoothing))
