"""Values of every parameter of the encoders, and where they change nothing by design."""

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from catpool import EarlierRows
from catpool.priors.families.by_name import DISPERSED_FAMILIES

N = 120


def sales():
    """Counts as targets of a city, a shop, a coin that says nothing, and a number; and weights."""
    rng = np.random.default_rng(2)
    city = rng.choice(np.array(["Bonn", "Kiel", "Ulm", None], dtype=object), N, p=[0.5, 0.2, 0.2, 0.1])
    X = pd.DataFrame(
        {"city": city, "shop": rng.choice(6, N, p=[0.6, 0.15, 0.1, 0.05, 0.05, 0.05]), "size": rng.normal(size=N)}
    )
    X.loc[7, "city"] = "seen once"
    cell = X["city"].isin(["Bonn", "Ulm"]) == (X["shop"] < 3)
    effect = X["city"].map({"Bonn": 0.7, "Kiel": -0.7}).fillna(0.0) + rng.normal(size=6)[X["shop"]] / 2 + cell / 2
    y = np.minimum(rng.poisson(np.exp(0.3 + effect + 0.3 * X["size"])), 4)
    y[rng.random(N) < 0.3] = 0  # so that counts vary more than Poisson counts
    weights = rng.integers(1, 3, N).astype(float)
    rank = np.empty(N, dtype=int)
    rank[np.lexsort((weights, y))] = np.arange(N)
    X["coin"] = np.where(rank % 2, "heads", "tails")  # in half of the rows of each count and weight
    return X, y, weights


NEW = pd.DataFrame({"city": ["Bonn", None, "never"], "shop": [1, 99, 2], "size": [0.0, 1.0, 2.0], "coin": "edge"})
BASE = {"target_type": "count", "cv": 2, "random_state": 0, "crossfit_reliability": 0.2}  # where an encoder has it
COLUMNS = {"columns": ["city", "shop", "coin"], "levels": ["shop", "city"], "groups": ["city"]}
SHOPS = pd.DataFrame({"shop": [0, 1, 2, 3, 4, 5, 99], "area": [20.0, 15.0, 30.0, 12.0, 10.0, 9.0, 25.0]})
DISTRIBUTION = ["median", "q90", "spread", "skew", "histogram", "share_above_2"]  # of y in each category
VALUES = {  # beside that of the encoder's base
    "columns": [["city", "coin"]],
    "categories": [[["Kiel", "Bonn"], [5, 0, 1, 2], ["tails", "heads"]]],
    "levels": [["city"]],
    "groups": [["city", "shop"]],
    "smoothing": [0.0, 30.0],
    "interactions": [[("city", "shop")], "pairs", 3],
    "interaction_prior": ["exact", "own"],
    "emit": ["all"],
    "family": ["normal"],
    "prior": ["reml", "ml", "moments", "paule_mandel", "hedges", "full_bayes", "scale_mixture", "npmle"],
    "prior_features": [{"shop": SHOPS}],
    "prior_scale": [0.1],
    "within": ["moderated"],
    "covariates": [["size"], [("size", "size")]],
    "slopes": [{"city": ["size"]}],
    "intercepts": [False],
    "correlated": [False],
    "offset": ["size"],
    "quadrature": [5],
    "solver": ["cg"],
    "approximation": ["pql"],
    "tweedie_power": [1.2],
    "cv": [
        3,
        KFold(2),
        np.arange(N) % 2,
        EarlierRows("size", half_life="auto"),
        EarlierRows("size", half_life=0.5, relative=True),
        EarlierRows("size", windows=[1.0, 0.5], gap=0.1),
        EarlierRows("size", drift=0.5),
    ],
    "crossfit": ["rare"],
    "crossfit_reliability": [1.0],
    "random_state": [1],
    "target_type": ["continuous", "multiclass"],
    "unknown": ["nan"],
    "missing": ["prior", "nan"],
    "remainder": ["drop"],
    "output": ["sd", ["mean", "sd", "count"], DISTRIBUTION],
    "bins": [4, [0.5, 2.5]],
    "drop_noise": [True],
    "weight_type": ["precision"],
    "n_jobs": [2],
    "verbose": [True],
    "adjust_for": ["auto"],
    "max_interactions": [1],
    "rounded": [True],
}
OWN_VALUES = {  # where an encoder has others
    "EmpiricalBayesEncoder": {
        "weight_type": ["precision", "inverse_variance"],
        "family": ["normal", "negative_binomial"],
    },
    "AdditiveEncoder": {"interactions": [[("city", "shop")]]},  # tests/models/additive finds some
    "NestedEncoder": {"prior": ["reml", "ml", "full_bayes"]},
    "MixedModelEncoder": {
        "prior": ["reml", "ml", "full_bayes"],
        "output": ["sd", ["mode", "sd", "count", "prediction"]],
        "family": ["normal", "negative_binomial", "tweedie"],
    },
}


