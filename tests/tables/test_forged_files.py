"""Forged files, with a right checksum: whatever does not fit is refused, at once and in plain words."""

import functools
import json
import sys
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from catpool import EarlierRows, EmpiricalBayesEncoder, MeanEncoder, MixedModelEncoder, NestedEncoder
from catpool.tables.json_file import _checksum

X = pd.DataFrame({"a": list("xyxyxxyy") * 4, "b": list("pqqp") * 8, "price": np.arange(32.0) ** 2})
Y = np.sin(np.arange(32.0)) + (X["a"] == "x")
CLASSES = np.array(["low", "mid", "top"])[np.digitize(Y, [-0.2, 0.8])]


def text_of(encoder):
    return encoder.fit(X, Y).to_json()


TEXTS = {
    "flat": (MeanEncoder, text_of(MeanEncoder(["a", "b"], output=["mean", "code"]))),
    "cells": (EmpiricalBayesEncoder, text_of(EmpiricalBayesEncoder([], interactions=[("a", "b")]))),
    "own components": (EmpiricalBayesEncoder, text_of(EmpiricalBayesEncoder(["a"], prior="npmle"))),
    "own variances": (EmpiricalBayesEncoder, text_of(EmpiricalBayesEncoder(["a"], within="moderated"))),
    "mixture": (EmpiricalBayesEncoder, text_of(EmpiricalBayesEncoder(["a"], prior="full_bayes"))),
    "stream": (MeanEncoder, MeanEncoder(["a"], cv=2).partial_fit(X, Y, key=np.arange(32)).to_json()),
    "nested": (NestedEncoder, text_of(NestedEncoder(["a", "b"]))),
    "mixed": (MixedModelEncoder, text_of(MixedModelEncoder(["a"], covariates=["price"]))),
    "past": (MeanEncoder, text_of(MeanEncoder(["a"], cv=EarlierRows("price")))),
    "drifting": (
        EmpiricalBayesEncoder,
        EmpiricalBayesEncoder(["a"], cv=EarlierRows("price", drift=0.5))
        .fit(pd.concat([X] * 3, ignore_index=True).assign(price=np.arange(96.0)), np.tile(Y, 3))
        .to_json(),
    ),
    "classes": (MeanEncoder, MeanEncoder(["a"]).fit(X, CLASSES).to_json()),
    "cells of classes": (
        EmpiricalBayesEncoder,
        EmpiricalBayesEncoder([], interactions=[("a", "b")]).fit(X, CLASSES).to_json(),
    ),
}


def forged(kind, change):
    """The class and the text of a file whose content was changed."""
    encoder_class, text = TEXTS[kind]
    content = json.loads(text)
    head = {name: content.pop(name) for name in ("format", "version", "checksum")}
    change(content)
    return encoder_class, json.dumps({**head, "checksum": _checksum(content), **content})


def at(path, value):
    """The change that puts a value at a path of a file's fitted state, or of its parameters."""

    def change(content):
        place = content["parameters"] if path.startswith("parameters.") else content["fitted"]["state"]
        *names, last = (int(name) if name.isdigit() else name for name in path.removeprefix("parameters.").split("."))
        for name in names:
            place = place[name]
        place[last] = value

    return change


def numbers(shape, dtype="float64"):
    size = int(np.prod(shape))
    return {"type": "array", "dtype": dtype, "shape": list(shape), "values": [1] * size}


def array(dtype, values, shape=None):
    return {"type": "array", "dtype": dtype, "shape": [len(values)] if shape is None else shape, "values": values}


def moments(shape):
    return {"type": "Moments", "count": numbers(shape), "total": numbers(shape), "scatter": numbers(shape[:-1])}


def prior(shape, **others):
    return {"type": "Prior", "mean": numbers(shape), "strength": numbers(shape), **others}


def sums(sizes):
    """Effects of the parts of cells."""
    each = [numbers([size]) for size in sizes]
    own = {"intercept": 0.0, "intercept_variance": 0.0, "link": "normal"}
    return {"type": "Sums", **own, "effects": each, "variances": each}


def target(kind, family, classes):
    own = {"name": None, "kind": kind, "family": family, "values": numbers([0])}
    return {"type": "Target", **own, "classes": array("object", classes)}


