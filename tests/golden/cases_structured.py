"""Golden cases of levels within levels and of mixed models."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

from cases_data import LEVELS
from cases_flat import CONTAINERS, PACKAGES, SCHEMES
from cases_results import OUTPUTS_OF_EFFECTS, OUTPUTS_OF_LEVELS, RARE, Case
from cases_training import train

from catpool import EarlierRows, MixedModelEncoder, NestedEncoder

PLACES = tuple(LEVELS)
WEIGHTED = {"sample_weight": "weight"}


def nested(**parameters: Any) -> NestedEncoder:
    return NestedEncoder(**{"levels": LEVELS, "prior": "reml", "cv": 2, "random_state": 0, **parameters})


def nested_cases() -> Iterator[Case]:
    kinds = ["continuous", "offset", "binary", "multiclass", "count", "exposed", "outputs"]
    for kind, emit in product(kinds, ("deepest", "all")):
        encoder = nested(emit=emit, output=OUTPUTS_OF_LEVELS)
        yield _levels(f"targets/{kind}/{emit}", encoder, kind, refit=emit == "all")
    for kind in ("continuous", "offset", "matrix"):
        yield _levels(f"priors/{kind}/ml", nested(prior="ml", emit="all"), kind)
    for kind in ("binary", "count"):
        yield _levels(f"priors/{kind}/by the normal law", nested(family="normal"), kind)
    for output, kind in product([*OUTPUTS_OF_LEVELS, ["code", "mean"]], ("continuous", "binary")):
        called = output if isinstance(output, str) else "several"
        yield _levels(f"outputs/{kind}/{called}", nested(output=output), kind)
    for levels in (["state"], ["state", "county"], ["city", "shop"]):
        for kind in ("continuous", "binary"):
            run = partial(train, nested(levels=levels, emit="all"), kind, columns=(*levels, "price"))
            yield Case(f"nested/levels/{kind}/{len(levels)} from {levels[0]}", run)
    yield from _nested_rows()
    yield from _nested_rules()


def _levels(name: str, encoder: NestedEncoder, kind: str, columns: tuple[str, ...] = PLACES, **arguments: Any) -> Case:
    needs = PACKAGES.get(arguments.get("container", ""), ())
    return Case(
        f"nested/{name}", partial(train, encoder, kind, columns=columns, **{"refit": False, **arguments}), needs
    )


def _nested_rows() -> Iterator[Case]:
    """Containers, folds and weights."""
    two = {"columns": PLACES[:2]}
    for container, kind in product(CONTAINERS, ("continuous", "binary")):
        encoder = nested(levels=LEVELS[:2], emit="all")
        yield _levels(f"containers/{kind}/{container}", encoder, kind, **two, container=container)
    for scheme, (cv, named, _) in SCHEMES.items():
        if not isinstance(cv, EarlierRows):
            encoder = nested(levels=LEVELS[:2], cv=cv, emit="all")
            if scheme not in ("KFold", "LeaveOneGroupOut", "labels"):
                yield _levels(f"folds/continuous/{scheme}", encoder, "continuous", **two, named=named)
            yield _levels(f"folds/binary/{scheme}", nested(cv=cv, emit="all"), "binary", named=named)
    for kind in ("continuous", "binary", "multiclass", "exposed"):
        encoder = nested(output=OUTPUTS_OF_LEVELS)
        yield _levels(f"weights/{kind}/frequency", encoder, kind, named=WEIGHTED)
    for kind in ("continuous", "offset"):
        encoder = nested(weight_type="precision", output=OUTPUTS_OF_LEVELS)
        yield _levels(f"weights/{kind}/precision", encoder, kind, named={"sample_weight": "precision"})


def _nested_rules() -> Iterator[Case]:
    """What becomes of unknown and missing values, of large categories, and of other columns."""
    policies = product(("prior", "nan"), ("category", "prior", "nan"), ("continuous", "binary"))
    for unknown, missing, kind in policies:
        encoder = nested(unknown=unknown, missing=missing, emit="all", output=OUTPUTS_OF_LEVELS)
        yield _levels(f"policies/{kind}/unknown {unknown}, missing {missing}", encoder, kind)
    yield _levels("policies/unknown error", nested(unknown="error"), "continuous", only_known=True)
    for share, kind in product((0.97, 0.5), ("continuous", "binary", "multiclass")):
        encoder = nested(emit="all", output=OUTPUTS_OF_LEVELS, crossfit_reliability=share, **RARE)
        yield _levels(f"crossfit/{kind}/from {share}", encoder, kind)
    encoder = nested(emit="all", crossfit_reliability=0.5, **RARE)
    yield _levels("crossfit/groups", encoder, "continuous", named={"groups": "group"})
    for remainder in ("passthrough", "drop"):
        columns = ("price", *PLACES, "day")
        yield _levels(f"others/{remainder}", nested(remainder=remainder), "continuous", columns)


MODELS: dict[str, dict[str, Any]] = {
    "one factor": {"groups": ["shop"]},
    "crossed": {"groups": ["shop", "city"]},
    "nested": {"groups": ["state", ("state", "county"), ("state", "county", "zip")]},
    "covariates": {"groups": ["shop"], "covariates": ["price", "day"]},
    "slopes": {"groups": ["shop"], "covariates": ["price"], "slopes": {"shop": ["price"]}},
    "slopes alone": {
        "groups": ["shop", "city"],
        "covariates": ["price"],
        "slopes": {"shop": ["price"]},
        "correlated": False,
    },
}
MODEL_TARGETS = {
    "one factor": ["continuous", "offset", "binary", "count", "exposed"],
    "crossed": ["continuous", "offset", "binary"],
    "nested": ["continuous", "offset"],
    "covariates": ["continuous", "offset", "binary", "count", "exposed"],
    "slopes": ["continuous", "count"],
    "slopes alone": ["continuous"],
}
USED = {
    "one factor": ("shop",),
    "crossed": ("shop", "city"),
    "nested": PLACES,
    "covariates": ("shop", "price", "day"),
    "slopes": ("shop", "price"),
    "slopes alone": ("shop", "city", "price"),
}


def mixed(model: str, **parameters: Any) -> MixedModelEncoder:
    return MixedModelEncoder(**{"prior": "reml", "cv": 2, "random_state": 0, **MODELS[model], **parameters})


def _effects(name: str, model: str, encoder: MixedModelEncoder, kind: str, **arguments: Any) -> Case:
    needs = PACKAGES.get(arguments.get("container", ""), ())
    run = partial(train, encoder, kind, columns=USED[model], **{"refit": False, **arguments})
    return Case(f"mixed/{name}/{model}/{kind}", run, needs)


def mixed_cases() -> Iterator[Case]:
    for model in MODELS:
        for kind in MODEL_TARGETS[model]:
            encoder = mixed(model, output=OUTPUTS_OF_EFFECTS)
            yield _effects("targets", model, encoder, kind, refit=kind == "continuous")
        if model in ("one factor", "covariates", "nested"):
            yield _effects("ml", model, mixed(model, prior="ml", output=OUTPUTS_OF_EFFECTS), "continuous")
        yield _effects("solver cg", model, mixed(model, solver="cg"), "continuous")
    for model in ("one factor", "crossed"):
        yield _effects("weights", model, mixed(model), "continuous", named=WEIGHTED)
        encoder = mixed(model, weight_type="precision", output=OUTPUTS_OF_EFFECTS)
        yield _effects("precisions", model, encoder, "continuous", named={"sample_weight": "precision"})
        yield _effects("solver exact", model, mixed(model, solver="exact"), "continuous")
    for kind in ("binary", "count", "exposed"):
        for points in (2, 9) if kind == "binary" else (5,):
            encoder = mixed("one factor", quadrature=points, output=OUTPUTS_OF_EFFECTS)
            yield _effects(f"quadrature {points}", "one factor", encoder, kind)
        yield _effects("by the normal law", "one factor", mixed("one factor", family="normal"), kind)
        yield _effects("weights", "one factor", mixed("one factor"), kind, named=WEIGHTED)
    yield _effects("solver cg", "crossed", mixed("crossed", solver="cg"), "binary")
    yield from _mixed_rows()


def _mixed_rows() -> Iterator[Case]:
    """Containers, folds, outputs, and unknown and missing values."""
    for container in CONTAINERS:
        for model, kind in (("one factor", "continuous"), ("covariates", "binary")):
            yield _effects(f"containers/{container}", model, mixed(model), kind, container=container)
    for container, model in (("numpy", "slopes"), ("polars", "crossed")):
        yield _effects(f"containers/{container}", model, mixed(model), "continuous", container=container)
    for scheme, (cv, named, _) in SCHEMES.items():
        if not isinstance(cv, EarlierRows):
            for kind in ["binary"] if scheme in ("KFold", "LeaveOneGroupOut", "labels") else ["continuous", "binary"]:
                yield _effects(f"folds/{scheme}", "covariates", mixed("covariates", cv=cv), kind, named=named)
    for scheme in ("groups", "pairs"):
        cv, named, _ = SCHEMES[scheme]
        yield _effects(f"folds/{scheme}", "crossed", mixed("crossed", cv=cv), "continuous", named=named)
    for output in OUTPUTS_OF_EFFECTS:
        for kind in ["continuous", "binary"] if output in ("mode", "prediction") else ["binary"]:
            yield _effects(f"outputs/{output}", "covariates", mixed("covariates", output=output), kind)
    for unknown, missing in (("prior", "nan"), ("nan", "category"), ("nan", "prior")):
        encoder = mixed("crossed", unknown=unknown, missing=missing, output=OUTPUTS_OF_EFFECTS)
        yield _effects(f"policies/unknown {unknown}, missing {missing}", "crossed", encoder, "continuous")
    encoder = mixed("nested", unknown="nan", missing="nan", output=OUTPUTS_OF_EFFECTS)
    yield _effects("policies/unknown nan, missing nan", "nested", encoder, "continuous")
    for remainder in ("passthrough", "drop"):
        yield _effects(f"others/{remainder}", "covariates", mixed("covariates", remainder=remainder), "continuous")


def cases() -> Iterator[Case]:
    yield from nested_cases()
    yield from mixed_cases()
