"""The encoders that `catpool.compare_encoders` compares by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from catpool.encoders.empirical_bayes import EmpiricalBayesEncoder
from catpool.encoders.mean import MeanEncoder
from catpool.encoders.smoothed_mean import SmoothedMeanEncoder
from catpool.encoders.tree_encoder import TreeEncoder
from catpool.evaluation.baselines import LeftOut, own_categories
from catpool.evaluation.doors import require_transformer

FEW = 30  # columns with fewer categories are one-hot encoded


def default_encoders(
    X: pd.DataFrame,
    kind: str,
    random_state: int | np.random.RandomState | None = 0,
    estimator: BaseEstimator | None = None,
) -> dict[str, Any]:
    """The encoders that are compared by default, for a table of categorical columns only.

    Parameters
    ----------
    X : pandas.DataFrame
    kind : {"continuous", "binary", "multiclass", "count"}
        The target type.
    random_state : int, RandomState or None, default=0
    estimator : classifier or regressor, optional
        If it is of a kind that takes categories itself, they are compared, too.
    """
    options: dict[str, Any] = {"target_type": kind, "random_state": random_state}
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    few = [place for place in range(X.shape[1]) if X.iloc[:, place].nunique(dropna=False) < FEW]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return {
        "without these columns": LeftOut(),
        **own_categories(estimator),
        "ordinal codes": ordinal,
        f"one-hot below {FEW} levels": ColumnTransformer([("few", one_hot, few)], remainder=ordinal),
        "TargetEncoder": _target_encoder("continuous" if kind == "count" else kind, random_state),
        "MeanEncoder": MeanEncoder(**options),
        "SmoothedMeanEncoder": SmoothedMeanEncoder(**options),
        "EmpiricalBayesEncoder": EmpiricalBayesEncoder(**options),
        "TreeEncoder": TreeEncoder(**options),
        "TreeEncoder, rare": TreeEncoder(crossfit="rare", **options),
    }


def choose_encoders(
    chosen: Mapping[str, Any] | None, make_defaults: Callable[[], dict[str, Any]], *, add_defaults: bool
) -> dict[str, Any]:
    """The encoders to compare: the defaults, those of the user, or both.

    Parameters
    ----------
    chosen : mapping or None
        The user's encoders by name. A value of None is the default of that name.
    make_defaults : callable
        Makes the defaults. It is called only if they are needed.
    add_defaults : bool
        Whether the defaults are compared with those of the user; one of the same name is replaced.
    """
    if chosen is None:
        return make_defaults()
    if not isinstance(chosen, Mapping) or not chosen:
        raise ValueError(f"`encoders` must be a dict of transformers by name, with at least one. Got {chosen!r}.")
    defaults = make_defaults() if add_defaults or None in chosen.values() else {}
    unknown = [name for name, encoder in chosen.items() if encoder is None and name not in defaults]
    if unknown:
        raise ValueError(
            f"`encoders` asks for the defaults {unknown} with a value of None, but the defaults are {list(defaults)}."
        )
    own = {name: defaults[name] if encoder is None else encoder for name, encoder in chosen.items()}
    for name, encoder in own.items():
        require_transformer(encoder, f"The encoder {name!r}")
    return {**defaults, **own} if add_defaults else own


def _target_encoder(kind: str, random_state: int | np.random.RandomState | None) -> TargetEncoder:
    """Scikit-learn's encoder with a seed: a parameter of its own up to version 1.8, then one of its splitter."""
    if TargetEncoder().get_params()["random_state"] is None:
        return TargetEncoder(target_type=kind, random_state=random_state)
    splitter = KFold if kind == "continuous" else StratifiedKFold
    return TargetEncoder(target_type=kind, cv=splitter(5, shuffle=True, random_state=random_state))