WRONG = [
    ("flat", "header.labels", ["a", "a", "price"], "occur twice"),
    ("flat", "header.labels", ["a", ["b"], "price"], "not hashable"),
    ("flat", "header.labels", [], "no columns"),
    ("flat", "header.labels", ["a", "price"], "table of 'b'"),
    ("flat", "header.labels", ["a", 1, "b"], "names of columns"),
    ("flat", "header.framed", 1, "a int as `framed` of Header, which is a bool"),
    ("flat", "fingerprint.rows", -1, "-1 rows"),
    ("flat", "fingerprint.rows", 2**70, "a int as `rows`"),
    ("flat", "last_time", "now", "last time"),
    ("past", "tables.0.encodings.0.half_life", -1.0, "half-life that is not positive"),
    ("past", "tables.0.encodings.0.half_life", "long", "a str as `half_life`"),
    ("drifting", "tables.0.encodings.0.drift", -1.0, "a drift that is negative"),
    ("drifting", "tables.0.encodings.0.drift", 0.0, "a drift without effects that drift"),
    ("drifting", "tables.0.encodings.0.drifted", None, "a drift without effects that drift"),
    ("drifting", "tables.0.encodings.0.drifted.rate", 0.0, "effects without drift"),
    ("drifting", "tables.0.encodings.0.drifted.half_life", -2.0, "effects without drift"),
    ("drifting", "tables.0.encodings.0.drifted.mean", numbers([3]), "of shape"),
    ("drifting", "tables.0.encodings.0.drifted.shock", "some", "a str as `shock`"),
    ("drifting", "tables.0.encodings.0.drifted.variance", numbers([3]), "variance"),
    ("past", "tables.0.encodings.0.level", "low", "a str as `level`"),
    ("past", "tables.0.encodings.0.windows", {"type": "dict", "items": [["5", moments([3])]]}, "windows of other"),
    ("past", "tables.0.encodings.0.windows", {"type": "dict", "items": [["5", moments([4])]]}, "without their means"),
    ("past", "tables.0.encodings.0.windows", {"type": "dict", "items": [["5", 1.0]]}, "a dict as `windows`"),
    ("past", "parameters.cv.windows", ["5"], "other outputs than its parameters say"),
    ("flat", "targets.0.kind", "percent", "`kind`"),
    ("flat", "targets.0.kind", "binary", "without its classes"),
    ("flat", "targets.0.values", numbers([3]), "`values` of shape"),
    ("flat", "tables", [], "tables of other columns"),
    ("flat", "tables.0.label", "c", "table of 'c'"),
    ("flat", "tables.0.column", None, "a NoneType as `column`"),
    ("flat", "tables.0.encodings", [], "without encodings"),
    ("flat", "tables.0.extras", {"type": "tuple", "items": ["mean"]}, "`extras`"),
    ("flat", "tables.0.policy.unknown", "ignore", "`unknown`"),
    ("flat", "tables.0.vocabulary.categories", numbers([3]), "do not match their categories"),
    ("flat", "tables.0.vocabulary.categories.values", ["x", []], "unhashable"),
    ("flat", "tables.0.vocabulary.categories.values", ["x", None], "missing values"),
    ("flat", "tables.0.encodings.0.values", {"type": "dict", "items": [["mean", numbers([3])]]}, "`values` of shape"),
    ("flat", "tables.0.encodings.0.values", {"type": "dict", "items": [["average", numbers([4])]]}, "average"),
    ("flat", "tables.0.encodings.0.moments.count", numbers([3]), "of shape"),
    ("flat", "tables.0.encodings.0.moments.count.values", [1.0, -1.0, 1.0, 0.0], "below 0"),
    ("flat", "tables.0.encodings.0.moments.count.values", [1.0, "NaN", 1.0, 0.0], "number of rows, or NaN"),
    ("flat", "tables.0.encodings.0.moments.count.values", [1.0, "Infinity", 1.0, 0.0], "infinite number of rows"),
    ("flat", "tables.0.encodings.0.moments.count.values", [0, 0, 0, 0], "without rows"),
    ("flat", "tables.0.encodings.0.moments.count.values", ["1", 1, 1, 1], "damaged"),
    ("flat", "tables.0.encodings.0.moments.count.values", [True, 1.0, 1.0, 0.0], "of the types"),
    ("flat", "tables.0.encodings.0.prior.mean", numbers([1]), "of shape"),
    ("flat", "tables.0.encodings.0.prior.between", numbers([]), "one variance"),
    ("flat", "tables.0.encodings.0.family", "normal", "a str as `family`"),
    ("mixture", "tables.0.encodings.0.prior.probability", None, "probabilities"),
    ("mixture", "tables.0.encodings.0.prior.components.between", None, "variance"),
    ("mixture", "tables.0.encodings.0.prior.shares", numbers([96]), "probabilities"),
    ("own variances", "tables.0.encodings.0.moments.scatters", None, "variances of categories without their scatter"),
    ("own variances", "tables.0.encodings.0.moments.scatters", numbers([3]), "`scatters` of shape"),
    ("own variances", "tables.0.encodings.0.prior.within_freedom", array("float64", [0.0], []), "`within_freedom`"),
    ("own components", "tables.0.encodings.0.prior.shares", None, "probabilities"),
    ("own components", "tables.0.encodings.0.prior.shares", numbers([3]), "`shares` of shape"),
    ("cells", "tables.0.vocabulary.kept.values", [0, 1, 2, 99], "no paths"),
    ("cells", "tables.0.vocabulary.paths.keys", [], "without their keys"),
    ("cells", "tables.0.vocabulary.paths.keys.0.values", [5, 6, 10, 9], "not sorted"),
    ("cells", "tables.0.vocabulary.paths.keys.0.values", [5, 6, 9, 999], "without a parent"),
    ("cells", "tables.0.encodings.0.prior.regression.effects", [numbers([4]), numbers([3])], "of shape"),
    ("cells", "tables.0.encodings.0.prior.regression.link", "probit", "`link`"),
    ("cells", "tables.0.label", {"type": "tuple", "items": ["a"]}, "table of"),
    ("stream", "tallies", [], "sums of other columns"),
    ("stream", "tallies.0.moments.0.count", numbers([2, 3]), "of shape"),
    ("stream", "tallies.0.moments", [], "without moments"),
    ("nested", "tables.0.emitted", {"type": "tuple", "items": [2]}, "`emitted`"),
    ("nested", "tables.0.labels", ["a"], "levels without columns"),
    ("nested", "tables.0.encodings.0.levels.values", [], "levels without"),
    ("nested", "tables.0.encodings.0.levels.gains.0", numbers([9]), "`gains` of shape"),
    ("nested", "tables.0.outputs", {"type": "tuple", "items": []}, "without features"),
    ("nested", "tables.0.outputs", {"type": "tuple", "items": ["mode"]}, "`outputs`"),
    ("mixed", "tables.0.modes", numbers([4, 2]), "`modes` of shape"),
    ("mixed", "tables.0.model.fixed", numbers([3]), "of shape"),
    ("mixed", "tables.0.model.family", "cauchy", "`family`"),
    ("mixed", "tables.0.model.family", "gamma", "a dispersion of None beside the `family` 'gamma'"),
    ("mixed", "tables.0.model.dispersion", 1.5, "a dispersion of 1.5 beside the `family` 'normal'"),
    ("mixed", "tables.0.slopes", ["price"], "slopes"),
    ("mixed", "parameters.covariates", [], "other covariates"),
    ("mixed", "parameters.groups", ["b"], "other factors"),
    ("mixed", "parameters.covariates", ["cost"], "columns \\['cost'\\]"),
    ("flat", "parameters.unknown", 5, "'unknown' parameter"),
    ("flat", "parameters.interactions", 1, "'interactions' parameter"),
    ("flat", "parameters.interactions", 3, "tables of other columns"),
    ("flat", "parameters.columns", {"type": "dict", "items": [[[], 1]]}, "unhashable"),
    ("flat", "parameters.size", 5, "`parameters` \\['size'\\]"),
    ("flat", "targets", [], "no targets"),
    ("flat", "tables.0", {"type": "Policy", "unknown": "prior", "missing": "category"}, "tables of another encoder"),
    ("flat", "tables.0.policy.missing", "ignore", "`missing`"),
    ("flat", "tables.0.encodings.0.moments.count", numbers([0]), "moments without categories"),
    ("flat", "tables.0.encodings.0.moments.scatter", numbers([2]), "`scatter` of shape"),
    ("flat", "tables.0.encodings.0.moments.total", array("str", ["a", "b", "c", "d"]), "`total` that is not numbers"),
    ("flat", "tables.0.encodings.0.prior.mean", array("bool", [True], []), "`mean` that is not numbers"),
    ("flat", "tables.0.encodings.0.prior.strength.values", [-1.0], "`strength` below 0"),
    ("flat", "tables.0.encodings.0.prior.note", numbers([]), "notes that are not text"),
    ("flat", "tables.0.encodings.0.prior.offset", numbers([4]), "means of categories without variances"),
    ("mixture", "tables.0.encodings.0.prior.components.mean", numbers([96, 1]), "of shape"),
    ("mixture", "tables.0.encodings.0.prior.probability", numbers([95]), "`probability` of shape"),
    ("cells", "tables.0.encodings.0.prior.offset", numbers([5]), "means of categories without variances"),
    ("cells", "tables.0.encodings.0.prior.regression.variances", [numbers([4])], "effects without variances"),
    ("cells", "tables.0.encodings.0.prior.regression.effects.0", numbers([2, 2]), "effects that are not a list"),
    ("cells", "tables.0.vocabulary.kept", numbers([4]), "numbers of cells that are not integers"),
    ("cells", "tables.0.vocabulary.kept.values", [0, 2, 1, 3], "cells that are not sorted"),
    ("cells", "tables.0.vocabulary.paths.keys.0.values", [0, 6, 9, 10], "cells without a category"),
    ("cells", "tables.0.vocabulary.paths.keys.0", numbers([4]), "keys of paths that are not integers"),
    ("nested", "tables", [], "several tables of levels"),
    ("nested", "tables.0.labels", ["a", "a"], "occur twice"),
    ("nested", "tables.0.encodings", [], "a table without encodings"),
    ("nested", "tables.0.encodings.0.moments.count.values", [0, 0, 0, 0], "an encoding without rows"),
    ("mixed", "tables.0.counts", numbers([3]), "`counts` of shape"),
    ("mixed", "tables.0.outputs", {"type": "tuple", "items": ["mean"]}, "`outputs`"),
    ("mixed", "tables.0.model.fixed", numbers([0]), "a model without an intercept"),
    ("mixed", "tables.0.model.fixed", numbers([2, 1]), "`fixed` of shape"),
    ("mixed", "tables.0.model.variances", [], "factors without their estimates"),
    ("mixed", "tables.0.model.effects.0", numbers([4]), "effects that are not a table"),
    ("mixed", "tables.0.model.effects.0", array("bool", [True] * 4, [4, 1]), "`effects` that is not numbers"),
    ("mixed", "tables.0.model.variances.0", numbers([4, 1]), "`variances` of shape"),
    ("mixed", "tables.0.model.covariances.0", numbers([1]), "`covariances` of shape"),
    ("mixed", "tables.0.label", "b", "tables of other factors"),
    ("flat", "targets.0", target("continuous", "normal", ["a", "b"]), "or with classes of numbers"),
    ("flat", "targets.0", target("binary", "binomial", ["a", "b", "c"]), "more than two classes of a binary target"),
    ("flat", "targets.0", target("multiclass", "binomial", []), "classes that are not a list"),
    ("flat", "tables.0.encodings.0.prior", prior([2]), "several priors of one encoding"),
    (
        "flat",
        "tables.0.encodings.0.prior",
        prior([], offset=numbers([3]), offset_variance=numbers([3])),
        "means of other",
    ),
    (
        "flat",
        "tables.0.encodings.0.prior",
        prior([], offset=numbers([2, 4]), offset_variance=numbers([2, 4])),
        "not match",
    ),
    ("mixture", "tables.0.encodings.0.prior.components", prior([]), "components that do not match their mixture"),
    ("mixture", "tables.0.encodings.0.prior.components", prior([96]), "components without variances"),
    ("cells", "tables.0.encodings.0.prior.regression", sums([3, 4]), "effects that do not match their categories"),
    (
        "cells",
        "tables.0.encodings.0.prior.regression.beside.items",
        [sums([3, 4])],
        "effects of classes that do not match",
    ),
    ("stream", "tallies.0.moments.0", moments([8]), "a tally without parts"),
    ("stream", "tallies.0.vocabulary.categories", array("object", ["x", "y", "z"]), "do not match their categories"),
    ("stream", "tallies.0.moments", [moments([2, 4])] * 2, "sums of other targets"),
    ("nested", "tables.0.encodings.0.values.items.0.1", numbers([3]), "`values` of shape"),
    ("nested", "tables.0.encodings.0.levels.values.0", numbers([4, 1]), "estimates of levels that are not a list"),
    ("mixed", "parameters.slopes", {"type": "dict", "items": [["a", ["price"]]]}, "slopes of other columns"),
    (
        "past",
        "tables.0.encodings.0.values",
        {"type": "dict", "items": [["sd", numbers([4])]]},
        "other outputs than its",
    ),
    ("classes", "tables.0.encodings.1.values", {"type": "dict", "items": [["sd", numbers([4])]]}, "with other outputs"),
    ("classes", "targets.0.classes", array("object", ["low", "mid"]), "encodings of other targets"),
    ("cells of classes", "tables.0.encodings.1.prior.regression", None, "effects of some of the classes"),
]
TOGETHER = [
    ("flat", {"parameters.columns": None, "tables": []}, "no tables"),
    (
        "stream",
        {"tallies.0.vocabulary.categories": array("object", ["x"]), "tallies.0.moments": [moments([2, 3])]},
        "sums of other categories",
    ),
    (
        "mixed",
        {
            "tables.0.model.effects": [],
            "tables.0.model.variances": [],
            "tables.0.model.covariances": [],
            "tables.0.model.singular": [],
        },
        "effects of other factors",
    ),
    (
        "mixed",
        {"tables.0.model.effects.0": numbers([3, 1]), "tables.0.model.variances.0": numbers([3, 1, 1])},
        "effects of other categories",
    ),
    ("mixed", {"parameters.groups": ["c"], "tables.0.label": "c"}, "a table of 'c'"),
    (
        "nested",
        {f"tables.0.encodings.0.levels.{name}.1": numbers([3]) for name in ("values", "variances", "gains")},
        "estimates that do not match their paths",
    ),
    (
        "nested",
        {f"tables.0.encodings.0.levels.{name}.0": numbers([3]) for name in ("values", "variances", "gains")},
        "levels that do not match their paths",
    ),
    (
        "cells",
        {"tables.0.encodings.0.prior.between": None, "tables.0.encodings.0.prior.within": None},
        "effects without variances",
    ),
    (
        "cells",
        {
            "tables.0.encodings.0.prior.offset": numbers([5]),
            "tables.0.encodings.0.prior.offset_variance": numbers([4]),
        },
        "`offset_variance` of shape",
    ),
]


