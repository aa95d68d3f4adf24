"""A fit that fails, wherever it fails, leaves the encoder as it was."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.public_encoders import PUBLIC, breaking
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import catpool

ENCODERS_FOLDER = str(Path(catpool.__file__).parent / "encoders")
N = 24


class BrokenError(Exception):
    """What the functions raise that are made to fail."""


def table(seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"city": rng.choice(list("abc"), N), "shop": rng.choice(list("uvwx"), N), "id": np.arange(N)})
    return X.assign(y=rng.poisson(1 + (X["city"] == "a")), fold=np.arange(N) % 2)


def encoder_of(public):
    """An encoder whose fits are quick, as there is one for each step that fails."""
    quick = {"prior": "reml"} if "prior" in public.encoder._get_param_names() else {}
    return public.make(["city", "shop"][: public.setup.few], cv="fold", target_type="count", **quick)


def fit(encoder, rows):
    encoder.fit(rows, "y")


def fit_transform(encoder, rows):
    encoder.fit_transform(rows, "y")


def partial_fit(encoder, rows):
    encoder.partial_fit(rows, "y")


def fit_lazy(encoder, rows):
    encoder.fit(pytest.importorskip("polars").from_pandas(rows).lazy(), "y")


def fit_transform_lazy(encoder, rows):
    encoder.fit_transform(pytest.importorskip("polars").from_pandas(rows).lazy(), "y")


ACTIONS = {action.__name__: action for action in (fit, fit_transform, partial_fit, fit_lazy, fit_transform_lazy)}
CANNOT = {"partial_fit": "parts", "fit_lazy": "lazy", "fit_transform_lazy": "lazy"}
CASES = [
    pytest.param(public, action, id=f"{public}-{action}", marks=[pytest.mark.slow] if "lazy" in action else [])
    for action in ACTIONS
    for public in PUBLIC
    if action not in CANNOT or public not in breaking(CANNOT[action])
]


def steps_of(action):
    """The functions that the methods of encoders call while something is done, in their order."""
    found = {}

    def watch(frame, event, argument):
        if event == "call" and _is_step(frame):
            found[frame.f_code] = None

    _while_watched(watch, action)
    return list(found)


def _is_step(frame):
    caller = frame.f_back
    return caller is not None and caller.f_code.co_filename.startswith(ENCODERS_FOLDER)


def broken_after(step, action):
    """Do something while a step fails once its work is done."""

    def watch(frame, event, argument):
        if event == "return" and frame.f_code is step and _is_step(frame):
            sys.setprofile(None)
            raise BrokenError(step.co_qualname)

    with pytest.raises(BrokenError):
        _while_watched(watch, action)


def _while_watched(watch, action):
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        action()
    finally:
        sys.setprofile(before)


def held_by(encoder):
    """The very objects that an encoder holds."""
    return {name: id(value) for name, value in vars(encoder).items()}


def shown_by(encoder, rows):
    """What an encoder gives; nothing before it is fitted."""
    if not encoder.__sklearn_is_fitted__():
        for ask in (encoder.to_json, lambda: encoder.transform(rows)):
            with pytest.raises(NotFittedError):
                ask()
        return None
    return encoder.transform(rows[["city", "shop", "id"]].iloc[::2]).to_dict(), encoder.to_json()


@pytest.mark.parametrize("fitted", [pytest.param(False, marks=pytest.mark.slow), True], ids=["new", "fitted"])
@pytest.mark.parametrize(("public", "action"), CASES)
def test_a_failed_step_leaves_no_trace(public, action, fitted):
    rows, later = table(), table(seed=1)
    encoder, again, done = encoder_of(public), encoder_of(public), ACTIONS[action]
    done(clone(encoder), later)  # so that modules are loaded
    if fitted:
        encoder.fit(rows, "y")
        again.fit(rows, "y")
    steps = steps_of(lambda: done(again, later))
    assert len(steps) > 10
    held, shown = held_by(encoder), shown_by(encoder, rows)
    for step in steps:
        broken_after(step, lambda: done(encoder, later))
        assert held_by(encoder) == held, step.co_qualname
    assert shown_by(encoder, rows) == shown
    done(encoder, later)
    assert shown_by(encoder, rows) != shown


def test_the_steps_that_fail_are_those_that_there_are():
    """The test above could not fail if it found no steps."""
    names, rows = set(), table()
    [public] = [each for each in PUBLIC if each.name == "MeanEncoder"]  # which does all of it
    for action in ACTIONS.values():
        names |= {step.co_name for step in steps_of(partial(action, encoder_of(public), rows))}
    assert {
        "read_training",
        "make_scheme",
        "learn",
        "fit",
        "finish",
        "record",
        "output",
        "sum_rows",
        "fit_lazy",
    } <= names


def as_y(rows, y):
    return {"X": rows.drop(columns=["y", "fold"]), "y": y}


FAILURES = {  # what is wrong: parameters, the arguments of a fit, and the message
    "targets": ({"cv": 2}, lambda rows: as_y(rows, rows["y"].where(rows["id"] != 3)), "NaN"),
    "too few targets": ({"cv": 2}, lambda rows: as_y(rows, rows["y"][1:]), "X has 24 rows and y has 23"),
    "weights": ({}, lambda rows: {"X": rows, "y": "y", "sample_weight": rows["id"] - 1.0}, "not negative"),
    "no weight": ({}, lambda rows: {"X": rows, "y": "y", "sample_weight": 0.0 * rows["id"]}, "not zero"),
    "exposure": ({}, lambda rows: {"X": rows, "y": "y", "exposure": 0.0 * rows["id"]}, "`exposure`"),
    "parameter": ({"unknown": "raise"}, lambda rows: {"X": rows, "y": "y"}, "'unknown' parameter"),
    "output": ({"output": "median"}, lambda rows: {"X": rows, "y": "y"}, "`output`"),
    "column": ({}, lambda rows: {"X": rows.drop(columns="city"), "y": "y"}, "city"),
    "missing": ({"missing": "error"}, lambda rows: {"X": rows.assign(city=None), "y": "y"}, "missing"),
    "names of features": (
        {"output": "count"},
        lambda rows: {"X": rows.assign(city_count=0.0, shop_count=0.0), "y": "y"},
        "would occur twice",
    ),
    "kind of y": ({"target_type": "binary"}, lambda rows: {"X": rows, "y": "y"}, "two values"),
}
KNOWN = {"kind of y", "names of features"}  # to a stream, from its first part
FAILURES_OF_FOLDS = {
    "a fold of no weight": ({}, lambda rows: {"X": rows, "y": "y", "sample_weight": rows["fold"]}, "some weight"),
    "no such folds": ({"cv": "nothing"}, lambda rows: {"X": rows, "y": "y"}, "`cv` names"),
    "one group": ({"cv": 3}, lambda rows: {"X": rows, "y": "y", "groups": rows["fold"] * 0}, "at least 2 groups"),
}


@pytest.mark.parametrize("public", PUBLIC, ids=str)
@pytest.mark.parametrize("fitted", [False, True], ids=["new", "fitted"])
@pytest.mark.parametrize("name", [*FAILURES, *FAILURES_OF_FOLDS])
def test_what_is_refused_leaves_no_trace(public, name, fitted):
    parameters, arguments, message = {**FAILURES, **FAILURES_OF_FOLDS}[name]
    rows = table()
    encoder = encoder_of(public)
    if not parameters.keys() <= encoder.get_params().keys():
        pytest.skip("the encoder has no such parameter")
    if fitted:
        encoder.fit(rows, "y")
    shown = shown_by(encoder, rows)
    sound = encoder.get_params()
    encoder.set_params(**parameters)
    held = held_by(encoder)
    methods = ["fit_transform"] if name in FAILURES_OF_FOLDS else ["fit", "fit_transform", "partial_fit"]
    for method in methods:
        if method == "partial_fit" and (public in breaking("parts") or (fitted and name in KNOWN)):
            continue
        with pytest.raises(ValueError, match=message):
            getattr(encoder, method)(**arguments(table(seed=1)))
        assert held_by(encoder) == held
    assert shown_by(encoder.set_params(**sound), rows) == shown
