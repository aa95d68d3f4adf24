"""Partial pooling of a strength learned from the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from catpool.data.crossed import Cells
from catpool.data.frames import Frame
from catpool.encoders.pooled import PooledEncoder
from catpool.moments.moments import Moments
from catpool.priors.family import Family
from catpool.priors.prior import Prior
from catpool.priors.rules import prior_rule


class EmpiricalBayesEncoder(PooledEncoder):
    """Replace each category by its posterior mean, with a prior learned from the categories: partial pooling.

    ``fit_transform`` encodes each training row out of fold, prior included, ``fit(...).transform`` new rows
    from all training rows. With mean y_k and count n_k of the rows a row may learn from, and a prior of mean
    mu and strength m,

        encoding_k = r_k y_k + (1 - r_k) mu,    r_k = n_k / (n_k + m),
        m = variance of a row within its category / variance between categories.

    This is the random-intercept model y ~ 1 + (1 | category): with a continuous y, the prior is lme4's REML fit
    and the encodings are its conditional modes plus the intercept. Where the categories do not differ more than
    chance has it, m is infinite and each category gets the prior mean; `summary_` says so in `note`. The
    parameters ``columns=None``, ``cv=10``, ``random_state=None``, ``target_type="auto"``, ``unknown="prior"``,
    ``missing="category"``, ``remainder="passthrough"``, ``output="mean"``, ``drop_noise=False``,
    ``weight_type="frequency"`` and ``n_jobs=None`` are those of `catpool.encoders.pooled.PooledEncoder`, as are the
    fitted attributes.

    Parameters
    ----------
    family : {"auto", "normal", "binomial", "poisson"}, default="auto"
        The law of rows within a category, by itself that of the target's type: normal for continuous targets,
        binomial for classes (whose prior is a beta or, for more than two, a Dirichlet distribution of one
        strength, so that a row's encodings sum to one), Poisson for counts (whose prior is a gamma distribution).
        "normal" goes with every type.
    prior : {"reml", "ml", "moments", "full_bayes"} or callable, default="reml"
        How the prior is learned: by restricted or unrestricted maximum likelihood (the same for the binomial and
        the Poisson family, which have the unrestricted alone), or in closed form by the method of moments.
        "full_bayes" does not fix it but averages over what it may be, as brms and bambi do, without sampling: of
        use below some thirty categories, where its standard deviations are honest. A callable is given `Moments`
        of shape (K,) and returns the prior's mean and strength.
    prior_scale : float, default=1.0
        For "full_bayes": the scale of the half-t prior, of 3 degrees of freedom, on the standard deviation between
        categories over the one within (for classes, on one over the root of the strength; for counts, on the
        coefficient of variation of the rates).

    See Also
    --------
    SmoothedMeanEncoder : Partial pooling of a given strength.

    References
    ----------
    B. Efron, C. Morris (1975), Data analysis using Stein's estimator and its generalizations, Journal of the
    American Statistical Association 70, 311-319.
    D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
    Statistical Software 67(1).

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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **PooledEncoder._parameter_constraints,
        "family": [StrOptions({"auto", "normal", "binomial", "poisson"})],
        "prior": [StrOptions({"reml", "ml", "moments", "full_bayes"}), callable],
        "prior_scale": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        *,
        family: str = "auto",
        prior: str | Callable[[Moments], tuple[float, float]] = "reml",
        prior_scale: float = 1.0,
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
        self.family = family
        self.prior = prior
        self.prior_scale = prior_scale

    def _prior(self, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        return prior_rule(self.prior, scale=self.prior_scale)(moments, family)

    def _check_columns(self, X: Frame) -> None:
        super()._check_columns(X)
        if self._interactions() and self.prior not in ("reml", "ml"):
            raise ValueError(
                'The prior of an interaction is learned with the effects of its parts, by prior="reml" or "ml". '
                f"Got {self.prior!r}."
            )

    def _cell_prior(self, cells: Cells, moments: Sequence[Moments], family: Family) -> Sequence[Prior]:
        from catpool.models.interactions.cell_prior import cell_prior

        return cell_prior(cells, moments, family, reml=self.prior == "reml")