def assert_refused(kind, changes, message):
    encoder_class, text = forged(kind, lambda content: [at(*each)(content) for each in changes.items()])
    with pytest.raises(ValueError, match=message) as refusal:
        encoder_class.from_json(text)
    assert type(refusal.value) is ValueError
    assert str(refusal.value).startswith("The file is damaged: ")
    assert str(refusal.value).endswith("Write it again with to_json.")


@pytest.mark.parametrize(("kind", "path", "value", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_what_does_not_fit_is_refused(kind, path, value, message):
    assert_refused(kind, {path: value}, message)


@pytest.mark.parametrize(("kind", "changes", "message"), TOGETHER, ids=lambda value: str(value)[:40])
def test_what_fits_in_itself_but_not_the_rest_is_refused(kind, changes, message):
    assert_refused(kind, changes, message)


@pytest.mark.parametrize("kind", TEXTS)
def test_nothing_but_what_was_changed_is_refused(kind):
    encoder_class, text = forged(kind, lambda content: None)
    assert encoder_class.from_json(text).to_json() == TEXTS[kind][1]


BOMBS = {
    "bytes": array("S2000000000", ["a", "b"]),
    "strings": array("U2000000000", ["a", "b"]),
    "a long string among many": array("str", ["a" * 100_000] + ["b"] * 20_000),
    "a compound": array("f8,i4", [1, 2]),
    "a compound in words": array("[('a', 'f8', 1000000)]", [1, 2]),
    "raw memory": array("V2000000000", [1, 2]),
    "a shape": array("float64", [], [10**18, 0]),
    "a shape that is not": array("float64", [1.0, 2.0], [-1]),
    "many axes": array("float64", [1.0], [1] * 60),
    "a unit": array("datetime64[999999999999s]", [1, 2]),
    "no unit": array("datetime64", [1, 2]),
    "a fraction": array("object", [{"type": "fraction", "value": "1e999999999"}]),
    "a zone": array("object", [{"type": "timestamp", "value": 0, "unit": "ns", "zone": "../../etc/passwd"}]),
    "a zone of a file": array(
        "object", [{"type": "timestamp", "value": 0, "unit": "ns", "zone": "dateutil//etc/passwd"}]
    ),
    "a NaN of bits that are none": array("float64", ["NaN 0000000000000000", 1.0]),
    "too large numbers": array("int8", [1000, 2]),
    "numbers of text": array("int64", ["1", "2"]),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_little_memory_and_time(bomb):
    encoder_class, text = forged("flat", at("tables.0.vocabulary.categories", BOMBS[bomb]))
    start = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(ValueError, match="damaged"):
        encoder_class.from_json(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * len(text) + 10_000_000
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("depth", [90, 101, 300, 900, 950, 970, 980, 985, 990, 995, 1000, 5000, 200_000])
def test_deep_nesting_is_refused_at_any_depth(depth):
    encoder_class, text = TEXTS["flat"]
    start, end = text.split('"tables": [', 1)
    for deep in ("[" * depth + "]" * depth, '{"type": "tuple", "items": [' * depth + "]}" * depth):
        with pytest.raises(ValueError, match=r"cut off|within each other|checksum"):
            encoder_class.from_json(f'{start}"tables": [{deep}, {end}')


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"type": "fraction", "value": ["1", 2]}, r"\['1', 2\] is not a fraction"),
        ({"type": "decimal", "value": "NaN"}, "'NaN' is not a decimal"),
        ({"type": "timestamp", "value": 0, "unit": "D"}, "'D' is not a unit of pandas"),
        ({"type": "timestamp", "value": 2**70, "unit": "ns"}, f"{2**70} is not an integer of 64 bits"),
        ({"type": "timestamp", "value": 0, "unit": "ns", "zone": "pytz UTC"}, "zones of pytz, which is not installed"),
    ],
    ids=["fraction", "decimal", "unit", "integer", "pytz"],
)
def test_values_that_were_never_written_are_named(value, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytz", None)
    assert_refused("flat", {"tables.0.vocabulary.categories": array("object", [value, "x"])}, message)


@pytest.mark.parametrize("depth", [101, 300])
def test_values_deep_within_each_other_are_refused(depth):
    deep = functools.reduce(lambda inner, _: [inner], range(depth), 1)
    assert_refused("flat", {"last_time": deep}, "more than 100 values within each other")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 5000])
