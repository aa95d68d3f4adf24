"""Golden cases of the encoders of single columns."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from cases_data import N, rows
from cases_results import EACH_OUTPUT, OUTPUTS_OF_PAST, RARE, Case
from cases_training import train
from sklearn.base import clone
from sklearn.model_selection import KFold, LeaveOneGroupOut, TimeSeriesSplit

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, SmoothedMeanEncoder, linear, names, ordered

PAIRS = [("city", "shop")]
FOUR = {"columns": ["city", "shop"], "cv": 4, "random_state": 0}


def of_three_rows(moments: Any) -> tuple[float, float]:
    """The prior of a user: the mean of all rows, and a strength of three."""
    return moments.total.sum() / moments.count.sum(), 3.0


def of_shops(shops: pd.Series) -> pd.DataFrame:
    """What is known of shops, which are numbers."""
    return pd.DataFrame({"rest": shops.to_numpy() % 3})


ENCODERS = {
    "mean": MeanEncoder(**FOUR),
    "smoothed": SmoothedMeanEncoder(smoothing=4.0, **FOUR),
    "reml": EmpiricalBayesEncoder(prior="reml", **FOUR),
    "ml": EmpiricalBayesEncoder(prior="ml", **FOUR),
    "moments": EmpiricalBayesEncoder(prior="moments", **FOUR),
    "full_bayes": EmpiricalBayesEncoder(prior="full_bayes", **FOUR),
    "callable": EmpiricalBayesEncoder(prior=of_three_rows, **FOUR),
    "mean cells": MeanEncoder(interactions=PAIRS, **FOUR),
    "smoothed cells": SmoothedMeanEncoder(interactions=PAIRS, **FOUR),
    "reml cells": EmpiricalBayesEncoder(
        prior="reml", interactions=PAIRS, interaction_prior="exact", **FOUR | {"cv": 2}
    ),
    "ml cells": EmpiricalBayesEncoder(interactions=PAIRS, interaction_prior="exact", prior="ml", **FOUR | {"cv": 2}),
}
TARGETS = ["continuous", "offset", "binary", "multiclass", "count", "exposed", "outputs", "matrix"]
CONTAINERS = ["category", "numpy", "lists", "polars", "pyarrow"]
PACKAGES = {"polars": ("polars", "pyarrow"), "pyarrow": ("pyarrow",)}


def made(name: str, **parameters: Any) -> Any:
    return clone(ENCODERS[name]).set_params(**parameters)


def quick(name: str, kinds: Sequence[str]) -> list[str]:
    """The kinds of targets that an encoder does not take long for."""
    known = {"full_bayes": ("continuous", "offset", "matrix"), "reml cells": ("continuous", "offset")}
    known["ml cells"] = ("continuous",)
    return [kind for kind in kinds if kind in known.get(name, kinds)]


def by_parts() -> Iterator[Case]:
    """Cells whose priors are fitted in the quick way."""
    encoder = EmpiricalBayesEncoder(prior="reml", interactions=PAIRS, output=EACH_OUTPUT, **FOUR)
    for kind in ("continuous", "binary", "multiclass", "count"):
        yield Case(f"targets/cells by parts/{kind}", partial(train, encoder, kind))


def by_target() -> Iterator[Case]:
    for name in ENCODERS:
        for kind in quick(name, TARGETS):
            yield Case(f"targets/{name}/{kind}", partial(train, made(name, output=EACH_OUTPUT), kind))
    for kind in ("binary", "multiclass", "count", "exposed"):
        run = partial(train, made("reml", family="normal"), kind)
        yield Case(f"targets/reml/{kind} by the normal law", run)
        encoder = made("full_bayes", cv=2, output=EACH_OUTPUT)
        yield Case(f"targets/full_bayes/{kind}", partial(train, encoder, kind, refit=False))
    for kind in ("binary", "count", "multiclass"):
        encoder = made("reml cells", output=EACH_OUTPUT)
        yield Case(f"targets/reml cells/{kind}", partial(train, encoder, kind, refit=False))
    for scale in (0.3, 3.0):
        encoder = made("full_bayes", prior_scale=scale)
        yield Case(f"targets/full_bayes/scale {scale}", partial(train, encoder, "continuous"))
    for smoothing in (0.0, 0.5, float("inf")):
        encoder = made("smoothed", smoothing=smoothing, output=EACH_OUTPUT)
        yield Case(f"targets/smoothed/by {smoothing}", partial(train, encoder, "continuous"))
    yield Case("targets/reml/in threads", partial(train, made("reml cells", n_jobs=2), "continuous"))


def by_container() -> Iterator[Case]:
    for container in CONTAINERS:
        needs = PACKAGES.get(container, ())
        for name in ("mean", "smoothed", "reml", "full_bayes", "mean cells"):
            for kind in quick(name, ("continuous", "binary", "multiclass")[: 1 if name == "mean cells" else 3]):
                run = partial(train, made(name), kind, container=container)
                yield Case(f"containers/{container}/{name}/{kind}", run, needs)
        passed = {"columns": ("price", "shop", "day"), "container": container}
        run = partial(train, made("reml", columns=["shop"], output=EACH_OUTPUT), "continuous", **passed)
        yield Case(f"containers/{container}/others pass", run, needs)
        run = partial(train, made("reml", columns=["shop"], remainder="drop"), "count", **passed)
        yield Case(f"containers/{container}/others go", run, needs)
        run = partial(train, made("mean", columns=None), "continuous", container=container)
        yield Case(f"containers/{container}/all columns", run, needs)
        run = partial(train, made("reml cells"), "continuous", container=container, refit=False)
        yield Case(f"containers/{container}/reml cells", run, needs)


def pairs_of_folds() -> list[tuple[np.ndarray, np.ndarray]]:
    """Four folds of some of the rows, each with some of the others to learn from."""
    order = np.random.default_rng(5).permutation(N)
    parts = np.array_split(order[:140], 4)
    return [(np.sort(np.setdiff1d(order, part)[::2]), np.sort(part)) for part in parts]


SCHEMES: dict[str, tuple[Any, dict[str, str], tuple[str, ...]]] = {  # cv, arguments, columns beside
    "int": (5, {}, ()),
    "groups": (4, {"groups": "group"}, ()),
    "KFold": (KFold(4, shuffle=True, random_state=1), {}, ()),
    "LeaveOneGroupOut": (LeaveOneGroupOut(), {"groups": "fold"}, ()),
    "TimeSeriesSplit": (TimeSeriesSplit(4), {}, ()),
    "labels": (rows()["fold"].to_numpy(), {}, ()),
    "pairs": (pairs_of_folds(), {}, ()),
    "key": (4, {"key": "key"}, ()),
    "earlier": (EarlierRows("day"), {}, ("day",)),
    "earlier with a gap": (EarlierRows("day", gap=3), {}, ("day",)),
    "earlier with a half-life": (EarlierRows("day", half_life=10.0, first=0.5), {}, ("day",)),
    "earlier by date": (EarlierRows("date", gap="2D", half_life="20D"), {}, ("date",)),
}


def by_folds() -> Iterator[Case]:
    for scheme, (cv, named, beside) in SCHEMES.items():
        past = isinstance(cv, EarlierRows)
        output = OUTPUTS_OF_PAST if past else EACH_OUTPUT
        arguments: dict[str, Any] = {"columns": ("city", "shop", *beside), "named": named}
        pairs = [*product(("mean", "reml"), ("continuous", "binary")), ("reml", "multiclass"), ("reml", "exposed")]
        pairs += [("moments", "count"), ("smoothed", "offset"), ("mean cells", "multiclass")]
        for name, kind in pairs:
            encoder = made(name, cv=cv, output=output)
            yield Case(f"folds/{name}/{kind}/{scheme}", partial(train, encoder, kind, **arguments))
        if not past:  # full Bayes needs all rows for its prior
            run = partial(train, made("full_bayes", cv=cv), "offset", **arguments)
            yield Case(f"folds/full_bayes/offset/{scheme}", run)
        if scheme in ("groups", "key", "earlier with a half-life"):
            run = partial(train, made("reml cells", cv=cv), "offset", **arguments, refit=False)
            yield Case(f"folds/reml cells/offset/{scheme}", run)


def by_drift() -> Iterator[Case]:
    for kind, drift in (("offset", "auto"), ("offset", 0.2), ("multiclass", 0.05), ("exposed", 0.1)):
        encoder = made("reml", cv=EarlierRows("day", drift=drift), output=OUTPUTS_OF_PAST)
        yield Case(f"drift/{kind}/{drift}", partial(train, encoder, kind, columns=("city", "shop", "day")))


def by_features() -> Iterator[Case]:
    """Prior means of towns and shops that follow from their order, their names, or both."""
    several = {"city": names(), "shop": [ordered(), names(rank=5)]}
    for kind, features in (
        ("offset", {"shop": ordered()}),
        ("offset", several),
        ("multiclass", {"city": names()}),
        ("binary", several),
        ("exposed", {"shop": linear(of_shops, penalty=False)}),
    ):
        encoder = made("reml", prior_features=features, output=["mean", "sd"])
        yield Case(f"features/{kind}/{'/'.join(features)}", partial(train, encoder, kind))
    past = made("reml", prior_features={"shop": ordered()}, cv=EarlierRows("day"), output=OUTPUTS_OF_PAST)
    yield Case("features/past", partial(train, past, "offset", columns=("city", "shop", "day")))


def by_output() -> Iterator[Case]:
    for name in ("mean", "smoothed", "reml", "full_bayes"):
        for output in [*EACH_OUTPUT, ["code", "sd", "mean"], "trees"]:
            for kind in quick(name, ("continuous", "multiclass", "count") if name == "reml" else ("continuous",)):
                called = output if isinstance(output, str) else "several"
                yield Case(f"outputs/{name}/{kind}/{called}", partial(train, made(name, output=output), kind))
    for name in ("mean", "reml", "reml cells"):
        for kind in quick(name, ("offset", "binary", "exposed", "outputs")):
            yield Case(f"outputs/{name}/{kind}/trees", partial(train, made(name, output="trees"), kind))
    past = made("reml", cv=EarlierRows("day"), output="trees")
    yield Case("outputs/reml/trees of the past", partial(train, past, "continuous", columns=("city", "shop", "day")))


def by_policy() -> Iterator[Case]:
    for name in ("mean", "reml", "reml cells"):
        for unknown, missing in product(("prior", "nan"), ("category", "prior", "nan")):
            for kind in quick(name, ("continuous", "multiclass")):
                encoder = made(name, unknown=unknown, missing=missing, output=EACH_OUTPUT)
                called = f"unknown {unknown}, missing {missing}"
                yield Case(f"policies/{name}/{kind}/{called}", partial(train, encoder, kind, refit=False))
        run = partial(train, made(name, unknown="error"), "continuous", only_known=True)
        yield Case(f"policies/{name}/unknown error", run)
    columns = {"columns": ("shop",), "only_known": True}
    encoder = made("reml", columns=["shop"], unknown="error", missing="error")
    yield Case("policies/reml/both are errors", partial(train, encoder, "continuous", **columns))
    past = made("reml", cv=EarlierRows("day", half_life=9.0), unknown="nan", missing="nan", output=OUTPUTS_OF_PAST)
    yield Case("policies/reml/of the past", partial(train, past, "count", columns=("city", "shop", "day")))


def by_weight() -> Iterator[Case]:
    for name in (name for name in ENCODERS if name != "ml cells"):
        for kind in quick(name, ("continuous", "binary", "multiclass", "exposed")):
            run = partial(train, made(name, output=EACH_OUTPUT), kind, named={"sample_weight": "weight"})
            yield Case(f"weights/{name}/{kind}/frequency", run)
        for kind in ("continuous",) if "cells" in name else ("continuous", "offset"):
            encoder = made(name, output=EACH_OUTPUT, weight_type="precision")
            run = partial(train, encoder, kind, named={"sample_weight": "precision"})
            yield Case(f"weights/{name}/{kind}/precision", run)
    for scheme in ("groups", "TimeSeriesSplit", "pairs", "key", "earlier with a half-life"):
        cv, named, beside = SCHEMES[scheme]
        arguments = {"columns": ("city", "shop", *beside), "named": {"sample_weight": "precision", **named}}
        for kind in ("continuous", "exposed"):
            yield Case(f"weights/reml/{kind}/{scheme}", partial(train, made("reml", cv=cv), kind, **arguments))


def by_crossfit() -> Iterator[Case]:
    for name in ("mean", "smoothed", "reml", "full_bayes", "reml cells"):
        for share in (0.97, 0.6):
            for kind in quick(name, ("continuous", "binary", "multiclass", "count")):
                encoder = made(name, crossfit_reliability=share, output=EACH_OUTPUT, **RARE)
                yield Case(f"crossfit/{name}/{kind}/from {share}", partial(train, encoder, kind, refit=False))
    for kind in ("continuous", "outputs"):
        for named in ({"sample_weight": "weight"}, {"groups": "group"}):
            encoder = made("reml", crossfit_reliability=0.5, output=EACH_OUTPUT, **RARE)
            yield Case(f"crossfit/reml/{kind}/{next(iter(named))}", partial(train, encoder, kind, named=named))


def by_noise() -> Iterator[Case]:
    """The group of a row tells nothing of its target."""
    for name in ("mean", "reml", "moments", "full_bayes"):
        for kind in quick(name, ("continuous", "binary", "multiclass", "count", "outputs")):
            encoder = made(name, columns=["group", "city"], drop_noise=True, output=["mean", "size"])
            yield Case(f"noise/{name}/{kind}", partial(train, encoder, kind, columns=("group", "city", "price")))


def cases() -> Iterator[Case]:
    for part in (by_target, by_container, by_folds, by_output, by_policy, by_weight, by_crossfit, by_noise):
        yield from part()
