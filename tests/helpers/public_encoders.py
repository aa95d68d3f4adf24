"""Every public encoder, found in `catpool.__all__`, and how it is set up for the data that tests share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import catpool

KINDS = ("continuous", "binary", "multiclass", "count")


@dataclass(frozen=True, eq=False)
class Setup:
    """How tests make an encoder, and what it cannot do by design.

    Parameters
    ----------
    columns : str
        The parameter that takes the columns to encode.
    in_units_of_y : dict, default={}
        Parameters with which all features are in units of y.
    features_of_each : dict, default={}
        Parameters with which each column has a feature.
    fixed : dict, default={}
        Parameters with which no choice is made once for all rows, such as which interactions there are.
    exceptions : dict, default={}
        The laws that cannot hold, each with the reason.
    iterates : bool, default=False
        Whether a fit takes a tenth of a second, and its last digits depend on the path of the iterations.
    few : int, default=2
        How many columns a fit may have that has to be quick.
    """

    columns: str = "columns"
    in_units_of_y: Mapping[str, Any] = field(default_factory=dict)
    features_of_each: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    exceptions: Mapping[str, str] = field(default_factory=dict)
    iterates: bool = False
    few: int = 2


# What may stand in `exceptions`: the kinds of y, and these laws.
LAWS = {
    "outputs": "y may have several columns",
    "parts": "rows may come in parts, and what parts teach is what all rows teach at once",
    "past": "rows may learn from strictly earlier rows only",
    "lazy": "tables may stay in their engine",
    "shift": "features move with y when it is shifted",
}
# features of several encoders side by side, whose choices (which codes, interactions and columns) are made once for all
# rows and whose codes depend on the names of categories; tests/encoders/test_tree_encoder.py has its laws
COMPOSED = {"TreeEncoder"}
NO_ENCODERS = {"NumberBinner", "GroupFeatures"}  # learn nothing from y
SETUPS = {
    "MeanEncoder": Setup(),
    "SmoothedMeanEncoder": Setup(),
    "EmpiricalBayesEncoder": Setup(),
    "AdditiveEncoder": Setup(
        fixed={"rounded": False, "adjust_for": []},
        exceptions={
            "parts": "effects of several columns do not follow from sums within each",
            "past": "effects of several columns would have to be fitted anew for each row's past",
            "lazy": "effects of several columns do not follow from sums within each",
            "shift": "effects are differences, which a shift leaves as they are",
        },
        iterates=True,
    ),
    "NestedEncoder": Setup(
        columns="levels",
        features_of_each={"emit": "all"},
        exceptions={"past": "a row's levels share variances, which would have to be fitted anew for each row's past"},
        iterates=True,
    ),
    "MixedModelEncoder": Setup(
        columns="groups",
        in_units_of_y={"output": "prediction", "remainder": "drop"},
        exceptions={
            "multiclass": "a model of several classes has correlated effects, which no structure here has",
            "outputs": "outputs of one model have correlated effects, which no structure here has",
            "parts": "effects of crossed factors do not follow from sums within each factor",
            "past": "effects of crossed factors would have to be fitted anew for each row's past",
            "lazy": "effects of crossed factors do not follow from sums within each factor",
        },
        iterates=True,
        few=1,
    ),
}


@dataclass(frozen=True, eq=False)
class Public:
    """A public encoder and its setup."""

    name: str
    encoder: Callable[..., Any]
    setup: Setup

    def make(self, columns, **parameters):
        """An encoder of these columns."""
        return self.encoder(**{self.setup.columns: columns, **self.setup.fixed, **parameters})

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of y that it takes."""
        return tuple(kind for kind in KINDS if kind not in self.setup.exceptions)

    @property
    def tolerance(self) -> float:
        """How far numbers may be off that the same rows teach on another path, as a share of the largest."""
        return 1e-5 if self.setup.iterates else 1e-9

    def __repr__(self) -> str:
        return self.name


def public_encoders() -> list[Public]:
    """The classes of `catpool.__all__` that have `fit_transform`."""
    members = {name: getattr(catpool, name) for name in catpool.__all__}
    found = {name: each for name, each in members.items() if isinstance(each, type) and hasattr(each, "fit_transform")}
    strangers = sorted(found.keys() - SETUPS.keys() - COMPOSED - NO_ENCODERS)
    if strangers:
        raise LookupError(
            f"{strangers} are public encoders, but SETUPS in tests/helpers/public_encoders.py has no entry for them. "
            "Add one that says which parameter takes the columns, and every law will be tested."
        )
    return [Public(name, each, SETUPS[name]) for name, each in found.items() if name in SETUPS]


PUBLIC = public_encoders()


def obeying(law: str) -> list[Public]:
    """The encoders for which a law holds."""
    assert law in LAWS or law in KINDS
    return [public for public in PUBLIC if law not in public.setup.exceptions]


def breaking(law: str) -> list[Public]:
    """The encoders for which a law cannot hold by design."""
    return [public for public in PUBLIC if law in public.setup.exceptions]


WITH_OUTPUT = [public for public in PUBLIC if "output" in public.encoder._get_param_names()]
