"""The parameters that encoders share: their documentation and their legal values, each written once."""

from __future__ import annotations

import re
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any, TypeVar

from sklearn.utils._param_validation import Interval, Options, StrOptions

from catpool.data.targets.target_kinds import TARGET_KINDS
from catpool.encoders.output_texts import OUTPUT_TEXTS
from catpool.encoders.picture_texts import PICTURE_TEXTS
from catpool.encoders.prior_texts import PRIOR_TEXTS
from catpool.priors.families.by_name import FAMILIES

Class = TypeVar("Class", bound=type)


class Registered(Options):
    """A name in a registry that users may add to.

    Parameters
    ----------
    registry : collection of str
    *others : str
        More legal names.
    """

    def __init__(self, registry: Collection[str], *others: str) -> None:
        # the registry itself, not a copy, so that what is added later is legal too
        self.registry, self.others = registry, others
        super().__init__(str, self.options)

    @property
    def options(self) -> set[str]:
        return {*self.others, *self.registry}

    @options.setter
    def options(self, value: set[str]) -> None:
        """Options of scikit-learn are fixed; these are read off the registry whenever they are asked for."""


CONSTRAINTS: dict[str, Any] = {
    "cv": "no_validation",  # make_scheme checks it, with better messages
    "crossfit": [StrOptions({"all", "rare"})],
    "crossfit_reliability": [Interval(Real, 0, 1, closed="both")],
    "random_state": ["random_state"],
    "target_type": [Registered(TARGET_KINDS, "auto")],
    "family": [Registered(FAMILIES, "auto")],
    "unknown": [StrOptions({"prior", "nan", "error"})],
    "missing": [StrOptions({"category", "prior", "nan", "error"})],
    "remainder": [StrOptions({"passthrough", "drop"})],
    "output": ["array-like", str],  # read_outputs checks it, with better messages
    "bins": [Interval(Integral, 2, 1000, closed="both"), "array-like"],  # read_edges checks edges
    "weight_type": [StrOptions({"frequency", "precision"})],
    "columns": [StrOptions({"auto"}), "array-like", callable, None],
    "categories": [StrOptions({"auto"}), list],  # read_categories checks it, with better messages
    "prior_features": [dict, None],  # PriorFeatures checks it
    "interactions": ["array-like", StrOptions({"pairs"}), Interval(Integral, 2, None, closed="left"), None],
    "drop_noise": ["boolean"],
    "n_jobs": [Integral, None],
    "verbose": ["boolean"],
}


def check_interval(interval: float) -> None:
    """Refuse what is no probability of an interval."""
    if not isinstance(interval, Real) or not 0 < interval < 1:
        raise ValueError(f"`interval` must lie between 0 and 1, as 0.9 does. Got {interval!r}.")


def constraints(*names: str, **own: Any) -> dict[str, Any]:
    """The legal values of shared parameters, and of an encoder's own."""
    return {name: CONSTRAINTS[name] for name in names} | own


# the parameters of encoders of single columns, in the order of their signatures
FLAT = (
    "columns",
    "categories",
    "interactions",
    "cv",
    "crossfit",
    "crossfit_reliability",
    "random_state",
    "target_type",
    "unknown",
    "missing",
    "remainder",
    "output",
    "bins",
    "drop_noise",
    "weight_type",
    "n_jobs",
    "verbose",
)

