"""Effects of several factors, covariates and slopes, solved together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from catpool.crossfit.folds import Folds
from catpool.data.backends import in_backend
from catpool.data.categories import Vocabulary
from catpool.data.crossed import Cells, check_interaction
from catpool.data.frames import Frame
from catpool.data.targets import Target
from catpool.data.weights import Weights
from catpool.encoders.base import OutOfFoldEncoder, column_of, encode_column, name_of
from catpool.models.mixed.design import Design, MixedModel
from catpool.models.mixed.effects_table import INTERCEPT, EffectsTable, by_prior
from catpool.models.mixed.mixed_learner import Options, Rows, learn, learn_out_of_fold
from catpool.models.mixed.mixed_summary import summary
from catpool.models.mixed.solver.system import Factor
from catpool.priors.family import FAMILIES
from catpool.tables.policy import Policy

OUTPUTS = ("mode", "sd", "count", "fixed", "prediction")
OF_ROWS = ("fixed", "prediction")  # of a row, whatever its factors


class MixedModelEncoder(OutOfFoldEncoder):
    """Replace categories by their effects in a mixed model, adjusted for each other and for covariates.

    The model is that of lme4, statsmodels' MixedLM, brms and Bambi,

        y = X beta + sum over factors of Z u + e,    u ~ N(0, D) for each level,    e ~ N(0, sigma^2),

    with an intercept and the covariates in X, and in Z of a factor an intercept and the covariates whose slopes differ
    by its levels. It is fitted by REML or ML, and a category gets its conditional mode u: what is left of it once
    covariates and the other factors are accounted for. Factors may be crossed or nested. ``fit_transform`` encodes each
    training row out of fold, variances included, ``fit(...).transform`` new rows from all training rows. Binary targets
    and counts have the logistic and the log-linear model, and effects on those scales.

    Parameters
    ----------
    groups : list
        The factors: columns of X, or tuples of columns that are taken together, as ``("county", "zip")`` for zips
        within counties. Their columns are replaced by features; those of a tuple are called as ``<column>_x_<column>``
        and come last.
    covariates : list, default=None
        Columns of finite numbers to adjust for. They pass through as other columns do.
    slopes : dict, default=None
        From a factor to the columns of numbers whose slopes differ by its levels.
    correlated : bool, default=True
        Whether the intercept and the slopes of a factor may be correlated, ``(1 + x | g)`` in lme4 and not ``(1 + x ||
        g)``.
    method : {"reml", "ml"}, default="reml"
        What the variances of the normal model maximise: the restricted or the unrestricted likelihood.
    family : {"auto", "normal", "binomial", "poisson"}, default="auto"
        The law of rows given the effects: by itself that of the target's type. Binary targets and counts with one
        factor and no slopes are fitted by Laplace's approximation, others by penalised quasi-likelihood; ``summary_``
        says which.
    quadrature : int, default=1
        Points of adaptive Gauss-Hermite quadrature for binary targets and counts with one factor and neither covariates
        nor slopes. One is Laplace's approximation.
    solver : {"auto", "exact", "cg"}, default="auto"
        Exact equations, with the longest factor eliminated and a Cholesky decomposition of the others; or conjugate
        gradients, whose traces for long factors are estimated by random probes, without a log-likelihood. "auto" is
        exact while the others have at most some thousand effects; ``summary_`` says which.
    cv : int, splitter, iterable or array of shape (n,), default=10
        The folds of ``fit_transform``, as in `EmpiricalBayesEncoder`.
    random_state : int, RandomState or None, default=None
        Seed of the random folds.
    target_type : {"auto", "continuous", "binary", "count"}, default="auto"
        What y is, as in `EmpiricalBayesEncoder`.
    unknown : {"prior", "nan", "error"}, default="prior"
        What a level with no training rows gets: by "prior" an effect of nought.
    missing : {"category", "prior", "nan", "error"}, default="category"
        What a missing value of a factor gets. For learning it is a level in any case.
    remainder : {"passthrough", "drop"}, default="passthrough"
        What becomes of the columns that are no factors.
    output : str or sequence of str, default="mode"
        The features: of each factor "mode", its conditional modes, called as the column and ``<column>_<slope>``; their
        posterior standard deviations "sd"; and "count", the weight of the rows that an effect rests on. Of each row,
        after all columns: "fixed", its X beta, and "prediction", on the scale of y.
    weight_type : {"frequency", "precision"}, default="frequency"
        What ``sample_weight`` means, as in `EmpiricalBayesEncoder`; lme4's weights are precisions.

    Attributes
    ----------
    tables_ : list of EffectsTable
        One a factor.
    model_ : MixedModel
        The model of all rows: coefficients, covariances, likelihood.
    summary_ : pandas.DataFrame
        Coefficients, variance components and what else was learned.
    target_type_, classes_, n_features_in_, feature_names_in_
        As in `EmpiricalBayesEncoder`.

    See Also
    --------
    NestedEncoder : Levels within levels, any number of them, without covariates.

    References
    ----------
    D. Bates, M. Maechler, B. Bolker, S. Walker (2015), Fitting linear mixed-effects models using lme4, Journal of
    Statistical Software 67(1).
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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "groups": ["array-like"],
        "covariates": ["array-like", None],
        "slopes": [dict, None],
        "correlated": ["boolean"],
        "method": [StrOptions({"reml", "ml"})],
        "family": [StrOptions({"auto", "normal", "binomial", "poisson"})],
        "quadrature": [Interval(Integral, 1, 100, closed="both")],
        "solver": [StrOptions({"auto", "exact", "cg"})],
        "cv": "no_validation",
        "random_state": ["random_state"],
        "target_type": [StrOptions({"auto", "continuous", "binary", "count"})],
        "unknown": [StrOptions({"prior", "nan", "error"})],
        "missing": [StrOptions({"category", "prior", "nan", "error"})],
        "remainder": [StrOptions({"passthrough", "drop"})],
        "output": ["array-like", StrOptions(set(OUTPUTS))],
        "weight_type": [StrOptions({"frequency", "precision"})],
    }

    def __init__(
        self,
        groups: Sequence[Any],
        *,
        covariates: Sequence[Any] | None = None,
        slopes: Mapping[Any, Sequence[Any]] | None = None,
        correlated: bool = True,
        method: str = "reml",
        family: str = "auto",
        quadrature: int = 1,
        solver: str = "auto",
        cv: Any = 10,
        random_state: Any = None,
        target_type: str = "auto",
        unknown: str = "prior",
        missing: str = "category",
        remainder: str = "passthrough",
        output: str | Sequence[str] = "mode",
        weight_type: str = "frequency",
    ) -> None:
        self.groups = groups
        self.covariates = covariates
        self.slopes = slopes
        self.correlated = correlated
        self.method = method
        self.family = family
        self.quadrature = quadrature
        self.solver = solver
        self.cv = cv
        self.random_state = random_state
        self.target_type = target_type
        self.unknown = unknown
        self.missing = missing
        self.remainder = remainder
        self.output = output
        self.weight_type = weight_type

    @classmethod
    def from_formula(cls, formula: str, **parameters: Any) -> MixedModelEncoder:
        """Make an encoder of a model that is written as for lme4 or Bambi.

        Parameters
        ----------
        formula : str
            As ``"y ~ price + (1 + price | shop) + (1 | item) + (1 | county/zip)"``: an intercept, names of covariates,
            and for each factor an intercept and names of slopes. The target's name is not used. Slopes behind ``||``
            are not correlated with the intercept, which then goes for all factors.
        **parameters
            The other parameters of the class.

        Returns
        -------
        MixedModelEncoder

        Raises
        ------
        ImportError
            Where formulae is not installed, which the extra ``catpool[formula]`` brings.
        ValueError
            For what the model does not have: transformed columns, interactions of covariates, no intercept.
        """
        from catpool.models.mixed.formula import read_formula

        return cls(**{**read_formula(formula), **parameters})

    def _check_columns(self, X: Frame) -> None:
        self._listed_outputs(OUTPUTS)
        groups = self._groups()
        singles = [group for group in groups if not isinstance(group, tuple)]
        if not groups or len(set(groups)) < len(groups):
            raise ValueError(f"`groups` must name one factor or more, each once. Got {self.groups!r}.")
        for group in groups:
            if isinstance(group, tuple):
                check_interaction(group, X, "groups")
        numbers = [*self._covariates(), *(name for names in self._slopes().values() for name in names)]
        if singles:
            X.require(singles, "groups")
        if self._covariates():
            X.require(self._covariates(), "covariates")
        if set(numbers) - set(X.labels):
            raise ValueError(f"`slopes` names {sorted(set(numbers) - set(X.labels))}, which X does not have.")
        both = [label for label in numbers if label in self._required()[: len(self._replaced())]]
        if both:
            raise ValueError(f"{both} are factors as well as covariates or slopes. A column can be one of them.")
        twice = {group: names for group, names in self._slopes().items() if len(set(names)) < len(names)}
        if twice:
            raise ValueError(f"`slopes` must name each column of a factor once. Got {twice}.")
        strangers = [key for key in self._slopes() if key not in groups]
        if strangers:
            raise ValueError(f"`slopes` has the factors {strangers}, which `groups` has not: {groups}. Add them there.")

    def _groups(self) -> list[Any]:
        return [tuple(group) if isinstance(group, tuple | list) else group for group in self.groups]

    def _covariates(self) -> list[Any]:
        return [] if self.covariates is None else list(self.covariates)

    def _slopes(self) -> dict[Any, list[Any]]:
        return {} if self.slopes is None else {key: list(names) for key, names in self.slopes.items()}

    def _replaced(self) -> list[Any]:
        """The columns that factors are made of."""
        parts = [group if isinstance(group, tuple) else (group,) for group in self._groups()]
        return list(dict.fromkeys(label for group in parts for label in group))

    def _required(self) -> list[Any]:
        slopes = [name for names in self._slopes().values() for name in names]
        return list(dict.fromkeys([*self._replaced(), *self._covariates(), *slopes]))

    def _named_features(self, names: Mapping[Any, str], tables: Sequence[EffectsTable]) -> dict[Any, list[str]]:
        result: dict[Any, list[str]] = {label: [] for label in self._replaced()}
        for table in tables:
            label = table.label
            result[label] = table.names(name_of(label, names), [names[slope] for slope in table.slopes])
        return result | {(OF_ROWS, output): [output] for output in self._listed_outputs(OUTPUTS) if output in OF_ROWS}

    def _rising(self) -> set[str]:
        return {*(table.column for table in self.tables_), *OF_ROWS}

    @property
    def model_(self) -> MixedModel:
        """The model of all rows: coefficients, covariances, likelihood."""
        check_is_fitted(self)
        return self.tables_[0].model

    def _learn(self, X: Frame, targets: list[Target], weights: Weights) -> list[EffectsTable]:
        rows, vocabularies = self._rows(X, targets, weights)
        return self._tables(X, rows, vocabularies, learn(rows, self._options(rows)))

    def _learn_out_of_fold(
        self, X: Frame, targets: list[Target], weights: Weights, folds: Folds
    ) -> tuple[list[EffectsTable], dict[Any, np.ndarray]]:
        rows, vocabularies = self._rows(X, targets, weights)
        whole, models = learn_out_of_fold(rows, folds, self._options(rows))
        blocks: dict[Any, np.ndarray] = {}
        for fold, model in enumerate(models):
            test = np.flatnonzero(folds.labels == fold)
            tables = self._tables(X, rows.subset(folds.training_of(fold)), vocabularies, model)
            for label, block in self._blocks(tables, rows.design.subset(test)).items():
                blocks.setdefault(label, np.full((len(X), block.shape[1]), np.nan))[test] = block
        return self._tables(X, rows, vocabularies, whole), blocks

    def _look_up(self, X: Frame) -> dict[Any, np.ndarray]:
        codes = [table.slots(column_of(table.label, X)) for table in self.tables_]
        return self._blocks(self.tables_, self._design(X, codes, [table.vocabulary for table in self.tables_]))

    def _blocks(self, tables: Sequence[EffectsTable], design: Design) -> dict[Any, np.ndarray]:
        """The features of rows, by the label of the column whose place they take."""
        model = tables[0].model
        blocks = {label: np.empty((len(design.covariates), 0)) for label in self._replaced()}
        for table, factor in zip(tables, design.factors, strict=True):
            blocks[table.label] = table.features(factor.codes)
        if "fixed" in self._listed_outputs(OUTPUTS):
            blocks[OF_ROWS, "fixed"] = model.fixed_part(design.covariates)[:, None]
        if "prediction" in self._listed_outputs(OUTPUTS):
            predictor = model.predictor(design, [table.modes for table in tables])
            blocks[OF_ROWS, "prediction"] = FAMILIES[model.family].link.mean(predictor)[:, None]
        return blocks

    def _options(self, rows: Rows) -> Options:
        one, normal = rows.design.one_intercept, rows.family.name == "normal"
        if self.quadrature > 1 and (normal or not one or rows.design.names):
            raise ValueError(
                "`quadrature` of more than one point goes with binary targets and counts, one factor and neither "
                f"covariates nor slopes. Got {self.quadrature}; pass 1."
            )
        if self.solver == "cg" and one and not normal:
            raise ValueError(
                'solver="cg" does not go with binary targets and counts of one factor without slopes, whose equations '
                'are solved level by level. Pass solver="auto".'
            )
        return Options(self.method == "reml", self.solver, self.quadrature)

    def _rows(self, X: Frame, targets: list[Target], weights: Weights) -> tuple[Rows, list[Vocabulary | Cells]]:
        if len(targets) > 1 or targets[0].by_class:
            raise ValueError(
                "A mixed model has one target, which is continuous, binary or counts, but y has "
                f"{'several outputs' if len(targets) > 1 else 'several classes'}. Fit one encoder for each."
            )
        codes, vocabularies = [], []
        for group in self._groups():
            own, vocabulary = encode_column(group, X, missing=self.missing)
            codes.append(own)
            vocabularies.append(vocabulary)
        y = next(iter(targets[0].columns()))
        return Rows(y, self._design(X, codes, vocabularies), weights, FAMILIES[targets[0].family]), vocabularies

    def _design(self, X: Frame, codes: list[np.ndarray], vocabularies: Sequence[Vocabulary | Cells]) -> Design:
        names = X.names_of
        slopes = [self._slopes().get(group, []) for group in self._groups()]
        factors = [
            Factor(own, vocabulary.size, _numbers(X, labels), self.correlated)
            for own, vocabulary, labels in zip(codes, vocabularies, slopes, strict=True)
        ]
        terms = [[INTERCEPT, *(names[label] for label in labels)] for labels in slopes]
        return Design(_numbers(X, self._covariates()), factors, [names[label] for label in self._covariates()], terms)

    def _tables(
        self, X: Frame, rows: Rows, vocabularies: Sequence[Vocabulary | Cells], model: MixedModel
    ) -> list[EffectsTable]:
        policy = Policy(self.unknown, self.missing)
        outputs = tuple(output for output in self._listed_outputs(OUTPUTS) if output not in OF_ROWS)
        tables = []
        for position, (group, vocabulary) in enumerate(zip(self._groups(), vocabularies, strict=True)):
            modes, sds = model.effects[position].copy(), model.sds()[position]
            by_prior(modes, sds, model.covariances[position], policy)
            counts = np.bincount(
                rows.design.factors[position].codes, rows.weights.row, minlength=vocabulary.size
            ).astype(float)
            name = name_of(group, X.names_of)
            terms, slopes = rows.design.terms[position], self._slopes().get(group, [])
            tables.append(
                EffectsTable(group, name, vocabulary, terms, slopes, modes, sds, counts, policy, outputs, model)
            )
        return tables

    @property
    def summary_(self) -> pd.DataFrame:
        """What was learned.

        Returns
        -------
        pandas.DataFrame
            A row for each number: its `kind` ("fixed", "variance", "correlation", "icc", "model"), the `group` and
            `term` it belongs to, its `value` and, for coefficients, its standard error `se`. Variances are in units of
            y squared; "icc" is a factor's share of the variance of a row whose covariates are nought; of the model are
            rows, log-likelihood (restricted under REML), AIC, and the factors whose covariance is singular. What was
            maximised and how the equations were solved is in `attrs`.
        """
        check_is_fitted(self)
        return summary(self.model_, self.tables_, [INTERCEPT, *self._names_of_covariates()])

    def _names_of_covariates(self) -> list[str]:
        header = self._header
        return [str(each) if header.named else f"x{header.labels.index(each)}" for each in self._covariates()]

    def encoding_table(self, column: Any, *, backend: str = "pandas") -> Any:
        """Show what was learned of each level of a factor.

        Parameters
        ----------
        column : str, int or tuple
            As in ``groups``.
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The kind of the frame that comes back.

        Returns
        -------
        frame
            A row for each level that has training rows: `category`, `count` of its rows or their weight, conditional
            `mode` and posterior `sd`, and of each slope `<slope>_mode` and `<slope>_sd`.

        Raises
        ------
        ValueError
            Where there is no such factor.
        """
        check_is_fitted(self)
        for table in self.tables_:
            if column in (table.label, table.column):
                return in_backend(table.frame(), backend)
        raise ValueError(f"`column` must be one of the factors {self._groups()}, not {column!r}.")


def _numbers(X: Frame, labels: Sequence[Any]) -> np.ndarray:
    """Columns of finite numbers, of shape (n, columns)."""
    columns = np.empty((len(X), len(labels)))
    for position, label in enumerate(labels):
        column = X.column(label)
        try:
            if getattr(column.dtype, "kind", "O") in "mM":
                raise TypeError(f"they are {column.dtype}")
            columns[:, position] = np.asarray(column, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The covariate {label!r} must be numbers ({error}). Turn categories into indicators, or name it in "
                "`groups`."
            ) from error
        if not np.isfinite(columns[:, position]).all():
            raise ValueError(
                f"The covariate {label!r} must be finite, but it has missing or infinite values. Impute them."
            )
    return columns
