"""Partial pooling of a strength that is learned from the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from catpool.crossfit.scheme import is_past_only
from catpool.data.columns.crossed import Cells
from catpool.data.targets.weights import INVERSE_VARIANCE
from catpool.encoders.columnwise_encoder import ColumnwiseEncoder
from catpool.encoders.flat_parameters import flat, read_prior_features
from catpool.encoders.parameters import FLAT, Registered, constraints, documented
from catpool.encoders.prior_checks import check_features, check_moderated, check_parts
from catpool.models.flat.flat_structure import Flat
from catpool.moments.moments import Moments
from catpool.priors.families.overdispersed import OVERDISPERSED
from catpool.priors.rules import PRIORS, PriorRule, prior_of_past, prior_rule, refuse_callable

if TYPE_CHECKING:
    from sklearn.model_selection import BaseCrossValidator

    from catpool.crossfit.past.earlier_rows import EarlierRows
    from catpool.models.features.prior_features import PriorFeatures


@documented
class EmpiricalBayesEncoder(ColumnwiseEncoder):
    """Replace each category by its posterior mean, with a prior learned from all categories: partial pooling.

    ``fit_transform`` encodes each training row out of fold, prior included, so that no row's own target reaches its own
    feature. ``fit(...).transform`` encodes new rows from all training rows. With mean y_k and count n_k of the rows a
    row may learn from, and a prior of mean mu and strength m,

        encoding_k = r_k y_k + (1 - r_k) mu,    r_k = n_k / (n_k + m),
        m = variance of a row within its category / variance between categories.

    This is the random-intercept model y ~ 1 + (1 | category): for a continuous y, the prior is lme4's REML fit, and the
    encodings are its conditional modes plus the intercept. If the categories do not differ more than by chance, m is
    infinite and each category gets the prior mean; `summary_` says so in `note`. If the rows say little about m, as
    with fewer than 30 categories, the encodings are averages over the posterior distribution of m (see ``prior``).

    The prior mean of a cell, a combination in ``interactions``, is the sum of the effects of its parts. A part with a
    category for each cell has the whole effect, as shops have if each is in one city; parts that group the cells alike
    share one effect equally.

    Parameters
    ----------
    <columns>
    <categories>
    family : {"auto", "normal", "binomial", "poisson", "negative_binomial"}, default="auto"
        The distribution of rows within a category. By default it follows from the kind of y: normal for continuous
        targets, binomial for classes, Poisson for counts. The prior is then a normal, a beta (for more than two classes
        a Dirichlet distribution of one strength, so that a row's encodings sum to one) or a gamma distribution.
        "normal" works with every kind of y. "negative_binomial" is for counts that vary more than Poisson counts of
        their mean: a row of mean m has the variance m + d m^2, and the prior is a beta prime distribution. The
        dispersion d, which `summary_` shows, is estimated from the scatter within categories, and taken as known; 1 / d
        is the size of `MixedModelEncoder`. Without dispersion this is the Poisson family. It takes no exposures, and
        interactions need ``interaction_prior="own"``. There is no log-likelihood.
    prior : {"auto", "reml", "ml", "moments", "paule_mandel", "hedges", "full_bayes", "scale_mixture", "npmle"} or \
callable, default="auto"
        How the prior is learned. "reml" and "ml" are restricted and unrestricted maximum likelihood (families other
        than the normal are always fitted by the unrestricted). "moments" is the method of moments, in closed form; with
        known variances that is DerSimonian and Laird's estimator. "paule_mandel" and "hedges" are the other moment
        estimators of meta-analysis, for the normal family only. "full_bayes" averages over the posterior distribution
        of the prior, as brms and Bambi do, but without sampling. "auto" is "full_bayes" where it makes encodings and
        standard deviations more accurate: for columns of fewer than 30 categories, and for those of 40 to 100 whose
        squared reliabilities add up to less than 10. It is "reml" for others, for interactions and with `EarlierRows`.

        Two priors are robust. In both, each category has one of several components, g with the share p_g, and with
        posterior means m_kg and marginal likelihoods f_g of the rows under each component,

            encoding_k = sum over g of w_kg m_kg,    w_kg = p_g f_g(rows of k) / sum over h of p_h f_h(rows of k).

        The shares are the likeliest. "scale_mixture" has components of one mean and of growing variances, so that
        categories far from the mean are pulled in less: it loses next to nothing if effects are normal, and helps if
        they have heavy tails. "npmle" has components everywhere between the least and the largest mean of a category,
        each half as wide as their distance, which approaches any distribution: for clusters and outliers, with a
        hundred categories or more. The mean of a scale mixture and the variance of a row are those of REML, and if that
        finds no spread, so do these. They refuse more than two classes, unless the family is normal, and `EarlierRows`.

        A callable gets `Moments` of shape (K,) and returns the prior's mean and strength.
    prior_scale : float, default=1.0
        For "auto" and "full_bayes": the scale of the half-t prior with 3 degrees of freedom on the standard deviation
        between categories, relative to that within categories. If weights are not frequencies, the latter is that of a
        row of average weight. For classes, the half-t prior is on one over the square root of the strength, for counts
        on the coefficient of variation of the rates.
    <within>
    <interactions>
    <interaction_prior>
    <prior_features>
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
    weight_type : {"frequency", "precision", "inverse_variance"}, default="frequency"
        Whether a row of ``sample_weight`` w counts as w rows, or is one row of variance sigma^2 / w as in lme4 and in
        the model of Buhlmann and Straub, or of the known variance 1 / w as in meta-analysis. Precisions need the normal
        family, and known variances a continuous y, which all numbers are by default. With known
        variances, each category may have one row, and interactions need ``interaction_prior="own"``. The variance
        between categories is then tau^2 of metafor's ``rma``, the strength is one over it, encodings are BLUPs, and
        `within_sd` is 1, that of a row of weight 1. The restricted log-likelihood is lme4's: it is less than metafor's
        by log(K) / 2 for K categories of one row each.
    <n_jobs>
    <verbose>

    Attributes
    ----------
    <flat_fitted>
    <fitted>

    See Also
    --------
    SmoothedMeanEncoder : Partial pooling of a given strength.
    NestedEncoder : Categories within categories.
    MixedModelEncoder : Several factors, covariates and slopes.

    References
    ----------
    B. Efron, C. Morris (1975), Data analysis using Stein's estimator and its generalizations, Journal of the
    American Statistical Association 70, 311-319.
    C. N. Morris (1983), Natural exponential families with quadratic variance functions: statistical theory, Annals of
    Statistics 11, 515-529: "negative_binomial".
    D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
    Statistical Software 67(1).
    W. Viechtbauer (2010), Conducting meta-analyses in R with the metafor package, Journal of Statistical Software
    36(3).
    G. K. Smyth (2004), Linear models and empirical Bayes methods for assessing differential expression in microarray
    experiments, Statistical Applications in Genetics and Molecular Biology 3(1): "moderated".
    M. Stephens (2017), False discovery rates: a new deal, Biostatistics 18, 275-294: "scale_mixture".
    R. Koenker, I. Mizera (2014), Convex optimization, shape constraints, compound decisions, and empirical Bayes rules,
    Journal of the American Statistical Association 109, 674-685: "npmle".

    Examples
    --------
    >>> import pandas as pd
    >>> from catpool import EmpiricalBayesEncoder
    >>> X = pd.DataFrame({"city": ["Bonn", "Bonn", "Kiel", "Kiel", "Ulm", "Ulm"]})
    >>> encoder = EmpiricalBayesEncoder(prior="reml").fit(X, [1.0, 3.0, 4.0, 8.0, 9.0, 11.0])
    >>> encoder.summary_[["prior_mean", "prior_strength"]]
       prior_mean  prior_strength
    0         6.0        0.285714
    >>> encoder.transform(pd.DataFrame({"city": ["Bonn", "Ulm", "Jena"]}))["city"].tolist()
    [2.5, 9.5, 6.0]

    With what is known of the cities, each has a prior mean of its own, a new one, too.

    >>> known = pd.DataFrame({"city": ["Bonn", "Kiel", "Ulm", "Jena"], "rent": [4.0, 7.0, 9.0, 8.0]})
    >>> encoder = EmpiricalBayesEncoder(prior_features={"city": known}).fit(X, [1.0, 3.0, 4.0, 8.0, 9.0, 11.0])
    >>> encoder.transform(pd.DataFrame({"city": ["Bonn", "Ulm", "Jena"]}))["city"].round(1).tolist()
    [2.0, 9.5, 8.0]

    A meta-analysis: each trial has an effect and a known variance, and its encoding is pulled toward the mean of all.

    >>> trials = pd.DataFrame({"trial": ["a", "b", "c", "d"]})
    >>> meta = EmpiricalBayesEncoder(weight_type="inverse_variance", output=["mean", "sd"])
    >>> meta = meta.fit(trials, [0.1, 0.3, 0.9, 0.5], sample_weight=[50.0, 20.0, 50.0, 10.0])
    >>> meta.transform(pd.DataFrame({"trial": ["a", "d", "next"]})).round(2)
       trial  trial_sd
    0   0.19      0.14
    1   0.48      0.23
    2   0.45      0.39
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(
        *FLAT,
        "family",
        "prior_features",
        prior=[Registered(PRIORS), callable],
        within=[StrOptions({"pooled", "moderated"})],
        prior_scale=[Interval(Real, 0, None, closed="neither")],
        interaction_prior=[StrOptions({"parts", "exact", "own"})],
        weight_type=[StrOptions({"frequency", "precision", INVERSE_VARIANCE})],
    )

    def __init__(
        self,
        columns: Sequence[Any] | str | Callable[[Any], Any] | None = "auto",
        *,
        categories: str | list[Any] = "auto",
        family: str = "auto",
        prior: str | Callable[[Moments], tuple[float, float]] = "auto",
        prior_scale: float = 1.0,
        within: str = "pooled",
        interactions: Sequence[Sequence[Any]] | str | int | None = None,
        interaction_prior: str = "parts",
        prior_features: Mapping[Any, Any] | None = None,
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
        self.family = family
        self.prior = prior
        self.prior_scale = prior_scale
        self.within = within
        self.interactions = interactions
        self.interaction_prior = interaction_prior
        self.prior_features = prior_features
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
        cell_rule = None if self.interaction_prior == "own" else self._cell_rule
        shape_rule = refuse_callable if callable(self.prior) else self._plain_rule()
        structure = flat(self, self._rule(), cell_rule, shape_rule, self._prior_features())
        if structure.interactions and cell_rule is not None:
            check_parts(self)
        return structure

    def _plain_rule(self) -> PriorRule:
        """The rule for rows of one variance."""
        prior = prior_of_past(self.prior) if is_past_only(self.cv) else self.prior
        return prior_rule(prior, scale=self.prior_scale)

    def _rule(self) -> PriorRule:
        rule = self._plain_rule()
        if self.family == OVERDISPERSED.name and self.within == "pooled":
            from catpool.priors.families.dispersion import with_dispersion  # here, as few need it

            return with_dispersion(rule)
        if self.within == "moderated":
            from catpool.priors.within.moderated import with_moderated_variances  # here, as few need it

            check_moderated(self)
            return with_moderated_variances(rule)
        if self.weight_type == INVERSE_VARIANCE:
            from catpool.priors.families.known_variances import with_known_variances  # here, as few need it

            return with_known_variances(rule)
        return rule

    def _prior_features(self) -> PriorFeatures | None:
        if self.prior_features:
            check_features(self)
        return read_prior_features(self.prior_features, reml=self.prior != "ml")

    def _cell_rule(self, cells: Cells) -> PriorRule:
        from catpool.models.interactions.cell_parts import CellParts  # here, as each import takes its time
        from catpool.models.interactions.cell_prior import CellPrior
        from catpool.models.interactions.exact_fit import ExactFit
        from catpool.models.interactions.fast_fit import FastFit

        fit = ExactFit() if self.interaction_prior == "exact" else FastFit()
        return CellPrior(CellParts.of(cells), fit, reml=self.prior != "ml")
