"""Golden cases of rows that come in parts, and of lazy tables."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

from cases_data import LEVELS, N, lazy_table, new_rows, rows, table, target
from cases_flat import PACKAGES, made, quick
from cases_results import EACH_OUTPUT, OUTPUTS_OF_LEVELS, Case, Numbers, features, quiet
from cases_structured import nested
from cases_training import prepared

ENGINES = {"polars": ("polars", "pyarrow"), "duckdb": ("duckdb", "pyarrow")}


def in_parts(
    encoder: Any,
    kind: str,
    *,
    columns: tuple[str, ...] = ("city", "shop"),
    container: str = "pandas",
    keyed: bool = True,
    weighted: bool = False,
) -> Numbers:
    """The features of all rows out of fold and of new rows, after partial_fit of three parts and after a merge."""
    X, y = rows()[list(columns)], target(kind)
    beside = {"key": rows()["key"].to_numpy()} if keyed else {}
    beside |= {"sample_weight": rows()["precision"].to_numpy()} if weighted else {}
    beside |= {"exposure": rows()["exposure"].to_numpy()} if kind == "exposed" else {}
    new = table(new_rows()[list(columns)], container)

    def learned(encoder: Any, part: slice) -> Any:
        own = y.iloc[part] if hasattr(y, "iloc") else y[part]
        arguments = {name: values[part] for name, values in beside.items()}
        return encoder.partial_fit(table(X.iloc[part], container), own, **arguments)

    def shown(encoder: Any, prefix: str) -> Numbers:
        result = features(encoder, encoder.transform(new), f"{prefix} new")
        if keyed:
            out = encoder.transform_out_of_fold(table(X, container), beside["key"])
            result |= features(encoder, out, f"{prefix} train")
        return result

    with quiet():
        stream = prepared(encoder, kind, list(columns), container)
        for part in (slice(0, 60), slice(60, 62), slice(62, N)):
            stream = learned(stream, part)
        halves = [learned(prepared(encoder, kind, list(columns), container), part) for part in _halves()]
        return shown(stream, "parts") | shown(halves[0].merge(halves[1]), "merged")


def _halves() -> list[slice]:
    return [slice(0, 90), slice(90, N)]


def stream_cases() -> Iterator[Case]:
    for name in ("mean", "smoothed", "reml", "moments", "full_bayes", "mean cells", "reml cells"):
        for kind in quick(name, ("continuous", "binary", "multiclass", "exposed", "outputs")):
            yield Case(f"streams/{name}/{kind}/keyed", partial(in_parts, made(name, output=EACH_OUTPUT), kind))
    for name, kind in product(("mean", "reml"), ("offset", "count")):
        yield Case(f"streams/{name}/{kind}/without keys", partial(in_parts, made(name), kind, keyed=False))
        run = partial(in_parts, made(name, output=EACH_OUTPUT), kind, weighted=True)
        yield Case(f"streams/{name}/{kind}/weighted", run)
    for container in ("numpy", "polars"):
        run = partial(in_parts, made("reml", unknown="nan", missing="nan"), "continuous", container=container)
        yield Case(f"streams/reml/continuous/{container}", run, PACKAGES.get(container, ()))
    encoder = made("reml", weight_type="precision")
    yield Case("streams/reml/continuous/precisions", partial(in_parts, encoder, "continuous", weighted=True))
    run = partial(in_parts, made("reml", output="trees", drop_noise=True), "continuous")
    yield Case("streams/reml/continuous/trees", run)
    for kind in ("continuous", "binary", "multiclass", "count"):
        encoder = nested(emit="all", output=OUTPUTS_OF_LEVELS)
        yield Case(f"streams/nested/{kind}", partial(in_parts, encoder, kind, columns=tuple(LEVELS)))


def lazily(
    encoder: Any,
    kind: str,
    engine: str,
    *,
    columns: tuple[str, ...] = ("city", "shop"),
    key: Any = None,
    weighted: bool = False,
    refit: bool = False,
) -> Numbers:
    """The features of a lazy table's rows in the order of their numbers, after fit_transform and after fit."""
    frame = rows()[["id", *columns]].assign(y=target(kind))
    arguments: dict[str, Any] = {"y": "y"}
    if key is None:
        frame["fold"] = rows()["fold"]
    if weighted:
        frame["weight"], arguments["sample_weight"] = rows()["precision"], "weight"
    if kind == "exposed":  # which stays a column, and passes through
        frame["exposure"], arguments["exposure"] = rows()["exposure"], "exposure"
    new = new_rows()[["id", *columns]]
    new = new.assign(exposure=1.0) if kind == "exposed" else new
    made = prepared(encoder, kind, list(frame)).set_params(cv="fold" if key is None else 4)
    with quiet():
        table_of_engine, new_of_engine = lazy_table(frame, engine), lazy_table(new, engine)
        out = made.fit_transform(table_of_engine, **arguments, **({} if key is None else {"key": key}))
        result = features(made, out, "train", order_by="id")
        result |= features(made, made.transform(new_of_engine), "new", order_by="id")
        if refit:
            made.fit(table_of_engine, **arguments)
            result |= features(made, made.transform(new_of_engine), "fit", order_by="id")
    return result


def lazy_cases() -> Iterator[Case]:
    for engine in ENGINES:
        for name in ("mean", "smoothed", "moments"):
            for kind in ("eighths", "binary", "multiclass", "count"):
                encoder = made(name, output=["mean", "count", "size"])
                yield _lazy(f"{name}/{kind}", encoder, kind, engine, refit=True)
        for kind in ("continuous", "binary", "multiclass", "exposed"):
            yield _lazy(f"reml/{kind}", made("reml", output=EACH_OUTPUT[:-1]), kind, engine)
            yield _lazy(f"reml/{kind}/trees", made("reml", output="trees"), kind, engine)
            yield _lazy(f"nested/{kind}", nested(emit="all"), kind, engine, columns=tuple(LEVELS))
        yield _lazy("full_bayes/continuous", made("full_bayes", cv=2), "continuous", engine)
        for kind in ("eighths", "continuous"):
            yield _lazy(f"mean cells/{kind}", made("mean cells"), kind, engine)
        yield _lazy("reml cells/continuous", made("reml cells"), "continuous", engine)
        yield _lazy("reml/continuous/weighted", made("reml"), "continuous", engine, weighted=True)
        encoder = made("reml", weight_type="precision")
        yield _lazy("reml/continuous/precisions", encoder, "continuous", engine, weighted=True)
        encoder = made("reml", unknown="nan", missing="nan")
        yield _lazy("reml/continuous/nan", encoder, "continuous", engine)
        for key in ("id", ["city", "shop"]):
            for name, kind in (("mean", "eighths"), ("reml", "binary")):
                called = f"{name}/{kind}/keyed by {key if isinstance(key, str) else 'two columns'}"
                no_missing = {"columns": ("shop",), "key": "id"} if key == "id" else {"key": ["id", "shop"]}
                yield _lazy(called, made(name, columns=["shop"]), kind, engine, **no_missing)


def _lazy(name: str, encoder: Any, kind: str, engine: str, **arguments: Any) -> Case:
    run = partial(lazily, encoder, kind, engine, **arguments)
    return Case(f"lazy/{engine}/{name}", run, ENGINES[engine], own_engine="key" in arguments)


def cases() -> Iterator[Case]:
    yield from stream_cases()
    yield from lazy_cases()