def values_of(public, name):
    """The values of a parameter that are tried."""
    own = OWN_VALUES.get(public.name, {}).get(name, VALUES.get(name))
    assert own is not None, f"{public} has a parameter {name!r}: VALUES in tests/helpers/options.py has none to try."
    return own


def _normal(p):
    return p.get("family") == "normal" or (p["target_type"] == "continuous" and p.get("family") != "tweedie")


def _maximizes_only(p):
    """Whether a mixed model cannot average over variances, so that the default is the likeliest."""
    unknown = p.get("approximation") == "pql" or p.get("quadrature", 1) > 1 or p.get("solver") == "cg"
    return unknown or ("groups" in p and p["family"] in DISPERSED_FAMILIES)


def _past(p):
    return isinstance(p["cv"], EarlierRows)


def _drifts(p):
    return _past(p) and p["cv"].drift is not None


def _pools(p):
    return "prior" in p or p.get("smoothing", 0.0) > 0


# Where a parameter changes nothing by design: a condition on all parameters of an encoder, and the reason.
INERT = {
    "n_jobs": (lambda p: True, "threads change no number"),
    "verbose": (lambda p: True, "what is shown changes no number"),
    "random_state": (lambda p: not isinstance(p["cv"], int), "these folds are not random"),
    "crossfit_reliability": (
        lambda p: p["crossfit"] == "all" or not _pools(p),
        "no category is taken for full, or all that have enough rows are of reliability one",
    ),
    "crossfit": (
        lambda p: p["crossfit_reliability"] == 1.0 and _pools(p),
        "no category is of reliability one",
    ),
    "max_interactions": (lambda p: p["interactions"] != "auto", "no interaction is looked for"),
    "prior_scale": (
        lambda p: p["prior"] not in ("auto", "full_bayes") or _maximizes_only(p) or _past(p),
        "other priors have no scale",
    ),
    "interaction_prior": (lambda p: p["interactions"] is None, "there is no interaction"),
    "prior": (
        lambda p: (
            (p["prior"] == "full_bayes" or (_maximizes_only(p) and (p["prior"] == "reml" or not _normal(p))))
            or (_past(p) and (p["prior"] == "reml" or (p["prior"] == "ml" and not _normal(p) and not _drifts(p))))
        ),
        "with few categories, full Bayes is the default, and where it cannot be, the likeliest prior",
    ),
    "correlated": (lambda p: not p["slopes"] or not p["intercepts"], "an intercept has nothing to be correlated with"),
    "family": (
        lambda p: p["target_type"] == "continuous" and p["family"] != "tweedie",
        "a continuous target has the normal family anyway",
    ),
    "target_type": (
        lambda p: (
            p["target_type"] == "continuous"
            and "adjust_for" not in p
            and ("family" not in p or p["family"] == "normal")
            and "sd" not in p.get("output", "")
        ),
        "means of counts are means of numbers",
    ),
    "weight_type": (
        lambda p: not {"prior", "groups", "adjust_for"} & p.keys() and "sd" not in p.get("output", ""),
        "a weighted mean is the same",
    ),
    "missing": (
        lambda p: p["missing"] == "prior" and p.get("output") == "sd" and "columns" in p,
        "what has the prior's mean has its own sd",
    ),
    "drop_noise": (_drifts, "no column is noise if its effects are said to drift"),
    "bins": (lambda p: "histogram" not in p["output"], "there is no histogram"),
    "offset": (lambda p: p.get("covariates") == ["size"], "the coefficient of the same column takes it back"),
    "emit": (lambda p: len(p["levels"]) == 1, "an only level is the deepest"),
}


def inert(name, parameters):
    """Why a parameter changes nothing beside the others, or None."""
    condition, reason = INERT.get(name, (lambda p: False, None))
    return reason if condition(parameters) else None
