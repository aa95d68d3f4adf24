"""Effects of several factors, covariates and slopes, fitted together in a mixed model."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from catpool.encoders.encoder import Encoder
from catpool.encoders.mixed_results_mixin import MixedResultsMixin
from catpool.encoders.parameters import Registered, constraints, documented
from catpool.encoders.prediction_mixin import PredictionMixin
from catpool.models.mixed.design_terms import read_terms
from catpool.models.mixed.mixed_structure import Mixed
from catpool.priors.families.by_name import MIXED_FAMILIES
from catpool.tables.policy import Policy

if TYPE_CHECKING:
    from sklearn.model_selection import BaseCrossValidator


@documented
class MixedModelEncoder(MixedResultsMixin, PredictionMixin, Encoder):
    """Replace categories by their effects in a mixed model, adjusted for each other and for covariates.

    The model is that of lme4, statsmodels' MixedLM, brms and Bambi,

        y = X beta + sum over factors of Z u + e,    u ~ N(0, D) for each level,    e ~ N(0, sigma^2).

    X has an intercept and the covariates. Z of a factor has an intercept and the covariates whose slopes differ by its
    levels. The model is fitted by REML or ML, or by full Bayes for factors with few levels (see ``prior``). A category
    gets its conditional mode u (its BLUP): its effect after adjusting for covariates and the other factors. Factors may
    be crossed or nested. ``fit_transform`` encodes each training row out of fold, variances included.
    ``fit(...).transform`` encodes new rows from all training rows. Binary targets have the logistic model and counts
    the log-linear model, and their effects are logits and logarithms.

    Parameters
    ----------
    groups : list
        The factors: columns of X, or tuples of columns that are taken together, as ``("county", "zip")`` for zips
        within counties. Features replace their columns; those of a tuple are called ``<column>_x_<column>`` and come
        last.
    covariates : list, default=None
        Columns to adjust for, or tuples of columns, for their products, as ``("price", "price")`` for a square. They
        pass through like other columns. Numbers must be finite. A column of strings or of a categorical dtype has a
        coefficient for each level but the first, in sorted order or in that of an ordered dtype; a level that was not
        there at fit is an error. A product with categories has a slope for all levels, and differences from it:
        ``[("sex", "price")]`` is ``sex * price`` without the differences between intercepts.
    slopes : dict, default=None
        From a factor to the columns, or products, whose slopes differ by its levels.
    intercepts : bool or list, default=True
        Whether factors have an intercept that differs by level, or the list of those that have one. A factor without
        one is ``(0 + x | g)`` in lme4.
    correlated : bool or list, default=True
        Whether the intercept and the slopes of a factor may be correlated, as in lme4's ``(1 + x | g)`` rather than
        ``(1 + x || g)``, or the list of the factors for which this holds.
    offset : str, int or tuple, default=None
        A column of finite numbers that is added to the linear predictor of each row, also of new rows, on the scale of
        the link. It passes through.
    prior : {"auto", "reml", "ml", "full_bayes"}, default="auto"
        How the variances are learned. "reml" and "ml" maximize the restricted or the unrestricted likelihood (for
        families other than the normal always the unrestricted). "full_bayes" averages over their posterior, as brms and
        Bambi do, but without sampling: modes are then posterior means, and standard deviations and intervals include
        that the variances are uncertain. "auto" averages over the variances of factors with fewer than 30 levels, and
        is "reml" for the others. It is "reml" for all factors with conjugate gradients, penalized quasi-likelihood or
        quadrature, and in families with a dispersion, as these have no full Bayes.
    prior_scale : float, default=1.0
        For "auto" and "full_bayes": the scale of the half-t prior with 3 degrees of freedom on the standard deviation
        of a factor's effects, relative to the residual one (for binary targets and counts, on the scale of the linear
        predictor). Slopes have this prior for a covariate whose root mean square is one, about its mean if slopes and
        intercept are correlated. All correlations of intercepts and slopes are equally likely.
    family : {"auto", "normal", "binomial", "poisson", "negative_binomial", "gamma", "tweedie"}, default="auto"
        The distribution of rows given the effects. By default it follows from the kind of y, and is one of the first
        three. The others have the logarithm as link, and a row of mean mu has the variance mu + mu^2 / size (negative
        binomial, NB2, for counts), mu^2 / shape (gamma, for y above 0) or phi mu^p (Tweedie, for y of 0 and above).
        Their dispersion is estimated together with variances and coefficients, by Laplace's approximation of the
        likelihood with the observed information, as in glmmTMB. They do not go with ``prior="full_bayes"``.
    tweedie_power : float, default=1.5
        The power p of ``family="tweedie"``, from 1.1 to 1.9.
    quadrature : int, default=1
        Points of adaptive Gauss-Hermite quadrature, from 1 to 100, for one factor without slopes and any family but the
        normal one. One point is Laplace's approximation.
    solver : {"auto", "exact", "cg"}, default="auto"
        How the equations are solved. "exact" eliminates the factor with the most effects, and decomposes the others by
        Cholesky. "cg" uses conjugate gradients, estimates the traces of large factors by random probes, and gives no
        log-likelihood. "auto" is exact if the other factors have at most 3,000 effects. ``summary_.attrs`` names it.
    approximation : {"auto", "laplace", "pql"}, default="auto"
        How the effects of binary targets and counts are integrated out. "laplace" is Laplace's approximation of the
        likelihood, as in lme4's ``glmer``, which needs exact equations. "pql" is penalized quasi-likelihood: at best a
        third faster, without a log-likelihood, and with variances that are too small, especially if levels have few
        rows. "auto" is "laplace" if the equations are exact, and otherwise "pql". ``summary_.attrs`` names the method.
    <cv>
    <random_state>
    target_type : {"auto", "continuous", "binary", "count"}, default="auto"
        The kind of y, as in `EmpiricalBayesEncoder`.
    unknown : {"prior", "nan", "error"}, default="prior"
        The effect of a level without training rows: zero, NaN, or an error.
    missing : {"category", "prior", "nan", "error"}, default="category"
        The effect of a missing value of a factor: that of a level of its own, zero, NaN, or an error. Missing values
        are a level when the model is fitted, whichever effect they get.
    remainder : {"passthrough", "drop"}, default="passthrough"
        Whether the columns that are not factors stay or go.
    output : str or sequence of str, default="mode"
        The features. For each factor: "mode", its conditional modes, called as the column and ``<column>_<slope>``;
        "sd", the posterior standard deviations of these effects (under REML and ML for known variances); and "count",
        the weight of the rows that an effect is based on. For each row, after all columns: "fixed", its X beta and
        offset, and "prediction", on the scale of y, or NaN if an effect is.
    <weight_type>
    <verbose>

    Attributes
    ----------
    tables_ : list of EffectsTable
        One for each factor.
    model_ : MixedModel
        The model of all rows: coefficients, covariances, likelihood.
    summary_ : pandas.DataFrame
        Coefficients, variance components, log-likelihood and AIC.
    <fitted>

    See Also
    --------
    NestedEncoder : Levels within levels, any number of them, without covariates.

    References
    ----------
    D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
    Statistical Software 67(1).
    H. J. Skaug, D. A. Fournier (2006), Automatic approximation of the marginal likelihood in non-Gaussian hierarchical
    models, Computational Statistics and Data Analysis 51, 699-709.
    M. E. Brooks and others (2017), glmmTMB balances speed and flexibility, The R Journal 9(2), 378-400.
    N. E. Breslow, D. G. Clayton (1993), Approximate inference in generalized linear mixed models, Journal of the
    American Statistical Association 88, 9-25.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from catpool import MixedModelEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"shop": rng.choice(["north", "south", "west"], 300), "price": rng.normal(size=300)})
    >>> y = 2 * X["price"] + X["shop"].map({"north": 1.0, "south": 0.0, "west": -1.0}) + rng.normal(size=300)
    >>> encoder = MixedModelEncoder(groups=["shop"], covariates=["price"], random_state=0)
    >>> train = encoder.fit_transform(X, y)
    >>> encoder.transform(pd.DataFrame({"shop": ["north", "east"], "price": [0.0, 1.0]})).round(2)
       shop  price
    0  0.98    0.0
    1  0.00    1.0
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(
        "cv",
        "random_state",
        "unknown",
        "missing",
        "remainder",
        "output",
        "weight_type",
        "verbose",
        family=[Registered(MIXED_FAMILIES, "auto")],
        groups=["array-like"],
        covariates=["array-like", None],
        slopes=[dict, None],
        intercepts=["boolean", "array-like"],
        correlated=["boolean", "array-like"],
        offset="no_validation",
        prior=[StrOptions({"auto", "reml", "ml", "full_bayes"})],
        prior_scale=[Interval(Real, 0, None, closed="neither")],
        quadrature=[Interval(Integral, 1, 100, closed="both")],
        tweedie_power=[Interval(Real, 1.1, 1.9, closed="both")],
        solver=[StrOptions({"auto", "exact", "cg"})],
        approximation=[StrOptions({"auto", "laplace", "pql"})],
        target_type=[StrOptions({"auto", "continuous", "binary", "count"})],
    )

    _families = MIXED_FAMILIES

    def __init__(
        self,
        groups: Sequence[Any],
        *,
        covariates: Sequence[Any] | None = None,
        slopes: Mapping[Any, Sequence[Any]] | None = None,
        intercepts: bool | Sequence[Any] = True,
        correlated: bool | Sequence[Any] = True,
        offset: Hashable | None = None,
        prior: str = "auto",
        prior_scale: float = 1.0,
        family: str = "auto",
        tweedie_power: float = 1.5,
        quadrature: int = 1,
        solver: str = "auto",
        approximation: str = "auto",
        cv: int | BaseCrossValidator | Iterable[Any] | str = 10,
        random_state: int | np.random.RandomState | None = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mode",
        weight_type: str = "frequency",
        verbose: bool = False,
    ) -> None:
        self.groups = groups
        self.covariates = covariates
        self.slopes = slopes
        self.intercepts = intercepts
        self.correlated = correlated
        self.offset = offset
        self.prior = prior
        self.prior_scale = prior_scale
        self.family = family
        self.tweedie_power = tweedie_power
        self.quadrature = quadrature
        self.solver = solver
        self.approximation = approximation
        self.cv = cv
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.output = output
        self.weight_type = weight_type
        self.verbose = verbose

    @classmethod
    def from_formula(cls, formula: str, **parameters: Any) -> Self:
        """Make an encoder of a model formula, as lme4 and Bambi write it.

        Parameters
        ----------
        formula : str
            Such as ``"y ~ sex * price + (1 + price | shop) + (0 + price | item) + (1 | county/zip) + offset(known)"``:
            covariates, and for each factor an intercept and slopes, which are uncorrelated after ``||``. ``a * b``,
            ``a:b``, ``I(a * b)`` and ``I(a**2)`` are products. The name of the target is not used.
        **parameters
            The other parameters of the class.

        Returns
        -------
        MixedModelEncoder

        Raises
        ------
        ImportError
            Without formulae: ``pip install "catpool[formula]"``.
        ValueError
            If the formula has transformed columns, no intercept, or correlations between some of a factor's effects.
        """
        from catpool.models.mixed.formula import read_formula

        return cls(**{**read_formula(formula), **parameters})

    def _structure(self) -> Mixed:
        design = self.groups, self.covariates, self.slopes, self.intercepts, self.correlated, self.offset
        return Mixed(
            terms=read_terms(*design),
            policy=Policy(self.unknown, self.missing),
            output=self.output,
            prior=self.prior,
            prior_scale=self.prior_scale,
            quadrature=self.quadrature,
            solver=self.solver,
            approximation=self.approximation,
            tweedie_power=self.tweedie_power,
        )