DOCUMENTATION = (
    OUTPUT_TEXTS
    | PICTURE_TEXTS
    | PRIOR_TEXTS
    | {
        "columns": """
columns : "auto", list, callable or None, default="auto"
    The columns to encode. By default those of a frame that hold strings, objects, categories or booleans, and all
    columns of an array. Else names of a frame's columns, or positions of an array's; or a selector, such as
    scikit-learn's ``make_column_selector(dtype_include="object")``, a function from a pandas frame to such a list; or
    None for all columns. Columns of target, weight, exposure, key, folds or times are encoded only if they are named.
    An empty list encodes none.
""",
        "categories": """
categories : "auto" or list of arrays, default="auto"
    The categories of each encoded column, in the order of the columns, as ``[["S", "M", "L"], ["Bonn", "Kiel"]]``.
    Interactions have no lists. By default the categories are those of the training rows. A category that is listed and
    has no rows gets the prior. A category that is not listed is unknown in ``fit``, too: the column learns as if its
    rows were not there, and ``unknown`` says what they get, or raises an error. Missing values are a category whether
    the list names them, as None or NaN, or not.
""",
        "interactions": """
interactions : list of tuples, "pairs", int or None, default=None
    Columns to encode together, in addition to the single columns: tuples of two or more columns, "pairs" for all pairs
    of the encoded columns, or the largest number of them that are combined, so that 3 is all pairs and triples. Each
    combination of their categories is a category of a feature that is called ``<column>_x_<column>`` and comes after
    all others. A combination with a missing part is missing. The order of its columns makes no difference: of two
    tuples of the same columns only the first counts.
""",
        "cv": """
cv : int, splitter, iterable, array of shape (n,), str or EarlierRows, default=10
    The fold scheme of ``fit_transform``: a number of random folds, of at most 100 (stratified where y is one column of
    classes, grouped where ``groups`` is passed); a scikit-learn splitter; an iterable of (train, test) index arrays; an
    array with a fold label for each row; the name of the column of X that holds such labels; or `EarlierRows`.
""",
        "cv_without_times": """
cv : int, splitter, iterable, array of shape (n,) or str, default=10
    The fold scheme of ``fit_transform``: a number of random folds, of at most 100 (stratified where y is one column of
    classes, grouped where ``groups`` is passed); a scikit-learn splitter; an iterable of (train, test) index arrays; an
    array with a fold label for each row; or the name of the column of X that holds such labels.
""",
        "crossfit": """
crossfit : {"all", "rare"}, default="all"
    Which categories of training rows are encoded out of fold. With "rare" only rare ones are, and large categories keep
    one value, learned from all training rows. A category is large if its reliability is at least
    ``crossfit_reliability`` and no row, or group of rows that stay together, has more than a twentieth of its weight.
    Out-of-fold encodings of a large category differ slightly between folds, in the opposite direction to the fold's
    targets, and trees can learn that. The price of "rare" is that a row's own target reaches its feature with a weight
    of at most 1 / (count + strength).
""",
        "crossfit_reliability": """
crossfit_reliability : float, default=0.97
    The least reliability of a large category for ``crossfit="rare"``, between 0 and 1.
""",
        "random_state": """
random_state : int, RandomState or None, default=None
    Seed of the random folds.
""",
        "target_type": """
target_type : {"auto", "continuous", "binary", "multiclass", "count"}, default="auto"
    The kind of y. "auto" takes floats as continuous (but 0.0 and 1.0, or two other whole numbers, as binary), any other
    two values as binary, and strings, categories and integers with at most 20 distinct values as classes, with a
    feature for each class. With ``exposure`` it takes all numbers as counts. From 50 rows on, it warns of few whole
    numbers that could be something else, such as ratings from 1 to 5. By default continuous targets have the normal
    family, classes the binomial, counts the Poisson.
""",
        "unknown": """
unknown : {"prior", "nan", "error"}, default="prior"
    The encoding of a category without training rows: the prior mean, NaN, or an error. In ``fit_transform`` a category
    that occurs in one fold only has no training rows there; "error" gives it the prior mean.
""",
        "missing": """
missing : {"category", "prior", "nan", "error"}, default="category"
    The encoding of a missing value: that of a category of its own, the prior mean, NaN, or an error. Missing values are
    a category when the prior is learned, whichever encoding they get.
""",
        "remainder": """
remainder : {"passthrough", "drop"}, default="passthrough"
    Whether the columns that are not encoded are kept or dropped.
""",
        "drop_noise": """
drop_noise : bool, default=False
    Whether to leave out the features of columns whose categories do not differ more than by chance: `between_sd` is 0
    in `summary_`. This is decided once, from all training rows.
""",
        "weight_type": """
weight_type : {"frequency", "precision"}, default="frequency"
    Whether a row of ``sample_weight`` w counts as w rows, or is one row of variance sigma^2 / w as in lme4 and in the
    model of Buhlmann and Straub. Precisions need the normal family.
""",
        "n_jobs": """
n_jobs : int, default=None
    How many columns to encode at a time, or folds of additive models, in threads. None is 1 and -1 is all processors.
    With fewer than half a million values in all columns no threads are started, as that would take longer than they
    save.
""",
        "verbose": """
verbose : bool, default=False
    Whether a fit that takes longer than two seconds shows its progress on stderr: the columns and interactions that are
    done, or the folds of one that takes long. It is a bar, which goes away at the end, with tqdm
    (``pip install "catpool[progress]"``), otherwise a line every five seconds.
""",
        "fitted": """
target_type_ : str, or list of str for several outputs
    The kind of y.
classes_ : ndarray
    The sorted classes of y, where it is one column of classes.
n_features_in_ : int
    How many columns X had at fit.
feature_names_in_ : ndarray of str
    Their names, where X had names.
""",
        "flat_fitted": """
tables_ : list of EncodingTable
    One for each encoded column and interaction.
columns_ : list
    What is encoded: the labels of the columns, and tuples of labels for interactions.
summary_ : pandas.DataFrame
    What was learned of each column.
""",
        "family": """
family : {"auto", "normal", "binomial", "poisson"}, default="auto"
    The distribution of rows within a category. By default it follows from the kind of y. "normal" works with every kind
    of y.
""",
        "X": """
X : frame, array of shape (n, p), or lazy table
""",
        "X_in_memory": """
X : frame or array of shape (n, p)
""",
        "y": """
y : array of shape (n,) or (n, outputs), or name of a column of X
    The largest magnitude of numbers must lie between 1e-100 and 1e100, and counts are at most 1e12. A column that is
    named here is neither encoded nor passed through, now and in ``transform``. Encoders of single columns take missing
    values in some of several outputs: the sums of an output leave these rows out, and they are encoded like others.
""",
        "key": """
key : array of shape (n,), frame of shape (n, columns), or names of columns of X, optional
    What identifies a row: whole numbers, strings or dates, none missing. The fold of a row is a hash of its key, the
    same every time the row is seen. Rows of one key are in one fold, so a customer's number keeps their rows together.
""",
        "sample_weight": """
sample_weight : array of shape (n,) or name of a column of X, optional
    The weight of each row, as ``weight_type`` says: 0, or between 1e-12 and 1e12. A named column is neither encoded nor
    passed through.
""",
        "exposure": """
exposure : array of shape (n,) or label of a column of X, optional
    For counts: what each row's count is divided by (years, say), so that encodings are rates. It must lie between 1e-12
    and 1e12.
""",
        "offset": """
offset : array of shape (n,) or name of a column of X, optional
    What the linear predictor of each row starts from, on the scale of the link: finite numbers, out of fold for
    training rows. y must then be one column, and not several classes. A named column is neither encoded nor passed
    through. New rows need no offset.
""",
        "fit_errors": """
ValueError
    If a parameter, X, y, a weight or a fold is not as described. The encoder stays as it was.
TypeError
    For categories that are not hashable, column names of which only some are strings, and lazy tables if the encoder
    needs rows in memory or does not know the engine.
ImportError
    For lazy tables, and for frames other than pandas', without pyarrow.
""",
    }
)
# a line that holds nothing but the name of an entry, at any depth
MARKER = re.compile(r"^( *)<(\w+)>$", flags=re.MULTILINE)


def _filled(match: re.Match[str]) -> str:
    indent, name = match.groups()
    lines = DOCUMENTATION[name].strip("\n").splitlines()
    return "\n".join(indent + line if line else "" for line in lines)


def with_parameters(text: str | None) -> str:
    """A docstring in which lines such as ``<cv>`` are replaced by the documentation of the parameter."""
    return MARKER.sub(_filled, text or "")


def documented(cls: Class) -> Class:
    """Put the documentation of shared parameters into the docstrings of a class and of its methods."""
    cls.__doc__ = with_parameters(cls.__doc__)
    for member in vars(cls).values():
        # `available_if` and `classmethod` make objects that hold a function
        function = getattr(member, "fn", getattr(member, "__func__", member))
        if callable(function) and function.__doc__:
            function.__doc__ = with_parameters(function.__doc__)
    return cls