def test_numbers_that_are_no_json_are_refused(number):
    encoder_class, text = TEXTS["flat"]
    with pytest.raises(ValueError, match="not JSON"):
        encoder_class.from_json(text.replace('"version": 2', f'"version": 2, "other": {number}'))


@pytest.mark.parametrize("parameter", ["groups", "covariates"])
def test_a_lost_parameter_is_refused(parameter):
    encoder_class, text = forged("mixed", lambda content: content["parameters"].pop(parameter))
    with pytest.raises(ValueError, match="damaged"):
        encoder_class.from_json(text)


def test_many_threads_are_not_started():
    encoder_class, text = forged("flat", at("parameters.n_jobs", 10**6))
    assert encoder_class.from_json(text).transform(X.iloc[:3]).shape == (3, 5)


@pytest.mark.parametrize("cut", [1, 3, 40, 900])
def test_a_text_that_lost_its_brace_is_no_path(cut):
    text = TEXTS["flat"][1]
    with pytest.raises(ValueError, match="must be JSON, which starts with a brace, or the path of a file"):
        MeanEncoder.from_json(text[cut:])


def test_what_is_neither_text_nor_a_path_says_so(tmp_path):
    for source in ("", "  ", "x" * 5000, "a\0b", "[\n]"):
        with pytest.raises(ValueError, match="must be JSON"):
            MeanEncoder.from_json(source)
    for path in ("no such file", str(tmp_path / "none.json")):
        with pytest.raises(FileNotFoundError, match="must be JSON, which starts with a brace, or the path of a file"):
            MeanEncoder.from_json(path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match="is not JSON"):
        MeanEncoder.from_json(tmp_path / "bytes")


def test_effects_that_drift_of_other_categories_are_refused():
    path = "tables.0.encodings.0.drifted."
    changes = {path + name: numbers([3]) for name in ("mean", "variance", "reliability")}
    assert_refused("drifting", changes, "drifting effects of other categories")
