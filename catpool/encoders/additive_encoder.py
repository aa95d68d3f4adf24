"""Effects of categories that are adjusted for all other columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from catpool.encoders.additive_mixin import AdditiveMixin
from catpool.encoders.encoder import Encoder
from catpool.encoders.flat_parameters import interaction_labels
from catpool.encoders.parameters import constraints, documented
from catpool.models.additive.additive_structure import Additive
from catpool.models.additive.additive_table import EffectOutput
from catpool.tables.policy import Policy

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoFrame
    from numpy.typing import ArrayLike
    from sklearn.model_selection import BaseCrossValidator


@documented
class AdditiveEncoder(AdditiveMixin, Encoder):
    """Replace each category by its effect, adjusted for the effects of all other columns.

    A city may have a high mean because its shops are large. Its adjusted effect is what is left of the mean once the
    sizes of the shops, and all other columns, are accounted for. Each column is a factor whose effects have a variance
    of their own, learned from the data, and numbers are cut into up to 32 ranges of as many rows each:

        link(E y) = mu + sum over columns of effect_column(category),    effect_column ~ N(0, tau_column^2),

    with the identity as the link of a continuous y, the logit for classes (each against all others) and the logarithm
    for counts. The model is fitted by backfitting, with variances after Schall, until effects move by less than a
    fiftieth of their standard errors: fast, and close to the mixed model that `MixedModelEncoder` fits exactly.
    ``fit_transform`` encodes each training row out of fold, with variances and effects of other rows alone.

    With ``fit(X, y, offset=...)``, the linear predictor starts from the offset instead of 0. If that is what another
    model predicts, on the scale of the link, then mu and the effects are what this model misses, and for counts
    exp(effect) is a ratio of actual to expected counts. Usually ``adjust_for=[]`` goes with it, as the offset accounts
    for the other columns. The offset of a training row must itself be out of fold, as from `cross_val_predict`. A model
    has fitted the noise of its own training rows, so what it leaves of them is not what it leaves of new rows.

    Parameters
    ----------
    columns : "auto" or list, default="auto"
        The columns to encode: names of a frame's columns, or positions of an array's. By default those of strings,
        objects, categories and booleans.
    adjust_for : "auto" or list, default="auto"
        The other columns that have effects, of categories or of numbers. They pass through. By default all but dates.
    interactions : "auto", list of tuples or None, default=None
        The interactions that have effects, too, which come after all other features: tuples of two or more columns, or
        those that are found as `TreeEncoder` finds them.
    max_interactions : int, default=8
        The largest number of interactions that are found.
    rounded : bool, default=True
        Whether effects are rounded to multiples of the power of two that is nearest to half of their standard
        deviation. Trees then cannot tell the folds apart by them, which would tell of the folds' targets.
    <cv_without_times>
    <random_state>
    <target_type>
    <unknown>
    <missing>
    <remainder>
    <weight_type>
    <n_jobs>
    <verbose>

    Attributes
    ----------
    interactions_ : pandas.DataFrame
        The interactions that were found, with their share of the residual variance and the p-value of each by itself.
    summary_ : pandas.DataFrame
        What was learned of each factor.
    tables_ : list
        What was learned, as look-up tables.
    <fitted>

    Warns
    -----
    ConvergenceWarning
        If the effects of a column still change after 200 rounds.
    UnseenCategoriesWarning
        In ``transform``, of a column most of whose rows hold categories without training rows.

    See Also
    --------
    TreeEncoder : These effects and other features for trees.
    MixedModelEncoder : The exact fit of fewer factors, with their standard deviations.

    Notes
    -----
    A category without training rows has the effect 0, which ``unknown="prior"`` and ``missing="prior"`` stand for.
    ``missing="error"`` refuses missing categories in the encoded columns; elsewhere they are categories of their own.

    References
    ----------
    R. Schall (1991), Estimation in generalized linear models with random effects, Biometrika 78, 719-727.
    T. Hastie, R. Tibshirani (1986), Generalized additive models, Statistical Science 1, 297-310.

    Examples
    --------
    Both cities sell the same in shops of one size, but one has more large shops:

    >>> import pandas as pd
    >>> from catpool import AdditiveEncoder, MeanEncoder
    >>> X = pd.DataFrame({"city": ["Bonn"] * 6 + ["Kiel"] * 6, "large": [1, 1, 1, 1, 0, 0] + [0, 0, 0, 0, 1, 1]})
    >>> y = 10.0 * X["large"] + [0, 1, 0, 1, 0, 1] * 2
    >>> MeanEncoder(["city"]).fit(X, y).transform(X.iloc[[0, 6]])["city"].round(2).tolist()
    [7.17, 3.83]
    >>> AdditiveEncoder(["city"]).fit(X, y).transform(X.iloc[[0, 6]])["city"].round(2).tolist()
    [0.0, 0.0]

    Ratios of actual to expected claims, relative to their mean, where a tariff expects two or four:

    >>> import numpy as np
    >>> X = pd.DataFrame({"brand": ["Fiat"] * 40 + ["Volvo"] * 40})
    >>> expected, claims = np.array([2.0, 4.0] * 40), [1, 2] * 20 + [3, 6] * 20
    >>> encoder = AdditiveEncoder(adjust_for=[], target_type="count").fit(X, claims, offset=np.log(expected))
    >>> np.exp(encoder.transform(X.iloc[[0, 40]])["brand"]).round(2).tolist()
    [0.61, 1.7]
    """

    output = "effect"
    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(
        "cv",
        "random_state",
        "target_type",
        "unknown",
        "missing",
        "remainder",
        "weight_type",
        "n_jobs",
        "verbose",
        columns=["array-like", StrOptions({"auto"})],
        adjust_for=["array-like", StrOptions({"auto"})],
        interactions=["array-like", StrOptions({"auto"}), None],
        max_interactions=[Interval(Integral, 0, None, closed="left")],
        rounded=["boolean"],
    )

    def __init__(
        self,
        columns: str | Sequence[Any] = "auto",
        *,
        adjust_for: str | Sequence[Any] = "auto",
        interactions: str | Sequence[Sequence[Any]] | None = None,
        max_interactions: int = 8,
        rounded: bool = True,
        cv: int | BaseCrossValidator | Iterable[Any] | str = 10,
        random_state: int | np.random.RandomState | None = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        weight_type: str = "frequency",
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.columns = columns
        self.adjust_for = adjust_for
        self.interactions = interactions
        self.max_interactions = max_interactions
        self.rounded = rounded
        self.cv = cv
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.weight_type = weight_type
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(
        self,
        X: IntoFrame | ArrayLike,
        y: ArrayLike | str,
        *,
        groups: ArrayLike | None = None,
        key: ArrayLike | IntoFrame | str | None = None,
        sample_weight: ArrayLike | str | None = None,
        exposure: ArrayLike | str | None = None,
        offset: ArrayLike | str | None = None,
    ) -> Self:
        """Learn each category's encoding from all rows.

        Parameters
        ----------
        <X_in_memory>
        <y>
        groups : array of shape (n,), optional
            Accepted for pipelines, and checked. Only ``fit_transform`` has folds that keep groups together.
        key : array of shape (n,), frame of shape (n, columns), or names of columns of X, optional
            Accepted for pipelines, so that it can be routed: ``encoder.set_fit_request(key=True)``. Only
            ``fit_transform`` has folds. Columns that are named here pass through.
        <sample_weight>
        <exposure>
        <offset>

        Returns
        -------
        self

        Raises
        ------
        <fit_errors>
        """
        rows = {"groups": groups, "key": key, "sample_weight": sample_weight, "exposure": exposure, "offset": offset}
        self._fitted = self._learn(X, y, **rows)
        return self

    def fit_transform(
        self,
        X: IntoFrame | ArrayLike,
        y: ArrayLike | str,
        *,
        groups: ArrayLike | None = None,
        key: ArrayLike | IntoFrame | str | None = None,
        sample_weight: ArrayLike | str | None = None,
        exposure: ArrayLike | str | None = None,
        offset: ArrayLike | str | None = None,
    ) -> Any:
        """Learn as ``fit`` does, and encode the same rows out of fold.

        Parameters
        ----------
        <X_in_memory>
        <y>
        groups : array of shape (n,), optional
            Rows of one group are in one fold.
        <key>
        <sample_weight>
        <exposure>
        <offset>

        Returns
        -------
        frame of the library that X came from, or ndarray for an array
            Of n rows. Rows in no test fold of ``cv`` are NaN, with a UserWarning that counts them.

        Raises
        ------
        <fit_errors>
        """
        rows = {"groups": groups, "key": key, "sample_weight": sample_weight, "exposure": exposure, "offset": offset}
        self._fitted, encoded = self._learn_and_encode(X, y, **rows)
        return encoded

    def _structure(self) -> Additive:
        found = isinstance(self.interactions, str)
        return Additive(
            columns=self.columns,
            adjust_for=self.adjust_for,
            interactions=[] if found else interaction_labels(self.interactions or []),
            most_found=self.max_interactions if found else 0,
            shown="columns",
            drop_noise=False,
            output=EffectOutput(Policy(self.unknown, self.missing), self.rounded, beside=False),
            n_jobs=self.n_jobs,
        )

    @property
    def summary_(self) -> pd.DataFrame:
        """What was learned of each factor.

        Returns
        -------
        pandas.DataFrame
            A row for each factor and column of the target: `column` and `target` (empty if there is one), its
            `categories`; `adjusted_sd`, the standard deviation of its effects on the scale of the link, small or 0 for
            noise; and the `share` of the residual variance of interactions that were found.
        """
        check_is_fitted(self)
        return self._additive.summary()
