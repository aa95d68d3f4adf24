"""Partial pooling of categories within categories, each level toward the one above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from catpool.crossfit.columnwise import Crossfit
from catpool.encoders.columnwise_encoder import ColumnwiseEncoder
from catpool.encoders.parameters import constraints, documented
from catpool.encoders.prediction_mixin import PredictionMixin
from catpool.models.nested.averaged_levels import VarianceRule
from catpool.models.nested.nested_structure import Nested
from catpool.tables.policy import Policy

if TYPE_CHECKING:
    from sklearn.model_selection import BaseCrossValidator


@documented
class NestedEncoder(PredictionMixin, ColumnwiseEncoder):
    """Replace categories within categories by their posterior means, each level shrunk toward the one above.

    ``fit_transform`` encodes each training row out of fold, variances included. ``fit(...).transform`` encodes new rows
    from all training rows. With one variance for each level, all learned from the data, the model of a continuous y is

        y = mu + u_state + u_county + u_zip + e,    u_level ~ N(0, sigma_level^2),

    which is lme4's ``y ~ 1 + (1 | state/county/zip)``, fitted exactly by REML or ML, or by full Bayes for levels with
    few categories (see ``prior``). The encoding of a zip is its posterior mean: a zip with few rows is shrunk toward
    its county, a county with few toward its state. A zip without rows gets the value of its county, or of its state if
    the county is new, too. For shares and counts, each level has the conjugate model of `EmpiricalBayesEncoder`, with
    the posterior mean of the level above as the prior mean.

    A category is identified by its whole path: zips of the same name in two counties are two zips.

    Parameters
    ----------
    levels : list
        The columns from the outermost to the innermost level.
    emit : {"deepest", "all"}, default="deepest"
        Whether only the last level has features, or each level. Features have the names and the places of the levels'
        columns. Columns of levels without features are left out.
    prior : {"auto", "reml", "ml", "full_bayes"}, default="auto"
        How the variances (for shares and counts, the strengths) are learned. "reml" and "ml" maximize the restricted or
        the unrestricted likelihood (for shares and counts always the unrestricted). "full_bayes" averages over their
        posterior, as brms and Bambi do, but without sampling: standard deviations and intervals then include that the
        variances are uncertain. "auto" is "full_bayes" for levels with fewer than 30 categories, and "reml" for others.
    prior_scale : float, default=1.0
        For "auto" and "full_bayes": the scale of the half-t prior with 3 degrees of freedom on the standard deviation
        between the categories of a level, relative to that of rows, as in `EmpiricalBayesEncoder`.
    <family>
    <cv>
    crossfit : {"all", "rare"}, default="all"
        Which categories of training rows are encoded out of fold, level by level as in `EmpiricalBayesEncoder`. A row's
        weight in the value of a county includes the weight of its zip, which may be large even for a zip of few rows if
        zips differ a lot.
    <crossfit_reliability>
    <random_state>
    <target_type>
    unknown : {"prior", "nan", "error"}, default="prior"
        The encoding of a path without training rows: the value of the level above, NaN, or an error.
    missing : {"category", "prior", "nan", "error"}, default="category"
        The encoding of a missing value: that of a category of its own within the level above, the value of the level
        above, NaN, or an error. Missing values are a category when the model is fitted, whichever encoding they get.
    <remainder>
    output : str or sequence of str, default="mean"
        The features of each level: "mean", "sd", "reliability" (the weight of a category's own rows against the level
        above), "count" and "code", as in `EmpiricalBayesEncoder`.
    <weight_type>
    <verbose>

    Attributes
    ----------
    tables_ : list of NestedTable
        The one table.
    levels_ : list
        The columns of the levels.
    summary_ : pandas.DataFrame
        What was learned of each level.
    <fitted>

    See Also
    --------
    EmpiricalBayesEncoder : One level.
    MixedModelEncoder : Factors that are nested or crossed, with covariates.

    References
    ----------
    D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
    Statistical Software 67(1).

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import NestedEncoder
    >>> city = ["Ulm", "Ulm", "Bonn", "Bonn", "Ulm", "Ulm", "Kiel", "Kiel"]
    >>> X = pd.DataFrame({"state": list("aaaabbbb"), "city": city})
    >>> encoder = NestedEncoder(["state", "city"]).fit(X, [1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 9.0, 10.0])
    >>> new = pd.DataFrame({"state": ["a", "a", "b", "c"], "city": ["Ulm", "Jena", "Jena", "Jena"]})
    >>> encoder.transform(new)["city"].round(2).tolist()
    [1.98, 3.74, 6.76, 5.25]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(
        "family",
        "cv",
        "crossfit",
        "crossfit_reliability",
        "random_state",
        "target_type",
        "unknown",
        "missing",
        "remainder",
        "output",
        "weight_type",
        "verbose",
        levels=["array-like"],
        emit=[StrOptions({"deepest", "all"})],
        prior=[StrOptions({"auto", "reml", "ml", "full_bayes"})],
        prior_scale=[Interval(Real, 0, None, closed="neither")],
    )

    def __init__(
        self,
        levels: Sequence[Any],
        *,
        emit: str = "deepest",
        prior: str = "auto",
        prior_scale: float = 1.0,
        family: str = "auto",
        cv: int | BaseCrossValidator | Iterable[Any] | str = 10,
        crossfit: str = "all",
        crossfit_reliability: float = 0.97,
        random_state: int | np.random.RandomState | None = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mean",
        weight_type: str = "frequency",
        verbose: bool = False,
    ) -> None:
        self.levels = levels
        self.emit = emit
        self.prior = prior
        self.prior_scale = prior_scale
        self.family = family
        self.cv = cv
        self.crossfit = crossfit
        self.crossfit_reliability = crossfit_reliability
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.output = output
        self.weight_type = weight_type
        self.verbose = verbose

    @property
    def levels_(self) -> list[Any]:
        """The columns of the levels."""
        return list(self.tables_[0].labels)

    def _structure(self) -> Nested:
        return Nested(
            levels=self.levels,
            policy=Policy(self.unknown, self.missing),
            emit=self.emit,
            output=self.output,
            variances=VarianceRule(self.prior, self.prior_scale),
            crossfit=Crossfit(self.crossfit, self.crossfit_reliability),
        )
