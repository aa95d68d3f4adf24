"""Golden cases of what encoders show beside features: summaries, tables, draws, single rows, constraints."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from cases_data import LEVELS, new_rows, rows, target
from cases_flat import ENCODERS, made, quick
from cases_results import EACH_OUTPUT, Case, Numbers, numeric, quiet
from cases_structured import USED, mixed, nested
from cases_training import prepared

from catpool import EarlierRows, EmpiricalBayesEncoder, monotone_constraints, sample_encodings

WEIGHTED = {"sample_weight": "precision"}


def fitted(encoder: Any, kind: str, columns: tuple[str, ...], named: dict[str, str] | None = None) -> Any:
    arguments = {name: rows()[column].to_numpy() for name, column in (named or {}).items()}
    if kind == "exposed":
        arguments["exposure"] = rows()["exposure"].to_numpy()
    with quiet():
        return prepared(encoder, kind, list(columns)).fit(rows()[list(columns)], target(kind), **arguments)


def show(
    encoder: Any,
    kind: str,
    shown: tuple[Any, ...],
    columns: tuple[str, ...] = ("city", "shop"),
    named: dict[str, str] | None = None,
    level: float | None = None,
) -> Numbers:
    """The numbers of the summary, of the table of each column, of single rows, and the constraints."""
    own = fitted(encoder, kind, columns, named)
    result = numeric(own.summary_, "summary")
    for column in shown:
        table = own.encoding_table(column) if level is None else own.encoding_table(column, interval=level)
        result |= numeric(table, f"table of {column}")
    looked_up = [own.lookup(row) for row in new_rows()[list(columns)].to_dict("records")]
    result |= {f"lookup/{name}": np.array([row[name] for row in looked_up]) for name in looked_up[0]}
    return result | {"constraints": np.array(monotone_constraints(own), dtype=float)}


def draw(encoder: Any, kind: str) -> Numbers:
    """Draws of new rows from the posterior."""
    own = fitted(encoder, kind, ("city", "shop"))
    draws = sample_encodings(own, new_rows()[["city", "shop"]], n_draws=20, random_state=3)
    return {f"draws/{feature}": values.ravel() for feature, values in enumerate(np.moveaxis(draws, 2, 0))}


def trees(kind: str, **parameters: Any) -> Numbers:
    """The features for forests and boosted trees."""
    columns = ["city", "county", "price"]
    options = {"output": "trees", "target_type": kind, "cv": 3, "random_state": 0}
    encoder = EmpiricalBayesEncoder(["city", "county"], prior="reml", **options, **parameters)
    with quiet():
        train = encoder.fit_transform(rows()[columns], target(kind))
        return numeric(train, "train") | numeric(encoder.transform(new_rows()[columns]), "new")


def cases() -> Iterator[Case]:
    both = ("city", "shop")
    kinds = ("continuous", "offset", "binary", "multiclass", "exposed", "outputs")
    for name in ENCODERS:
        shown = (*both, "city_x_shop") if "cells" in name else both
        for kind in quick(name, kinds):
            yield Case(f"methods/{name}/{kind}", partial(show, made(name, output=EACH_OUTPUT), kind, shown))
    for kind in ("continuous", "binary"):
        yield Case(f"methods/reml/{kind}/half", partial(show, made("reml"), kind, both, level=0.5))
        yield Case(f"methods/reml/{kind}/weighted", partial(show, made("reml"), kind, both, named=WEIGHTED))
    for kind in ("binary", "count"):
        yield Case(f"methods/full_bayes/{kind}", partial(show, made("full_bayes"), kind, both))
        shown = (*both, "city_x_shop")
        yield Case(f"methods/reml cells/{kind}", partial(show, made("reml cells"), kind, shown))
    run = partial(show, made("reml", weight_type="precision"), "continuous", both, named=WEIGHTED)
    yield Case("methods/reml/continuous/precisions", run)
    past = made("reml", cv=EarlierRows("day", half_life=15.0))
    yield Case("methods/reml/continuous/of the past", partial(show, past, "continuous", both, (*both, "day")))
    for kind in kinds:
        run = partial(show, nested(emit="all", output=["mean", "sd"]), kind, tuple(LEVELS), tuple(LEVELS))
        yield Case(f"methods/nested/{kind}", run)
    for model, kind in product(USED, ("continuous", "binary")):
        run = partial(show, mixed(model, output=["mode", "sd"]), kind, tuple(mixed(model).groups), USED[model])
        yield Case(f"methods/mixed/{model}/{kind}", run)
    yield from more_cases()


def more_cases() -> Iterator[Case]:
    """Draws, and features for trees."""
    for name in ("mean", "smoothed", "reml", "moments", "full_bayes"):
        for kind in quick(name, ("continuous", "binary", "multiclass", "exposed")):
            yield Case(f"draws/{name}/{kind}", partial(draw, made(name), kind))
    for kind in ("continuous", "binary", "multiclass"):
        yield Case(f"trees/{kind}", partial(trees, kind))
        yield Case(f"trees/{kind}/with a normal law", partial(trees, kind, family="normal"))
